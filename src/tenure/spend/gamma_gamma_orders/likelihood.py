"""The log-likelihood of orders one by one, with its gradient: each given those before it.

An order z after evidence (c, b) has the density of Gamma(p, nu) with nu ~ Gamma(1 + c, b). Of an order after k others
c = delta^k (q - 1) + p w and b = delta^k v + y + u / f: w, y and u are sums of weights, of repeat purchases and of
the first order. At a given delta they are data, and w depends on k alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ...caching import njit
from ...kernel_table import Floats, KernelTable, are_near, are_positive
from ...summary import Orders
from ..gamma_gamma.likelihood import ROUNDING, digamma, log_gamma_ratio
from ..gamma_gamma.likelihood import to_parameters as to_gamma_gamma


@dataclass(frozen=True)
class Table(KernelTable):
    """Orders by the number k of earlier orders of the customer; money in any one unit.

    Group g has the orders from `starts[g]` to `starts[g + 1]`, made by `customers[g]` customers, and the weights
    `left[g]`, delta^k, and `weight[g]`, w. `spent` is y, `first` is u, `amount` the order, `is_first` whether it is the
    customer's first, and `count` the number of customers. `sums` has what no parameter enters: the sum of log amounts,
    and that of the logs of customers' numbers of orders, by customers.
    """

    starts: NDArray[np.int64]
    customers: Floats
    left: Floats
    weight: Floats
    spent: Floats
    first: Floats
    amount: Floats
    is_first: NDArray[np.bool_]
    count: Floats
    sums: Floats

    @classmethod
    def of(cls, orders: Orders, *, delta: float) -> "Table":
        """Build the table from customers' orders."""
        rows = [*_by_number(orders, delta)]
        sizes = [row[0].size for row in rows]
        spent, first, amount, is_first, count = (
            np.concatenate(parts) if parts else np.empty(0) for parts in (zip(*rows, strict=True) if rows else [()] * 5)
        )
        k = np.arange(len(rows), dtype=float)
        customers = np.array([row[4].sum() for row in rows])
        number = orders.repeats + (orders.first > 0)
        logs = np.array([count @ np.log(amount), orders.count @ np.log(np.maximum(number, 1)), orders.count.sum()])
        left = delta**k
        weight = k if delta == 1.0 else (1.0 - left) / (1.0 - delta)
        starts = np.append(0, np.cumsum(sizes, dtype=np.int64)).astype(np.int64)
        return cls(starts, customers, left, weight, spent, first, amount, is_first.astype(bool), count, logs)

    @property
    def typical_x(self) -> float:
        """Return the geometric mean of the numbers of orders."""
        return float(np.exp(self.sums[1] / self.sums[2]))


def _by_number(orders: Orders, delta: float) -> Any:
    """Yield, by the number of earlier orders, the rows of the customers who made one more."""
    at, has_first = np.arange(orders.first.size), orders.first > 0
    spent, first = np.zeros(at.size), np.zeros(at.size)
    total, k = orders.repeats + has_first, 0
    while (at := at[total[at] > k]).size:
        is_first = has_first[at] & (k == 0)
        place = np.where(is_first, 0, orders.starts[at] + k - has_first[at])
        amount = np.where(is_first, orders.first[at], np.append(orders.amounts, 0.0)[place])
        yield spent[at], first[at], amount, is_first, orders.count[at].astype(float)
        spent[at] = delta * spent[at] + np.where(is_first, 0.0, amount)
        first[at] = delta * first[at] + np.where(is_first, amount, 0.0)
        k += 1


@njit(nogil=True)
def kernel(theta, starts, customers, left, weight, spent, first, amount, is_first, count, sums):
    """Sum the log-likelihood over orders, with its gradient in (p, q, v, f), or (p, q, v) where f is 1.

    Returns a 0-d array and an array of the shape of theta.
    """
    if not are_positive(theta) or theta[1] <= 1.0:
        return np.asarray(-np.inf), np.zeros(theta.size)
    p, q, v, f = theta[0], theta[1], theta[2], theta[3] if theta.size > 3 else 1.0
    total, d_p, d_q, d_v, d_f = -sums[0], 0.0, 0.0, 0.0, 0.0
    psi = digamma(p)
    for g in range(left.size):
        shape = 1.0 + left[g] * (q - 1.0) + p * weight[g]  # of nu
        slope, direct, of_level = 0.0, 0.0, 0.0  # in shape, in p beside it, and in left * v
        for i in range(starts[g], starts[g + 1]):
            scale = left[g] * v + spent[i] + first[i] / f
            z = amount[i] / f if is_first[i] else amount[i]
            of_scale, of_order = math.log1p(z / scale), math.log1p(scale / z)
            total -= count[i] * (shape * of_scale + p * of_order)
            slope -= count[i] * of_scale
            direct -= count[i] * of_order
            level = count[i] * (shape * z - p * scale) / (scale * (scale + z))
            of_level += level
            d_f += level * (scale / f if is_first[i] else -first[i] / (f * f))
        both = digamma(shape + p)
        total += customers[g] * log_gamma_ratio(p, shape)
        slope += customers[g] * (both - digamma(shape))
        d_p += weight[g] * slope + direct + customers[g] * (both - psi)
        d_q += left[g] * slope
        d_v += left[g] * of_level
    return np.asarray(total), np.array([d_p, d_q, d_v, d_f])[: theta.size]


@njit(nogil=True)
def density(u, *table):
    """Compute the log-likelihood and its gradient at u: logs of mean, variation within and between, and f if any."""
    gradient = np.zeros(u.size)
    if not are_near(u):
        return -np.inf, gradient
    within, between = ROUNDING + math.exp(u[1]), ROUNDING + math.exp(u[2])
    p, q_less_one, v = within**-2, between**-2, math.exp(u[0]) * (within / between) ** 2
    theta = np.array([p, 1.0 + q_less_one, v, 1.0])[: u.size]
    if u.size > 3:
        theta[3] = math.exp(u[3])
    value, slope = kernel(theta, *table)
    if not np.isfinite(value.item()):
        return -np.inf, gradient
    gradient[0] = slope[2] * v
    gradient[1] = 2.0 * (slope[2] * v - slope[0] * p) * (1.0 - ROUNDING / within)
    gradient[2] = -2.0 * (slope[1] * q_less_one + slope[2] * v) * (1.0 - ROUNDING / between)
    if u.size > 3:
        gradient[3] = slope[3] * theta[3]
    return value.item(), gradient


@njit(nogil=True)
def densities(out, u, *table):
    """Compute the log-likelihood at rows of coordinates."""
    for i in range(u.shape[0]):
        out[i] = density(u[i], *table)[0]


def to_parameters(u: Floats, scale: float) -> dict[str, Floats]:
    """Compute p, q, v and f, if any, from coordinates; `scale` is the table's unit of money, v in the log's."""
    with np.errstate(over="ignore"):
        return {**to_gamma_gamma(u[..., :3], scale), **({"f": np.exp(u[..., 3])} if u.shape[-1] > 3 else {})}


def pointwise(draws: Mapping[str, Floats], orders: Orders) -> Floats:
    """Compute the log-likelihood of each customer's orders, shape (draws, customers)."""
    p, q, v, f = (np.ravel(draws[name])[:, None] for name in ("p", "q", "v", "f"))
    delta = float(np.ravel(draws["delta"])[0])
    each = np.zeros((p.size, orders.first.size))
    at, total = np.arange(orders.first.size), orders.repeats + (orders.first > 0)
    for k, (spent, first, amount, is_first, _) in enumerate(_by_number(orders, delta)):
        left = delta**k
        shape = 1.0 + left * (q - 1.0) + p * (k if delta == 1.0 else (1.0 - left) / (1.0 - delta))
        scale, z = left * v + spent + first / f, np.where(is_first, amount / f, amount)
        gammas = gammaln(shape + p) - gammaln(shape) - gammaln(p)
        each[:, at[total > k]] += gammas - shape * np.log1p(z / scale) - p * np.log1p(scale / z) - np.log(amount)
    return each
