"""Simulated purchases by period, and many of them at once: shared by the models' `futures`."""

import math

import numpy as np

from ..caching import njit
from ..counter_random import binomial_draw, start_stream
from ..spend.dispatch import draw_spends

# Mixed into a customer's key for the numbers that divide purchases drawn at once among periods.
_DIVISION = np.uint64(0xD1B54A32D192ED03)


@njit()
def spread_purchases(state, key, draw, value, count, time, span, spending, ends, delta, by_period):
    """Draw the discounted sum of `count` purchases that lie uniformly in (time, time + span), and record it by period.

    The sum is drawn over stretches of time, each by a gamma variate of the sum's mean and variance. Returns it added to
    `value`.
    """
    left, start = count, 0.0
    stretch = 1.0 / delta if delta * span > 1.0 else span
    while left > 0.0:
        end = min(start + stretch, span)
        here = left if end >= span else binomial_draw(state, left, (end - start) / (span - start))
        if here > 0.0:
            worth, spending = draw_spends(state, spending, here, -delta * (time + start), delta * (end - start))
            value += worth
            record(key, draw, time + start, time + end, here, worth, delta, ends, by_period)
        left -= here
        start, stretch = end, 2.0 * stretch
    return value


@njit()
def find_period(time, ends, period):
    """Return the period, `period` or later, in which a time lies; the last may be off by rounding."""
    while time > ends[period] and period < ends.size - 1:
        period += 1
    return period


@njit()
def record(key, draw, start, end, count, value, delta, ends, by_period):
    """Divide purchases that lie uniformly in [start, end] among the periods, with random numbers of their own.

    So results are the same with and without periods. Value goes with the purchases, each by the mean discount in its
    part.
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
