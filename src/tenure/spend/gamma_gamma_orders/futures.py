"""Simulated spends of one customer under one draw of the population."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...caching import njit
from ...counter_random import gamma_constants, gamma_draw, gamma_from, log_gamma_draw, uniform
from .scoring import Floats, Parameters, weigh

STEPS = 64  # blocks of the purchases that are drawn at once, which bounds the cost of a frequent customer


class Spending(NamedTuple):
    """One customer's spends in one future.

    Attributes:
        p: shape of a spend.
        delta: what is left of earlier evidence at each order.
        constants: `gamma_constants` of p, or of 1 where p is less.
        c, b: evidence before the next order.
        scale: 1 / nu where evidence does not fade: there it is constant.
    """

    p: float
    delta: float
    constants: tuple[float, float]
    c: float
    b: float
    scale: float


@njit()
def start_spending(state, x, evidence, parameters, draw):
    """Return the evidence so far, with a draw of 1 / nu where it is constant."""
    p, delta = parameters.p[draw], parameters.delta[draw]
    c, b = weigh(evidence, p, parameters.q[draw], parameters.v[draw], 1.0 / parameters.f[draw], delta)
    scale = b / gamma_draw(state, 1.0 + c) if delta == 1.0 else 0.0
    return Spending(p, delta, gamma_constants(max(p, 1.0)), c, b, scale)


@njit()
def _draw_scale(state, spending):
    """Return 1 / nu of the next order."""
    return spending.b / gamma_draw(state, 1.0 + spending.c) if spending.delta < 1.0 else spending.scale


@njit()
def _learn(spending, spend):
    """Return the spends after one more order."""
    p, delta, constants, c, b, scale = spending
    if delta < 1.0:
        c, b = delta * c + p, delta * b + spend
    return Spending(p, delta, constants, c, b, scale)


@njit()
def draw_spend(state, spending, log_discount):
    """Draw one discounted spend; in logs for a small shape, where a variate would underflow."""
    if spending.p < 1.0:
        return draw_late_spend(state, spending, log_discount)
    scale = _draw_scale(state, spending)
    spend = gamma_from(state, spending.constants) * scale
    return spend * math.exp(log_discount), _learn(spending, spend)


@njit()
def draw_late_spend(state, spending, log_discount):
    """Draw one discounted spend in logs, where the discount may underflow."""
    log_scale = math.log(_draw_scale(state, spending))
    log_spend = log_gamma_draw(state, spending.p) + log_scale
    return math.exp(log_spend + log_discount), _learn(spending, math.exp(log_spend))


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
        worth, spending = _draw_block(state, spending, size, log_discount - span * u)
        value += worth
        done += size
    return value, spending


@njit()
def _draw_block(state, spending, count, log_discount):
    """Draw the discounted sum of the next `count` spends, which have one nu."""
    p, delta, constants, c, b, scale = spending
    log_scale = math.log(_draw_scale(state, spending))
    log_sum = log_gamma_draw(state, p * count) + log_scale
    if delta < 1.0:
        left = delta**count
        weight = (1.0 - left) / (1.0 - delta)
        c, b = left * c + p * weight, left * b + math.exp(log_sum) * weight / count
    return math.exp(log_sum + log_discount), Spending(p, delta, constants, c, b, scale)


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
