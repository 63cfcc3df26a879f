"""Simulate one customer's future under one draw of the population: purchases, their times, their values."""

import math

import numpy as np

from ...caching import njit
from ...counter_random import gamma_draw, log_gamma_draw, poisson_draw, uniform
from ...spend.dispatch import draw_spend
from ..periods import find_period, spread_purchases
from .race import time_of_first

# Purchases simulated one by one; what comes after is drawn all at once, which bounds the cost of a frequent customer.
ONE_BY_ONE = 6


@njit()
def simulate_buyer(state, key, draw, quantile, x, T, parameters, spending, ends, delta, by_period):
    """Simulate the purchases in (0, horizon] and their discounted value, given that there is at least one.

    The rates are integrated out, purchase by purchase: given an active customer at time t, the wait for the next
    purchase is Lomax(shape, G + t) and the remaining lifetime Lomax(s, H + t). A purchase at t' needs a lifetime
    beyond t'.

    Args and result: see `purchase.protocol`.
    """
    shape, G, s, H = parameters.r[draw] + x, parameters.alpha[draw] + T, parameters.s[draw], parameters.beta[draw] + T
    time = time_of_first(quantile, shape, G, s, H, ends[-1])
    count, value, period = 0.0, 0.0, np.int64(0)
    while True:
        count, shape = count + 1.0, shape + 1.0
        worth, spending = draw_spend(state, spending, -delta * time)
        value += worth
        if by_period.shape[1]:
            period = find_period(time, ends, period)
            by_period[0, period] += 1.0
            by_period[1, period] += worth
        if count == ONE_BY_ONE:
            break
        wait = (G + time) * math.expm1(-math.log(uniform(state)) / shape)
        if time + wait > ends[-1] or math.log(uniform(state)) > -s * math.log1p(wait / (H + time)):
            return count, value
        time += wait
    rate = gamma_draw(state, shape) / (G + time)
    active = min(_lifetime(state, s, H + time), max(ends[-1] - time, 0.0))
    more = poisson_draw(state, rate * active)
    return count + more, spread_purchases(state, key, draw, value, more, time, active, spending, ends, delta, by_period)


@njit()
def _lifetime(state, s, H):
    """Draw a remaining lifetime, in logs, as a dropout rate of a small shape would underflow."""
    log_rate = log_gamma_draw(state, s) - math.log(H)
    return math.exp(min(math.log(-math.log(uniform(state))) - log_rate, 700.0))
