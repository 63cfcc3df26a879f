"""The reconciliation of a log: every raw row has one fate, every cent one line, and they add up exactly."""

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


class _DaySums(NamedTuple):
    """The lines of all days, the number of purchases and their revenue."""

    lines: list[Line]
    purchases: int
    revenue: Decimal


class Line(NamedTuple):
    """A fate: its number of raw rows and their amount in the log's currency.

    `unread` is the number of rows without a readable amount that a rule left out; they count as 0.
    """

    fate: str
    rows: int
    amount: Decimal
    unread: int = 0

    @property
    def label(self) -> str:
        """Return the fate, with the count of unreadable amounts."""
        is_noteworthy = self.unread and self.fate != BLANK
        return f"{self.fate} ({self.unread:,} without a readable amount)" if is_noteworthy else self.fate


class StrayRefunds(NamedTuple):
    """Refunds without a usable order: the reason, their number, their amount, the first orders."""

    why: str
    rows: int
    amount: Decimal
    first: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """Return the count as a sentence without a full stop."""
        noun = "refund" if self.rows == 1 else "refunds"
        verb = "names" if self.rows == 1 else "name"
        shown = ", ".join(map(repr, self.first))
        return f"{self.rows:,} {noun} of {self.amount:,.2f} {verb} {self.why} (first: {shown})"


@dataclass(frozen=True)
class Reconciliation:
    """The account of every row and every cent of a log, up to a day.

    A partly matched refund is one row of `UNMATCHED`; its amount is split between the two lines.

    Attributes:
        until: the last day included.
        lines: one per fate; their rows and amounts add up to `rows` and `amount` exactly.
        rows, amount: of the raw log, counted independently of the fates.
        purchases: the number of purchases, one per customer and day.
        revenue: the sum of all purchases, net of refunds: sales, plus the (negative) refunds netted against them.
        duplicates: the number of used rows of all days that equal an earlier one in every column.
        strays: refunds up to the day whose order is missing or of several customers; None if the log has no order
            ids. They are also part of the lines.
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
        """Return the line of a fate; a line of 0 rows if there is none."""
        return next((line for line in self.lines if line.fate == fate), Line(fate, 0, Decimal(0)))

    @property
    def unmatched_share(self) -> float:
        """Return the unmatched refunds as a share of sales."""
        sold = self[SALE].amount + self[GIVEN_BACK].amount
        return float(-self[UNMATCHED].amount / sold) if sold else float(self[UNMATCHED].amount != 0)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, with amounts as text, so that they stay exact."""
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
        """Return the number of stray refunds with a reason; None if the log has no order ids."""
        return None if self.strays is None else sum(stray.rows for stray in self.strays if stray.why == why)


def lines_of(days: Any) -> _DaySums:
    """Sum the sales and refunds up to a day (`refunds.days`) by their fates."""
    is_purchase = days["is_purchase"]
    query = days.aggregate(
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
    sums = {name: value or 0 for name, value in query.to_pyarrow().to_pylist()[0].items()}
    sale, back, unmet = (Decimal(sums[name]) for name in ("sale", "back", "unmet"))
    lines = [
        Line(SALE, int(sums["sale_rows"]), sale),
        Line(GIVEN_BACK, int(sums["back_rows"]), back),
        Line(NETTED, int(sums["refund_rows"] - sums["unmet_rows"]), Decimal(sums["left"]) - sale - back),
        Line(UNMATCHED, int(sums["unmet_rows"]), -unmet),
    ]
    return _DaySums(lines, int(sums["purchases"]), Decimal(sums["revenue"]))


def repeats_text(duplicates: int) -> str:
    """Return how many used rows repeat another, and what to do about it.

    >>> repeats_text(21)
    '21 rows repeat another exactly: they are kept (transactions.duplicates=drop if they are double entries)'
    >>> repeats_text(1)
    '1 row repeats another exactly: it is kept (transactions.duplicates=drop if it is a double entry)'
    >>> repeats_text(0)
    'no row repeats another exactly'
    """
    if not duplicates:
        return "no row repeats another exactly"
    if duplicates == 1:
        return "1 row repeats another exactly: it is kept (transactions.duplicates=drop if it is a double entry)"
    kept = "they are kept (transactions.duplicates=drop if they are double entries)"
    return f"{duplicates:,} rows repeat another exactly: {kept}"
