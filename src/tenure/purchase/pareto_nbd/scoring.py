"""Expectations of one customer under each draw of the population.

Notation (Fader & Hardie 2005, note 009): a customer made x repeat purchases, the last at t_x, observed until T; the
population is r, alpha (purchase rates), s, beta (dropout rates). G = alpha + T, H = beta + T.

Given that the customer is active at T, the purchase rate is Gamma(r + x, G) and the dropout rate Gamma(s, H),
independent of each other and of t_x. Purchases then come at time t ahead with intensity (r + x) / G * (1 + t / H)^-s.
"""

import math
from typing import NamedTuple

import numpy as np

from ...caching import njit
from ..horizon import RINGS, Floats, fractions
from .race import p_first

CORE = 2.0  # widest innermost range of the quadrature, in units of the time in which the intensity falls
CORE_DISCOUNT = 4.0  # and of the discount


class Parameters(NamedTuple):
    """Draws of the parameters, shape (draws,) each."""

    r: Floats
    alpha: Floats
    s: Floats
    beta: Floats


class Workspace(NamedTuple):
    """Nothing is shared between customers of one x but what is computed anew."""

    unused: Floats


def allocate(draws: int) -> Workspace:
    """Return an empty workspace."""
    return Workspace(np.empty(0))


def prepare(ends: Floats, delta: float) -> tuple[Floats, Floats, Floats]:
    """Compute the quadrature over each period's end."""
    return fractions(delta * ends)


@njit()
def renew_x(x, parameters, workspace):
    """Return at once: no table depends on x."""


@njit()
def expect_if_active(x, T, ends, delta, prepared, parameters, workspace, plain, discounted, buying):
    """Compute expected purchases up to each period's end, and P(any purchase), given active at T."""
    nodes, weights, discounted_weights = prepared
    for draw in range(buying.size):
        shape, G = parameters.r[draw] + x, parameters.alpha[draw] + T
        s, H = parameters.s[draw], parameters.beta[draw] + T
        for period in range(ends.size):
            end = ends[period]
            if delta == 0.0:
                share = _undiscounted_share(end / H, s)
                plain[draw, period], discounted[draw, period] = shape * share * (end / G), shape * share * (end / G)
                continue
            sums = _active_share(end / H, s, delta * end, nodes, weights, discounted_weights[period])
            plain[draw, period], discounted[draw, period] = shape * sums[0] * (end / G), shape * sums[1] * (end / G)
    fill_buying(x, T, ends[-1], parameters, buying)


@njit()
def fill_buying(x, T, end, parameters, buying):
    """Compute P(any purchase until `end`) given active at T, under each draw."""
    for draw in range(buying.size):
        shape, G = parameters.r[draw] + x, parameters.alpha[draw] + T
        buying[draw] = p_first(shape, G, parameters.s[draw], parameters.beta[draw] + T, end)


@njit()
def _undiscounted_share(reach, s):
    """Compute the mean of (1 + z)^-s over z in (0, reach): Fader & Hardie (2005), note 009."""
    if not reach > 0.0:
        return 1.0
    log_reach = math.log1p(reach)
    power = (1.0 - s) * log_reach
    integral = log_reach if abs(power) < 1e-12 else math.expm1(power) / (1.0 - s)
    return min(integral / reach, 1.0)


@njit()
def _active_share(reach, s, discount, nodes, weights, discounted_weights):
    """Compute the mean of (1 + z)^-s over z in (0, reach), plain and discounted."""
    core, steepness, rings = reach * max(1.0, s), discount, 0
    while (core > CORE or steepness > CORE_DISCOUNT) and rings < RINGS - 1:
        core, steepness, rings = 0.25 * core, 0.25 * steepness, rings + 1
    total, total_discounted = 0.0, 0.0
    for ring in range(rings, -1, -1):
        row = RINGS + ring if ring == rings else ring
        for k in range(nodes.shape[1]):
            active = math.exp(-s * math.log1p(reach * nodes[row, k]))
            total += weights[row, k] * active
            total_discounted += discounted_weights[row, k] * active
    # Both are shares of 1, and a discount only lowers them: rounding must not lead out of that.
    total = min(total, 1.0)
    return total, min(total_discounted, total)


@njit()
def fill_alive(x, t_x, T, parameters, workspace, alive):
    """Compute P(alive at T) under each draw."""
    for draw in range(alive.size):
        alive[draw] = p_alive(
            x, t_x, T, parameters.r[draw], parameters.alpha[draw], parameters.s[draw], parameters.beta[draw]
        )


@njit()
def p_alive(x, t_x, T, r, alpha, s, beta):
    """Compute the probability of being active at T, with the odds in logs.

    A customer was active at t_x (at the first purchase if x = 0). In the silence since, either no clock has ended or
    the lifetime ended first: Schmittlein, Morrison & Colombo (1987).
    """
    silence, G, H = T - t_x, alpha + t_x, beta + t_x
    if not silence > 0.0:
        return 1.0
    gone = p_first(s, H, r + x, G, silence)
    log_silent = -(r + x) * math.log1p(silence / G) - s * math.log1p(silence / H)
    return 1.0 / (1.0 + math.exp(min(math.log(max(gone, 1e-300)) - log_silent, 700.0)))
