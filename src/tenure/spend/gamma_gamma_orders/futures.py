"""Simulated spends of one customer under one draw of the population."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...caching import njit
from ...counter_random import gamma_draw, log_gamma_draw, uniform
from .scoring import Floats, Parameters, weigh

STEPS = 64  # blocks of the purchases that are drawn at once, which bounds the cost of a frequent customer


class Spending(NamedTuple):
    """One customer's spends in one future.

    Attributes:
        p: shape of a spend.
        delta: what is left of earlier evidence at each order.
        evidence: c and b before the next order, and 1 / nu, shape (3,); changed by each draw.
    """

    p: float
    delta: float
    evidence: Floats


@njit()
def start_spending(state, x, evidence, parameters, draw):
    """Return the evidence so far, with a draw of 1 / nu, which is constant where evidence does not fade."""
    p, delta = parameters.p[draw], parameters.delta[draw]
    kept = np.empty(3)
    kept[0], kept[1] = weigh(evidence, p, parameters.q[draw], parameters.v[draw], 1.0 / parameters.f[draw], delta)
    kept[2] = kept[1] / gamma_draw(state, 1.0 + kept[0])
    return Spending(p, delta, kept)


@njit()
def _draw_sum(state, spending, count):
    """Draw the logarithm of the sum of the next `count` spends, which have one nu, and add them to the evidence."""
    p, delta, kept = spending
    log_sum = log_gamma_draw(state, p * count) + math.log(kept[2])
    if delta < 1.0:
        left = delta**count
        weight = (1.0 - left) / (1.0 - delta)
        kept[0] = left * kept[0] + p * weight
        kept[1] = left * kept[1] + math.exp(log_sum) * weight / count
        kept[2] = kept[1] / gamma_draw(state, 1.0 + kept[0])
    return log_sum


@njit()
def draw_spend(state, spending, log_discount):
    """Draw one discounted spend, in logs, as a variate of a small shape would underflow."""
    return math.exp(_draw_sum(state, spending, 1.0) + log_discount)


@njit()
def draw_late_spend(state, spending, log_discount):
    """Draw one discounted spend in logs, where the discount may underflow."""
    return math.exp(_draw_sum(state, spending, 1.0) + log_discount)


@njit()
def draw_spends(state, spending, count, log_discount, span):
    """Draw the sum of `count` spends, each discounted by exp(log_discount - span * u) with u uniform in (0, 1).

    One by one in their order, u in as many equal parts; of very many in blocks, whose purchases have one nu and one u.
    Where evidence does not fade all have one nu.
    """
    value, done = 0.0, 0.0
    block = max(math.ceil(count / STEPS), 1.0)
    while done < count:
        size = min(block, count - done)
        u = (done + size * uniform(state)) / count
        value += math.exp(_draw_sum(state, spending, size) + (log_discount - span * u))
        done += size
    return value


def draw_first_orders(
    parameters: Parameters, means: Floats, repeats: int, rng: np.random.Generator
) -> tuple[Floats, Iterator[Parameters]]:
    """Draw first orders, shape (repeats, draws), and by repeat the parameters of a customer who made that order.

    First orders have the means `means`. One that is y as a later order leaves c = delta (q - 1) + p, b = delta v + y.
    """
    p, q, v, f, delta = parameters
    nu = rng.standard_gamma(q, (repeats, q.size)) / v
    y = rng.standard_gamma(p, nu.shape) / nu
    first = y * (means * (q - 1.0) / (p * v))
    return first, (Parameters(p, 1.0 + delta * (q - 1.0) + p, delta * v + y[at], f, delta) for at in range(repeats))
