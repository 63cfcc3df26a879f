"""Follow repeat purchases week by week, through calibration and holdout."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import BacktestError
from .history import DailyCounts
from .scores import central

type Floats = NDArray[np.float64]


def track(daily: DailyCounts, expected_new_customer: Floats, *, level: float) -> pd.DataFrame:
    """Follow repeat purchases, cumulative and week by week, beside their expectation.

    For each day that is whole weeks away from the cut-off (so that no week is in both): cumulative repeat
    purchases of the customers born by the cut-off, the expectation sum_{births} E[X(day - birth)] with its
    *credible* interval, and both in weekly increments; the first week may be short, a short last one is left
    out. Fader, Hardie & Lee (2005), "Counting your customers" the easy way, the tracking plots.

    Args:
        daily: births and repeat purchases by day.
        expected_new_customer: expected repeat purchases within t days of the first, (draws, t = 0, 1, 2...).
        level: the level of the credible interval.
    """
    last = len(daily.births) - 1
    if expected_new_customer.shape[1] <= last:
        raise BacktestError(
            f"expected_new_customer ends {expected_new_customer.shape[1] - 1:,} days after the first purchase"
            f"; the log runs for {last:,} days to {daily.end}."
        )
    anchor = last - (daily.end - daily.cutoff).days
    days = np.arange(anchor % 7, last + 1, 7)
    age = days[None, :] - np.arange(last + 1)[:, None]
    born_at_age = np.where(age >= 0, daily.births[np.maximum(age, 0)], 0)
    drawn = expected_new_customer[:, : last + 1] @ born_at_age.astype(np.float64)
    low, high = central(drawn, level)
    actual, expected = np.cumsum(daily.repeats)[days], drawn.mean(axis=0)
    return pd.DataFrame(
        {
            "day": pd.Timestamp(daily.end) - pd.to_timedelta(last - days, unit="D"),
            "actual": actual,
            "expected": expected,
            "low": low,
            "high": high,
            "weekly_actual": np.diff(actual, prepend=0),
            "weekly_expected": np.diff(expected, prepend=0.0),
        }
    )
