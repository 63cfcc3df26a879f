"""The log-likelihood over distinct histories, with its gradient: one compiled kernel serves every method.

A customer was active at the last purchase t_x (the first purchase if x = 0). In the silence until T either neither a
purchase nor the end of the lifetime came, or the lifetime ended first. So the likelihood is

    Gamma(r + x) / Gamma(r) * (alpha + t_x)^-x * (1 + t_x / alpha)^-r * (1 + t_x / beta)^-s * (silent + gone),

where silent = (1 + y / (alpha + t_x))^-(r + x) * (1 + y / (beta + t_x))^-s at y = T - t_x, and gone is `race.p_first`.
It is that of Schmittlein, Morrison & Colombo (1987), Management Science 33(1), and Fader & Hardie (2005), note 009,
without their hypergeometric functions. `silent` and `gone` are probabilities: nothing overflows, and they are never
both 0.

The gradient is the integral's, differentiated under the integral sign, on the same nodes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...caching import njit
from ...kernel_table import FARTHEST, Floats, KernelTable
from .race import NEGLIGIBLE, NODES, WEIGHTS, p_first, panel_width


@dataclass(frozen=True)
class Table(KernelTable):
    """Distinct (x, t_x, T) with counts; times in any one unit.

    `more_than[j]` is the number of customers with more than j repeat purchases: Gamma(r + x) / Gamma(r) is the product
    of r + j over j < x, and factor j appears once for each of them.
    """

    x: Floats
    t_x: Floats
    T: Floats
    count: Floats
    more_than: Floats

    @classmethod
    def of(cls, x: NDArray[np.integer], t_x: Floats, T: Floats, count: Floats) -> "Table":
        """Build the table from distinct histories and how many customers have each."""
        per_x = np.bincount(x, weights=count)
        more_than = (per_x.sum() - np.cumsum(per_x))[:-1]
        return cls(*(np.ascontiguousarray(column, np.float64) for column in (x, t_x, T, count, more_than)))


@njit()
def _gone(s, b, k, a, silence, means):
    """Compute `race.p_first(s, b, k, a, silence)` and means over the time y at which the lifetime ended.

    The lifetime is Lomax(s, b), and the wait for the next purchase Lomax(k, a). `means`, shape (4,), takes those of
    log(1 + y / a), y / (a + y), log(1 + y / b), (s y - b) / (b + y).
    """
    t, total = 0.0, 0.0
    means[:] = 0.0
    while t < silence:
        width, part = panel_width(t, s, b, k, a, silence), 0.0
        for i in range(NODES.size):
            y = t + width * NODES[i]
            log_a, log_b = math.log1p(y / a), math.log1p(y / b)
            weight = width * WEIGHTS[i] * math.exp(-k * log_a - s * log_b) * (s / (b + y))
            part += weight
            means[0] += weight * log_a
            means[1] += weight * (y / (a + y))
            means[2] += weight * log_b
            means[3] += weight * ((s * y - b) / (b + y))
        total += part
        t += width
        if not part > NEGLIGIBLE * total:
            break
    if total > 0.0:
        means /= total
    return total


@njit()
def _value_and_log_gradient(r, alpha, s, beta, x, t_x, T, count, more_than):
    """Sum the log-likelihood over customers, with its gradient in (log r, log alpha, log s, log beta)."""
    total, gradient, means = 0.0, np.zeros(4), np.empty(4)
    for j in range(more_than.size):
        total += more_than[j] * math.log(r + j)
        gradient[0] += more_than[j] * (r / (r + j))
    for i in range(x.size):
        n, k, silence, a, b = count[i], r + x[i], T[i] - t_x[i], alpha + t_x[i], beta + t_x[i]
        before_a, before_b = math.log1p(t_x[i] / alpha), math.log1p(t_x[i] / beta)
        log_a, log_b = math.log1p(silence / a), math.log1p(silence / b)
        silent, gone = math.exp(-k * log_a - s * log_b), _gone(s, b, k, a, silence, means)
        either = silent + gone
        if not either > 0.0:
            return -np.inf, np.zeros(4)
        total += n * (math.log(either) - x[i] * math.log(a) - r * before_a - s * before_b)
        alive, left = silent / either, gone / either
        gradient[0] -= n * r * (before_a + alive * log_a + left * means[0])
        gradient[1] += n * (r * (t_x[i] / a) - x[i] * (alpha / a))
        gradient[1] += n * k * (alpha / a) * (alive * (silence / (a + silence)) + left * means[1])
        gradient[2] += n * (left - s * (before_b + alive * log_b + left * means[2]))
        gradient[3] += n * s * (t_x[i] / b)
        gradient[3] += n * (beta / b) * (alive * (s * (silence / (b + silence))) + left * means[3])
    if not (np.isfinite(total) and np.isfinite(gradient).all()):
        return -np.inf, np.zeros(4)
    return total, gradient


@njit(nogil=True)
def kernel(theta, x, t_x, T, count, more_than):
    """Sum the log-likelihood over customers, with its gradient in (r, alpha, s, beta).

    Returns a 0-d array and an array of shape (4,).
    """
    if not (theta.min() > 0.0 and theta.max() < np.inf):  # a sampler's step so long that a parameter left the doubles
        return np.asarray(-np.inf), np.zeros(4)
    value, gradient = _value_and_log_gradient(theta[0], theta[1], theta[2], theta[3], x, t_x, T, count, more_than)
    return np.asarray(value), gradient / theta


@njit(nogil=True)
def density(u, x, t_x, T, count, more_than):
    """Compute the log-likelihood at u = logs of (mean rate, r, lifetime, s), and its gradient in u."""
    gradient = np.zeros(4)
    if not np.abs(u).max() <= FARTHEST:
        return -np.inf, gradient
    r, alpha, s, beta = math.exp(u[1]), math.exp(u[1] - u[0]), math.exp(u[3]), math.exp(u[2] + u[3])
    value, slope = _value_and_log_gradient(r, alpha, s, beta, x, t_x, T, count, more_than)
    gradient[0], gradient[1], gradient[2], gradient[3] = -slope[1], slope[0] + slope[1], slope[3], slope[2] + slope[3]
    return value, gradient


@njit(nogil=True)
def densities(out, u, *table):
    """Compute the log-likelihood at rows of coordinates."""
    for i in range(u.shape[0]):
        out[i] = density(u[i], *table)[0]


def to_parameters(u: Floats, scale: float) -> dict[str, Floats]:
    """Compute r, alpha, s, beta (days) from coordinates, shape (..., 4); the table's unit is `scale` days."""
    with np.errstate(over="ignore"):
        alpha, beta = np.exp(u[..., 1] - u[..., 0]) * scale, np.exp(u[..., 2] + u[..., 3]) * scale
        return {"r": np.exp(u[..., 1]), "alpha": alpha, "s": np.exp(u[..., 3]), "beta": beta}


@njit(nogil=True)
def _pointwise(out, r, alpha, s, beta, x, t_x, T):
    rates = np.zeros(x.max() + 1)
    for d in range(out.shape[0]):
        for j in range(rates.size - 1):
            rates[j + 1] = rates[j] + math.log(r[d] + j)
        for i in range(x.size):
            silence, a, b, k = T[i] - t_x[i], alpha[d] + t_x[i], beta[d] + t_x[i], r[d] + x[i]
            silent = math.exp(-k * math.log1p(silence / a) - s[d] * math.log1p(silence / b))
            either = max(silent + p_first(s[d], b, k, a, silence), 1e-300)
            before = r[d] * math.log1p(t_x[i] / alpha[d]) + s[d] * math.log1p(t_x[i] / beta[d])
            out[d, i] = rates[x[i]] + math.log(either) - x[i] * math.log(a) - before


def pointwise(draws: Mapping[str, Floats], x: NDArray[np.integer], t_x: Floats, T: Floats) -> Floats:
    """Compute each history's own log-likelihood, shape (draws, histories), not weighted by counts."""
    r, alpha, s, beta = (np.ascontiguousarray(np.ravel(draws[name])) for name in ("r", "alpha", "s", "beta"))
    out = np.empty((r.size, x.size))
    if x.size:
        _pointwise(out, r, alpha, s, beta, x.astype(np.int32), t_x.astype(float), T.astype(float))
    return out
