"""Split a log at a cut-off, or at several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from ..record import Record
from ..summary import CustomerSummary
from ..transactions import Transactions
from .customers import summarize
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

SHOWN = 3


@dataclass(frozen=True)
class Split:
    """What was known at the cut-off, and what the same customers did until the end.

    Attributes:
        calibration: the summary of every customer seen by the cut-off, from the days up to it alone.
        holdout: `customer_id`, `purchases` (purchase days) and `spend` after the cut-off, row by row as in
            `calibration.table`.
        cutoff: the last day of calibration.
        end: the last day of the holdout.
        born_in_holdout: customers first seen after the cut-off; they are in neither table.
        left_out: customers seen by the cut-off who are not looked at, likewise.
    """

    calibration: CustomerSummary
    holdout: pd.DataFrame
    cutoff: date
    end: date
    born_in_holdout: int
    left_out: LeftOut = NOBODY

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

    def record(self) -> Record:
        """Return the days of calibration and holdout, and the counts of customers inside and outside."""
        counts = {
            "customers": len(self.calibration.table),
            "left_out_since_before": self.left_out.include_left_truncated,
            "left_out_outside": self.left_out.outside,
            "born_in_holdout": self.born_in_holdout,
        }
        return Record(
            metrics={f"window.{name}": count for name, count in counts.items()},
            tags={"cutoff": str(self.cutoff), "end": str(self.end)},
        )


def split(
    transactions: Transactions,
    cutoff: date | str | None = None,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
) -> Split:
    """Split a log at the end of the cut-off day: summaries before, purchases and spend after.

    The calibration knows nothing of the days after the cut-off, their refunds included. A refund in the holdout is
    taken off the sale that it gives back: one of a sale before the cut-off lowers neither side.

    Args:
        transactions: the log.
        cutoff: last day of calibration; half-way through the log when None.
        end: last day of the holdout; the log's last day when None.
        window: who is looked at; the others are in neither table, and counted.
    """
    last = as_day(end, "rfm.end") if end is not None else transactions.last_day
    first = transactions.first_day
    at = as_day(cutoff, "rfm.cutoff") if cutoff is not None else first + (last - first) // 2
    if first == last and cutoff is None:
        raise RfmError(f"There is no day to hold out: {span(transactions)}.")
    if not first <= at < last:
        between = f"between the log's first purchase and the day before rfm.end ({last})"
        raise RfmError(f"rfm.cutoff has to lie {between}, and is {at}: {span(transactions)}.")
    calibration = summarize(transactions, at, window)
    later = transactions.purchases(last).filter(lambda table: table["date"] > at)
    bought = later.group_by("customer_id").aggregate(purchases=later.count(), spend=later["amount"].sum())
    known = set(calibration.table["customer_id"])
    told = bought.mutate(spend=bought["spend"].cast("float64")).to_pandas()
    # Who bought before the cut-off is not born after it, even outside the window of births.
    seen_before = transactions.purchases(at).select("customer_id").distinct()
    acquired = later.select("customer_id").distinct().anti_join(seen_before, "customer_id").count()
    holdout = _holdout(calibration.table["customer_id"], told[told["customer_id"].isin(known)])
    left_out = count_left_out(transactions, at, window)
    return Split(calibration, holdout, at, last, int(acquired.to_pyarrow().as_py()), left_out)


def origins(
    transactions: Transactions,
    cutoffs: Iterable[date | str],
    horizon_days: int,
    window: AcquisitionWindow = EVERYONE,
) -> Iterator[Split]:
    """Split at several cut-offs, each with a holdout of the same length, one after the other.

    Every cut-off is refused that leaves no whole holdout, before the first split is made.
    """
    days = [as_day(cutoff, "a cut-off") for cutoff in cutoffs]
    late = [day for day in days if day + timedelta(horizon_days) > transactions.last_day]
    if late or horizon_days < 1:
        shown = ", ".join(str(day) for day in late[:SHOWN])
        what = f"{len(late):,} of {len(days):,} cut-offs leave no holdout of {horizon_days:,} days (first: {shown})"
        raise RfmError(f"{what}: {span(transactions)}.")
    return (split(transactions, day, day + timedelta(horizon_days), window) for day in days)


def daily_counts(
    transactions: Transactions, cutoff: date, end: date, window: AcquisitionWindow = EVERYONE
) -> pd.DataFrame:
    """Count births and repeat purchases of each day to the end, of the customers born by the cut-off.

    Returns:
        `date`, `births` and `repeats`, from the first purchase to the end, every day once.
    """
    purchases = transactions.purchases(end)
    acquired = first_purchases_of(transactions, purchases)
    ours = acquired.filter(is_in_window(acquired, window) & (acquired["first_purchase"] <= cutoff))
    dated = purchases.join(ours, "customer_id")
    is_birth = dated["date"] == dated["first_purchase"]
    counted = dated.group_by("date").aggregate(acquisitions=is_birth.sum(), repeats=(~is_birth).sum()).to_pandas()
    if counted.empty:
        raise RfmError(f"No customer was born by the cut-off {cutoff}: there is nothing to follow.")
    counted = counted.assign(date=pd.to_datetime(counted["date"])).set_index("date").astype("int64")
    days = pd.date_range(counted.index.min(), end, name="date", unit="us")
    daily: pd.DataFrame = counted.reindex(days, fill_value=0).reset_index()
    return daily


def _holdout(customers: pd.Series[str], bought: pd.DataFrame) -> pd.DataFrame:
    ours = bought.set_index("customer_id").reindex(customers, fill_value=0)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "purchases": ours["purchases"].to_numpy(dtype=np.int64),
            "spend": ours["spend"].to_numpy(dtype=np.float64),
        }
    )
