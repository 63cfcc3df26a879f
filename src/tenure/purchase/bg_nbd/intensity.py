"""How purchases fade: the intensity of a customer who is active now, tabulated and integrated over any horizon.

Given that a customer is active at T, purchases come at time t ahead with intensity (r + x) / G * F(t / G), where
G = alpha + T and F(z) = 2F1(A, a; c; -z), A = r + x + 1, c = a + b + n (see `scoring`). F depends on x and the
draw, not on T, so one table of F serves the customers of all T.

The table is made by solving F's differential equation (Abramowitz & Stegun 1964, 15.5.1, with -z for their z),

    z (1 + z) F'' + (c + (A + a + 1) z) F' + A a F = 0,    F(0) = 1,    F'(0) = -A a / c,

panel by panel away from 0, each twice as wide as the one before, by a polynomial that fulfils the equation at the
right Radau points of the panel (collocation; Hairer & Wanner 1996, IV.5). That is stable however stiff the equation
(a b or an x of ten thousand makes it so) and costs the same for every population: no series has to converge, nothing
happens at whole A - a, at a = 1 or at a + b = 1.

Integrals over a horizon are sums over fixed fractions of it (`horizon`), at which the discount is known beforehand: a
customer costs no exponential and no series, only some dozen short polynomials. Without a discount the polynomials are
integrated as they are, one for each horizon. Relative errors are below 1e-9 over the whole range of populations (a test
compares them).
"""

import math
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, legendre

from ...caching import njit
from ..horizon import NODES, RINGS

POINTS = 18  # coefficients of a panel's polynomial: value and slope at its left end, and as many equations as are left
EQUATIONS = POINTS - 2
# Enough for every population that a `Posterior` may hold, over 30 years or to the end of a residual value.
PANELS = 128
# Where a is above STEEP, F falls at least as z^-STEEP: once F times the panel's width, in first panels, is below
# NEGLIGIBLE, so is all that follows, and it is left out. The equations of a panel would only amplify its rounding.
STEEP, NEGLIGIBLE = 30.0, 1e-13

# Below this share of the first panel an antiderivative loses digits, and quadrature does not.
SHORT = 1e-3
CORE = 2.0  # widest innermost range, in units of the scale in which F falls
CORE_DISCOUNT = 4.0  # and of the discount


def _collocation() -> tuple[Any, ...]:
    """Compute the right Radau points s in (-1, 1], the basis (1 + s)^2 T_k and its derivatives there, and as powers.

    Shapes (EQUATIONS,), three of (EQUATIONS, EQUATIONS) by point and basis function, (POINTS, EQUATIONS).
    """
    difference = np.zeros(EQUATIONS + 1)
    difference[EQUATIONS - 1], difference[EQUATIONS] = 1.0, -1.0
    points = np.sort(legendre.legroots(difference).real)
    square = chebyshev.poly2cheb([1.0, 2.0, 1.0])
    basis = [chebyshev.chebmul(square, np.eye(EQUATIONS)[k]) for k in range(EQUATIONS)]
    by_order = [np.stack([chebyshev.chebval(points, chebyshev.chebder(f, m)) for f in basis], 1) for m in range(3)]
    powers = np.stack([np.pad(p, (0, POINTS - p.size)) for p in map(chebyshev.cheb2poly, basis)], 1)
    return points, *(np.ascontiguousarray(values) for values in by_order), np.ascontiguousarray(powers)


INVERSE = 1.0 / np.arange(1.0, POINTS + 1.0)
RADAU, BASIS, BASIS_1, BASIS_2, TO_POWERS = _collocation()


@njit()
def fall_scale(A, a, c):
    """Return the z over which F falls markedly; at most 1, the distance of its singularity."""
    return min(1.0, max(1.0, c / max(1.0, a)) / A)


@njit()
def panels_to(reach, scale):
    """Count the panels that reach to z = `reach`."""
    return max(1, min(PANELS, math.ceil(math.log2(1.0 + reach / scale))))


@njit()
def tabulate(A, a, c, needed, done, table, draw, ends, room):
    """Compute a table of F, c > a > 0, from panel `done` to `needed`.

    Args:
        A: F's first parameter.
        a: its second.
        c: its third.
        needed: how many panels.
        done: how many there are.
        table: polynomials in s of [-1, 1], lowest power first, shape (panels, draws, POINTS).
        draw: whose they are.
        ends: F and dF/dz at the right end of the last panel done, shape (2,); updated.
        room: to work in, shape (EQUATIONS, EQUATIONS + 1).
    """
    scale = fall_scale(A, a, c)
    for panel in range(done, needed):
        half = 0.5 * scale * 2.0**panel
        low = scale * (2.0**panel - 1.0)
        if panel == 0:
            ends[0], ends[1] = 1.0, -A * (a / c)
        elif a > STEEP and not ends[0] * 2.0**panel > NEGLIGIBLE:
            ends[:], table[panel, draw, :] = 0.0, 0.0  # also what rounding has made negative
            continue
        value, slope = ends[0], ends[1] * half
        for i in range(EQUATIONS):
            s = 1.0 + RADAU[i]
            z = low + half * s
            second, first, zeroth = z * (1.0 + z) / (half * half), (c + (A + a + 1.0) * z) / half, A * a
            for k in range(EQUATIONS):
                room[i, k] = second * BASIS_2[i, k] + first * BASIS_1[i, k] + zeroth * BASIS[i, k]
            room[i, EQUATIONS] = -(first * slope + zeroth * (value + slope * s))
        _solve(room)
        row = table[panel, draw]
        row[:] = 0.0
        row[0], row[1] = value + slope, slope
        for n in range(POINTS):
            for k in range(EQUATIONS):
                row[n] += TO_POWERS[n, k] * room[k, EQUATIONS]
        ends[0], ends[1] = 0.0, 0.0
        for n in range(POINTS):
            ends[0] += row[n]
            ends[1] += n * row[n] / half


@njit()
def _solve(room):
    """Solve the linear equations `room[:, :-1] y = room[:, -1]` in place, by elimination with pivots scaled by row."""
    size = room.shape[0]
    for i in range(size):
        largest = 0.0
        for k in range(size):
            largest = max(largest, abs(room[i, k]))
        for k in range(size + 1):
            room[i, k] /= largest
    for j in range(size):
        best = j
        for i in range(j + 1, size):
            if abs(room[i, j]) > abs(room[best, j]):
                best = i
        if best != j:
            for k in range(j, size + 1):
                room[j, k], room[best, k] = room[best, k], room[j, k]
        for i in range(j + 1, size):
            factor = room[i, j] / room[j, j]
            for k in range(j + 1, size + 1):
                room[i, k] -= factor * room[j, k]
    for j in range(size - 1, -1, -1):
        total = room[j, size]
        for k in range(j + 1, size):
            total -= room[j, k] * room[k, size]
        room[j, size] = total / room[j, j]


@njit()
def integrate(reach, scale, discount, table, draw, nodes, plain, discounted):
    """Return the integral of the tabulated F over (0, reach]: plain, and with the discount in the weights.

    `scale` is the width of the first panel of `table`, which is as `tabulate` fills it; `nodes` and the weights are
    of `horizon.fractions` for this `discount`.
    """
    core, steepness, rings = reach / scale, discount, 0
    while (core > CORE or steepness > CORE_DISCOUNT) and rings < RINGS - 1:
        core, steepness, rings = 0.25 * core, 0.25 * steepness, rings + 1
    low, top, per_half, panel = 0.0, scale, 2.0 / scale, 0
    total, total_discounted = 0.0, 0.0
    for ring in range(rings, -1, -1):
        row = RINGS + ring if ring == rings else ring
        for k in range(NODES.size):
            z = reach * nodes[row, k]
            while z > top:
                low, top, per_half, panel = top, 2.0 * top + scale, 0.5 * per_half, panel + 1
            value = polynomial(table[panel, draw], (z - low) * per_half - 1.0)
            total += plain[row, k] * value
            total_discounted += discounted[row, k] * value
    # 0 <= F <= 1, and a discount only lowers it: rounding must not leave that range.
    if not 0.0 <= total <= 1.0:
        total = 0.0 if total < 0.0 else 1.0
    if not 0.0 <= total_discounted <= total:
        total_discounted = 0.0 if total_discounted < 0.0 else total
    return total * reach, total_discounted * reach


@njit()
def integrate_undiscounted(reaches, per_reach, scale, table, draw, panels, prepared, totals):
    """Compute the integrals of the tabulated F over (0, reach] for ascending reaches, by antiderivatives.

    Args:
        reaches: right ends, times `per_reach`, shape (periods,).
        per_reach: unit of `reaches`.
        scale: width of the first panel of `table`, which is as `tabulate` fills it.
        table: see `tabulate`.
        draw: whose integrals.
        panels: `panels_to` of the last reach: by rounding it may end just beyond the last of them.
        prepared: quadrature for integrals that are short, of `horizon.fractions` for no discount.
        totals: the integrals, shape (draws, periods); the row of the draw is filled.
    """
    nodes, plain, _ = prepared
    low, width, panel, before = 0.0, scale, 0, 0.0
    for period in range(reaches.size):
        reach = reaches[period] / per_reach
        if reach < SHORT * scale:
            totals[draw, period] = integrate(reach, scale, 0.0, table, draw, nodes, plain, plain)[0]
            continue
        while reach > low + width and panel < panels - 1:
            before += 0.5 * width * antiderivative(table[panel, draw], 1.0)
            low, width, panel = low + width, 2.0 * width, panel + 1
        part = 0.5 * width * antiderivative(table[panel, draw], 2.0 * (reach - low) / width - 1.0)
        # 0 <= F <= 1: rounding must not leave that range.
        totals[draw, period] = min(max(before + part, 0.0), reach)


@njit()
def antiderivative(coefficients, s):
    """Evaluate the integral of a polynomial over (-1, s), even and odd powers side by side, as `polynomial` does."""
    square, last = s * s, POINTS - 1
    even, odd = coefficients[last - 1] * INVERSE[last - 1], coefficients[last] * INVERSE[last]
    even_left, odd_left = even, odd
    for n in range(POINTS - 4, -2, -2):
        of_even, of_odd = coefficients[n] * INVERSE[n], coefficients[n + 1] * INVERSE[n + 1]
        even, odd = even * square + of_even, odd * square + of_odd
        even_left, odd_left = even_left + of_even, odd_left + of_odd
    return (even + s * odd) * s + (even_left - odd_left)


@njit()
def polynomial(coefficients, s):
    """Evaluate by Horner's rule in s^2, even and odd powers side by side, which a processor does at once."""
    square = s * s
    even, odd = coefficients[POINTS - 2], coefficients[POINTS - 1]
    for n in range(POINTS - 4, -2, -2):
        even, odd = even * square + coefficients[n], odd * square + coefficients[n + 1]
    return even + s * odd
