"""Pareto smoothing of importance weights, and k-hat, the diagnostic of their reliability.

Vehtari, Simpson, Gelman, Yao & Gabry (2024), Pareto smoothed importance sampling, JMLR 25. ArviZ has the same in
plain NumPy, and a test compares the two; here it is compiled, because leave-one-out needs it once per distinct history,
and because ArviZ takes longer to import than a posterior to find.
"""

import math

import numpy as np

from tenure.caching import njit

LIMIT = 0.7  # of k-hat: above it, no practical number of draws makes the estimate reliable


@njit(nogil=True)
def smooth(log_weights, relative_ess):
    """Smooth the largest of the weights, in place, normalise, and return k-hat.

    Args:
        log_weights: shape (draws,); comes back with the tail smoothed and the sum of the weights 1.
        relative_ess: effective draws per draw, which sets the length of the tail.

    k-hat is infinite where no tail can be fitted: too few draws, or the tail's weights nearly all equal.
    """
    log_weights -= log_weights.max()
    draws = log_weights.size
    tail = int(3.0 * math.sqrt(draws / relative_ess)) if draws * relative_ess > 225.0 else draws // 5
    khat = np.inf
    if tail >= 5:
        order = np.argsort(log_weights)
        top = order[draws - tail :]
        cutoff = math.exp(log_weights[order[draws - tail - 1]])
        over = np.exp(log_weights[top]) - cutoff
        # Without a spread in the tail there is nothing to smooth and nothing to fear.
        if over[-1] - over[0] > 1e-12:
            khat, sigma = _fit(over)
            if np.isfinite(khat) and sigma > 0.0:
                largest = log_weights[top[-1]]
                for i in range(tail):
                    quantile = cutoff + _quantile((i + 0.5) / tail, khat, sigma)
                    log_weights[top[i]] = min(math.log(max(quantile, 1e-300)), largest)
        else:
            khat = 0.0
    log_weights -= math.log(np.exp(log_weights).sum())
    return khat


@njit()
def _fit(over):
    """Estimate shape and scale of a generalised Pareto distribution from sorted excesses.

    Zhang & Stephens (2009), Technometrics 51, with Vehtari et al.'s weak prior that draws the shape towards 0.5.
    """
    n = over.size
    quartile = over[int(n / 4 + 0.5) - 1]
    if quartile <= over[0]:
        return np.inf, np.nan
    points = 30 + int(math.sqrt(n))
    thetas, logs = np.empty(points), np.empty(points)
    for j in range(points):
        thetas[j] = 1.0 / over[-1] + (1.0 - math.sqrt(points / (j + 0.5))) / (3.0 * quartile)
        shape = _mean_log(thetas[j], over)
        logs[j] = n * (math.log(-thetas[j] / shape) - shape - 1.0)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    weights[weights < 10.0 * np.finfo(np.float64).eps] = 0.0
    theta = (thetas * weights).sum() / weights.sum()
    shape = _mean_log(theta, over)
    if np.isnan(shape):
        return np.inf, np.nan
    return (n * shape + 5.0) / (n + 10.0), -shape / theta


@njit()
def _mean_log(theta, over):
    total = 0.0
    for value in over:
        total += math.log1p(-theta * value)
    return total / over.size


@njit()
def _quantile(probability, shape, scale):
    if shape == 0.0:
        return -scale * math.log1p(-probability)
    return scale * math.expm1(-shape * math.log1p(-probability)) / shape
