"""Simulated spends of one customer under one draw of the population."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...caching import njit
from ...counter_random import gamma_constants, gamma_draw, gamma_from, log_gamma_draw
from .scoring import Floats, Parameters


class Spending(NamedTuple):
    """One customer's spends in one future: Gamma(p) times `scale`.

    Attributes:
        p: shape of a spend.
        scale: 1 / nu.
        constants: `gamma_constants` of p, or of 1 where p is less.
    """

    p: float
    scale: float
    constants: tuple[float, float]


@njit()
def start_spending(state, x, evidence, parameters, draw):
    """Draw the scale of a customer's spends, given the repeat purchases so far; free ones carry no information."""
    p, q, v = parameters.p[draw], parameters.q[draw], parameters.v[draw]
    paid = x if evidence.monetary_value > 0.0 else 0.0
    scale = (v + paid * evidence.monetary_value) / gamma_draw(state, q + p * paid)
    return Spending(p, scale, gamma_constants(max(p, 1.0)))


@njit()
def draw_spend(state, spending, log_discount):
    """Draw one discounted spend; in logs for a small shape, where a variate would underflow."""
    p, scale, constants = spending
    if p >= 1.0:
        return gamma_from(state, constants) * math.exp(log_discount) * scale, spending
    return math.exp(log_gamma_draw(state, p) + log_discount + math.log(scale)), spending


@njit()
def draw_late_spend(state, spending, log_discount):
    """Draw one discounted spend in logs, where the discount may underflow."""
    return math.exp(log_gamma_draw(state, spending.p) + (math.log(spending.scale) + log_discount)), spending


@njit()
def draw_spends(state, spending, count, log_discount, span):
    """Draw the sum of `count` spends, each discounted by exp(log_discount - span * u) with u uniform in (0, 1).

    By a gamma variate of the sum's mean and variance: without a discount that is its law.
    """
    p = spending.p
    first = -math.expm1(-span) / span if span > 0.0 else 1.0  # the factor's first and second moments
    second = -math.expm1(-2.0 * span) / (2.0 * span) if span > 0.0 else 1.0
    spread = max((p + 1.0) * second - p * first * first, 1e-300)
    log_unit = math.log(spending.scale) + log_discount
    shape = count * p * first * first / spread
    return math.exp(log_gamma_draw(state, shape) + log_unit) * spread / first, spending


def draw_first_orders(
    parameters: Parameters, means: Floats, repeats: int, rng: np.random.Generator
) -> tuple[Floats, Iterator[Parameters]]:
    """Draw first orders, shape (repeats, draws), and by repeat the parameters of a customer who made that order.

    Repeat purchases have the mean p v / (q - 1), first orders `means`: they are those of the model times one factor. A
    first order y of the model is a purchase like any other: after it nu, Gamma(q, v) before, is Gamma(q + p, v + y)
    (Fader & Hardie 2013, note 025).
    """
    p, q, v = parameters
    nu = rng.standard_gamma(q, (repeats, q.size)) / v
    y = rng.standard_gamma(p, nu.shape) / nu
    first = y * (means * (q - 1.0) / (p * v))
    return first, (Parameters(p, q + p, v + y[at]) for at in range(repeats))
