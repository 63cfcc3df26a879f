"""Likelihoods over distinct histories, with their gradients: one compiled kernel each serves every method.

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
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from tenure.caching import njit
from tenure.posterior import CHANCES_AT_BIRTH

Floats = NDArray[np.float64]
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
LONG_WAY = 16  # multiplications, from which on an exponential is cheaper
Ints = NDArray[np.int32]
Indices = NDArray[np.uint32]  # unsigned: no look-up has to ask whether it counts from the end


class _Table:
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """List the kernel's data arguments, in its order."""
        return tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


@dataclass(frozen=True)
class PurchaseTable(_Table):
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
    def of(
        cls, x: NDArray[np.integer], t_x: Floats, T: Floats, count: Floats, *, model: str = "bg_nbd"
    ) -> "PurchaseTable":
        """Build the table from distinct histories and how many customers have each."""
        order = np.lexsort((count, x))  # by count too, so that the kernel's branches can be foreseen
        x, t_x, T, count = x[order], t_x[order], T[order], count[order]
        x_values, starts = np.unique(x, return_index=True)
        t_x_values, t_x_at = np.unique(t_x, return_inverse=True)
        T_values, T_at = np.unique(T, return_inverse=True)
        per_x = np.bincount(x, weights=count)
        more_than = np.ascontiguousarray((per_x.sum() - np.cumsum(per_x))[:-1])
        chances = CHANCES_AT_BIRTH[model]
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


@dataclass(frozen=True)
class SpendTable(_Table):
    """Distinct (x, mean spend) of repeat buyers with counts, grouped by x; money in any one unit.

    Group g has `x_values[g]`, `x_count[g]` customers and the pairs from `starts[g]` to `starts[g + 1]`; `total` is the
    spend of a customer, x times the mean. What no parameter enters is summed once in `sums`: customers, sum of log m,
    sum of x log(x m).
    """

    x_values: Floats
    x_count: Floats
    starts: NDArray[np.int64]
    total: Floats
    count: Floats
    sums: Floats

    @classmethod
    def of(cls, x: Floats, mean: Floats, count: Floats) -> "SpendTable":
        """Build the table from distinct (x, mean) pairs and how many customers have each."""
        order = np.lexsort((count, x))
        x, mean, count = x[order], mean[order], count[order]
        x_values, starts, at = np.unique(x, return_index=True, return_inverse=True)
        sums = np.array([count.sum(), count @ np.log(mean), (count * x) @ np.log(x * mean)])
        x_count = np.bincount(at, weights=count).astype(float)
        return cls(x_values, x_count, np.append(starts, x.size), x * mean, count, sums)


@njit()
def _factors(r, a, b, more_than, stayed_over):  # type: ignore[no-untyped-def]
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
def _raise_powers(powers, log_base, base, power, by):  # type: ignore[no-untyped-def]
    """Bring base^(power - by) to base^power: by multiplication, or afresh after a long way, or where it is NaN."""
    if 0 <= by <= LONG_WAY and not np.isnan(powers[0]):
        for _ in range(by):
            powers *= base
    else:
        powers[:] = np.exp(power * log_base)


@njit(nogil=True)
def purchase_kernel(  # type: ignore[no-untyped-def] # noqa: PLR0912
    theta, chances, x_values, starts, t_x_at, T_at, count, t_x_values, T_values, T_customers, T_purchases,
    more_than, stayed_over
):  # fmt: skip
    """Sum the purchase model's log-likelihood over customers, with its gradient in (r, alpha, a, b).

    BG/NBD: Fader, Hardie & Lee (2005), Marketing Science 24(2), eq. 6, in the log form of Hardie (2013), note 027.
    MBG/NBD: Batislam, Denizel & Filiztekin (2007), Int. J. Research in Marketing 24, eq. 4.
    A customer's likelihood is that of being active at T, times 1 + the odds of having left.
    Returns a 0-d array and an array of shape (4,).
    """
    if not (
        theta.min() > 0.0 and theta.max() < np.inf
    ):  # a step of a sampler so long that a parameter left the doubles
        return np.asarray(-np.inf), np.zeros(4)
    r, alpha, a, b = theta[0], theta[1], theta[2], theta[3]
    first = chances.item()
    total, d_r, d_a, d_b = _factors(r, a, b, more_than, stayed_over)
    d_alpha = 0.0
    log_t, log_T = np.log1p(t_x_values / alpha), np.log1p(T_values / alpha)
    # Active at T, which depends on T and x alone.
    for i in range(T_values.size):
        total -= (r * T_customers[i] + T_purchases[i]) * log_T[i]
        d_r -= T_customers[i] * log_T[i]
        # The derivative of r log(alpha) - (r + x) log(alpha + T), as one fraction: it would cancel for a large alpha.
        d_alpha += (r * T_values[i] * T_customers[i] - alpha * T_purchases[i]) / (alpha + T_values[i])
    total -= T_purchases.sum() * math.log(alpha)
    # Gone: powers of (alpha + T) / alpha, and of alpha / (alpha + t_x).
    share_t, share_T = t_x_values / (alpha + t_x_values), T_values / (alpha + T_values)
    base_t, base_T = 1.0 - share_t, 1.0 + T_values / alpha
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


@njit()
def _log_sum(active, gone):  # type: ignore[no-untyped-def]
    """Add two probabilities given as logs."""
    return max(active, gone) + math.log1p(math.exp(-abs(active - gone)))


@njit(nogil=True)
def _purchase_each(out, chances, r, alpha, a, b, x, t_x, T):  # type: ignore[no-untyped-def]
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
                value = _log_sum(value, gone)
            out[s, i] = value + rates[x[i]] + stays[x[i] + chances] - x[i] * math.log(alpha[s])


def purchase_pointwise(
    draws: Mapping[str, Floats], x: NDArray[np.integer], t_x: Floats, T: Floats, *, model: str = "bg_nbd"
) -> Floats:
    """Give each history's own log-likelihood, shape (draws, histories), not weighted by counts."""
    r, alpha, a, b = (np.ascontiguousarray(np.ravel(draws[name])) for name in ("r", "alpha", "a", "b"))
    out = np.empty((r.size, x.size))
    if x.size:
        _purchase_each(
            out, CHANCES_AT_BIRTH[model], r, alpha, a, b, x.astype(np.int32), t_x.astype(float), T.astype(float)
        )
    return out


@njit()
def _digamma(z):  # type: ignore[no-untyped-def]
    """Evaluate the digamma function for z > 0 (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18)."""
    shift = 0.0
    while z < 12.0:
        shift -= 1.0 / z
        z += 1.0
    w = 1.0 / (z * z)
    tail = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * 691 / 32760)))))
    return shift + math.log(z) - 0.5 / z - tail


@njit(nogil=True)
def gamma_gamma_kernel(theta, x_values, x_count, starts, spent, count, sums):  # type: ignore[no-untyped-def]
    """Sum the Gamma-Gamma log-likelihood over repeat buyers, with its gradient in (p, q, v).

    Fader & Hardie (2013), note 025, eq. 1a: the density of a customer's mean spend over x purchases.
    Returns a 0-d array and an array of shape (3,).
    """
    if not (theta.min() > 0.0 and theta.max() < np.inf):
        return np.asarray(-np.inf), np.zeros(3)
    p, q, v = theta[0], theta[1], theta[2]
    customers, sum_log, sum_x_log = sums[0], sums[1], sums[2]
    log_v = math.log(v)
    total = p * sum_x_log - sum_log
    d_p, d_q, d_v = sum_x_log, -customers * _digamma(q), 0.0
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
        both = _digamma(k + q)
        total += n_g * (_log_gamma_ratio(k, q) - k * log_v) - (k + q) * log_ratio
        d_p += x_values[g] * (n_g * (both - _digamma(k) - log_v) - log_ratio)
        d_q += n_g * both - log_ratio
    return np.asarray(total), np.array([d_p, d_q, d_v / v])


@njit()
def _log_gamma_ratio(k, q):  # type: ignore[no-untyped-def]
    """Evaluate log Gamma(k + q) / (Gamma(k) Gamma(q)), which for large k and q would cancel if taken apart.

    Stirling's series (Abramowitz & Stegun 1964, 6.1.40) with the large terms put together.
    """
    if min(k, q) < 20.0:
        return math.lgamma(k + q) - math.lgamma(k) - math.lgamma(q)
    large = k * math.log1p(q / k) + q * math.log1p(k / q) - 0.5 * math.log((k + q) / (k * q)) - HALF_LOG_TWO_PI
    return large + _stirling_rest(k + q) - _stirling_rest(k) - _stirling_rest(q)


@njit()
def _stirling_rest(z):  # type: ignore[no-untyped-def]
    w = 1.0 / (z * z)
    return (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w / 1680))) / z


def gamma_gamma_pointwise(draws: Mapping[str, Floats], x: Floats, mean: Floats) -> Floats:
    """Give each repeat buyer's own log-likelihood, shape (draws, buyers)."""
    p, q, v = (np.ravel(draws[name])[:, None] for name in ("p", "q", "v"))
    gammas = gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
    each: Floats = gammas + p * x * np.log(x * mean / v) - np.log(mean) - (p * x + q) * np.log1p(x * mean / v)
    return each
