"""The hypergeometric function that purchases fade by: F(z) = 2F1(A, a; c; -z), for z >= 0.

See `expectation` for where it stands. Three series cover all z, none of which cancels.
"""

import math

import numpy as np
from numba import njit

# With y = 1 / (1 + z): where the series in 1 - y gives way to the one in y.
FAR = 0.1
# The series in y degenerates where A - a is whole. Within one step of that it is interpolated from four A beside.
STEP = 1e-3
OFFSETS = np.array([-2.0, -1.0, 1.0, 2.0])


@njit(cache=True)
def fall_scale(A, a, c):  # type: ignore[no-untyped-def]
    """Give the z over which 2F1(A, a; c; -z) falls markedly; at most 1, how far its singularity lies."""
    return min(1.0, c / (A * max(1.0, a)))


@njit(cache=True)
def intensity(z, A, a, c, terms):  # type: ignore[no-untyped-def]
    """Evaluate 2F1(A, a; c; -z) for z >= 0, c > a > 0, A > 0, by a series that converges without cancelling.

    `terms` are `far_terms` of this y = 1 / (1 + z) or of a smaller one.

    Pfaff's transformations (Abramowitz & Stegun 1964, 15.3.4-5) give two series in 1 - y = z / (1 + z), in [0, 1);
    the sign of c - A says which of them has none but positive terms. For small y, `_far_intensity` is quicker.
    """
    y = 1.0 / (1.0 + z)
    if _is_far(y, c - A):
        return _far_intensity(y, a, c, terms)
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
def _far_intensity(y, a, c, terms):  # type: ignore[no-untyped-def]
    """Evaluate 2F1(A, a; c; -z) for small y = 1 / (1 + z) (Abramowitz & Stegun 1964, 15.3.8)."""
    total, log_y = 0.0, math.log(y)
    for row in range(4):
        weight, s, log_first, first_sign, log_second, second_sign = terms[row]
        if weight != 0.0:
            A = a + s
            first = first_sign * math.exp(log_first + a * log_y) * _series(a, c - A, 1.0 - s, y)
            second = second_sign * math.exp(log_second + A * log_y) * _series(c - a, A, 1.0 + s, y)
            total += weight * (first + second)
    return total


@njit(cache=True)
def far_terms(y, A, a, c):  # type: ignore[no-untyped-def]
    """Precompute what `intensity` needs down to y = 1 / (1 + z), shape (4, 6); zeros where y is not small.

    One row, or four to interpolate near a whole A - a: a weight, s = A - a, and the logarithm and sign of each part's
    gamma functions.
    """
    out = np.zeros((4, 6))
    if not _is_far(y, c - A):
        return out
    whole = round(A - a)
    off = (A - a - whole) / STEP
    is_near = abs(off) < 1.0
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
