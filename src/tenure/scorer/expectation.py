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

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
# Widest panel, in u = log(1 + t / scale), over which twelve Gauss-Legendre points are good to 1e-10.
PANEL = 2.0
# With y = 1 / (1 + z): where the series in 1 - y gives way to the one in y.
FAR = 0.1
# The series in y degenerates where A - a is whole. Within one step of that it is interpolated from four A beside.
STEP = 1e-3
OFFSETS = np.array([-2.0, -1.0, 1.0, 2.0])


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
    far_terms = _far_terms(A, a, c) if _is_far(G / (G + horizon), c - A) else np.empty((4, 6))
    plain, discounted = 0.0, 0.0
    for panel in range(panels):
        for node in range(NODES.size):
            u = half * (2 * panel + 1 + NODES[node])
            t = scale * math.expm1(u)
            weight = WEIGHTS[node] * half * scale * math.exp(u) * _intensity(t / G, A, a, c, far_terms)
            plain += weight
            discounted += weight * math.exp(-delta * t)
    return plain * (r + x) / G, discounted * (r + x) / G


@njit(cache=True)
def fall_scale(A, a, c):  # type: ignore[no-untyped-def]
    """Give the z over which 2F1(A, a; c; -z) falls markedly; at most 1, how far its singularity lies."""
    return min(1.0, c / (A * max(1.0, a)))


@njit(cache=True)
def _intensity(z, A, a, c, far_terms):  # type: ignore[no-untyped-def]
    """Evaluate 2F1(A, a; c; -z) for z >= 0, c > a > 0, A > 0, by a series that converges without cancelling.

    Pfaff's transformations (Abramowitz & Stegun 1964, 15.3.4-5) give two series in 1 - y = z / (1 + z), in [0, 1);
    the sign of c - A says which of them has none but positive terms. For small y, `_far_intensity` is quicker.
    """
    y = 1.0 / (1.0 + z)
    if _is_far(y, c - A):
        return _far_intensity(y, a, c, far_terms)
    if c >= A:
        return math.exp(_log_series(a, c - A, c, z * y) + a * math.log(y))
    return math.exp(_log_series(c - a, A, c, z * y) + A * math.log(y))


@njit(cache=True)
def _log_series(a, b, c, w):  # type: ignore[no-untyped-def]
    """Sum the Gauss series of 2F1(a, b; c; w) for a, b, c >= 0 and 0 <= w < 1; return the logarithm of the sum."""
    term, total, log_scale = 1.0, 1.0, 0.0
    for n in range(1_000_000):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1.0)) * w
        total += term
        # The terms' ratio tends to w, so what is left is about term * w / (1 - w).
        if term * w <= 1e-16 * total * (1.0 - w):
            break
        if total > 1e250:
            term, total, log_scale = term * 1e-250, total * 1e-250, log_scale + 250.0 * math.log(10.0)
    return math.log(total) + log_scale


@njit(cache=True)
def _is_far(y, d):  # type: ignore[no-untyped-def]
    """Say whether the series in y converges fast, and its two parts do not cancel: they do for large d * y."""
    return y < FAR and d * y < 1.0


@njit(cache=True)
def _far_intensity(y, a, c, far_terms):  # type: ignore[no-untyped-def]
    """Evaluate 2F1(A, a; c; -z) for small y = 1 / (1 + z) (Abramowitz & Stegun 1964, 15.3.8)."""
    total, log_y = 0.0, math.log(y)
    for row in range(4):
        weight, s, log_first, first_sign, log_second, second_sign = far_terms[row]
        if weight != 0.0:
            A = a + s
            first = first_sign * math.exp(log_first + a * log_y) * _series(a, c - A, 1.0 - s, y)
            second = second_sign * math.exp(log_second + A * log_y) * _series(c - a, A, 1.0 + s, y)
            total += weight * (first + second)
    return total


@njit(cache=True)
def _far_terms(A, a, c):  # type: ignore[no-untyped-def]
    """Precompute what `_far_intensity` needs of A, shape (4, 6): a row, or four to interpolate near a whole A - a.

    A row has a weight, s = A - a, and the logarithm and sign of each part's gamma functions.
    """
    whole = round(A - a)
    off = (A - a - whole) / STEP
    is_near = abs(off) < 1.0
    out = np.zeros((4, 6))
    for row in range(4 if is_near else 1):
        s = whole + STEP * OFFSETS[row] if is_near else A - a
        (of_s, sign), (of_minus_s, minus_sign), (of_d, d_sign) = _log_gamma(s), _log_gamma(-s), _log_gamma(c - a - s)
        out[row, 0] = _lagrange(off, row) if is_near else 1.0
        out[row, 1] = s
        out[row, 2] = math.lgamma(c) + of_s - math.lgamma(c - a) - math.lgamma(a + s)
        out[row, 3] = sign
        out[row, 4] = math.lgamma(c) + of_minus_s - math.lgamma(a) - of_d
        out[row, 5] = minus_sign * d_sign
    return out


@njit(cache=True)
def _lagrange(at, row):  # type: ignore[no-untyped-def]
    """Weigh the value at `OFFSETS[row]` in the cubic through all four."""
    weight = 1.0
    for other in range(4):
        if other != row:
            weight *= (at - OFFSETS[other]) / (OFFSETS[row] - OFFSETS[other])
    return weight


@njit(cache=True)
def _log_gamma(z):  # type: ignore[no-untyped-def]
    """Return log |Gamma(z)| and the sign of Gamma(z); infinity at its poles."""
    if z <= 0.0 and z == math.floor(z):
        return math.inf, 1.0
    return math.lgamma(z), 1.0 if z > 0.0 or math.floor(z) % 2 == 0 else -1.0


@njit(cache=True)
def _series(a, b, c, y):  # type: ignore[no-untyped-def]
    """Sum the Gauss series of 2F1(a, b; c; y) for parameters of any sign and a small y."""
    term, total = 1.0, 1.0
    for n in range(100_000):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1.0)) * y
        total += term
        if abs(term) <= 1e-17 * abs(total):
            break
    return total
