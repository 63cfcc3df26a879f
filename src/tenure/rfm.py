"""Windows and cut-offs: from purchases to customer summaries, splits and distinct histories."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import InputError
from .summary import FirstOrders, Rfm
from .transactions import Transactions

__all__ = ["Base", "Histories", "RfmError", "Spends", "Split", "histories", "split", "summarize"]

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]

SHOWN = 3


class RfmError(InputError):
    """A window does not fit the log, or a summary of it would break the contract."""


@dataclass(frozen=True)
class Split:
    """What was known at the cut-off, and what the same customers did until the end.

    Attributes:
        calibration: the summary of every customer seen by the cut-off, from the days up to it alone.
        holdout: `customer_id`, `purchases` (purchase days) and `spend` after the cut-off, row by row as in
            `calibration.customers`.
        cutoff: the last day of calibration.
        end: the last day of the holdout.
        born_in_holdout: customers first seen after the cut-off; they are in neither table.
    """

    calibration: Rfm
    holdout: pd.DataFrame
    cutoff: date
    end: date
    born_in_holdout: int

    def __post_init__(self) -> None:
        if not self.cutoff < self.end:
            raise RfmError(f"The holdout has no day: it ends on {self.end}, the cut-off is {self.cutoff}.")
        if list(self.holdout.columns) != ["customer_id", "purchases", "spend"]:
            raise RfmError(f"A holdout has customer_id, purchases and spend, not {list(self.holdout.columns)}.")
        if not self.holdout["customer_id"].equals(self.calibration.customers["customer_id"]):
            raise RfmError("The holdout and the calibration list different customers, or in another order.")
        if self.calibration.as_of != self.cutoff:
            raise RfmError(f"The calibration is as of {self.calibration.as_of}, the cut-off is {self.cutoff}.")

    @property
    def horizon_days(self) -> int:
        """Return the length of the holdout in days."""
        return (self.end - self.cutoff).days


@dataclass(frozen=True)
class Histories:
    """The distinct purchase histories, sorted, each with the number of customers who share it."""

    frequency: Ints
    recency: Ints
    T: Ints
    count: Ints

    def __post_init__(self) -> None:
        columns = (self.frequency, self.recency, self.T, self.count)
        if any(column.dtype != np.int64 or column.shape != self.T.shape for column in columns):
            raise RfmError("The histories' frequency, recency, T and count are not int64 of one length.")
        if (self.count < 1).any():
            raise RfmError(f"{np.count_nonzero(self.count < 1):,} histories are no customer's: their count is below 1.")


@dataclass(frozen=True)
class Spends:
    """The repeat buyers' distinct pairs of frequency and mean spend, sorted, each with its number of customers."""

    frequency: Ints
    mean: Floats
    count: Ints

    def __post_init__(self) -> None:
        if {column.shape for column in (self.mean, self.count)} != {self.frequency.shape}:
            raise RfmError("The spends' frequency, mean and count are not of one length.")
        right = (self.frequency >= 1) & (self.mean > 0) & np.isfinite(self.mean) & (self.count >= 1)
        if not right.all():
            raise RfmError(
                f"{np.count_nonzero(~right):,} spends have no purchase, no finite mean above 0, or no customer."
            )


@dataclass(frozen=True)
class Base:
    """All that the likelihood has to know of a customer base: its size is that of the distinct rows, not of the base.

    Two grouped queries make it from a log of any size; `Base.of` makes it from a summary in memory.
    """

    histories: Histories
    spends: Spends
    as_of: date | None
    first_orders: FirstOrders | None = None

    def __post_init__(self) -> None:
        repeat = int(self.histories.count[self.histories.frequency > 0].sum())
        if self.repeat_buyers != repeat:
            raise RfmError(f"The histories have {repeat:,} repeat buyers, the spends {self.repeat_buyers:,}.")

    @classmethod
    def of(cls, rfm: Rfm) -> Base:
        """Group a customer summary."""
        repeat = rfm.customers["frequency"] > 0
        pairs = rfm.customers.loc[repeat, ["frequency", "monetary_value"]]
        grouped = pairs.groupby(["frequency", "monetary_value"], as_index=False).size()
        columns = (grouped[name].to_numpy() for name in ("frequency", "monetary_value", "size"))
        return cls(histories(rfm), Spends(*columns), rfm.as_of, rfm.first_orders)

    @property
    def customers(self) -> int:
        """Count the customers."""
        return int(self.histories.count.sum())

    @property
    def repeat_buyers(self) -> int:
        """Count the customers who bought again."""
        return int(self.spends.count.sum())


def summarize(transactions: Transactions, end: date | str | None = None) -> Rfm:
    """Summarise every customer seen by the end of observation (the log's last day when None).

    The first purchase is neither in `frequency` nor in `monetary_value`. Sales after the end change nothing.
    """
    last = _as_day(end, "rfm.end") if end is not None else transactions.last_day
    if last < transactions.first_day:
        raise RfmError(f"rfm.end, {last}, is before the log's first purchase: {_range(transactions)}.")
    return _summary(transactions.purchases, last)


def split(transactions: Transactions, cutoff: date | str | None = None, end: date | str | None = None) -> Split:
    """Split a log at the end of the cut-off day: summaries before, purchases and spend after.

    Args:
        transactions: the log.
        cutoff: the last day of calibration; half-way when None.
        end: the last day of the holdout; the log's last day when None. A later one is a time without sales.
    """
    first = transactions.first_day
    last = _as_day(end, "rfm.end") if end is not None else transactions.last_day
    cut = _as_day(cutoff, "rfm.cutoff") if cutoff is not None else first + timedelta((last - first).days // 2)
    if not first <= cut < last:
        where = f"rfm.cutoff has to lie between the log's first purchase and the day before rfm.end ({last})"
        raise RfmError(f"{where}, and is {cut}: {_range(transactions)}.")
    purchases = transactions.purchases
    calibration = _summary(purchases, cut)
    later = purchases[_until(purchases, last) & ~_until(purchases, cut)]
    customers = calibration.customers["customer_id"]
    born = len(pd.Index(later["customer_id"].unique()).difference(pd.Index(customers)))
    return Split(calibration, _holdout(customers, later), cut, last, born)


def histories(rfm: Rfm) -> Histories:
    """Find the distinct histories (frequency, recency, T) and how many customers share each."""
    columns = [rfm.customers[name].to_numpy(dtype=np.int64) for name in ("frequency", "recency", "T")]
    ranked = np.stack(columns)[:, np.lexsort(columns[::-1])]
    is_first = np.ones(ranked.shape[1], dtype=bool)
    is_first[1:] = (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)
    starts = np.flatnonzero(is_first)
    frequency, recency, T = ranked[:, starts]
    return Histories(frequency, recency, T, np.diff(starts, append=ranked.shape[1]).astype(np.int64))


def _summary(purchases: pd.DataFrame, end: date) -> Rfm:
    """Summarise the purchases up to a day; they are sorted by customer and day."""
    seen = purchases[_until(purchases, end)]
    days = seen.groupby("customer_id", sort=True)["date"].agg(["min", "max", "size"])
    repeats = seen[seen["customer_id"].duplicated()]
    spend = repeats.groupby("customer_id", sort=True)["amount"].mean()
    _refuse_free_repeats(spend)
    customers = pd.DataFrame(
        {
            "customer_id": days.index,
            "frequency": days["size"].to_numpy() - 1,
            "recency": (days["max"] - days["min"]).dt.days.to_numpy(),
            "T": (pd.Timestamp(end) - days["min"]).dt.days.to_numpy(),
            "monetary_value": spend.reindex(days.index, fill_value=0.0).to_numpy(),
        }
    )
    return Rfm.from_frame(customers, as_of=end, first_orders=_first_orders(seen))


def _first_orders(seen: pd.DataFrame) -> FirstOrders:
    amounts = seen.loc[~seen["customer_id"].duplicated(), "amount"].to_numpy(dtype=np.float64)
    return FirstOrders(float(amounts.mean()), float(amounts.std()), amounts.size)


def _refuse_free_repeats(spend: pd.Series[Any]) -> None:
    free = spend.index[spend == 0]
    if len(free):
        first = ", ".join(repr(customer) for customer in free[:SHOWN])
        count = f"{len(free):,} of {len(spend):,}"
        raise RfmError(
            f"{count} repeat buyers spent nothing on repeat purchases (first: {first})."
            " Their mean spend has to be above 0: set transactions.zero_amounts=drop."
        )


def _holdout(customers: pd.Series[str], later: pd.DataFrame) -> pd.DataFrame:
    bought = later.groupby("customer_id")["amount"].agg(["size", "sum"]).reindex(customers, fill_value=0)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "purchases": bought["size"].to_numpy(dtype=np.int64),
            "spend": bought["sum"].to_numpy(dtype=np.float64),
        }
    )


def _until(purchases: pd.DataFrame, day: date) -> pd.Series[bool]:
    return purchases["date"] <= pd.Timestamp(day)


def _as_day(given: date | str, key: str) -> date:
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        if isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
            return date.fromisoformat(given)
    except ValueError:
        pass  # such as the 31st of June
    raise RfmError(f"{key} is a calendar day such as 1997-09-30, not {given!r}.")


def _range(transactions: Transactions) -> str:
    return f"the log runs from {transactions.first_day} to {transactions.last_day}"
