"""All that a backtest asks of the purchase log itself, beyond summaries and splits."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.transactions import Transactions

from .errors import BacktestError

type Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DailyCounts:
    """Births and repeat purchases by day, of the customers born by the cut-off.

    Args:
        births, repeats: one number per day, from the first birth to `end`.
        cutoff: last day of the calibration.
        end: last day of the holdout.
    """

    births: Ints
    repeats: Ints
    cutoff: date
    end: date

    def __post_init__(self) -> None:
        if self.cutoff > self.end:
            raise BacktestError(f"The cut-off {self.cutoff} is after the end {self.end}.")
        if not self.births.any():
            raise BacktestError(f"No customer was born by the cut-off {self.cutoff}: there is nothing to track.")


def daily_counts(transactions: Transactions, cutoff: date, end: date) -> DailyCounts:
    """Count births and repeat purchases of each day, of the customers born by the cut-off."""
    seen = _until(transactions, end)
    first = seen.groupby("customer_id")["date"].transform("min")
    ours = first <= pd.Timestamp(cutoff)
    start = first.min()
    length = max((pd.Timestamp(end) - start).days + 1, 0) if len(seen) else 0
    day = (seen.loc[ours, "date"] - start).dt.days.to_numpy()
    birth = (first[ours] - start).dt.days.to_numpy()
    births, repeats = (np.bincount(day[which], minlength=length) for which in (day == birth, day > birth))
    return DailyCounts(births, repeats, cutoff, end)


def bought_between(transactions: Transactions, after: date, until: date, customers: "pd.Series[Any]") -> pd.DataFrame:
    """Total `purchases` and `spend` of each customer after one day and up to another, in the customers' order."""
    seen = _until(transactions, until)
    bought = seen[seen["date"] > pd.Timestamp(after)].groupby("customer_id")["amount"].agg(["size", "sum"])
    return bought.reindex(customers, fill_value=0).set_axis(["purchases", "spend"], axis=1).astype(np.float64)


def _until(transactions: Transactions, day: date) -> pd.DataFrame:
    purchases = transactions.purchases
    return purchases[purchases["date"] <= pd.Timestamp(day)]
