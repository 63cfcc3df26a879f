"""Simulate one customer's future under one draw of the population: purchases, their times, their values."""

import math

import numpy as np

from ...caching import njit
from ...counter_random import beta_draw, gamma_draw, poisson_draw, uniform
from ...spend.dispatch import draw_late_spend, draw_spend
from ..periods import find_period, record, spread_purchases

# Purchases simulated one by one; what comes after is drawn all at once, which bounds the cost of a frequent customer.
ONE_BY_ONE = 6


@njit()
def simulate_buyer(state, key, draw, quantile, x, T, parameters, spending, ends, delta, by_period):
    """Simulate the purchases in (0, horizon] and their discounted value, given that there is at least one.

    The rate and the dropout are integrated out, purchase by purchase: given the past, the rate is Gamma(shape, G + t),
    so the wait for the next purchase is Lomax; the dropout is Beta(a, b + n), so departure is a draw of its mean. Both
    posteriors are updated with what happened. That is the same law as drawing the two first, at a fraction of the cost.

    Args and result: see `purchase.protocol`.
    """
    r, alpha, a, b = parameters.r[draw], parameters.alpha[draw], parameters.a[draw], parameters.b[draw]
    shape, G, stayed, end = r + x, alpha + T, b + (x + parameters.chances), ends[-1]
    # Times are counted from -G.
    wait = min(quantile, 1.0 - 2.0**-53)
    until = min(G * math.exp(-math.log(1.0 - wait) / shape), G + end)
    count, value, period = 0.0, 0.0, np.int64(0)
    while True:
        count += 1.0
        worth, spending = draw_spend(state, spending, -delta * (until - G))
        value += worth
        if by_period.shape[1]:
            period = find_period(until - G, ends, period)
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
    more, more_value = _simulate_rest(state, key, draw, until - G, rate, dropout, spending, ends, delta, by_period)
    return count + more, value + more_value


@njit()
def _simulate_rest(state, key, draw, time, rate, dropout, spending, ends, delta, by_period):
    """Simulate the purchases after `time` at once: how many and, if they end in dropout, the last one's time, exactly.

    The others lie uniformly before it. Counts are drawn before what depends on the discount, so that its rate does not
    change them.
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
        value, spending = draw_late_spend(state, spending, -delta * (time + last))
        record(key, draw, time + last, time + last, 1.0, value, delta, ends, by_period)
    value = spread_purchases(state, key, draw, value, others, time, last, spending, ends, delta, by_period)
    return min(until_dropout, possible), value


@njit()
def _purchases_until_dropout(state, dropout):
    """Draw the geometric number of purchases, the one that ends the relation included."""
    if dropout >= 1.0:
        return 1.0
    return 1.0 + math.floor(math.log(uniform(state)) / math.log1p(-max(dropout, 1e-300)))
