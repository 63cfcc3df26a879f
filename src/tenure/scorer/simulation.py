"""Simulate one customer's future under one draw of the population: purchases, their times, their values."""

import math

import numpy as np

from ..caching import njit
from .random import (
    GAMMA,
    beta_draw,
    binomial_draw,
    gamma_constants,
    gamma_draw,
    gamma_from,
    log_gamma_draw,
    poisson_draw,
    start_stream,
    stream_start,
    uniform,
    uniform_at,
)

# Purchases simulated one by one; what comes after is drawn all at once, which bounds the cost of a frequent customer.
ONE_BY_ONE = 6
# Mixed into a customer's key for the numbers that divide purchases drawn at once among periods.
_DIVISION = np.uint64(0xD1B54A32D192ED03)


@njit()
def find_buyers(key, salts, chance, starts, buyers):  # type: ignore[no-untyped-def]
    """Find the draws in which a customer buys at all, by the first number of each stream.

    Args:
        key: the customer's, of the random numbers.
        salts: `draw_salt` of each draw, uint64 of shape (draws,).
        chance: of at least one purchase in the horizon, by draw.
        starts: takes where each stream goes on.
        buyers: takes the draws.

    Returns how many they are. Without a branch: most customers buy in some draws and not in others.
    """
    count = 0
    for s in range(salts.size):
        starts[s] = stream_start(key, salts[s]) + GAMMA
        buyers[count] = s
        count += uniform_at(starts[s]) < chance[s]
    return count


@njit()
def simulate_buyer(  # type: ignore[no-untyped-def]
    state, key, draw, alive, customer, population, ends, delta, by_period
):
    """Simulate the purchases in (0, horizon] and their discounted value, given that there is at least one.

    The rate and the dropout are integrated out, purchase by purchase: given the past, the rate is Gamma(shape, G + t),
    so the wait for the next purchase is Lomax; the dropout is Beta(a, b + n), so departure is a draw of its mean. Both
    posteriors then take in what happened. That is the same law as drawing the two first, at a fraction of the cost.

    Args:
        state: of the customer's and the draw's stream, where `find_buyers` left it, uint64 of shape (1,).
        key: the customer's, of the random numbers.
        draw: index of the draw of the population.
        alive: probability of being active now.
        customer: x, T, monetary_value.
        population: r, alpha, a, b, p, q, v, chances to leave at first_purchase.
        ends: last days of the periods, ascending; the last is the horizon.
        delta: continuous discount rate per day.
        by_period: takes counts and values by period, shape (2, periods); of shape (2, 0) if not wanted.

    Returns the number of purchases and the sum of spend * exp(-delta * time).
    """
    x, T, monetary_value = customer
    r, alpha, a, b, p, q, v, chances = population
    shape, G, stayed, end = r + x, alpha + T, b + (x + chances), ends[-1]
    # The number that found the customer buying says when: so a longer horizon goes on with the same future. Times are
    # counted from -G.
    wait = min(uniform_at(state[0]) / alive, 1.0 - 2.0**-53)
    paid = x if monetary_value > 0.0 else 0.0  # repeat purchases that were all free say nothing of spend
    scale = (v + paid * monetary_value) / gamma_draw(state, q + p * paid)
    squeezed = gamma_constants(max(p, 1.0))
    until = min(G * math.exp(-math.log(1.0 - wait) / shape), G + end)
    count, value, period = 0.0, 0.0, 0
    if by_period.shape[1]:
        by_period[:] = 0.0
    while True:
        count += 1.0
        if p >= 1.0:
            worth = gamma_from(state, squeezed) * math.exp(-delta * (until - G)) * scale
        else:  # in logs, as a variate of a small shape would underflow
            worth = math.exp(log_gamma_draw(state, p) - delta * (until - G) + math.log(scale))
        value += worth
        if by_period.shape[1]:
            while until - G > ends[period] and period < ends.size - 1:  # the last may be off by rounding
                period += 1
            by_period[0, period] += 1.0
            by_period[1, period] += worth
        if uniform(state) * (a + stayed) < a:
            return count, value
        shape, stayed = shape + 1.0, stayed + 1.0
        if count == ONE_BY_ONE:
            break
        until *= math.exp(-math.log(uniform(state)) / shape)
        if until > G + end:
            return count, value
    rate, dropout = gamma_draw(state, shape) / until, beta_draw(state, a, stayed)
    more, more_value = _simulate_rest(
        state, key, draw, until - G, ends, delta, rate, dropout, p, math.log(scale), by_period
    )
    return count + more, value + more_value


@njit()
def _spend(state, shape, log_scale):  # type: ignore[no-untyped-def]
    """Draw from Gamma(shape) times exp(log_scale), in logs, as a variate of a small shape would underflow."""
    return math.exp(log_gamma_draw(state, shape) + log_scale)


@njit()
def _simulate_rest(  # type: ignore[no-untyped-def]
    state, key, draw, time, ends, delta, rate, dropout, p, log_scale, by_period
):
    """Simulate the purchases after `time` at once: how many and, if they end in dropout, the last one's time, exactly.

    The others lie uniformly before it. Their discounted sum is drawn over stretches of time, each by a gamma variate
    of the sum's mean and variance: without discounting that is its law. Counts are drawn before what depends on the
    discount, so that its rate does not change them.
    """
    rest = max(ends[-1] - time, 0.0)
    until_dropout = _purchases_until_dropout(state, dropout)
    possible = poisson_draw(state, rate * rest)
    if possible == 0.0:
        return 0.0, 0.0
    others, last, value = possible, rest, 0.0
    if until_dropout <= possible:
        others = until_dropout - 1.0
        last = rest * beta_draw(state, until_dropout, possible - until_dropout + 1.0)
        value = _spend(state, p, log_scale - delta * (time + last))
        _record(key, draw, time + last, time + last, 1.0, value, delta, ends, by_period)
    left, start = others, 0.0
    stretch = 1.0 / delta if delta * last > 1.0 else last
    while left > 0.0:
        end = min(start + stretch, last)
        here = left if end >= last else binomial_draw(state, left, (end - start) / (last - start))
        if here > 0.0:
            log_unit = log_scale - delta * (time + start)
            worth = _discounted_sum(state, here, p, delta * (end - start), log_unit)
            value += worth
            _record(key, draw, time + start, time + end, here, worth, delta, ends, by_period)
        left -= here
        start, stretch = end, 2.0 * stretch
    return min(until_dropout, possible), value


@njit()
def _discounted_sum(state, count, p, span, log_unit):  # type: ignore[no-untyped-def]
    """Draw the sum of `count` spends of Gamma(p), each times exp(-span * u) with u uniform: by mean and variance.

    In units of exp(log_unit).
    """
    first = -math.expm1(-span) / span if span > 0.0 else 1.0  # the factor's first and second moments
    second = -math.expm1(-2.0 * span) / (2.0 * span) if span > 0.0 else 1.0
    spread = max((p + 1.0) * second - p * first * first, 1e-300)
    return math.exp(log_gamma_draw(state, count * p * first * first / spread) + log_unit) * spread / first


@njit()
def _record(key, draw, start, end, count, value, delta, ends, by_period):  # type: ignore[no-untyped-def]
    """Divide purchases that lie uniformly in [start, end] among the periods, with numbers of their own.

    So that an answer is the same whether or not periods are asked for. Value goes with the purchases, each by the mean
    discount in its part.
    """
    if not by_period.shape[1]:
        return
    period = min(np.searchsorted(ends, start), ends.size - 1)
    if end <= ends[period]:
        by_period[0, period] += count
        by_period[1, period] += value
        return
    state = np.zeros(1, np.uint64)
    start_stream(state, key ^ _DIVISION, draw)
    state[0] += np.uint64(period) * _DIVISION
    counts = np.zeros(ends.size)
    weight, left, at = 0.0, count, start
    weights = np.zeros(ends.size)
    for here in range(period, ends.size):
        until = min(ends[here], end)
        counts[here] = left if until >= end else binomial_draw(state, left, (until - at) / (end - at))
        span = delta * (until - at)
        mean = -math.expm1(-span) / span if span > 1e-12 else 1.0
        weights[here] = counts[here] * math.exp(-delta * (at - start)) * mean
        weight += weights[here]
        left, at = left - counts[here], until
        if until >= end:
            break
    for here in range(period, ends.size):
        by_period[0, here] += counts[here]
        by_period[1, here] += value * weights[here] / weight


@njit()
def _purchases_until_dropout(state, dropout):  # type: ignore[no-untyped-def]
    """Draw the geometric number of purchases, the one that ends the relation included."""
    if dropout >= 1.0:
        return 1.0
    return 1.0 + math.floor(math.log(uniform(state)) / math.log1p(-max(dropout, 1e-300)))
