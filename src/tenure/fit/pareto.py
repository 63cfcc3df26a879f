"""Pareto smoothing of importance weights, and k-hat, the diagnostic of their reliability.

Vehtari, Simpson, Gelman, Yao & Gabry (2024), Pareto smoothed importance sampling, JMLR 25. ArviZ has the same in
plain NumPy, and a test compares the two; here it is compiled, because leave-one-out needs it once per distinct history,
and because ArviZ takes longer to import than a posterior to find.
"""

import math

import numpy as np

from tenure.caching import njit

NEGLIGIBLE = 10.0 * float(np.finfo(np.float64).eps)
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
        top = _largest(log_weights, tail + 1)
        cutoff, top = math.exp(log_weights[top[0]]), top[1:]
        over = np.empty(tail)
        for i in range(tail):
            over[i] = math.exp(log_weights[top[i]]) - cutoff
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
def _largest(values, size):
    """Return the places of the largest values, in rising order: a heap of them, then heap sort.

    NumPy's sort would take two more seconds to compile.
    """
    heap = np.arange(size)  # the smallest of them first
    for i in range(size // 2 - 1, -1, -1):
        _sink(heap, i, size, values)
    for i in range(size, values.size):
        if values[i] > values[heap[0]]:
            heap[0] = i
            _sink(heap, np.int64(0), size, values)
    for end in range(size - 1, 0, -1):  # the smallest goes to the end
        heap[0], heap[end] = heap[end], heap[0]
        _sink(heap, np.int64(0), end, values)
    return heap[::-1].copy()


@njit()
def _sink(heap, at, size, values):
    """Move a place down the heap until none below it has a smaller value."""
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and values[heap[child + 1]] < values[heap[child]]:
            child += 1
        if values[heap[at]] <= values[heap[child]]:
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


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
    theta = _weighted_mean(thetas, logs)
    shape = _mean_log(theta, over)
    if np.isnan(shape):
        return np.inf, np.nan
    return (n * shape + 5.0) / (n + 10.0), -shape / theta


@njit()
def _weighted_mean(values, log_weights):
    """Compute the mean of values by their weights; those below ten roundings of their sum are 0.

    In loops: Numba compiles seconds of error messages for operations on two arrays.
    """
    largest, total = log_weights[0], 0.0
    for log_weight in log_weights:
        largest = max(largest, log_weight)
    for log_weight in log_weights:
        total += math.exp(log_weight - largest)
    mean, kept = 0.0, 0.0
    for i in range(values.size):
        weight = math.exp(log_weights[i] - largest) / total
        if weight >= NEGLIGIBLE:
            mean += values[i] * weight
            kept += weight
    return mean / kept if kept > 0.0 else np.nan


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
