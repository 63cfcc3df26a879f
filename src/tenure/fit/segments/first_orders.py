"""Mean first orders by segment, shrunk towards the mean of all: a random-effects meta-analysis of their logs.

The variance between segments is DerSimonian & Laird's (1986, Controlled Clinical Trials 7). The coefficient of
variation of single first orders is that of all customers: a small segment's own is uncertain.
"""

from collections.abc import Sequence

import numpy as np

from tenure.rfm import CompressedSummary
from tenure.summary import FirstOrders


def shrink_first_orders(
    base: CompressedSummary, parts: Sequence[CompressedSummary]
) -> tuple[tuple[float, float], ...] | None:
    """Return the mean first order of each part and its standard error, and those of a new segment, the last.

    None where the log has no first orders.
    """
    orders = [part.first_orders for part in parts]
    priced = [one for one in orders if one is not None and one.mean > 0]
    if base.first_orders is None or base.first_orders.mean <= 0 or not priced:
        return None
    variation = (base.first_orders.sd / base.first_orders.mean) ** 2
    variances = np.array([max(variation / one.customers, 1e-12) for one in priced])
    logs = np.array([np.log(one.mean) for one in priced]) + 0.5 * variances
    between = _variance_between(logs, variances)
    weights = 1.0 / (variances + between)
    mean, error = float(weights @ logs / weights.sum()), float(1.0 / weights.sum())
    shrunk = [_shrink(one, variation, mean, error, between) for one in orders]
    return (*shrunk, _natural(mean + 0.5 * between, between + error))


def _variance_between(logs: "np.ndarray", variances: "np.ndarray") -> float:
    weights = 1.0 / variances
    excess = weights @ (logs - weights @ logs / weights.sum()) ** 2 - (logs.size - 1)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    return float(max(excess / scale, 0.0)) if scale > 0 else 0.0


def _shrink(
    orders: FirstOrders | None, variation: float, mean: float, error: float, between: float
) -> tuple[float, float]:
    """Return one segment's mean and standard error, given the mean of all, its variance and the variance between."""
    if orders is None or orders.mean <= 0:
        return _natural(mean + 0.5 * between, between + error)
    variance = max(variation / orders.customers, 1e-12)
    share = between / (between + variance)
    log = share * (np.log(orders.mean) + 0.5 * variance) + (1.0 - share) * mean
    return _natural(float(log), share * variance + (1.0 - share) ** 2 * error)


def _natural(log: float, variance: float) -> tuple[float, float]:
    mean = float(np.exp(log))
    return mean, mean * float(np.sqrt(variance))
