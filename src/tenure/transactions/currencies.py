"""Refuse logs of several currencies: a sum of their amounts would be in none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import ibis

from .fault import SHOWN, TransactionsError, paste

if TYPE_CHECKING:
    from .rules import Rows
    from .source import Source

MOST = 10  # other currencies that a pattern to paste lists


def read(column: Any) -> Any:
    """Return currencies in capitals, without spaces around them; null where a cell holds none."""
    return column.cast("string").strip().upper().nullif("")


def refuse_several(source: Source, found: Rows) -> None:
    """Refuse used rows of several currencies, by `transactions.currency` or by the signs of their amounts."""
    _refuse_column(source, found)
    _refuse_signs(source, found)


def _refuse_column(source: Source, found: Rows) -> None:
    if "tenure_currency" not in found.table.columns:
        return
    counts = _counts(found, "tenure_currency")
    if len(counts) > 1:
        column = str(source.settings.currency)
        shown = ", ".join(f"{rows:,} with {_name(currency)}" for currency, rows in counts[:SHOWN])
        more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        what = f"the rows are of {len(counts)} currencies, by transactions.currency ({column!r}: {shown}{more})"
        raise TransactionsError(source.name, f"{what}. {_remedy(source, column, [name for name, _ in counts])}")


def _name(currency: str | None) -> str:
    return "no currency" if currency is None else repr(currency)


def _remedy(source: Source, column: str, currencies: list[str | None]) -> str:
    """Return what to paste to keep the currency of most rows."""
    kept, *others = sorted(currencies, key=lambda name: name is None)
    quoted = f'"{column.replace(chr(34), chr(34) * 2)}"'
    text = quoted if source.table[column].type().is_string() else f"cast({quoted} as varchar)"
    value = str(kept).replace("'", "''")
    by_query = paste(f"select * from log where upper(trim({text})) = '{value}'")
    # A pattern matches no empty cell, and one of many currencies is longer than a query.
    if None in others or len(others) > MOST:
        return f"Keep one in a query: {by_query}."
    pattern = "|".join(re.escape(str(name)) for name in others)
    rule = json.dumps({"column": column, "matches": f"(?i)^ *({pattern}) *$"}, ensure_ascii=False)
    rule = f"transactions.exclude: {{other currencies: {rule}}}"
    return f"Keep one, in the settings ({rule}) or in a query: {by_query}."


def _refuse_signs(source: Source, found: Rows) -> None:
    if "tenure_sign" not in found.table.columns:
        return
    counts = [(sign, rows) for sign, rows in _counts(found, "tenure_sign") if sign is not None]
    if len(counts) > 1:
        shown = ", ".join(f"{rows:,} with {sign!r}" for sign, rows in counts[:SHOWN])
        column = source.settings.columns.amount
        one = paste(f"""select * from log where contains("{column}", '{counts[0][0]}')""")
        what = f"the amounts are of {len(counts)} currencies, by their signs ({shown})"
        raise TransactionsError(source.name, f"{what}. Keep one in a query: {one}.")


def _counts(found: Rows, column: str) -> list[tuple[str | None, int]]:
    """Count the used rows of each currency, those of most rows first."""
    used = found.table.filter(found.table["tenure_fate"] == len(found.fates) - 1)
    counts = used.group_by(column).aggregate(rows=lambda t: t.count())
    ordered: list[dict[str, Any]] = counts.order_by([ibis.desc("rows"), column]).to_pyarrow().to_pylist()
    return [(row[column], int(row["rows"])) for row in ordered]
