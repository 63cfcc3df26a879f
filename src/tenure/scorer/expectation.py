"""Expectations of one customer under one draw of the population, in closed form or by the tabulated intensity.

Notation (Fader, Hardie & Lee 2005): a customer made x repeat purchases, the last at t_x, observed until T; the
population is r, alpha (rate), a, b (dropout), p, q, v (spend). G = alpha + T.

Two purchase models differ in `chances`, those to leave right after the first purchase: 0 in the BG/NBD (Fader, Hardie
& Lee 2005), 1 in the MBG/NBD (Batislam, Denizel & Filiztekin 2007, Int. J. of Research in Marketing 24; Hoppe & Wagner
2007). Another follows each repeat purchase, so a customer has had n = x + chances.

Given that the customer is active at T, the rate is Gamma(r + x, G) and the dropout Beta(a, b + n), so purchases come
at time t ahead with intensity (r + x) / G * F(t / G), where F(z) = 2F1(r + x + 1, a; a + b + n; -z). There is no
(a - 1) in it, so nothing happens at a = 1, where the textbook form of the expectation is 0/0.
"""

import math

import numpy as np

from ..caching import njit
from .intensity import EQUATIONS, POINTS, fall_scale, fractions, integrate, panels_to, tabulate


@njit()
def p_alive(x, t_x, T, r, alpha, a, b, chances):  # type: ignore[no-untyped-def]
    """Probability of being active at T, with the odds in logs.

    Fader, Hardie & Lee (2008), note 021; for the MBG/NBD, Batislam et al. (2007), eq. 5.
    """
    n = x + chances
    return p_alive_of(x, t_x, T, r, alpha, log_dropout_odds(n, a, b)) if n > 0 else 1.0


@njit()
def log_dropout_odds(n, a, b):  # type: ignore[no-untyped-def]
    """Give the logarithm of the odds of having left at the last of n > 0 chances, before any silence."""
    return math.log(a / (b + (n - 1.0)))


@njit()
def p_alive_of(x, t_x, T, r, alpha, log_odds):  # type: ignore[no-untyped-def]
    """Give P(alive) from the log odds at the last purchase: silence since then makes having left likelier."""
    log_odds_gone = log_odds + (r + x) * math.log1p((T - t_x) / (alpha + t_x))
    return 1.0 / (1.0 + math.exp(min(log_odds_gone, 700.0)))


@njit()
def p_any_purchase(x, T, horizon, r, alpha):  # type: ignore[no-untyped-def]
    """Probability of at least one purchase in the horizon, given active: dropout comes only after a purchase."""
    return -math.expm1(-(r + x) * math.log1p(horizon / (alpha + T)))


@njit()
def mean_spend(x, monetary_value, p, q, v):  # type: ignore[no-untyped-def]
    """Expected value of one purchase: Fader & Hardie (2013), note 025, eq. 5.

    Without a repeat purchase, or if all were free, it is the population's.
    """
    own, population = spend_weights(x if monetary_value > 0.0 else 0.0, p, q, v)
    return population + own * monetary_value


@njit()
def spend_weights(x, p, q, v):  # type: ignore[no-untyped-def]
    """Split `mean_spend`: what it takes of the customer's own mean, and what it adds of the population's."""
    weight = p / (p * x + q - 1.0)
    return weight * x, weight * v


def purchases_if_active(
    x: float, T: float, horizon: float, delta: float, r: float, alpha: float, a: float, b: float, chances: int
) -> tuple[float, float]:
    """Expected purchases in (0, horizon] given active at T: plain, and discounted at rate `delta` per day.

    For one customer and draw, as tests and examples need it; `kernel` does the same for many.
    """
    A, c, reach = r + x + 1.0, a + b + (x + chances), horizon / (alpha + T)
    scale = fall_scale(A, a, c)
    needed = panels_to(reach, scale)
    table = np.empty((needed, 1, POINTS))
    tabulate(A, a, c, needed, 0, table, 0, np.empty(2), np.empty((EQUATIONS, EQUATIONS + 1)))
    nodes, weights, discounted = fractions(np.array([delta * horizon]))
    found = integrate(reach, scale, delta * horizon, table, 0, nodes, weights, discounted[0])
    return found[0] * (r + x), found[1] * (r + x)
