"""Likelihoods over distinct histories, with their gradients: one compiled kernel each serves every method.

Customers with equal histories contribute equal terms, so sums run over distinct histories with counts, and the
logarithms over distinct x, t_x and T only. Purchase counts are whole numbers, so every ratio of gamma functions is a
product: Gamma(r + x) / Gamma(r) = r (r + 1) ... (r + x - 1). Summed over customers, factor j appears once for each
customer with more than j repeat purchases. That is exact, cheap, and does not cancel when a parameter is large.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]  # the width PyTensor gives integer data, so one compiled kernel serves both


class _Table:
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """List the kernel's data arguments, in its order."""
        return tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


@dataclass(frozen=True)
class PurchaseTable(_Table):
    """Distinct (x, t_x, T) with counts; times in any one unit, held once and pointed at.

    `more_than[j]` is the number of customers with more than j repeat purchases.
    """

    x: Ints
    t_x_at: Ints
    T_at: Ints
    count: Floats
    t_x_values: Floats
    T_values: Floats
    more_than: Floats

    @classmethod
    def of(cls, x: NDArray[np.integer], t_x: Floats, T: Floats, count: Floats) -> "PurchaseTable":
        """Build the table from distinct histories and how many customers have each."""
        t_x_values, t_x_at = np.unique(t_x, return_inverse=True)
        T_values, T_at = np.unique(T, return_inverse=True)
        per_x = np.bincount(x, weights=count)
        more_than = np.ascontiguousarray((per_x.sum() - np.cumsum(per_x))[:-1])
        at = [index.astype(np.int32) for index in (x, t_x_at, T_at)]
        return cls(at[0], at[1], at[2], count, t_x_values, T_values, more_than)


@dataclass(frozen=True)
class SpendTable(_Table):
    """Distinct (x, mean spend) of repeat buyers with counts; money in any one unit.

    The gamma terms need `x_values` and `x_count` only; the terms that no parameter enters are summed once in `sums`:
    customers, sum of log m, sum of x log m + x log x.
    """

    x: Floats
    mean: Floats
    count: Floats
    x_values: Floats
    x_count: Floats
    sums: Floats

    @classmethod
    def of(cls, x: Floats, mean: Floats, count: Floats) -> "SpendTable":
        """Build the table from distinct (x, mean) pairs and how many customers have each."""
        x_values, at = np.unique(x, return_inverse=True)
        sums = [count.sum(), count @ np.log(mean), (count * x) @ np.log(x * mean)]
        x_count = np.bincount(at, weights=count).astype(float)
        return cls(x, mean, count, x_values, x_count, np.array(sums))


@njit(cache=True)
def _factors(r, a, b, more_than):  # type: ignore[no-untyped-def]
    """Sum the gamma terms of all customers, with derivatives in r, a, b."""
    total, d_r, d_a, d_b = 0.0, 0.0, 0.0, 0.0
    for j in range(more_than.size):
        n = more_than[j]
        share = n / (a + b + j)
        total += n * math.log((r + j) * (b + j) / (a + b + j))
        d_r += n / (r + j)
        d_a -= share
        d_b += n / (b + j) - share
    return total, d_r, d_a, d_b


@njit(cache=True)
def _log_sum(active, gone):  # type: ignore[no-untyped-def]
    """Add two probabilities given as logs; give the log of the sum and the second's share."""
    ratio = math.exp(-abs(active - gone))
    share = (ratio if active >= gone else 1.0) / (1.0 + ratio)
    return max(active, gone) + math.log1p(ratio), share


@njit(cache=True)
def bg_nbd_kernel(theta, x, t_x_at, T_at, count, t_x_values, T_values, more_than):  # type: ignore[no-untyped-def]
    """Sum the BG/NBD log-likelihood over customers, with its gradient in (r, alpha, a, b).

    Fader, Hardie & Lee (2005), Marketing Science 24(2), eq. 6, in the log form of Hardie (2013), note 027.
    Returns a 0-d array and an array of shape (4,).
    """
    r, alpha, a, b = theta[0], theta[1], theta[2], theta[3]
    total, d_r, d_a, d_b = _factors(r, a, b, more_than)
    d_alpha = 0.0
    log_t, log_T = np.log1p(t_x_values / alpha), np.log1p(T_values / alpha)
    log_drop = np.log(a / (b + np.arange(more_than.size)))
    purchases = 0.0
    for i in range(x.size):
        n, k, T = count[i], r + x[i], T_values[T_at[i]]
        active = -k * log_T[T_at[i]]
        # The derivative of r log(alpha) - (r + x) log(alpha + T), as one fraction: it would cancel for a large alpha.
        slope_T = (r * T - x[i] * alpha) / (alpha + T)
        if x[i] == 0:
            total += n * active
            d_r -= n * log_T[T_at[i]]
            d_alpha += n * slope_T
            continue
        t_x = t_x_values[t_x_at[i]]
        slope_t = (r * t_x - x[i] * alpha) / (alpha + t_x)
        value, p_gone = _log_sum(active, log_drop[x[i] - 1] - k * log_t[t_x_at[i]])
        p_active = 1.0 - p_gone
        total += n * value
        purchases += n * x[i]
        d_r -= n * (p_active * log_T[T_at[i]] + p_gone * log_t[t_x_at[i]])
        d_alpha += n * (p_active * slope_T + p_gone * slope_t)
        d_a += n * p_gone / a
        d_b -= n * p_gone / (b + x[i] - 1)
    total -= purchases * math.log(alpha)
    return np.asarray(total), np.array([d_r, d_alpha / alpha, d_a, d_b])


@njit(cache=True)
def _bg_nbd_each(out, r, alpha, a, b, x, t_x, T):  # type: ignore[no-untyped-def]
    steps = np.zeros(x.max() + 1)
    for s in range(out.shape[0]):
        for j in range(steps.size - 1):
            steps[j + 1] = steps[j] + math.log((r[s] + j) * (b[s] + j) / (a[s] + b[s] + j))
        for i in range(x.size):
            k = r[s] + x[i]
            value = -k * math.log1p(T[i] / alpha[s])
            if x[i] > 0:
                gone = math.log(a[s] / (b[s] + x[i] - 1)) - k * math.log1p(t_x[i] / alpha[s])
                value, _ = _log_sum(value, gone)
            out[s, i] = value + steps[x[i]] - x[i] * math.log(alpha[s])


def bg_nbd_pointwise(draws: Mapping[str, Floats], x: NDArray[np.integer], t_x: Floats, T: Floats) -> Floats:
    """Give each history's own log-likelihood, shape (draws, histories), not weighted by counts."""
    r, alpha, a, b = (np.ascontiguousarray(np.ravel(draws[name])) for name in ("r", "alpha", "a", "b"))
    out = np.empty((r.size, x.size))
    if x.size:
        _bg_nbd_each(out, r, alpha, a, b, x.astype(np.int32), t_x.astype(float), T.astype(float))
    return out


@njit(cache=True)
def _digamma(z):  # type: ignore[no-untyped-def]
    """Evaluate the digamma function for z > 0 (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18)."""
    shift = 0.0
    while z < 12.0:
        shift -= 1.0 / z
        z += 1.0
    w = 1.0 / (z * z)
    tail = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * 691 / 32760)))))
    return shift + math.log(z) - 0.5 / z - tail


@njit(cache=True)
def gamma_gamma_kernel(theta, x, mean, count, x_values, x_count, sums):  # type: ignore[no-untyped-def]
    """Sum the Gamma-Gamma log-likelihood over repeat buyers, with its gradient in (p, q, v).

    Fader & Hardie (2013), note 025, eq. 1a: the density of a customer's mean spend over x purchases.
    Returns a 0-d array and an array of shape (3,).
    """
    p, q, v = theta[0], theta[1], theta[2]
    customers, sum_log, sum_x_log = sums[0], sums[1], sums[2]
    log_v = math.log(v)
    total = p * sum_x_log - sum_log - customers * math.lgamma(q)
    d_p, d_q, d_v = sum_x_log, -customers * _digamma(q), 0.0
    for i in range(x_values.size):
        n, k = x_count[i], p * x_values[i]
        total += n * (math.lgamma(k + q) - math.lgamma(k) - k * log_v)
        both = _digamma(k + q)
        d_p += n * x_values[i] * (both - _digamma(k) - log_v)
        d_q += n * both
    for i in range(x.size):
        n, k, spend = count[i], p * x[i], x[i] * mean[i]
        log_one_plus = math.log1p(spend / v)
        total -= n * (k + q) * log_one_plus
        d_p -= n * x[i] * log_one_plus
        d_q -= n * log_one_plus
        d_v += n * (q * spend - k * v) / (spend + v)
    return np.asarray(total), np.array([d_p, d_q, d_v / v])


def gamma_gamma_pointwise(draws: Mapping[str, Floats], x: Floats, mean: Floats) -> Floats:
    """Give each repeat buyer's own log-likelihood, shape (draws, buyers)."""
    p, q, v = (np.ravel(draws[name])[:, None] for name in ("p", "q", "v"))
    gammas = gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
    each: Floats = gammas + p * x * np.log(x * mean / v) - np.log(mean) - (p * x + q) * np.log1p(x * mean / v)
    return each
