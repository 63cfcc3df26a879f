"""Follow repeat purchases week by week, through calibration and holdout."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import BacktestError
from .scores import central

type Floats = NDArray[np.float64]


def track(counts: pd.DataFrame, expected_new_customer: Floats, *, cutoff: date, level: float) -> pd.DataFrame:
    """Follow repeat purchases, cumulative and week by week, beside their expectation.

    For each day that is whole weeks away from the cut-off (so that no week is in both): cumulative repeat
    purchases of the customers born by the cut-off, the expectation sum_{births} E[X(day - birth)] with its
    *credible* interval, and both in weekly increments; the first week may be short, a short last one is left
    out. Fader, Hardie & Lee (2005), "Counting your customers" the easy way, the tracking plots.

    Args:
        counts: `date`, `births` and `repeats` of the customers born by the cut-off, every day once, the last being
            that of the holdout (`rfm.daily_counts`).
        expected_new_customer: expected repeat purchases within t days of the first, (draws, t = 0, 1, 2...).
        cutoff: last day of the calibration.
        level: the level of the credible interval.
    """
    births, repeats, end = counts["births"].to_numpy(), counts["repeats"].to_numpy(), counts["date"].iloc[-1].date()
    if cutoff > end:
        raise BacktestError(f"The cut-off {cutoff} is after the end {end}.")
    last = len(births) - 1
    if expected_new_customer.shape[1] <= last:
        raise BacktestError(
            f"expected_new_customer ends {expected_new_customer.shape[1] - 1:,} days after the first purchase"
            f"; the log runs for {last:,} days to {end}."
        )
    anchor = last - (end - cutoff).days
    days = np.arange(anchor % 7, last + 1, 7)
    age = days[None, :] - np.arange(last + 1)[:, None]
    born_at_age = np.where(age >= 0, births[np.maximum(age, 0)], 0)
    drawn = expected_new_customer[:, : last + 1] @ born_at_age.astype(np.float64)
    low, high = central(drawn, level)
    actual, expected = np.cumsum(repeats)[days], drawn.mean(axis=0)
    return pd.DataFrame(
        {
            "day": pd.Timestamp(end) - pd.to_timedelta(last - days, unit="D"),
            "actual": actual,
            "expected": expected,
            "low": low,
            "high": high,
            "weekly_actual": np.diff(actual, prepend=0),
            "weekly_expected": np.diff(expected, prepend=0.0),
        }
    )
