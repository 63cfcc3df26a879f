"""Expectations in closed form or by quadrature, for one customer and one draw of the population.

Notation (Fader, Hardie & Lee 2005): a customer made x repeat purchases, the last at t_x, observed until T; the
population is r, alpha (rate), a, b (dropout), p, q, v (spend). G = alpha + T.

Given that the customer is active at T, the rate is Gamma(r + x, G) and the dropout Beta(a, b + x), so purchases come
at time t ahead with intensity (r + x) / G * F(t / G), where F(z) = 2F1(r + x + 1, a; a + b + x; -z). There is no
(a - 1) in it, so nothing happens at a = 1, where the textbook form of the expectation is 0/0.
"""

import math

import numpy as np
from numba import njit

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
# Widest panel, in u = log(1 + t / scale), over which twelve Gauss-Legendre points are good to 1e-10.
PANEL = 2.0
# Where the series in w gives way to the one in 1 - w: below, the second would lose digits to cancellation.
CONTINUE_ABOVE = 0.92


@njit(cache=True)
def p_alive(x, t_x, T, r, alpha, a, b):  # type: ignore[no-untyped-def]
    """Probability of being active at T: Fader, Hardie & Lee (2008), note 021, with the odds in logs."""
    if x == 0:
        return 1.0
    log_odds_gone = math.log(a / (b + x - 1.0)) + (r + x) * math.log1p((T - t_x) / (alpha + t_x))
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
def purchases_if_active(x, T, horizon, delta, r, alpha, a, b):  # type: ignore[no-untyped-def]
    """Expected purchases in (0, horizon] given active at T: plain, and discounted at rate `delta` per day.

    The substitution u = log(1 + t / scale) makes the intensity smooth; `scale` shrinks where it falls faster.
    """
    G, A, c = alpha + T, r + x + 1.0, a + b + x
    scale = G * min(1.0, c / A)
    width = math.log1p(horizon / scale)
    panels = math.ceil(width / PANEL)
    half = 0.5 * width / panels
    far = horizon / (G + horizon) > CONTINUE_ABOVE and c <= 30.0
    connection = _connection(A, a, c) if far else np.empty((2, 4))
    plain, discounted = 0.0, 0.0
    for panel in range(panels):
        for node in range(NODES.size):
            u = half * (2 * panel + 1 + NODES[node])
            t = scale * math.expm1(u)
            weight = WEIGHTS[node] * half * scale * math.exp(u) * _intensity(t / G, A, a, c, connection)
            plain += weight
            discounted += weight * math.exp(-delta * t)
    return plain * (r + x) / G, discounted * (r + x) / G


@njit(cache=True)
def _intensity(z, A, a, c, connection):  # type: ignore[no-untyped-def]
    """Evaluate 2F1(A, a; c; -z) for z >= 0, c > a > 0, A > 0, by the series that converges without cancelling.

    Pfaff's transformations (Abramowitz & Stegun 1964, 15.3.4-5) map z to w = z / (1 + z) in [0, 1). With d = c - A,
    the first is a series in (a, d; c); where d is so negative that its terms would cancel, the second has none but
    positive terms. Near w = 1 and for a small c, `connection` continues the first in 1 - w (15.3.6).
    """
    w, d = z / (1.0 + z), c - A
    if d < -8.0 and -d > c:
        log_value = math.log(_series(A, c - a, c, w)) - A * math.log1p(z)
        return math.exp(log_value)
    if w <= CONTINUE_ABOVE or c > 30.0:
        value = _series(a, d, c, w)
    else:
        value = _continued(1.0 - w, a, d, c, connection)
    return value * math.exp(-a * math.log1p(z))


@njit(cache=True)
def _series(a, b, c, w):  # type: ignore[no-untyped-def]
    """Sum the Gauss series of 2F1(a, b; c; w), 0 <= w < 1."""
    term, total = 1.0, 1.0
    for n in range(1_000_000):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1.0)) * w
        total += term
        # The terms' ratio tends to w, so what is left is about term * w / (1 - w).
        if abs(term) * w <= 1e-16 * abs(total) * (1.0 - w) and n > -b:
            break
    return total


@njit(cache=True)
def _connection(A, a, c):  # type: ignore[no-untyped-def]
    """Precompute what 15.3.6 needs: per shifted a, its first and second coefficient and s = c - a - d = A - a.

    The formula is degenerate for whole s. There a is moved to both sides, by `shift`, and the two values averaged:
    the error is of order shift squared.
    """
    s = A - a
    shift = 2e-5 if abs(s - round(s)) < 1e-5 else 0.0
    out = np.empty((2, 4))
    for row in range(2):
        near_a = a + shift * (2 * row - 1)
        near_s, d = A - near_a, c - A
        log_first = math.lgamma(c) + math.lgamma(near_s) - math.lgamma(c - near_a) - math.lgamma(A)
        first_sign = _gamma_sign(near_s)
        log_second = math.lgamma(c) + math.lgamma(-near_s) - math.lgamma(near_a) - math.lgamma(d)
        out[row, 0], out[row, 1] = near_a, near_s
        out[row, 2] = first_sign * math.exp(log_first)
        is_pole = d <= 0.0 and d == math.floor(d)
        out[row, 3] = 0.0 if is_pole else _gamma_sign(-near_s) * _gamma_sign(d) * math.exp(log_second)
    return out


@njit(cache=True)
def _gamma_sign(z):  # type: ignore[no-untyped-def]
    return 1.0 if z > 0.0 or math.floor(z) % 2 == 0 else -1.0


@njit(cache=True)
def _continued(y, a, d, c, connection):  # type: ignore[no-untyped-def]
    """Evaluate 2F1(a, d; c; 1 - y) for small y (Abramowitz & Stegun 1964, 15.3.6)."""
    total = 0.0
    for row in range(2):
        near_a, s = connection[row, 0], connection[row, 1]
        first = connection[row, 2] * _series(near_a, d, 1.0 - s, y)
        second = connection[row, 3] * math.exp(s * math.log(y)) * _series(c - near_a, c - d, 1.0 + s, y)
        total += 0.5 * (first + second)
    return total
