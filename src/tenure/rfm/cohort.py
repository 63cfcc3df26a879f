"""Logs of one cohort: the week in which acquisitions stop, and the trend of acquisitions until then."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]

MOST = 0.98  # share of the first purchases up to the stop; the others are stragglers
MOST_WEEKS = 2 / 3  # share of the log's weeks up to the stop
LEAST_RATE = 0.25  # of the last sixth of these weeks, relative to the mean of all of them
STEPS = 50  # of Newton's method, which needs about five


def weeks_of_acquisition(counts: Ints) -> int | None:
    """Return after how many weeks acquisitions stop; None where the log does not follow one cohort.

    Acquisitions stop if nearly all first purchases are in the first two thirds of the weeks, and still come shortly
    before the stop. The first purchases in the log of left-truncated customers do not stop: they become fewer week by
    week, as customers who buy seldom appear later. If they come at random intervals, the last sixth of the weeks that
    have 98% of them has 0.11 of the mean rate, and less if customers differ.
    """
    cumulative = np.cumsum(counts) / counts.sum()
    weeks = int(np.argmax(cumulative >= MOST)) + 1
    last = counts[weeks - -(-weeks // 6) : weeks]
    if weeks > MOST_WEEKS * len(counts) or last.mean() < LEAST_RATE * counts[:weeks].mean():
        return None
    return weeks


class Trend(NamedTuple):
    """Expected counts by week, and the standard error of those of the first weeks together.

    Attributes:
        expected: by week.
        error: of the sum over the first weeks, from the estimate of the trend and from the weeks' own variance.
    """

    expected: Floats
    error: float


def fit_trend(counts: Ints, later: int, early: int) -> Trend:
    """Fit a Poisson regression with a log-linear trend to the last `later` weeks; forecast the first `early` weeks.

    The variance is that of a Poisson variable times a dispersion, the mean squared Pearson residual, at least 1.
    """
    weeks = np.arange(len(counts), dtype=np.float64) - (len(counts) - later)
    design = np.column_stack([np.ones_like(weeks), weeks / later])
    fitted, seen = design[-later:], counts[-later:].astype(np.float64)
    slope = np.array([np.log(seen.mean()), 0.0])
    for _ in range(STEPS):
        rate = np.exp(fitted @ slope)
        step = np.linalg.solve((fitted * rate[:, None]).T @ fitted, fitted.T @ (seen - rate))
        slope = slope + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    expected = np.exp(np.clip(design @ slope, None, 50.0))
    rate = expected[-later:]
    dispersion = max(float(((seen - rate) ** 2 / rate).sum()) / (later - 2), 1.0)
    gradient = (design[:early] * expected[:early, None]).sum(axis=0)
    covariance = np.linalg.inv((fitted * rate[:, None]).T @ fitted)
    variance = dispersion * (expected[:early].sum() + gradient @ covariance @ gradient)
    return Trend(expected, float(np.sqrt(variance)))
