"""Split a log at a cut-off into calibration and holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..record import Record
from ..summary import CustomerSummary
from ..transactions import Transactions
from .compressed import CompressedSummary
from .log_customers import Counts, LogCustomers
from .window import (
    EVERYONE,
    NOBODY,
    AcquisitionWindow,
    LeftOut,
    RfmError,
    as_day,
    count_left_out,
    first_purchases_of,
    is_in_window,
    span,
)


@dataclass(frozen=True)
class Split:
    """The customer summary at the cut-off, and the holdout of the same customers.

    Attributes:
        calibration: the summary of the customers at the cut-off; later days do not affect it.
        holdout: `customer_id`, `purchases` (purchase days) and `spend` after the cut-off, in the order of
            `calibration.table`.
        cutoff: the last day of calibration.
        end: the last day of the holdout.
        acquired_in_holdout: the number of customers with a first purchase after the cut-off. They are in neither table.
        left_out: the number of customers at the cut-off who are outside the window. They are in neither table.
        everyone: all customers at the cut-off, where both tables have a sample of them; None where they have all.
    """

    calibration: CustomerSummary
    holdout: pd.DataFrame
    cutoff: date
    end: date
    acquired_in_holdout: int
    left_out: LeftOut = NOBODY
    everyone: LogCustomers | None = None

    def __post_init__(self) -> None:
        if not self.cutoff < self.end:
            raise RfmError(f"The holdout has no day: it ends on {self.end}, the cut-off is {self.cutoff}.")
        if list(self.holdout.columns) != ["customer_id", "purchases", "spend"]:
            raise RfmError(f"A holdout has customer_id, purchases and spend, not {list(self.holdout.columns)}.")
        if not self.holdout["customer_id"].equals(self.calibration.table["customer_id"]):
            raise RfmError("The holdout and the calibration list different customers, or in another order.")
        if self.calibration.as_of != self.cutoff:
            raise RfmError(f"The calibration is as of {self.calibration.as_of}, the cut-off is {self.cutoff}.")

    @property
    def horizon_days(self) -> int:
        """Return the length of the holdout in days."""
        return (self.end - self.cutoff).days

    @cached_property
    def counts(self) -> Counts:
        """Count all customers at the cut-off, also those who are not in the sample."""
        return Counts.of(self.calibration) if self.everyone is None else self.everyone.counts

    @property
    def judged(self) -> str:
        """Return which customers are in the tables, as text."""
        judged = len(self.calibration.table)
        if self.everyone is None:
            return f"all {judged:,} customers"
        return f"{judged:,} of {self.counts.customers:,} customers, a sample by a hash of their ids"

    def compress(self, segments: Sequence[str] = ()) -> CompressedSummary:
        """Compress all customers at the cut-off to their distinct histories, also by segment."""
        if self.everyone is None:
            return CompressedSummary.of(self.calibration, segments)
        return self.everyone.compress(segments)

    def judged_log(self, transactions: Transactions) -> Transactions:
        """Return the part of the log that the customers in the tables made."""
        return transactions if self.everyone is None else self.everyone.sampled

    @cached_property
    def totals(self) -> dict[str, float]:
        """Return the `purchases` and the `spend` after the cut-off of all customers, also those not in the sample."""
        if self.everyone is None:
            return {name: float(self.holdout[name].sum()) for name in ("purchases", "spend")}
        return _sum_later(self.everyone, self.end)

    def record(self) -> Record:
        """Return the days of calibration and holdout, and the counts of customers inside and outside."""
        counts = {
            "customers": self.counts.customers,
            "judged": len(self.calibration.table),
            "left_truncated": self.left_out.left_truncated,
            "outside_window": self.left_out.outside,
            "acquired_in_holdout": self.acquired_in_holdout,
        }
        return Record(
            metrics={f"window.{name}": count for name, count in counts.items()},
            tags={"cutoff": str(self.cutoff), "end": str(self.end), "judged": self.judged},
        )


def split_log(
    transactions: Transactions,
    cutoff: date | str | None = None,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    *,
    with_orders: bool = True,
    most: int | None = None,
) -> Split:
    """Split a log at the end of the cut-off day: the customer summary before, purchases and spend after.

    Days after the cut-off, refunds included, do not affect the calibration. A refund in the holdout is subtracted from
    its sale; if that sale is before the cut-off, the refund changes neither side.

    Args:
        transactions: the log.
        cutoff: last day of calibration; half-way through the log if None.
        end: last day of the holdout; the log's last day if None.
        window: the customers to include; the others are counted and in neither table.
        with_orders: whether the calibration has the orders one by one.
        most: customers of the tables; of more there is a sample, by a hash of their ids. None: any number.
    """
    last = as_day(end, "rfm.end") if end is not None else transactions.last_day
    first = transactions.first_day
    at = as_day(cutoff, "rfm.cutoff") if cutoff is not None else first + (last - first) // 2
    if first == last and cutoff is None:
        raise RfmError(f"There is no day for a holdout: {span(transactions)}.")
    if not first <= at < last:
        between = f"between the log's first purchase and the day before rfm.end ({last})"
        raise RfmError(f"rfm.cutoff must lie {between}, got {at}: {span(transactions)}.")
    everyone = LogCustomers(transactions, at, window, with_orders, most)
    calibration = everyone.summary
    judged = _later(everyone.sampled, at, last)
    bought = judged.group_by("customer_id").aggregate(purchases=judged.count(), spend=judged["amount"].sum())
    sums = bought.mutate(spend=bought["spend"].cast("float64")).to_pandas()
    holdout = _holdout(calibration.table["customer_id"], sums)
    later = _later(transactions, at, last)
    # Customers who bought before the cut-off were not acquired after it, even if they are outside the window.
    before = transactions.purchases(at).select("customer_id").distinct()
    acquired = later.select("customer_id").distinct().anti_join(before, "customer_id").count()
    left_out = count_left_out(transactions, at, window)
    source = everyone if everyone.are_many else None
    return Split(calibration, holdout, at, last, int(acquired.to_pyarrow().as_py()), left_out, source)


def _later(transactions: Transactions, cutoff: date, end: date) -> Any:
    return transactions.purchases(end).filter(lambda table: table["date"] > cutoff)


def _sum_later(everyone: LogCustomers, end: date) -> dict[str, float]:
    """Sum the purchases after the end of observation of all customers up to a later day."""
    log = everyone.transactions
    acquired = first_purchases_of(log, log.purchases(everyone.end))
    later = _later(log, everyone.end, end).semi_join(
        acquired.filter(is_in_window(acquired, everyone.window)), "customer_id"
    )
    (sums,) = later.aggregate(purchases=later.count(), spend=later["amount"].sum()).to_pyarrow().to_pylist()
    return {name: float(value or 0.0) for name, value in sums.items()}


def daily_counts(
    transactions: Transactions, cutoff: date, end: date, window: AcquisitionWindow = EVERYONE
) -> pd.DataFrame:
    """Count the first and the repeat purchases of each day, of the customers acquired by the cut-off.

    Returns:
        `date`, `acquisitions` and `repeats` of every day from the first purchase to the end.
    """
    purchases = transactions.purchases(end)
    acquired = first_purchases_of(transactions, purchases)
    followed = acquired.filter(is_in_window(acquired, window) & (acquired["first_purchase"] <= cutoff))
    dated = purchases.join(followed, "customer_id")
    is_first = dated["date"] == dated["first_purchase"]
    counted = dated.group_by("date").aggregate(acquisitions=is_first.sum(), repeats=(~is_first).sum()).to_pandas()
    if counted.empty:
        raise RfmError(f"No customer was acquired by the cut-off {cutoff}.")
    counted = counted.assign(date=pd.to_datetime(counted["date"])).set_index("date").astype("int64")
    days = pd.date_range(counted.index.min(), end, name="date", unit="us")
    daily: pd.DataFrame = counted.reindex(days, fill_value=0).reset_index()
    return daily


def _holdout(customers: pd.Series[str], bought: pd.DataFrame) -> pd.DataFrame:
    rows = bought.set_index("customer_id").reindex(customers, fill_value=0)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "purchases": rows["purchases"].to_numpy(dtype=np.int64),
            "spend": rows["spend"].to_numpy(dtype=np.float64),
        }
    )
