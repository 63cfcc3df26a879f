"""Expectations in closed form or by quadrature, for one customer and one draw of the population.

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
from numba import njit

from .intensity import fall_scale, far_terms, intensity

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
# Widest panel, in u = log(1 + t / scale), over which twelve Gauss-Legendre points are good to 1e-10.
PANEL = 2.0


@njit(cache=True)
def p_alive(x, t_x, T, r, alpha, a, b, chances):  # type: ignore[no-untyped-def]
    """Probability of being active at T, with the odds in logs.

    Fader, Hardie & Lee (2008), note 021; for the MBG/NBD, Batislam et al. (2007), eq. 5.
    """
    n = x + chances
    return p_alive_of(x, t_x, T, r, alpha, log_dropout_odds(n, a, b)) if n > 0 else 1.0


@njit(cache=True)
def log_dropout_odds(n, a, b):  # type: ignore[no-untyped-def]
    """Give the logarithm of the odds of having left at the last of n > 0 chances, before any silence."""
    return math.log(a / (b + (n - 1.0)))


@njit(cache=True)
def p_alive_of(x, t_x, T, r, alpha, log_odds):  # type: ignore[no-untyped-def]
    """Give P(alive) from the log odds at the last purchase: silence since then makes having left likelier."""
    log_odds_gone = log_odds + (r + x) * math.log1p((T - t_x) / (alpha + t_x))
    return 1.0 / (1.0 + math.exp(min(log_odds_gone, 700.0)))


@njit(cache=True)
def p_any_purchase(x, T, horizon, r, alpha):  # type: ignore[no-untyped-def]
    """Probability of at least one purchase in the horizon, given active: dropout comes only after a purchase."""
    return -math.expm1(-(r + x) * math.log1p(horizon / (alpha + T)))


@njit(cache=True)
def mean_spend(x, monetary_value, p, q, v):  # type: ignore[no-untyped-def]
    """Expected value of one purchase: Fader & Hardie (2013), note 025, eq. 5."""
    return p * (v + x * monetary_value) / (p * x + q - 1.0)


@njit(cache=True)
def purchases_if_active(x, T, horizon, delta, r, alpha, a, b, chances):  # type: ignore[no-untyped-def]
    """Expected purchases in (0, horizon] given active at T: plain, and discounted at rate `delta` per day.

    The substitution u = log(1 + t / scale) makes both integrands smooth; `scale` is the time in which they fall.
    """
    G, A, c = alpha + T, r + x + 1.0, a + b + (x + chances)
    scale = min(G * fall_scale(A, a, c), 1.0 / max(delta, 1e-300))
    width = math.log1p(horizon / scale)
    panels = math.ceil(width / PANEL)
    half = 0.5 * width / panels
    terms = far_terms(G / (G + horizon), A, a, c)
    plain, discounted = 0.0, 0.0
    for panel in range(panels):
        for node in range(NODES.size):
            u = half * (2 * panel + 1 + NODES[node])
            t = scale * math.expm1(u)
            weight = WEIGHTS[node] * half * scale * math.exp(u) * intensity(t / G, A, a, c, terms)
            plain += weight
            discounted += weight * math.exp(-delta * t)
    return plain * (r + x) / G, discounted * (r + x) / G
