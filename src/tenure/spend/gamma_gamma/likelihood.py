"""The log-likelihood over distinct mean spends, with its gradient: one compiled kernel serves every method.

The amounts of x purchases are as likely as their mean times the amounts given their mean. The latter is a Dirichlet
density, which depends on p alone and, over all customers, on one sum: of log(amount / the customer's mean).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ...caching import njit
from ...kernel_table import Floats, KernelTable, are_near, are_positive

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
# Variation of spend below a thousandth is indistinguishable from rounding to cents: the priors are on what exceeds it.
# Where all spends are equal, the likelihood would otherwise rise without end.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Table(KernelTable):
    """Distinct (x, mean spend) of repeat buyers with counts, grouped by x; money in any one unit.

    Group g has `x_values[g]`, `x_count[g]` customers and the pairs from `starts[g]` to `starts[g + 1]`; `total` is the
    spend of a customer, x times the mean. What no parameter enters is summed once in `sums`: customers, sum of log m,
    sum of x log(x m); with single amounts also the sum of log(amount / m), and the sum of (1 - x) log m.
    """

    x_values: Floats
    x_count: Floats
    starts: NDArray[np.int64]
    total: Floats
    count: Floats
    sums: Floats

    @classmethod
    def of(cls, x: Floats, mean: Floats, count: Floats, log_ratio: Floats | None = None) -> "Table":
        """Build the table from distinct (x, mean) pairs and how many customers have each.

        With `log_ratio`, a customer's sum of log(amount / mean), the likelihood is of single amounts, else of means.
        """
        within = [] if log_ratio is None else [count @ log_ratio, (count * (1.0 - x)) @ np.log(mean)]
        order = np.lexsort((count, x))
        x, mean, count = x[order], mean[order], count[order]
        x_values, starts, at = np.unique(x, return_index=True, return_inverse=True)
        sums = np.array([count.sum(), count @ np.log(mean), (count * x) @ np.log(x * mean), *within])
        x_count = np.bincount(at, weights=count).astype(float)
        return cls(x_values, x_count, np.append(starts, x.size), x * mean, count, sums)

    @property
    def typical_x(self) -> float:
        """Return the geometric mean of the numbers of repeat purchases."""
        return float(np.exp(np.log(self.x_values) @ self.x_count / self.x_count.sum()))


@njit()
def digamma(z):
    """Compute the digamma function for z > 0 (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18)."""
    shift = 0.0
    while z < 12.0:
        shift -= 1.0 / z
        z += 1.0
    w = 1.0 / (z * z)
    tail = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * 691 / 32760)))))
    return shift + math.log(z) - 0.5 / z - tail


@njit(nogil=True)
def kernel(theta, x_values, x_count, starts, spent, count, sums):
    """Sum the Gamma-Gamma log-likelihood over repeat buyers, with its gradient in (p, q, v).

    Fader & Hardie (2013), note 025, eq. 1a: the density of a customer's mean spend over x purchases. Where `sums` has
    those of single amounts, their density given the mean is added.
    Returns a 0-d array and an array of shape (3,).
    """
    if not are_positive(theta):
        return np.asarray(-np.inf), np.zeros(3)
    p, q, v = theta[0], theta[1], theta[2]
    customers, sum_log, sum_x_log = sums[0], sums[1], sums[2]
    log_v = math.log(v)
    total = p * sum_x_log - sum_log
    d_p, d_q, d_v = sum_x_log, -customers * digamma(q), 0.0
    for g in range(x_values.size):
        n_g, k = x_count[g], p * x_values[g]
        log_ratio, product = 0.0, 1.0  # of (v + spent) / v, over the group's customers
        for i in range(starts[g], starts[g + 1]):
            n, ratio = count[i], spent[i] / v
            if n < 5.0 and ratio < 1e30:
                for _ in range(int(n)):
                    product *= 1.0 + ratio
                if product > 1e150:
                    log_ratio += math.log(product)
                    product = 1.0
            else:
                log_ratio += n * math.log1p(ratio)
            d_v += n * (q * spent[i] - k * v) / (spent[i] + v)
        log_ratio += math.log(product)
        both = digamma(k + q)
        total += n_g * (log_gamma_ratio(k, q) - k * log_v) - (k + q) * log_ratio
        d_p += x_values[g] * (n_g * (both - digamma(k) - log_v) - log_ratio)
        d_q += n_g * both - log_ratio
    if sums.size > 3:
        within, slope = _of_amounts(p, x_values, x_count, sums)
        total += within
        d_p += slope
    return np.asarray(total), np.array([d_p, d_q, d_v / v])


@njit()
def _of_amounts(p, x_values, x_count, sums):
    """Sum the log-density of customers' amounts given their means, with its slope in p."""
    total, slope = (p - 1.0) * sums[3] + sums[4], sums[3]
    psi = digamma(p)
    for g in range(x_values.size):
        x, n_g = x_values[g], x_count[g]
        total += n_g * _log_dirichlet(x, p)
        slope += n_g * x * (digamma(p * x) - psi - math.log(x))
    return total, slope


@njit()
def _log_dirichlet(x, p):
    """Compute log Gamma(p x) - x log Gamma(p) - p x log x, which for large p would cancel if taken apart."""
    if p < 20.0:
        return math.lgamma(p * x) - x * math.lgamma(p) - p * x * math.log(x)
    spread = (x - 1.0) * (0.5 * math.log(p) - HALF_LOG_TWO_PI) - 0.5 * math.log(x)
    return spread + _stirling_rest(p * x) - x * _stirling_rest(p)


@njit()
def log_gamma_ratio(k, q):
    """Compute log Gamma(k + q) / (Gamma(k) Gamma(q)), which for large k and q would cancel if taken apart.

    Stirling's series (Abramowitz & Stegun 1964, 6.1.40) with the large terms put together.
    """
    if min(k, q) < 20.0:
        return math.lgamma(k + q) - math.lgamma(k) - math.lgamma(q)
    large = k * math.log1p(q / k) + q * math.log1p(k / q) - 0.5 * math.log((k + q) / (k * q)) - HALF_LOG_TWO_PI
    return large + _stirling_rest(k + q) - _stirling_rest(k) - _stirling_rest(q)


@njit()
def _stirling_rest(z):
    w = 1.0 / (z * z)
    return (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w / 1680))) / z


@njit(nogil=True)
def density(u, x_values, x_count, starts, spent, count, sums):
    """Compute the log-likelihood and its gradient at u = (log mean, log variation within, log variation between)."""
    gradient = np.zeros(3)
    if not are_near(u):
        return -np.inf, gradient
    within, between = ROUNDING + math.exp(u[1]), ROUNDING + math.exp(u[2])
    p, q_less_one, v = within**-2, between**-2, math.exp(u[0]) * (within / between) ** 2
    if not (0.0 < p < np.inf and 0.0 < q_less_one < np.inf and 0.0 < v < np.inf):
        return -np.inf, gradient
    theta = np.array([p, 1.0 + q_less_one, v])
    value, slope = kernel(theta, x_values, x_count, starts, spent, count, sums)
    gradient[0] = slope[2] * v
    gradient[1] = 2.0 * (slope[2] * v - slope[0] * p) * (1.0 - ROUNDING / within)
    gradient[2] = -2.0 * (slope[1] * q_less_one + slope[2] * v) * (1.0 - ROUNDING / between)
    return value.item(), gradient


@njit(nogil=True)
def densities(out, u, *table):
    """Compute the log-likelihood at rows of coordinates."""
    for i in range(u.shape[0]):
        out[i] = density(u[i], *table)[0]


@njit(nogil=True)
def gradients(values, slopes, u, *table):
    """Compute the log-likelihood and its gradient at rows of coordinates."""
    for i in range(u.shape[0]):
        values[i], slopes[i] = density(u[i], *table)


def to_parameters(u: Floats, scale: float) -> dict[str, Floats]:
    """Compute p, q, v (the log's money) from coordinates, shape (..., 3); `scale` is the table's unit of money."""
    with np.errstate(over="ignore"):
        mean, within, between = np.exp(u[..., 0]), np.exp(u[..., 1]), np.exp(u[..., 2])
    within, between = ROUNDING + within, ROUNDING + between
    return {"p": within**-2, "q": 1.0 + between**-2, "v": mean * (within / between) ** 2 * scale}


def pointwise(draws: Mapping[str, Floats], x: Floats, mean: Floats, log_ratio: Floats | None = None) -> Floats:
    """Compute each repeat buyer's own log-likelihood, shape (draws, buyers): of the amounts with `log_ratio`."""
    p, q, v = (np.ravel(draws[name])[:, None] for name in ("p", "q", "v"))
    gammas = gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
    each: Floats = gammas + p * x * np.log(x * mean / v) - np.log(mean) - (p * x + q) * np.log1p(x * mean / v)
    if log_ratio is not None:
        each += gammaln(p * x) - x * gammaln(p) - p * x * np.log(x) + (p - 1.0) * log_ratio + (1.0 - x) * np.log(mean)
    return each
