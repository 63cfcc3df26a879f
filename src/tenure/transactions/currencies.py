"""Refuse logs of several currencies, whose amounts cannot be added."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import ibis

from .fault import SHOWN, TransactionsError, paste

if TYPE_CHECKING:
    from .rules import Rows
    from .source import Source

MOST = 10  # other currencies in a pattern


def read(column: Any) -> Any:
    """Return currencies in capitals, without surrounding spaces; null if there is none."""
    return column.cast("string").strip().upper().nullif("")


def refuse_several(source: Source, log_rows: Rows) -> None:
    """Raise TransactionsError if used rows have several currencies, by their column or by the signs of amounts."""
    _refuse_column(source, log_rows)
    _refuse_signs(source, log_rows)


def _refuse_column(source: Source, log_rows: Rows) -> None:
    if "tenure_currency" not in log_rows.table.columns:
        return
    counts = _counts(log_rows, "tenure_currency")
    if len(counts) > 1:
        column = str(source.settings.currency)
        shown = ", ".join(f"{rows:,} with {_name(currency)}" for currency, rows in counts[:SHOWN])
        more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        what = f"the rows are of {len(counts)} currencies, by transactions.currency ({column!r}: {shown}{more})"
        raise TransactionsError(source.name, f"{what}. {_remedy(source, column, [name for name, _ in counts])}")


def _name(currency: str | None) -> str:
    return "no currency" if currency is None else repr(currency)


def _remedy(source: Source, column: str, currencies: list[str | None]) -> str:
    """Return a setting that keeps the most frequent currency."""
    kept, *others = sorted(currencies, key=lambda name: name is None)
    quoted = f'"{column.replace(chr(34), chr(34) * 2)}"'
    text = quoted if source.table[column].type().is_string() else f"cast({quoted} as varchar)"
    value = str(kept).replace("'", "''")
    by_query = paste(f"select * from log where upper(trim({text})) = '{value}'")
    # A pattern cannot match an empty cell, and with many currencies it is longer than a query.
    if None in others or len(others) > MOST:
        return f"Keep one in a query: {by_query}."
    pattern = "|".join(re.escape(str(name)) for name in others)
    rule = json.dumps({"column": column, "matches": f"(?i)^ *({pattern}) *$"}, ensure_ascii=False)
    rule = f"transactions.exclude: {{other currencies: {rule}}}"
    return f"Keep one, in the settings ({rule}) or in a query: {by_query}."


def _refuse_signs(source: Source, log_rows: Rows) -> None:
    if "tenure_sign" not in log_rows.table.columns:
        return
    counts = [(sign, rows) for sign, rows in _counts(log_rows, "tenure_sign") if sign is not None]
    if len(counts) > 1:
        shown = ", ".join(f"{rows:,} with {sign!r}" for sign, rows in counts[:SHOWN])
        column = source.settings.columns.amount
        one = paste(f"""select * from log where contains("{column}", '{counts[0][0]}')""")
        what = f"the amounts are of {len(counts)} currencies, by their signs ({shown})"
        raise TransactionsError(source.name, f"{what}. Keep one in a query: {one}.")


def _counts(log_rows: Rows, column: str) -> list[tuple[str | None, int]]:
    """Count the used rows of each currency, the most frequent first."""
    used = log_rows.table.filter(log_rows.table["tenure_fate"] == len(log_rows.fates) - 1)
    counts = used.group_by(column).aggregate(rows=lambda t: t.count())
    ordered: list[dict[str, Any]] = counts.order_by([ibis.desc("rows"), column]).to_pyarrow().to_pylist()
    return [(row[column], int(row["rows"])) for row in ordered]
