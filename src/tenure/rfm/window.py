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
        since_before: acquired before the log began.
        outside: first bought outside the window of births.
    """

    since_before: int = 0
    outside: int = 0


NOBODY = LeftOut()


@dataclass(frozen=True)
class Births:
    """Which customers are looked at, by when they were born: the day of their first purchase in the log.

    The log begins at some day and its customers do not: whoever bought before it began is taken for new on the first
    purchase that the log shows. A window that leaves out the log's first weeks leaves most of them out; where the log
    knows when a customer was acquired, `since_before` leaves them all out.

    Attributes:
        first, last: the window, both days included (None: open on that side).
        since_before: whether customers are looked at who were acquired before the log's first day.
    """

    first: date | None = None
    last: date | None = None
    since_before: bool = True

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise RfmError(f"No customer is born from {self.first} to {self.last}: the window ends before it begins.")

    @classmethod
    def of(cls, settings: RfmSettings | RollingSettings, transactions: Transactions) -> Births:
        """Take from the settings whom a model learns from: of the window, and new as far as the log knows."""
        window = settings.births
        first, last = (date.fromisoformat(day) if day else None for day in (window.first, window.last))
        if settings.burn_in_days:
            first = transactions.first_day + timedelta(settings.burn_in_days)
        return cls(first, last, since_before=transactions.acquired_before() is None)

    @property
    def in_words(self) -> str:
        """Say the window."""
        return f"from {self.first or '...'} to {self.last or '...'}"

    def hold(self, birth: Any) -> Any:
        """Tell births inside the window."""
        is_ours = ibis.literal(True)
        if self.first is not None:
            is_ours &= birth >= self.first
        if self.last is not None:
            is_ours &= birth <= self.last
        return is_ours


EVERYONE = Births()


def know_before(transactions: Transactions, born: Any) -> Any:
    """Add to a table of customers whether each is `known_before`: acquired before the log's first day."""
    before = transactions.acquired_before()
    if before is None:
        return born.mutate(known_before=ibis.literal(False))
    known = before.select(known="customer_id")
    joined = born.left_join(known, born["customer_id"] == known["known"])
    return joined.mutate(known_before=joined["known"].notnull()).drop("known")


def births_of(transactions: Transactions, bought: Any) -> Any:
    """Return each customer's `birth` and whether it is `known_before`, lazily, from purchases up to some day."""
    return know_before(transactions, bought.group_by("customer_id").aggregate(birth=bought["date"].min()))


def is_ours(born: Any, births: Births) -> Any:
    """Tell at whom, of customers with a `birth` and `known_before`, a window looks."""
    is_new = births.hold(born["birth"])
    return is_new & ~born["known_before"] if not births.since_before else is_new


def count_left_out(transactions: Transactions, until: date, births: Births) -> LeftOut:
    """Count who bought by a day and is not looked at."""
    if births == EVERYONE:
        return NOBODY
    born = births_of(transactions, transactions.purchases(until))
    is_before = born["known_before"] & ibis.literal(not births.since_before)
    sums = born.aggregate(
        since_before=born.count(where=is_before),
        outside=born.count(where=~is_before & ~births.hold(born["birth"])),
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


def refuse_nobody(customers: int, births: Births) -> None:
    """Refuse a window in which there is no customer."""
    if customers:
        return
    who = " that was acquired since the log began" if not births.since_before else ""
    if births.first or births.last:
        who += f" with a first purchase {births.in_words}"
    raise RfmError(f"There is no customer{who}: every sale that the rules let count was given back, or lies elsewhere.")
