"""Count the customers of a log who have no purchase up to a day, by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from . import refunds

if TYPE_CHECKING:
    from .rules import Rows
    from .tables import Tables

REFUNDED, LATER, EXCLUDED = "no_purchase_left", "first_seen_later", "rows_left_out"
WHY = {
    REFUNDED: "no purchase left after refunds",
    LATER: "no row up to {until}",
    EXCLUDED: "only rows that a rule leaves out",
}


@dataclass(frozen=True)
class Unscored:
    """The customers of a log who have no purchase up to a day.

    Attributes:
        until: the day.
        customers: all customers that the log names.
        by_reason: their number by `REFUNDED`, `LATER` or `EXCLUDED`; reasons without a customer are left out.
    """

    until: date
    customers: int
    by_reason: Mapping[str, int]

    def lines(self, done: str) -> list[str]:
        """Return a sentence for each reason; `done` is what the command does with the others, such as `scored`."""
        return [
            f"{number:,} of {self.customers:,} customers {'has' if number == 1 else 'have'}"
            f" {WHY[reason].format(until=self.until)} and {'is' if number == 1 else 'are'} not {done}."
            for reason, number in self.by_reason.items()
        ]


def count_unscored(tables: Tables, until: date, excluded: int) -> Unscored:
    """Count the customers without a purchase up to a day; `excluded` have no used row at all."""
    ids = tables.sales.select("customer_id", "date")
    if tables.refunds is not None:
        ids = ids.union(tables.refunds.select("customer_id", "date"))
    first = ids.group_by("customer_id").aggregate(first=ids["date"].min())
    (seen,) = (
        first.aggregate(all=first.count(), later=first.count(where=first["first"] > until)).to_pyarrow().to_pylist()
    )
    refunded = 0 if tables.refunds is None else _refunded(tables, until)
    counts = {REFUNDED: refunded, LATER: int(seen["later"]), EXCLUDED: excluded}
    by_reason = {reason: number for reason, number in counts.items() if number}
    return Unscored(until, int(seen["all"]) + excluded, by_reason)


def _refunded(tables: Tables, until: date) -> int:
    """Count the customers with a row up to a day and no purchase."""
    days = refunds.days(tables, until)
    bought = days.group_by("customer_id").aggregate(has_bought=days["is_purchase"].any())
    return int(bought.filter(~bought["has_bought"]).count().to_pyarrow().as_py())


def count_excluded(log_rows: Rows, tables: Tables) -> int:
    """Count the customers whose every row a rule leaves out."""
    table: Any = log_rows.table
    named = table.filter((table["tenure_fate"] != len(log_rows.fates) - 1) & table["tenure_customer_id"].notnull())
    left_out = named.select(customer_id="tenure_customer_id").distinct().anti_join(tables.sales, "customer_id")
    if tables.refunds is not None:
        left_out = left_out.anti_join(tables.refunds, "customer_id")
    return int(left_out.count().to_pyarrow().as_py())
