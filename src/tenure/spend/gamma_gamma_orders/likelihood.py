"""The log-likelihood of orders one by one, with its gradient: each given those before it.

An order z after evidence (c, b) has the density of Gamma(p, nu) with nu ~ Gamma(1 + c, b). Of an order after k others
c = delta^k (q - 1) + p w and b = delta^k v + y + u / f: w, y and u are sums of weights, of repeat purchases and of
the first order. At a given delta they are data, and w depends on k alone. Of the orders after k others only the sums of
log b and of log(b + z) are needed, so the logarithm is taken of products over many orders.
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

LARGEST = 690.0  # log of a product that the doubles hold, and of its inverse
LONGEST = 256.0  # factors of one product, whose rounding adds up


@dataclass(frozen=True)
class Table(KernelTable):
    """Orders in groups by the number k of earlier orders of the customer; money in any one unit.

    Group g has the orders from `starts[g]` to `starts[g + 1]`, each made by `count[g]` customers, and the weights
    `left[g]`, delta^k, and `weight[g]`, w; `is_later[g]` where k > 0. `spent` is y, `first` is u, `amount` the order;
    a customer's first order is in `first`, and its amount is 0. `ends[g]` has the least y, and the largest y + amount
    and u, of the group. `sums` has what no parameter enters: the sum of log amounts, the number of first orders, the
    sum of the logs of customers' numbers of orders, and that of customers.
    """

    starts: NDArray[np.int64]
    count: Floats
    left: Floats
    weight: Floats
    is_later: NDArray[np.bool_]
    ends: Floats
    spent: Floats
    first: Floats
    amount: Floats
    sums: Floats

    @classmethod
    def of(cls, orders: Orders, *, delta: float) -> "Table":
        """Build the table from customers' orders."""
        order = np.lexsort((orders.first > 0, orders.count))
        orders = orders if (order == np.arange(order.size)).all() else orders.take(order)
        number = orders.repeats + (orders.first > 0)
        columns, sizes = _columns(orders, delta, int(number.sum()))
        spent, first, amount, is_first, count = columns
        is_new = (count[1:] != count[:-1]) | (is_first[1:] != is_first[:-1])
        starts = np.unique(np.concatenate([[0], np.flatnonzero(is_new) + 1, np.cumsum(sizes)])).astype(np.int64)
        at = starts[:-1]
        sums = [count @ np.log(amount), count @ is_first, orders.count @ np.log(np.maximum(number, 1))]
        first[is_first], amount[is_first] = amount[is_first], 0.0
        ends = [np.minimum.reduceat(spent, at), *(np.maximum.reduceat(each, at) for each in (spent + amount, first))]
        k = np.searchsorted(np.cumsum(sizes), at, side="right")  # of each group
        left = delta ** k.astype(float)
        weight = k.astype(float) if delta == 1.0 else (1.0 - left) / (1.0 - delta)
        groups = (starts, count[at], left, weight, k > 0, np.column_stack(ends))
        return cls(*groups, spent, first, amount, np.array([*sums, orders.count.sum()], float))

    @property
    def typical_x(self) -> float:
        """Return the geometric mean of the numbers of orders."""
        return float(np.exp(self.sums[2] / self.sums[3]))


def _columns(orders: Orders, delta: float, size: int) -> tuple[tuple[Any, ...], list[int]]:
    """Return the columns of `_by_number`, one after another, and the rows of each number of earlier orders."""
    columns, sizes, end = (*(np.empty(size) for _ in range(3)), np.empty(size, bool), np.empty(size)), list[int](), 0
    for row in _by_number(orders, delta):
        sizes.append(row[0].size)
        for column, values in zip(columns, row, strict=True):
            column[end : end + sizes[-1]] = values
        end += sizes[-1]
    return columns, sizes


def _by_number(orders: Orders, delta: float) -> Any:
    """Yield, by the number of earlier orders, the rows of the customers who made one more."""
    at, has_first = np.arange(orders.first.size), orders.first > 0
    spent, first = np.zeros(at.size), np.zeros(at.size)
    total, amounts, k = orders.repeats + has_first, np.append(orders.amounts, 0.0), 0
    while (at := at[total[at] > k]).size:
        is_first = has_first[at] & (k == 0)
        place = np.where(is_first, 0, orders.starts[at] + k - has_first[at])
        amount = np.where(is_first, orders.first[at], amounts[place])
        yield spent[at], first[at], amount, is_first, orders.count[at].astype(float)
        spent[at] = delta * spent[at] + np.where(is_first, 0.0, amount)
        first[at] = delta * first[at] + np.where(is_first, amount, 0.0)
        k += 1


@njit(nogil=True)
def kernel(theta, starts, count, left, weight, is_later, ends, spent, first, amount, sums):
    """Sum the log-likelihood over orders, with its gradient in (p, q, v, f), or (p, q, v) where f is 1.

    Returns a 0-d array and an array of the shape of theta.
    """
    table = (starts, count, left, weight, is_later, ends, spent, first, amount, sums)
    value, gradient = _sum(theta, True, *table)
    return np.asarray(value), gradient


@njit(nogil=True)
def _sum(theta, is_sloped, starts, count, left, weight, is_later, ends, spent, first, amount, sums):
    """Sum the log-likelihood over orders, with its gradient where it `is_sloped`: the value alone takes a third."""
    if not are_positive(theta) or theta[1] <= 1.0:
        return -np.inf, np.zeros(theta.size)
    p, q, v, f = theta[0], theta[1], theta[2], theta[3] if theta.size > 3 else 1.0
    log_orders, psi = sums[0] - sums[1] * math.log(f), digamma(p)  # first orders as later ones
    total, d_p, d_q, d_v, d_f = p * log_orders - sums[0], log_orders, 0.0, 0.0, -p * sums[1] / f
    for g in range(left.size):
        shape, base = 1.0 + left[g] * (q - 1.0) + p * weight[g], left[g] * v  # of nu; what is left of v in b
        at = slice(starts[g], starts[g + 1])
        orders = base, 1.0 / f, is_later[g], spent[at], first[at], amount[at]
        size, most = starts[g + 1] - starts[g], _longest(base + ends[g, 0], base + ends[g, 1] + ends[g, 2] / f)
        before, after = _log_sums(most, *orders)
        total += count[g] * (size * log_gamma_ratio(p, shape) + shape * before - (shape + p) * after)
        if is_sloped:
            both = digamma(shape + p)
            slope = size * (both - digamma(shape)) + before - after  # in shape
            of_before, of_after, first_before, first_after = _inverse_sums(*orders)
            d_p += count[g] * (weight[g] * slope + size * (both - psi) - after)
            d_q += count[g] * left[g] * slope
            d_v += count[g] * left[g] * (shape * of_before - (shape + p) * of_after)
            d_f -= count[g] * (shape * first_before - (shape + p) * first_after) / (f * f)
    return total, np.array([d_p, d_q, d_v, d_f])[: theta.size]


@njit()
def _longest(low, high):
    """Return how many factors between two numbers a product may have so that it stays within the doubles."""
    farthest = max(abs(math.log(low)), abs(math.log(high)), LARGEST / LONGEST)
    return max(int(LARGEST / farthest), 1)


@njit()
def _log_sums(most, base, inverse_f, is_later, spent, first, amount):
    """Sum log b and log(b + z) over the orders of a group, by products of at most so many factors."""
    before, after = 0.0, 0.0
    for start in range(0, spent.size, most):
        of_before, of_after = 1.0, 1.0
        for i in range(start, min(start + most, spent.size)):
            b = base + spent[i] + first[i] * inverse_f
            of_before *= b
            of_after *= b + amount[i]
        before += math.log(of_before)
        after += math.log(of_after)
    return before if is_later else spent.size * math.log(base), after


@njit()
def _inverse_sums(base, inverse_f, is_later, spent, first, amount):
    """Sum 1 / b and 1 / (b + z) over the orders of a group, and both times u."""
    before, after, first_before, first_after = 0.0, 0.0, 0.0, 0.0
    for i in range(spent.size):
        b = base + spent[i] + first[i] * inverse_f
        of_before, of_after = 1.0 / b, 1.0 / (b + amount[i])
        before += of_before
        after += of_after
        first_before += first[i] * of_before
        first_after += first[i] * of_after
    return (before, after, first_before, first_after) if is_later else (spent.size / base, after, 0.0, first_after)


@njit(nogil=True)
def density(u, *table):
    """Compute the log-likelihood and its gradient at u: logs of mean, variation within and between, and f if any."""
    return _density(u, True, *table)


@njit(nogil=True)
def _density(u, is_sloped, *table):
    gradient = np.zeros(u.size)
    if not are_near(u):
        return -np.inf, gradient
    within, between = ROUNDING + math.exp(u[1]), ROUNDING + math.exp(u[2])
    p, q_less_one, v = within**-2, between**-2, math.exp(u[0]) * (within / between) ** 2
    theta = np.array([p, 1.0 + q_less_one, v, 1.0])[: u.size]
    if u.size > 3:
        theta[3] = math.exp(u[3])
    value, slope = _sum(theta, is_sloped, *table)
    if not np.isfinite(value):
        return -np.inf, gradient
    gradient[0] = slope[2] * v
    gradient[1] = 2.0 * (slope[2] * v - slope[0] * p) * (1.0 - ROUNDING / within)
    gradient[2] = -2.0 * (slope[1] * q_less_one + slope[2] * v) * (1.0 - ROUNDING / between)
    if u.size > 3:
        gradient[3] = slope[3] * theta[3]
    return value, gradient


@njit(nogil=True)
def densities(out, u, *table):
    """Compute the log-likelihood at rows of coordinates."""
    for i in range(u.shape[0]):
        out[i] = _density(u[i], False, *table)[0]


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
