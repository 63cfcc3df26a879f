"""The customers and days of a summary: the acquisition window, left-truncated customers, the end of observation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis

from ..errors import InputError, Reason
from ..transactions import Transactions

if TYPE_CHECKING:
    from ..settings import RfmSettings, RollingSettings


class RfmError(InputError):
    """A window that does not fit the log, or a summary of it that would break the contract."""

    reason = Reason.BAD_LOG


class LeftOut(NamedTuple):
    """The number of customers who bought and are left out, by the first reason that applies.

    Attributes:
        left_truncated: acquired before the log's first day.
        outside: first purchase outside the acquisition window.
    """

    left_truncated: int = 0
    outside: int = 0


NOBODY = LeftOut()


@dataclass(frozen=True)
class AcquisitionWindow:
    """The customers to include, by the day of their first purchase in the log.

    A customer who bought before the log's first day is left-truncated: the log shows a later purchase as the first
    one. A window that starts some weeks after the log's first day excludes most of these customers. If the log contains
    dates of acquisition, `include_left_truncated=False` excludes all of them.

    Attributes:
        first, last: the window, both days included (None: open on that side).
        include_left_truncated: include customers who were acquired before the log's first day.
    """

    first: date | None = None
    last: date | None = None
    include_left_truncated: bool = True

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise RfmError(f"The acquisition window from {self.first} to {self.last} ends before it begins.")

    @classmethod
    def of(cls, settings: RfmSettings | RollingSettings, transactions: Transactions) -> AcquisitionWindow:
        """Return the window of the settings; exclude left-truncated customers if the log has dates of acquisition."""
        window = settings.acquisition
        first, last = (date.fromisoformat(day) if day else None for day in (window.first, window.last))
        if settings.burn_in_days:
            first = transactions.first_day + timedelta(settings.burn_in_days)
        return cls(first, last, include_left_truncated=transactions.acquired_before() is None)

    @property
    def in_words(self) -> str:
        """Return the window as text."""
        return f"from {self.first or '...'} to {self.last or '...'}"

    def contains(self, first_purchase: Any) -> Any:
        """Return whether first purchases are inside the window."""
        is_in_window = ibis.literal(True)
        if self.first is not None:
            is_in_window &= first_purchase >= self.first
        if self.last is not None:
            is_in_window &= first_purchase <= self.last
        return is_in_window


EVERYONE = AcquisitionWindow()


def mark_left_truncated(transactions: Transactions, acquired: Any) -> Any:
    """Add the column `is_left_truncated` to a table of customers: acquired before the log's first day."""
    before = transactions.acquired_before()
    if before is None:
        return acquired.mutate(is_left_truncated=ibis.literal(False))
    old = before.select(old_id="customer_id")
    joined = acquired.left_join(old, acquired["customer_id"] == old["old_id"])
    return joined.mutate(is_left_truncated=joined["old_id"].notnull()).drop("old_id")


def first_purchases_of(transactions: Transactions, bought: Any) -> Any:
    """Return each customer's `first_purchase` and whether it is `is_left_truncated`, from purchases up to a day."""
    return mark_left_truncated(
        transactions, bought.group_by("customer_id").aggregate(first_purchase=bought["date"].min())
    )


def is_in_window(acquired: Any, window: AcquisitionWindow) -> Any:
    """Return whether customers with a `first_purchase` and `is_left_truncated` are inside the window."""
    is_new = window.contains(acquired["first_purchase"])
    return is_new & ~acquired["is_left_truncated"] if not window.include_left_truncated else is_new


def count_left_out(transactions: Transactions, until: date, window: AcquisitionWindow) -> LeftOut:
    """Count the customers who bought by a day and are left out."""
    if window == EVERYONE:
        return NOBODY
    acquired = first_purchases_of(transactions, transactions.purchases(until))
    is_before = acquired["is_left_truncated"] & ibis.literal(not window.include_left_truncated)
    sums = acquired.aggregate(
        left_truncated=acquired.count(where=is_before),
        outside=acquired.count(where=~is_before & ~window.contains(acquired["first_purchase"])),
    )
    (counts,) = sums.to_pyarrow().to_pylist()
    return LeftOut(**counts)


def end_of(transactions: Transactions, end: date | str | None) -> date:
    """Return the end of observation; the log's last day if None."""
    last = as_day(end, "rfm.end") if end is not None else transactions.last_day
    if last < transactions.first_day:
        raise RfmError(f"rfm.end, {last}, is before the log's first purchase: {span(transactions)}.")
    return last


def as_day(day: date | str, key: str) -> date:
    """Return a calendar day; raise RfmError for anything else."""
    if isinstance(day, date) and not isinstance(day, datetime):
        return day
    try:
        if isinstance(day, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", day, re.ASCII):
            return date.fromisoformat(day)
    except ValueError:
        pass  # such as the 31st of June
    raise RfmError(f"{key} is a calendar day such as 1997-09-30, not {day!r}.")


def span(transactions: Transactions) -> str:
    """Return the first and the last day of a log as text."""
    return f"the log runs from {transactions.first_day} to {transactions.last_day}"


def refuse_nobody(customers: int, window: AcquisitionWindow) -> None:
    """Raise RfmError for a window without customers."""
    if customers:
        return
    who = " that was acquired since the log began" if not window.include_left_truncated else ""
    if window.first or window.last:
        who += f" with a first purchase {window.in_words}"
    raise RfmError(f"There is no customer{who}: all sales in the window were refunded, or there are none.")
