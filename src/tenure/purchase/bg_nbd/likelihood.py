"""The log-likelihood over distinct histories, with its gradient: one compiled kernel serves every method.

Customers with equal histories contribute equal terms, so sums run over distinct histories with counts. Purchase counts
are whole numbers, so every ratio of gamma functions is a product: Gamma(r + x) / Gamma(r) = r (r + 1) ... (r + x - 1).
Summed over customers, factor j appears once for each customer with more than j repeat purchases. That is exact, cheap,
and does not cancel when a parameter is large.

What is left for each history is the odds of having left, a power of (alpha + T) / (alpha + t_x). Histories of one x
share the exponent, so powers are tabulated over distinct T and t_x, and updated by a multiplication from one x to the
next: a history costs two look-ups and a division, no exponential and (mostly) no logarithm.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...caching import njit
from ...kernel_table import Floats, KernelTable, are_near, are_positive

LONG_WAY = 16  # multiplications, from which on an exponential is cheaper
type Ints = NDArray[np.int32]
type Indices = NDArray[np.uint32]  # unsigned: no look-up has to ask whether it counts from the end


@dataclass(frozen=True)
class Table(KernelTable):
    """Distinct (x, t_x, T) with counts, grouped by x; times in any one unit, held once and pointed at.

    `chances` is 0 where a customer may leave after each repeat purchase (BG/NBD) and 1 where also right after the
    first one (MBG/NBD): a customer with x repeat purchases then had x + 1 chances to leave. Group g has `x_values[g]`
    and the histories from `starts[g]` to `starts[g + 1]`. `T_customers` and `T_purchases` are the customers and their
    repeat purchases by T. `more_than[j]` is the number of customers with more than j repeat purchases,
    `stayed_over[j]` of those who had more than j chances.
    """

    chances: NDArray[np.int32]
    x_values: Ints
    starts: Ints
    t_x_at: Indices
    T_at: Indices
    count: Floats
    t_x_values: Floats
    T_values: Floats
    T_customers: Floats
    T_purchases: Floats
    more_than: Floats
    stayed_over: Floats

    @classmethod
    def of(cls, x: NDArray[np.integer], t_x: Floats, T: Floats, count: Floats, *, chances: int) -> "Table":
        """Build the table from distinct histories and how many customers have each."""
        order = np.lexsort((count, x))  # by count too, so that the kernel's branches can be foreseen
        x, t_x, T, count = x[order], t_x[order], T[order], count[order]
        x_values, starts = np.unique(x, return_index=True)
        t_x_values, t_x_at = np.unique(t_x, return_inverse=True)
        T_values, T_at = np.unique(T, return_inverse=True)
        per_x = np.bincount(x, weights=count)
        more_than = np.ascontiguousarray((per_x.sum() - np.cumsum(per_x))[:-1])
        return cls(
            chances=np.array(chances, np.int32),
            x_values=x_values.astype(np.int32),
            starts=np.append(starts, x.size).astype(np.int32),
            t_x_at=t_x_at.astype(np.uint32),
            T_at=T_at.astype(np.uint32),
            count=count,
            t_x_values=t_x_values,
            T_values=T_values,
            T_customers=np.bincount(T_at, weights=count).astype(float),
            T_purchases=np.bincount(T_at, weights=count * x).astype(float),
            more_than=more_than,
            stayed_over=np.concatenate([np.full(chances, per_x.sum()), more_than]),
        )


@njit()
def _factors(r, a, b, more_than, stayed_over):
    """Sum the gamma terms of all customers, with derivatives in r, a, b."""
    total, d_r, d_a, d_b = 0.0, 0.0, 0.0, 0.0
    for j in range(more_than.size):
        total += more_than[j] * math.log(r + j)
        d_r += more_than[j] / (r + j)
    for j in range(stayed_over.size):
        n = stayed_over[j]
        share = n / (a + b + j)
        # log((b + j) / (a + b + j)), which does not cancel when b is large.
        total -= n * math.log1p(a / (b + j))
        d_a -= share
        d_b += share * a / (b + j)
    return total, d_r, d_a, d_b


@njit()
def _logs_shares_bases(values, alpha, sign):
    """Compute log(1 + t / alpha), t / (alpha + t), and 1 - t / (alpha + t) or, for a positive sign, 1 + t / alpha.

    In loops: Numba compiles seconds of error messages for operations on two arrays.
    """
    logs, shares, bases = np.empty(values.size), np.empty(values.size), np.empty(values.size)
    for i in range(values.size):
        logs[i] = math.log1p(values[i] / alpha)
        shares[i] = values[i] / (alpha + values[i])
        bases[i] = 1.0 - shares[i] if sign < 0 else 1.0 + values[i] / alpha
    return logs, shares, bases


@njit()
def _raise_powers(powers, log_base, base, power, by):
    """Compute base^power from base^(power - by): by multiplication, or anew after a long way, or where it is NaN."""
    if 0 <= by <= LONG_WAY and not np.isnan(powers[0]):
        for _ in range(by):
            for i in range(powers.size):
                powers[i] *= base[i]
    else:
        for i in range(powers.size):
            powers[i] = math.exp(power * log_base[i])


@njit(nogil=True)
def kernel( # noqa: PLR0912
    theta, chances, x_values, starts, t_x_at, T_at, count, t_x_values, T_values, T_customers, T_purchases,
    more_than, stayed_over
):  # fmt: skip
    """Sum the purchase model's log-likelihood over customers, with its gradient in (r, alpha, a, b).

    BG/NBD: Fader, Hardie & Lee (2005), Marketing Science 24(2), eq. 6, in the log form of Hardie (2013), note 027.
    MBG/NBD: Batislam, Denizel & Filiztekin (2007), Int. J. Research in Marketing 24, eq. 4.
    A customer's likelihood is that of being active at T, times 1 + the odds of having left.
    Returns a 0-d array and an array of shape (4,).
    """
    if not are_positive(theta):  # a sampler's step so long that a parameter left the doubles
        return np.asarray(-np.inf), np.zeros(4)
    r, alpha, a, b = theta[0], theta[1], theta[2], theta[3]
    first = chances.item()
    total, d_r, d_a, d_b = _factors(r, a, b, more_than, stayed_over)
    d_alpha = 0.0
    log_t, share_t, base_t = _logs_shares_bases(t_x_values, alpha, -1.0)
    log_T, share_T, base_T = _logs_shares_bases(T_values, alpha, 1.0)
    # Active at T, which depends on T and x alone.
    for i in range(T_values.size):
        total -= (r * T_customers[i] + T_purchases[i]) * log_T[i]
        d_r -= T_customers[i] * log_T[i]
        # The derivative of r log(alpha) - (r + x) log(alpha + T), as one fraction: it would cancel for a large alpha.
        d_alpha += (r * T_values[i] * T_customers[i] - alpha * T_purchases[i]) / (alpha + T_values[i])
    total -= T_purchases.sum() * math.log(alpha)
    # Gone: powers of (alpha + T) / alpha, and of alpha / (alpha + t_x).
    power_t, power_T = np.full(t_x_values.size, np.nan), np.full(T_values.size, np.nan)
    tabulated, product = 0, 1.0
    for g in range(x_values.size):
        x, begin, end = x_values[g], starts[g], starts[g + 1]
        k, chance = r + x, x + first - 1  # index of the last chance to leave, -1 where there was none
        if chance < 0:
            continue
        log_drop = math.log(a / (b + chance))
        drop = math.exp(log_drop)
        is_tabulated = 16 * (end - begin) >= t_x_values.size + T_values.size and k * log_T[-1] < 300.0
        if is_tabulated:
            _raise_powers(power_t, -log_t, base_t, k, x - tabulated)
            _raise_powers(power_T, log_T, base_T, k, x - tabulated)
            tabulated = x
        gone, later, nearer = 0.0, 0.0, 0.0
        for i in range(begin, end):
            at_t, at_T, n = t_x_at[i], T_at[i], count[i]
            if is_tabulated:
                odds = drop * power_T[at_T] * power_t[at_t]
            else:
                odds = math.exp(min(log_drop + k * (log_T[at_T] - log_t[at_t]), 700.0))
            p_gone = n * odds / (1.0 + odds) if odds < 1e300 else n
            if n < 5.0 and odds < 1e30:
                # The logarithm of a product of many, in place of many logarithms.
                for _ in range(int(n)):
                    product *= 1.0 + odds
                if product > 1e150:
                    total += math.log(product)
                    product = 1.0
            elif odds < 1e300:
                total += n * math.log1p(odds)
            else:
                total += n * (log_drop + k * (log_T[at_T] - log_t[at_t]))
            gone += p_gone
            later += p_gone * (log_T[at_T] - log_t[at_t])
            nearer += p_gone * (share_T[at_T] - share_t[at_t])
        d_r += later
        d_alpha -= k * nearer
        d_a += gone / a
        d_b -= gone / (b + chance)
    total += math.log(product)
    return np.asarray(total), np.array([d_r, d_alpha / alpha, d_a, d_b])


@njit(nogil=True)
def density(
    u, chances, x_values, starts, t_x_at, T_at, count, t_x_values, T_values, T_customers, T_purchases, more_than,
    stayed_over
):  # fmt: skip
    """Compute the log-likelihood and its gradient at u = (log mean rate, log r, logit dropout, log concentration)."""
    gradient = np.zeros(4)
    if not are_near(u):
        return -np.inf, gradient
    r, share, concentration = math.exp(u[1]), 1.0 / (1.0 + math.exp(-u[2])), math.exp(u[3])
    other = 1.0 / (1.0 + math.exp(u[2]))
    alpha, a, b = math.exp(u[1] - u[0]), share * concentration, other * concentration
    if not (0.0 < a < np.inf and 0.0 < b < np.inf and 0.0 < alpha < np.inf and 0.0 < r < np.inf):
        return -np.inf, gradient
    value, slope = kernel(
        np.array([r, alpha, a, b]), chances, x_values, starts, t_x_at, T_at, count, t_x_values, T_values, T_customers,
        T_purchases, more_than, stayed_over,
    )  # fmt: skip
    gradient[0] = -slope[1] * alpha
    gradient[1] = slope[0] * r + slope[1] * alpha
    gradient[2] = (slope[2] - slope[3]) * concentration * share * other
    gradient[3] = slope[2] * a + slope[3] * b
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
    """Compute r, alpha (days), a, b from coordinates, shape (..., 4); `scale` is the table's unit of time in days."""
    with np.errstate(over="ignore"):
        share, concentration = 1.0 / (1.0 + np.exp(-u[..., 2])), np.exp(u[..., 3])
        r, alpha = np.exp(u[..., 1]), np.exp(u[..., 1] - u[..., 0]) * scale
        other = 1.0 / (1.0 + np.exp(u[..., 2]))
    return {"r": r, "alpha": alpha, "a": share * concentration, "b": other * concentration}


@njit()
def log_sum(active, gone):
    """Add two probabilities given as logs."""
    return max(active, gone) + math.log1p(math.exp(-abs(active - gone)))


@njit(nogil=True)
def _pointwise(out, chances, r, alpha, a, b, x, t_x, T):
    rates, stays = np.zeros(x.max() + 1), np.zeros(x.max() + 2)
    for s in range(out.shape[0]):
        for j in range(rates.size - 1):
            rates[j + 1] = rates[j] + math.log(r[s] + j)
        for j in range(stays.size - 1):
            stays[j + 1] = stays[j] - math.log1p(a[s] / (b[s] + j))
        for i in range(x.size):
            k, chance = r[s] + x[i], x[i] + chances - 1
            value = -k * math.log1p(T[i] / alpha[s])
            if chance >= 0:
                gone = math.log(a[s] / (b[s] + chance)) - k * math.log1p(t_x[i] / alpha[s])
                value = log_sum(value, gone)
            out[s, i] = value + rates[x[i]] + stays[x[i] + chances] - x[i] * math.log(alpha[s])


def pointwise(draws: Mapping[str, Floats], x: NDArray[np.integer], t_x: Floats, T: Floats, *, chances: int) -> Floats:
    """Compute each history's own log-likelihood, shape (draws, histories), not weighted by counts."""
    r, alpha, a, b = (np.ascontiguousarray(np.ravel(draws[name])) for name in ("r", "alpha", "a", "b"))
    out = np.empty((r.size, x.size))
    if x.size:
        _pointwise(out, chances, r, alpha, a, b, x.astype(np.int32), t_x.astype(float), T.astype(float))
    return out
