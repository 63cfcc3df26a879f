"""Leave-one-customer-out cross-validation by Pareto-smoothed importance sampling, once per distinct history.

A history's own log-likelihood is what leaving *one* customer out removes, however many customers share it; counts
enter only afterwards, in the sum, the standard error and the shares of k-hat. (Weighting the log-likelihood by the
count before smoothing would leave all of them out at once, with no alarm.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]
CHUNK = 4096


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density of one left-out customer, summed over customers.

    Args:
        elpd: sum over customers; log densities per day and per unit of the log's money.
        se: its standard error over customers.
        p_loo: effective number of parameters.
        khat_max: largest Pareto k; above 0.7 the sum is not to be trusted.
        khat_bad: number of customers above 0.7.
        pointwise: elpd of one customer of each history, aligned with `count`.
        count: customers per history.
    """

    elpd: float
    se: float
    p_loo: float
    khat_max: float
    khat_bad: int
    pointwise: Floats
    count: Floats


def loo(log_likelihood: Callable[[slice], Floats], count: Floats, *, relative_ess: float) -> Loo:
    """Estimate the elpd of leaving out one customer at a time. Vehtari, Gelman & Gabry (2017).

    Args:
        log_likelihood: gives the (draws, histories) log-likelihood of a slice of the histories, one customer each.
        count: customers per history.
        relative_ess: effective draws per draw, which sets the length of the smoothed tail.
    """
    elpd, lppd, khat = (np.empty(count.size) for _ in range(3))
    for start in range(0, count.size, CHUNK):
        part = slice(start, start + CHUNK)
        values = log_likelihood(part).T
        log_weights, khat[part] = array_stats.psislw(values, r_eff=relative_ess)
        elpd[part] = logsumexp(log_weights + values, axis=1)
        lppd[part] = logsumexp(values, axis=1) - np.log(values.shape[1])
    customers, total = count.sum(), float(count @ elpd)
    spread = count @ (elpd - total / customers) ** 2 * customers / max(customers - 1.0, 1.0)
    return Loo(
        elpd=total,
        se=float(np.sqrt(spread)),
        p_loo=float(count @ (lppd - elpd)),
        khat_max=float(khat.max()),
        khat_bad=int(count[khat > 0.7].sum()),
        pointwise=elpd,
        count=count,
    )
