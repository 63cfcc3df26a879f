"""Scores: of sampled outcomes against actual ones, of an order of customers, of an interval."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Numbers = NDArray[Any]


def crps(simulated: Numbers, actual: Floats) -> Floats:
    """Score each customer's simulated outcomes: the fair CRPS, in the outcome's unit.

    mean |x_s - y| - sum_{s,t} |x_s - x_t| / (2 S (S - 1)): unbiased for the CRPS of the distribution that the
    S simulations come from, however few they are, so it may fall below zero. Ferro (2014), Fair scores for
    ensemble forecasts. By sorting: the double sum is 2 sum_k (2k - S + 1) x_(k), k = 0 to S - 1. A sample without
    spread scores its absolute error.

    >>> crps(np.array([[0.0, 2.0]]), np.array([1.0]))
    array([0.])
    """
    size = simulated.shape[1]
    weights = (2.0 * np.arange(size) - size + 1) / (size * (size - 1))
    ordered = np.sort(simulated, axis=1).astype(np.float64)
    scores: Floats = np.abs(ordered - actual[:, None]).mean(axis=1) - ordered @ weights
    return scores


def randomized_pit(simulated: Numbers, actual: Floats, uniform: Floats) -> Floats:
    """Compute the randomised PIT of each outcome: uniform on (0, 1) when the forecast is right.

    u = (#{x_s < y} + V (#{x_s = y} + 1)) / (S + 1) with V uniform: the rank of y among S + 1 exchangeable
    values, spread evenly over its ties and its own step, so exactly uniform for every S. The randomised PIT
    of Czado, Gneiting & Held (2009), Predictive model assessment for count data, for an ensemble.
    """
    below = np.count_nonzero(simulated < actual[:, None], axis=1)
    equal = np.count_nonzero(simulated == actual[:, None], axis=1)
    pit: Floats = (below + uniform * (equal + 1)) / (simulated.shape[1] + 1)
    return pit


def share_buying(purchases: Numbers) -> Floats:
    """Return the share of a customer's futures with a purchase; a fraction of one counts from a half up."""
    share: Floats = (purchases >= 0.5).mean(axis=1)
    return share


def brier(p: Floats, bought: NDArray[np.bool_], draws: int) -> Floats:
    """Score a share of draws as a probability: the fair Brier score.

    (p - y)^2 - p (1 - p) / (S - 1): unbiased for the probability that the S draws estimate. Ferro (2014).

    >>> brier(np.array([0.0, 1.0]), np.array([False, False]), 10)
    array([0., 1.])
    """
    scores: Floats = np.square(p - bought) - p * (1 - p) / (draws - 1)
    return scores


def normalized_gini(expected: Floats, actual: Floats) -> float:
    """Compute how well an order ranks outcomes: 1 is the best order, 0 no better than chance.

    The Gini coefficient of the outcomes in the order of `expected` over that in their own order; by mean ranks, so
    that ties in `expected` have no order: G ~ cov(y, rank) (Lerman & Yitzhaki 1984, Economics Letters 15). NaN where
    the outcomes are all alike.

    >>> normalized_gini(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 5.0]))
    1.0
    """
    if len(actual) < 2 or np.ptp(actual) == 0:
        return float("nan")
    if np.ptp(expected) == 0:
        return 0.0
    centred = actual - actual.mean()
    return float(centred @ ranks(expected) / (centred @ ranks(actual)))


def central(draws: Floats, level: float) -> Floats:
    """Return the bounds of the central `level` as order statistics (the inverted CDF), over the first axis."""
    tail = (1 - level) / 2
    bounds: Floats = np.quantile(draws, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return bounds


def correlation(a: Floats, b: Floats) -> float:
    """Compute Pearson's correlation; NaN where either is constant or there are fewer than two."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def count_distinct(values: Floats) -> int:
    """Count distinct values; those that differ by rounding alone, a billionth, are one.

    >>> count_distinct(np.array([0.3, 0.1 + 0.2, 0.4]))
    2
    """
    ordered = np.sort(values)
    return int(np.count_nonzero(np.diff(ordered) > 1e-9 * np.abs(ordered[1:]))) + 1 if len(values) else 0


def ranks(values: Floats) -> Floats:
    """Return ranks from 1 up, ties at their mean rank."""
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def top_chances(values: Floats, share: float = 0.1) -> Floats:
    """Return the probability of being in the top share, where ties at its edge are broken at random.

    >>> top_chances(np.array([5.0, 1.0, 1.0, 0.0]), 0.5).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    places = share * len(values)
    edge = np.sort(values)[::-1][max(int(np.ceil(places - 1e-9)) - 1, 0)]
    above, tied = values > edge, values == edge
    chances: Floats = above + tied * (places - above.sum()) / tied.sum()
    return chances


def ratio(over: float, under: float) -> float:
    """Return a quotient; NaN where the divisor is 0."""
    return float(over / under) if under != 0 else float("nan")


def standard_error(values: Floats) -> float:
    """Return the standard error of the mean over customers; NaN of one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
