"""Whose summaries are asked for, and up to which day: births, the log's first day, the end of observation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis

from ..errors import InputError
from ..transactions import Transactions

if TYPE_CHECKING:
    from ..settings import RfmSettings, RollingSettings


class RfmError(InputError):
    """A window does not fit the log, or a summary of it would break the contract."""


class LeftOut(NamedTuple):
    """How many customers bought and are not looked at, by the first reason that holds.

    Attributes:
        include_left_truncated: acquired before the log began.
        outside: first bought outside the window of births.
    """

    include_left_truncated: int = 0
    outside: int = 0


NOBODY = LeftOut()


@dataclass(frozen=True)
class AcquisitionWindow:
    """Which customers are looked at, by when they were born: the day of their first purchase in the log.

    The log begins at some day and its customers do not: whoever bought before it began is taken for new on the first
    purchase that the log shows. A window that leaves out the log's first weeks leaves most of them out; where the log
    knows when a customer was acquired, `include_left_truncated` leaves them all out.

    Attributes:
        first, last: the window, both days included (None: open on that side).
        include_left_truncated: whether customers are looked at who were acquired before the log's first day.
    """

    first: date | None = None
    last: date | None = None
    include_left_truncated: bool = True

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise RfmError(f"No customer is born from {self.first} to {self.last}: the window ends before it begins.")

    @classmethod
    def of(cls, settings: RfmSettings | RollingSettings, transactions: Transactions) -> AcquisitionWindow:
        """Take from the settings whom a model learns from: of the window, and new as far as the log knows."""
        window = settings.acquisition
        first, last = (date.fromisoformat(day) if day else None for day in (window.first, window.last))
        if settings.burn_in_days:
            first = transactions.first_day + timedelta(settings.burn_in_days)
        return cls(first, last, include_left_truncated=transactions.acquired_before() is None)

    @property
    def in_words(self) -> str:
        """Say the window."""
        return f"from {self.first or '...'} to {self.last or '...'}"

    def contains(self, first_purchase: Any) -> Any:
        """Tell births inside the window."""
        is_in_window = ibis.literal(True)
        if self.first is not None:
            is_in_window &= first_purchase >= self.first
        if self.last is not None:
            is_in_window &= first_purchase <= self.last
        return is_in_window


EVERYONE = AcquisitionWindow()


def mark_left_truncated(transactions: Transactions, acquired: Any) -> Any:
    """Add to a table of customers whether each is `is_left_truncated`: acquired before the log's first day."""
    before = transactions.acquired_before()
    if before is None:
        return acquired.mutate(is_left_truncated=ibis.literal(False))
    known = before.select(known="customer_id")
    joined = acquired.left_join(known, acquired["customer_id"] == known["known"])
    return joined.mutate(is_left_truncated=joined["known"].notnull()).drop("known")


def first_purchases_of(transactions: Transactions, bought: Any) -> Any:
    """Return each customer's `first_purchase` and whether it is `is_left_truncated`, from purchases up to a day."""
    return mark_left_truncated(
        transactions, bought.group_by("customer_id").aggregate(first_purchase=bought["date"].min())
    )


def is_in_window(acquired: Any, window: AcquisitionWindow) -> Any:
    """Tell at whom, of customers with a `first_purchase` and `is_left_truncated`, a window looks."""
    is_new = window.contains(acquired["first_purchase"])
    return is_new & ~acquired["is_left_truncated"] if not window.include_left_truncated else is_new


def count_left_out(transactions: Transactions, until: date, window: AcquisitionWindow) -> LeftOut:
    """Count who bought by a day and is not looked at."""
    if window == EVERYONE:
        return NOBODY
    acquired = first_purchases_of(transactions, transactions.purchases(until))
    is_before = acquired["is_left_truncated"] & ibis.literal(not window.include_left_truncated)
    sums = acquired.aggregate(
        include_left_truncated=acquired.count(where=is_before),
        outside=acquired.count(where=~is_before & ~window.contains(acquired["first_purchase"])),
    )
    (found,) = sums.to_pyarrow().to_pylist()
    return LeftOut(**found)


def end_of(transactions: Transactions, end: date | str | None) -> date:
    """Read the end of observation; the log's last day when None."""
    last = as_day(end, "rfm.end") if end is not None else transactions.last_day
    if last < transactions.first_day:
        raise RfmError(f"rfm.end, {last}, is before the log's first purchase: {span(transactions)}.")
    return last


def as_day(given: date | str, key: str) -> date:
    """Read a calendar day."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        if isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
            return date.fromisoformat(given)
    except ValueError:
        pass  # such as the 31st of June
    raise RfmError(f"{key} is a calendar day such as 1997-09-30, not {given!r}.")


def span(transactions: Transactions) -> str:
    """Say from when to when a log runs."""
    return f"the log runs from {transactions.first_day} to {transactions.last_day}"


def refuse_nobody(customers: int, window: AcquisitionWindow) -> None:
    """Refuse a window in which there is no customer."""
    if customers:
        return
    who = " that was acquired since the log began" if not window.include_left_truncated else ""
    if window.first or window.last:
        who += f" with a first purchase {window.in_words}"
    raise RfmError(f"There is no customer{who}: every sale that the rules let count was given back, or lies elsewhere.")
