"""The log-likelihood over distinct histories, with its gradient.

A customer with repeat purchases has returned: 1 - pi0 times the likelihood of the BG/NBD. A customer without has never
returned, or not yet: pi0 + (1 - pi0) F, where F = (alpha / (alpha + T))^r is the BG/NBD's probability of no purchase
until T. So the customers with repeat purchases are a table of the BG/NBD, and the others are counts by T.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...caching import njit
from ...kernel_table import FARTHEST, Floats, are_positive
from ..bg_nbd import likelihood as bg_nbd
from ..bg_nbd.likelihood import log_sum
from .scoring import log_odds_of


@dataclass(frozen=True)
class Table:
    """Distinct histories with counts; times in any one unit.

    Attributes:
        count: customers by history.
        returned: the customers with repeat purchases.
        customers: how many they are.
        silence, silence_count: distinct T of the customers without, and how many have each.
    """

    count: Floats
    returned: bg_nbd.Table
    customers: Floats
    silence: Floats
    silence_count: Floats

    @classmethod
    def of(cls, x: NDArray[np.integer], t_x: Floats, T: Floats, count: Floats) -> "Table":
        """Build the table from distinct histories and how many customers have each."""
        has_returned = x > 0
        returned = bg_nbd.Table.of(
            x[has_returned], t_x[has_returned], T[has_returned], count[has_returned], chances=0
        )  # fmt: skip
        silence, at = np.unique(T[~has_returned], return_inverse=True)
        silence_count = np.bincount(at, weights=count[~has_returned], minlength=silence.size).astype(float)
        return cls(count, returned, np.asarray(returned.count.sum()), silence.astype(float), silence_count)

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """List the kernel's data arguments, in its order."""
        return (self.silence, self.silence_count, self.customers, *self.returned.arrays())


@njit()
def _mix(log_odds, r, alpha, silence, silence_count, customers):
    """Sum what pi0 adds, of all customers, with derivatives in r, alpha and the log odds of pi0.

    `customers` is the number of those with repeat purchases.
    """
    log_never, log_may = -log_sum(0.0, -log_odds), -log_sum(0.0, log_odds)
    pi0 = math.exp(log_never)
    total, d_r, d_alpha, d_odds = customers * log_may, 0.0, 0.0, -customers * pi0
    for i in range(silence.size):
        n, log_T = silence_count[i], math.log1p(silence[i] / alpha)
        silent = log_may - r * log_T
        total += n * log_sum(log_never, silent)
        not_yet = n / (1.0 + math.exp(min(log_never - silent, 700.0)))
        d_r -= not_yet * log_T
        d_alpha += not_yet * r * (silence[i] / (alpha + silence[i])) / alpha
        d_odds += n * (1.0 - pi0) - not_yet
    return total, d_r, d_alpha, d_odds


@njit(nogil=True)
def kernel(theta, silence, silence_count, customers, *returned):
    """Sum the log-likelihood over customers, with its gradient in (r, alpha, a, b, pi0).

    Returns a 0-d array and an array of shape (5,).
    """
    gradient = np.zeros(5)
    if not (are_positive(theta) and theta[4] < 1.0):
        return np.asarray(-np.inf), gradient
    value, gradient[:4] = bg_nbd.kernel(theta[:4].copy(), *returned)
    r, alpha, pi0 = theta[0], theta[1], theta[4]
    more, d_r, d_alpha, d_odds = _mix(log_odds_of(pi0), r, alpha, silence, silence_count, customers.item())
    gradient[0] += d_r
    gradient[1] += d_alpha
    gradient[4] = d_odds / pi0 / (1.0 - pi0)
    return np.asarray(value.item() + more), gradient


@njit(nogil=True)
def density(u, silence, silence_count, customers, *returned):
    """Compute the log-likelihood and its gradient at the BG/NBD's coordinates and the logit of pi0."""
    gradient = np.zeros(5)
    value, slope = bg_nbd.density(u[:4].copy(), *returned)
    if value == -np.inf or not abs(u[4]) <= FARTHEST:
        return -np.inf, gradient
    r, alpha = math.exp(u[1]), math.exp(u[1] - u[0])
    more, d_r, d_alpha, d_odds = _mix(u[4], r, alpha, silence, silence_count, customers.item())
    gradient[:4] = slope
    gradient[0] -= d_alpha * alpha
    gradient[1] += d_r * r + d_alpha * alpha
    gradient[4] = d_odds
    return value + more, gradient


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
    """Compute r, alpha (days), a, b, pi0 from coordinates, shape (..., 5); `scale` is the table's unit in days."""
    with np.errstate(over="ignore"):
        return {**bg_nbd.to_parameters(u, scale), "pi0": 1.0 / (1.0 + np.exp(-u[..., 4]))}


def pointwise(draws: Mapping[str, Floats], x: NDArray[np.integer], t_x: Floats, T: Floats) -> Floats:
    """Compute each history's own log-likelihood, shape (draws, histories), not weighted by counts."""
    pi0 = np.ravel(draws["pi0"])[:, None]
    out = np.log1p(-pi0) + bg_nbd.pointwise(draws, x, t_x, T, chances=0)
    with np.errstate(divide="ignore"):
        out[:, x == 0] = np.logaddexp(np.log(pi0), out[:, x == 0])
    return np.asarray(out)
