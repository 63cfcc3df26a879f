"""Every raw row has one fate and every cent one line; they add up exactly, or there is no reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from .fault import TransactionsError

BLANK = "blank rows"
SALE = "sales"
GIVEN_BACK = "sales refunded in full: no purchase"
NETTED = "refunds netted against sales"
UNMATCHED = "refunds with no sale to meet, whole or in part"
AFTER = "after the last day looked at"
MISSING = "an order that is not in the log"
SHARED = "no customer and an order of several customers"


class _Told(NamedTuple):
    """What a log's days come to: their lines, the purchases, and what those are worth."""

    lines: list[Line]
    purchases: int
    revenue: Decimal


class Line(NamedTuple):
    """One fate: how many raw rows met it, and how much money, in the log's currency.

    `unread` of the rows, which a rule left out, have no amount that can be read: they count as no money.
    """

    fate: str
    rows: int
    amount: Decimal
    unread: int = 0

    @property
    def label(self) -> str:
        """Return the fate, with the count of rows whose amounts could not be read."""
        is_noteworthy = self.unread and self.fate != BLANK
        return f"{self.fate} ({self.unread:,} without a readable amount)" if is_noteworthy else self.fate


class StrayRefunds(NamedTuple):
    """Refunds whose order does not show what they give back: why, how many, their money, the first orders."""

    why: str
    rows: int
    amount: Decimal
    first: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """Return the count in a sentence without its full stop."""
        noun = "refund" if self.rows == 1 else "refunds"
        verb = "names" if self.rows == 1 else "name"
        shown = ", ".join(map(repr, self.first))
        return f"{self.rows:,} {noun} of {self.amount:,.2f} {verb} {self.why} (first: {shown})"


@dataclass(frozen=True)
class Reconciliation:
    """What became of every row and every cent of a log, seen from one day.

    A refund that only part of which found a sale is one row of `UNMATCHED`; its money is split between the two lines.

    Attributes:
        until: the last day looked at.
        lines: one per fate; their rows and amounts add up to `rows` and `amount` exactly.
        rows, amount: of the raw log, counted apart from the fates.
        purchases: one per customer and day.
        revenue: the sum of all purchases, refunds taken off: sales, plus the refunds netted against them.
        duplicates: rows that count, of all days, and equal an earlier one in every column.
        strays: refunds up to the day whose order is not in the log, or does not show the customer; None where the log
            has no order ids. They are part of the lines too.
    """

    until: date
    lines: tuple[Line, ...]
    rows: int
    amount: Decimal
    purchases: int
    revenue: Decimal
    duplicates: int
    strays: tuple[StrayRefunds, ...] | None = None

    def __post_init__(self) -> None:
        rows, amount = sum(line.rows for line in self.lines), sum((line.amount for line in self.lines), Decimal(0))
        revenue = sum((self[fate].amount for fate in (SALE, GIVEN_BACK, NETTED)), Decimal(0))
        if (rows, amount) != (self.rows, self.amount):
            raise TransactionsError(
                "log", f"{self.rows:,} rows of {self.amount} are accounted as {rows:,} of {amount}."
            )
        if revenue != self.revenue:
            raise TransactionsError(
                "log", f"purchases of {self.revenue} are accounted as sales less refunds of {revenue}."
            )

    def __getitem__(self, fate: str) -> Line:
        """Return the line of a fate; of no rows where the log has none."""
        return next((line for line in self.lines if line.fate == fate), Line(fate, 0, Decimal(0)))

    @property
    def unmatched_share(self) -> float:
        """Return what of the sales' money was given back without a sale to show for it."""
        sold = self[SALE].amount + self[GIVEN_BACK].amount
        return float(-self[UNMATCHED].amount / sold) if sold else float(self[UNMATCHED].amount != 0)

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold; amounts as text, so that no cent is lost."""
        lines = [line._asdict() | {"amount": str(line.amount)} for line in self.lines]
        return {
            "until": str(self.until),
            "lines": lines,
            "rows": self.rows,
            "amount": str(self.amount),
            "purchases": self.purchases,
            "revenue": str(self.revenue),
            "duplicates": self.duplicates,
        } | self._strays_as_dict()

    def _strays_as_dict(self) -> dict[str, Any]:
        if self.strays is None:
            return {}
        listed = [stray._asdict() | {"amount": str(stray.amount), "first": list(stray.first)} for stray in self.strays]
        return {"stray_refunds": listed}

    def stray_rows(self, why: str) -> int | None:
        """Return how many refunds are astray for a reason; None where the log has no order ids."""
        return None if self.strays is None else sum(stray.rows for stray in self.strays if stray.why == why)


def lines_of(days: Any) -> _Told:
    """Tell the fates of the sales and refunds up to a day: `refunds.days`, summed."""
    is_purchase = days["is_purchase"]
    sums = days.aggregate(
        purchases=days.count(where=is_purchase),
        revenue=days["left"].sum(where=is_purchase),
        sale_rows=days["rows"].sum(where=is_purchase),
        sale=days["sale"].sum(where=is_purchase),
        back_rows=days["rows"].sum(where=~is_purchase),
        back=days["sale"].sum(where=~is_purchase),
        refund_rows=days["refund_rows"].sum(),
        unmet_rows=days["unmet_rows"].sum(),
        unmet=days["unmet"].sum(),
        left=days["left"].sum(),
    )
    found = {name: value or 0 for name, value in sums.to_pyarrow().to_pylist()[0].items()}
    sale, back, unmet = (Decimal(found[name]) for name in ("sale", "back", "unmet"))
    lines = [
        Line(SALE, int(found["sale_rows"]), sale),
        Line(GIVEN_BACK, int(found["back_rows"]), back),
        Line(NETTED, int(found["refund_rows"] - found["unmet_rows"]), Decimal(found["left"]) - sale - back),
        Line(UNMATCHED, int(found["unmet_rows"]), -unmet),
    ]
    return _Told(lines, int(found["purchases"]), Decimal(found["revenue"]))
