"""Hold a purchase log together: read it once, check every row, keep its sales and refunds by customer and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from . import ids, refunds, rules
from .engine import UntidyError, in_words
from .fault import SHOWN, TransactionsError, describe, paste
from .reconciliation import AFTER, Line, Reconciliation, lines_of
from .source import FILE, ROW, Source, number, open_source
from .span_check import check_span
from .tables import Tables, materialize

if TYPE_CHECKING:
    from tenure.settings import TransactionsSettings


@dataclass(frozen=True)
class Transactions:
    """Every sale and refund of a log by customer and day, and what became of every row.

    What counts as a purchase depends on the day from which one looks: a refund takes nothing off before its own day.

    Attributes:
        source: what was read.
        digest: sha256 of its bytes, in hexadecimal.
        first_day: of the first sale.
        last_day: of the last sale or refund.
        segments: the names of the columns that ride along.
        tables: sales and refunds, Ibis tables on the connection that read them.
        rows, amount: of the raw log.
        left_out: the rows that no rule lets count, whatever their day.
        duplicates: rows that count and equal an earlier one in every column.
        id_type: of the column of customer ids (`ids.own_type`); None where the log has no types.
    """

    source: str
    digest: str
    first_day: date
    last_day: date
    segments: tuple[str, ...]
    tables: Tables
    rows: int
    amount: Decimal
    left_out: tuple[Line, ...]
    duplicates: int
    id_type: str | None = None

    def purchases(self, until: date | None = None) -> Any:
        """Return `customer_id`, `date` and `amount` (refunds taken off) as an Ibis table, one row per purchase.

        A day whose refunds leave nothing of it is no purchase; a day of zero amounts without a refund is one.
        """
        days = refunds.days(self.tables, until or self.last_day)
        return days.filter(days["is_purchase"]).select("customer_id", "date", amount=days["left"])

    def reconcile(self, until: date | None = None) -> Reconciliation:
        """Account for every row and every cent, as seen from a day."""
        until = until or self.last_day
        found = lines_of(refunds.days(self.tables, until))
        later = self.tables.after(until)
        lines = [*self.left_out, *found.lines, Line(AFTER, *later)]
        return Reconciliation(
            until=until,
            lines=tuple(line for line in lines if line.rows or line.amount),
            rows=self.rows,
            amount=self.amount,
            purchases=found.purchases,
            revenue=found.revenue,
            duplicates=self.duplicates,
        )

    def segment_values(self, until: date) -> Any | None:
        """Return each customer's segments, from sales up to a day; None where no column rides along."""
        return self.tables.segment_values(until)

    def acquired_before(self) -> Any | None:
        """Return the `customer_id` of who was acquired before the log's first day; None where the log does not say."""
        known = self.tables.acquired
        return None if known is None else known.filter(known["acquired"] < self.first_day).select("customer_id")


def read(settings: TransactionsSettings, *, end: date | str | None = None, today: date | None = None) -> Transactions:
    """Read a purchase log: every row has its fate, or the log is refused with every reason at once.

    Args:
        settings: where the log is, and the rules.
        end: the end of observation, `rfm.end`; rows after it are not checked.
        today: the shop's day; that of the clock in `settings.timezone` when None.

    Raises:
        TransactionsError: with one line per fault: what, how many rows, the first few, what would be right.
    """
    try:
        return _account(open_source(settings), end, today)
    except UntidyError:
        return _account(open_source(settings, tidy=True), end, today)


def of_table(
    table: Any,
    settings: TransactionsSettings,
    *,
    source: str,
    digest: str,
    end: date | str | None = None,
    today: date | None = None,
) -> Transactions:
    """Account for an Ibis table on any connection, as `read` does for files; `settings.path` is not looked at.

    Args:
        table: the raw log, with the columns that the settings name.
        settings: the names of its columns, and the rules.
        source: what to call it.
        digest: what tells it from other logs.
        end: the end of observation; rows after it are not checked.
        today: the shop's day; that of the clock when None.
    """
    return _account(Source(table.get_backend(), table, number(table), source, digest, settings), end, today)


def _account(source: Source, end: date | str | None, today: date | None) -> Transactions:
    with in_words(source.name, source.settings):
        return _accounted(source, end, today)


def _accounted(source: Source, end: date | str | None, today: date | None) -> Transactions:
    found = rules.judge(source.table, source.settings)
    facts = _facts(found)
    _refuse_faults(source, found, facts)
    _refuse_signs(source, found)
    are_all = facts["rows"] == facts["sales"] + facts["refunds"]
    if are_all and not facts["untidy"]:
        found = rules.judge(source.table, source.settings, is_plain=True)
    tables = materialize(source, found, are_all=are_all, has_refunds=bool(facts["refunds"]))
    if not facts["sales"]:
        raise TransactionsError(source.name, "there is no sale in it.")
    check_span(source, tables, end=end, today=today)
    _refuse_acquisitions(source, tables)
    first, last = tables.span()
    left_out = [
        Line(fate, int(facts[f"rows_{at}"]), _money(facts[f"amount_{at}"]), int(facts.get(f"unread_{at}", 0)))
        for at, fate in enumerate(found.fates[:-1])
    ]
    return Transactions(
        source=source.name,
        digest=source.digest,
        first_day=first,
        last_day=last,
        segments=tuple(source.settings.segments),
        tables=tables,
        rows=int(facts["rows"]),
        amount=_money(facts["amount"]),
        left_out=tuple(left_out),
        duplicates=_duplicates(source, found, tables),
        id_type=ids.own_type(source),
    )


def _facts(found: rules.Rows) -> dict[str, Any]:
    """Count, in one pass: the rows, their amount, those with each fault, those of each fate."""
    table, kept = found.table, len(found.fates) - 1
    amount, fate = table["tenure_amount"], table["tenure_fate"]
    asked = {"rows": table.count(), "amount": amount.sum(), "untidy": table.count(where=table["tenure_untidy"])}
    asked |= {f"fault_{at}": table.count(where=table[f"tenure_fault_{at}"]) for at in range(len(found.faults))}
    for at in range(kept):
        asked |= {f"rows_{at}": table.count(where=fate == at), f"amount_{at}": amount.sum(where=fate == at)}
    asked["refunds"] = table.count(where=(fate == kept) & (amount < 0))
    asked["sales"] = table.count(where=(fate == kept) & (amount >= 0))
    facts: dict[str, Any] = table.aggregate(**asked).to_pyarrow().to_pylist()[0]
    return facts | (_faults_used(found) if any(facts[f"fault_{at}"] for at in range(len(found.faults))) else {})


def _faults_used(found: rules.Rows) -> dict[str, Any]:
    """Count each fault over the rows that no rule leaves out, and of those left out the amounts that cannot be read."""
    table, kept = found.table, len(found.fates) - 1
    fate, is_unread = table["tenure_fate"], table["tenure_amount"].isnull()
    used = {
        f"fault_{at}": table.count(where=table[f"tenure_fault_{at}"] & (fate == kept))
        for at in range(len(found.faults))
    }
    unread = {f"unread_{at}": table.count(where=(fate == at) & is_unread) for at in range(kept)}
    facts: dict[str, Any] = table.aggregate(**used, **unread).to_pyarrow().to_pylist()[0]
    return facts


def _money(value: Decimal | None) -> Decimal:
    return Decimal(0) if value is None else Decimal(value)


def _refuse_faults(source: Source, found: rules.Rows, facts: dict[str, Any]) -> None:
    """Refuse rows that are used and cannot be read."""
    if not facts["rows"]:
        raise TransactionsError(source.name, "has no rows.")
    wrong = [at for at in range(len(found.faults)) if facts[f"fault_{at}"]]
    if not wrong:
        return
    placed = rules.judge(source.numbered, source.settings).table
    used = placed.filter(placed["tenure_fate"] == len(found.fates) - 1)
    said = []
    for at in wrong:
        fault = found.faults[at]
        rows = used.filter(used[f"tenure_fault_{at}"]).order_by([FILE, ROW]).limit(SHOWN)
        value = rows[fault.column]
        # Python has no days beyond the year 9999; text has.
        shown = value.cast("string") if value.type().is_temporal() else value
        first = rows.select(file=rows[FILE], row=rows[ROW], value=shown).to_pyarrow().to_pylist()
        places = [(source.place(row["file"], row["row"]), row["value"]) for row in first]
        said.append(describe(fault, facts[f"fault_{at}"], facts["rows"], places))
    raise TransactionsError(source.name, *said)


def _refuse_signs(source: Source, found: rules.Rows) -> None:
    """Refuse amounts of several currencies, by their signs: their sum would be in none."""
    if "tenure_sign" not in found.table.columns:
        return
    used = found.table.filter(found.table["tenure_fate"] == len(found.fates) - 1)
    signs = used.filter(used["tenure_sign"].notnull()).group_by("tenure_sign").aggregate(rows=lambda t: t.count())
    counts = signs.order_by([ibis.desc("rows"), "tenure_sign"]).to_pyarrow().to_pylist()
    if len(counts) > 1:
        shown = ", ".join(f"{row['rows']:,} with {row['tenure_sign']!r}" for row in counts[:SHOWN])
        column = source.settings.columns.amount
        one = paste(f"""select * from log where contains("{column}", '{counts[0]["tenure_sign"]}')""")
        what = f"the amounts are of {len(counts)} currencies, by their signs ({shown})"
        raise TransactionsError(source.name, f"{what}. Keep one in a query: {one}.")


def _refuse_acquisitions(source: Source, tables: Tables) -> None:
    """Refuse customers whose rows disagree on when they were acquired, or tell a day after a sale to them."""
    wrong = tables.contradictions()
    if wrong is None:
        return
    said = []
    for is_wrong, what in (
        ("is_twice", "more than one date of acquisition"),
        ("is_late", "a date of acquisition after their first sale"),
    ):
        found = wrong.filter(wrong[is_wrong])
        number = int(found.count().to_pyarrow().as_py())
        if number:
            first = found.order_by("customer_id").limit(SHOWN)["customer_id"].to_list()
            shown = ", ".join(map(repr, first))
            said.append(
                f"{number:,} {'customer has' if number == 1 else 'customers have'} {what} (first: {shown})."
                " transactions.columns.acquired is one day per customer, of the first purchase ever."
            )
    if said:
        raise TransactionsError(source.name, *said)


def _duplicates(source: Source, found: rules.Rows, tables: Tables) -> int:
    """Count the rows that repeat an earlier one; only a day with several rows can hold any."""
    busy = tables.busy_days()
    if not busy.count().to_pyarrow().as_py():
        return 0
    names = {"customer_id": "tenure_customer_id", "date": "tenure_date"}
    kept = found.table.filter(found.table["tenure_fate"] == len(found.fates) - 1)
    on = [kept[ours] == busy[theirs] for theirs, ours in names.items()]
    rows = kept.semi_join(busy, on).select(*source.table.columns)
    counted = rows.aggregate(all=rows.count()).cross_join(rows.distinct().aggregate(distinct=lambda t: t.count()))
    told = counted.to_pyarrow().to_pylist()[0]
    return int(told["all"] - told["distinct"])
