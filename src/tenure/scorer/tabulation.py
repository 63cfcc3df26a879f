"""The purchase intensity tabulated: once per number of purchases and draw, then integrated over any horizon at once.

Given that a customer is active at T, purchases come with intensity (r + x) / G * F(t / G), where G = alpha + T
(see `expectation`). F depends on x and the draw, not on T, so one table of F serves the customers of all T: a
polynomial of degree 13 on each of a few panels, which double in width away from 0. The panels depend on x and the draw
alone. Integrals over a horizon are sums over fixed fractions of it, at which the discount is known beforehand: a
customer costs no exponential and no series, only a dozen or so short polynomials.

Relative errors are below 1e-9 wherever the table reaches (a test compares them over the whole range of populations);
beyond, `expectation.purchases_if_active` integrates directly.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .intensity import fall_scale, far_terms, intensity

Floats = NDArray[np.float64]
POINTS = 14
PANELS = 12
CHEBYSHEV = np.cos((2 * np.arange(POINTS) + 1) * np.pi / (2 * POINTS))
# From values at the Chebyshev points of [-1, 1] to the coefficients of 1, s, s^2, ...
TO_POWERS = np.linalg.inv(np.vander(CHEBYSHEV, POINTS, increasing=True))

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
RINGS = 24  # fractions of the horizon in [1/4, 1], [1/16, 1/4], ...; or all of [0, 4^-m]
CORE = 2.0  # widest innermost range, in units of the scale in which F falls
CORE_DISCOUNT = 4.0  # and of the discount


def fractions(discount: float) -> tuple[Floats, Floats, Floats]:
    """Give nodes in (0, 1), plain and discounted weights for a discount of exp(-discount * node), (2 RINGS, 12) each.

    Row j holds the ring [4^-(j + 1), 4^-j], row RINGS + m the core [0, 4^-m].
    """
    tops = 4.0 ** -np.arange(RINGS)
    lows = np.concatenate([tops / 4.0, np.zeros(RINGS)])[:, None]
    widths = np.concatenate([tops, tops])[:, None] - lows
    nodes = lows + widths * 0.5 * (NODES + 1.0)
    plain = widths * 0.5 * WEIGHTS
    return nodes, plain, plain * np.exp(-discount * nodes)


@njit(cache=True)
def tabulate(A, a, c, reach, done, table):  # type: ignore[no-untyped-def]
    """Extend a table of F(z) = 2F1(A, a; c; -z), shape (PANELS, POINTS), from `done` panels until it holds `reach`.

    Returns the number of panels it then has; more than PANELS, and nothing done, where it cannot reach so far.
    """
    scale = fall_scale(A, a, c)
    needed = max(1, math.ceil(math.log2(1.0 + reach / scale)))
    if needed > PANELS:
        return needed
    values = np.empty(POINTS)
    for panel in range(done, needed):
        half = 0.5 * scale * 2.0**panel
        low = scale * (2.0**panel - 1.0)
        terms = far_terms(1.0 / (1.0 + low + 2.0 * half), A, a, c)
        for k in range(POINTS):
            values[k] = intensity(low + half * (1.0 + CHEBYSHEV[k]), A, a, c, terms)
        for n in range(POINTS):
            total = 0.0
            for k in range(POINTS):
                total += TO_POWERS[n, k] * values[k]
            table[panel, n] = total
    return max(done, needed)


@njit(cache=True)
def integrate(reach, scale, discount, table, nodes, plain, discounted):  # type: ignore[no-untyped-def]
    """Integrate the tabulated F over (0, reach]: plain, and with the discount in the weights.

    `scale` is the width of the table's first panel; `nodes` and the weights are `fractions(discount)`.
    """
    core, steepness, rings = reach / scale, discount, 0
    while core > CORE or steepness > CORE_DISCOUNT:
        core, steepness, rings = 0.25 * core, 0.25 * steepness, rings + 1
    low, top, per_half, panel = 0.0, scale, 2.0 / scale, 0
    total, total_discounted = 0.0, 0.0
    for ring in range(rings, -1, -1):
        row = RINGS + ring if ring == rings else ring
        for k in range(NODES.size):
            z = reach * nodes[row, k]
            while z > top:
                low, top, per_half, panel = top, 2.0 * top + scale, 0.5 * per_half, panel + 1
            value = _polynomial(table[panel], (z - low) * per_half - 1.0)
            total += plain[row, k] * value
            total_discounted += discounted[row, k] * value
    return total * reach, total_discounted * reach


@njit(cache=True)
def _polynomial(coefficients, s):  # type: ignore[no-untyped-def]
    """Evaluate by Horner's rule in s^2, even and odd powers side by side, which a processor does at once."""
    square = s * s
    even, odd = coefficients[POINTS - 2], coefficients[POINTS - 1]
    for n in range(POINTS - 4, -2, -2):
        even, odd = even * square + coefficients[n], odd * square + coefficients[n + 1]
    return even + s * odd
