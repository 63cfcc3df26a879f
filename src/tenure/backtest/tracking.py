"""Tracking of repeat purchases week by week, through calibration window and holdout."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .outcome import BacktestError
from .scores import central

type Floats = NDArray[np.float64]


def track_purchases(
    counts: pd.DataFrame, expected_new_customer: Floats, *, cutoff: date, level: float, forecast: float | None = None
) -> pd.DataFrame:
    """Tabulate actual and expected repeat purchases, cumulative and by week.

    For each day that is whole weeks away from the cut-off (so that no week lies in both windows): cumulative repeat
    purchases of the customers acquired by the cut-off, the expectation sum_{customers} E[X(day - first_purchase)] with
    its *credible* interval, and both in weekly increments. The first week may be short; a short last one is left out.
    Fader, Hardie & Lee (2005), "Counting your customers" the easy way, the tracking plots.

    The curve is conditional on first purchases alone. The expectation of the holdout given the customers' histories is
    the sum of their own forecasts, and differs from the curve by a percent or so. The curve after the cut-off is
    therefore scaled to that sum, so that the holdout's total is one number wherever it is shown.

    Args:
        counts: `date`, `acquisitions` and `repeats` of the customers acquired by the cut-off, every day once, to the
            last of the holdout (`rfm.daily_counts`).
        expected_new_customer: expected repeat purchases within t days of the first, (draws, t = 0, 1, 2...).
        cutoff: last day of the calibration window.
        level: the level of the credible interval.
        forecast: the sum of the customers' own forecasts of the holdout; None leaves the curve as it is.
    """
    acquisitions, repeats, end = (
        counts["acquisitions"].to_numpy(),
        counts["repeats"].to_numpy(),
        counts["date"].iloc[-1].date(),
    )
    if cutoff > end:
        raise BacktestError(f"The cut-off {cutoff} is after the end {end}.")
    last = len(acquisitions) - 1
    if expected_new_customer.shape[1] <= last:
        raise BacktestError(
            f"expected_new_customer ends {expected_new_customer.shape[1] - 1:,} days after the first purchase"
            f"; the log runs for {last:,} days to {end}."
        )
    anchor = last - (end - cutoff).days
    days = np.arange(anchor % 7, last + 1, 7)
    age = days[None, :] - np.arange(last + 1)[:, None]
    acquired_at_age = np.where(age >= 0, acquisitions[np.maximum(age, 0)], 0)
    draws = expected_new_customer[:, : last + 1] @ acquired_at_age.astype(np.float64)
    if forecast is not None:
        at_cutoff, at_end = (_expected_on(day, acquisitions, expected_new_customer) for day in (anchor, last))
        rise = float((at_end - at_cutoff).mean())
        after = days > anchor
        scaled = at_cutoff[:, None] + (draws[:, after] - at_cutoff[:, None]) * (forecast / rise if rise > 0 else 1.0)
        draws = np.concatenate([draws[:, ~after], scaled], axis=1)
    low, high = central(draws, level)
    actual, expected = np.cumsum(repeats)[days], draws.mean(axis=0)
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


def _expected_on(day: int, acquisitions: NDArray[np.int64], expected_new_customer: Floats) -> Floats:
    """Compute the expected cumulative repeat purchases up to a day of the log, per draw."""
    expected: Floats = expected_new_customer[:, day::-1] @ acquisitions[: day + 1].astype(np.float64)
    return expected
