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

Elsewhere the polynomial leaves a rest of the equation, which is 0 at the Radau points: P_16 - P_15 times a linear
function of s (Lanczos' tau). With F in Legendre polynomials P_k and the rest in Gegenbauer polynomials C^(5/2), row m
of the equation has the coefficients m to m + 4 of F alone (Olver & Townsend 2013, SIAM Review 55). So each follows from
those above it, once for the constant and once for the slope of the linear function, and F is the sum of both solutions
that has the right value and slope at the left end. That takes a quarter of the time of the points' own equations.

Integrals over a horizon are sums over fixed fractions of it (`horizon`), at which the discount is known beforehand: a
customer costs no exponential and no series, only some dozen short polynomials. Without a discount the polynomials are
integrated as they are, one for each horizon. Relative errors are below 1e-9 over the whole range of populations (a test
compares them).
"""

import math
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from ...caching import njit
from ..horizon import NODES, RINGS

POINTS = 18  # coefficients of a panel's polynomial: value and slope at its left end, and as many equations as are left
BAND = 5  # coefficients in a row of the equation
ROOM = (POINTS, 2)  # shape of the coefficients of two solutions
SEPARATE = 4  # rows after which the two are made different again
# Enough for every population that a `Posterior` may hold, over 30 years or to the end of a residual value.
PANELS = 128
# Where a is above STEEP, F falls at least as z^-STEEP: once F times the panel's width, in first panels, is below
# NEGLIGIBLE, so is all that follows, and it is left out. The equations of a panel would only amplify its rounding.
STEEP, NEGLIGIBLE = 30.0, 1e-13

# Below this share of the first panel an antiderivative loses digits, and quadrature does not.
SHORT = 1e-3
CORE = 2.0  # widest innermost range, in units of the scale in which F falls
CORE_DISCOUNT = 4.0  # and of the discount


def _by_rows(polynomial: Any) -> Any:
    """Return the coefficients in C^(5/2) of a sum of Legendre polynomials, which are C^(1/2)."""
    values, k = np.pad(polynomial, (0, POINTS))[:POINTS], np.arange(POINTS)
    for order in (0.5, 1.5):
        values = values * order / (order + k)
        values[:-2] -= values[2:]
    return values


def _equation() -> tuple[Any, ...]:
    """Compute what a panel's equation is made of, with w = 1 + s: rows, rests and powers.

    Rows of F'', w F'', w^2 F'', F', w F' and F, shape (POINTS, BAND, 6); rests of the two solutions, shape ROOM; powers
    of each Legendre polynomial, shape (POINTS, POINTS).
    """
    rows, powers = np.zeros((POINTS, BAND, 6)), np.zeros((POINTS, POINTS))
    for k, basis in enumerate(np.eye(POINTS)):
        powers[k, : k + 1] = legendre.leg2poly(basis[: k + 1])
        for term, (order, power) in enumerate([(2, 0), (2, 1), (2, 2), (1, 0), (1, 1), (0, 0)]):
            part = legendre.legder(basis, order)
            for _ in range(power):
                part = legendre.legmul(part, [1.0, 1.0])
            for m in range(max(0, k - BAND + 1), k + 1):
                rows[m, k - m, term] = _by_rows(part)[m]
    radau = np.eye(POINTS)[POINTS - 2] - np.eye(POINTS)[POINTS - 3]
    return rows, np.stack([_by_rows(radau), _by_rows(legendre.legmul([0.0, 1.0], radau))], 1), powers


INVERSE = 1.0 / np.arange(1.0, POINTS + 1.0)
ROWS, RESTS, POWERS = _equation()
SLOPES = 0.5 * np.arange(POINTS) * np.arange(1, POINTS + 1)  # of the Legendre polynomials at the right end


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
        room: to work in, shape ROOM.
    """
    scale = fall_scale(A, a, c)
    for panel in range(done, needed):
        half, low, row = 0.5 * scale * 2.0**panel, scale * (2.0**panel - 1.0), table[panel, draw]
        row[:] = 0.0
        if panel == 0:
            ends[0], ends[1] = 1.0, -A * (a / c)
        elif a > STEEP and not ends[0] * 2.0**panel > NEGLIGIBLE:
            ends[:] = 0.0  # also what rounding has made negative
            continue
        _solve(A, a, c, low, half, room)
        first, second = _shares(ends[0], ends[1] * half, room)
        ends[:] = 0.0
        for k in range(POINTS):
            coefficient = first * room[k, 0] + second * room[k, 1]
            ends[0] += coefficient
            ends[1] += coefficient * SLOPES[k] / half
            for n in range(POINTS):
                row[n] += coefficient * POWERS[k, n]


@njit()
def _solve(A, a, c, low, half, room):
    """Compute the coefficients of two solutions of a panel's equation, from the highest down."""
    sum_ = A + a + 1.0
    second, second_w = low * (1.0 + low) / (half * half), (1.0 + 2.0 * low) / half
    first, zeroth = (c + sum_ * low) / half, A * a
    for m in range(POINTS - 1, -1, -1):
        one, two, own = RESTS[m, 0], RESTS[m, 1], 0.0
        for j in range(min(BAND, POINTS - m)):
            of = ROWS[m, j]
            factor = second * of[0] + second_w * of[1] + of[2] + first * of[3] + sum_ * of[4] + zeroth * of[5]
            if j == 0:
                own = factor
            else:
                one -= factor * room[m + j, 0]
                two -= factor * room[m + j, 1]
        room[m, 0], room[m, 1] = one / own, two / own
        if m % SEPARATE == 0 and RESTS[m, 0] == 0.0:
            _separate(room, m)


@njit()
def _separate(room, m):
    """Subtract from the second solution as much of the first that its last coefficient is 0.

    Both grow into the same direction: without this they would soon differ by their rounding alone. Below the rests a
    multiple of a solution is one too.
    """
    bigger = 0 if abs(room[m, 0]) >= abs(room[m, 1]) else 1
    ratio = room[m, 1 - bigger] / room[m, bigger]
    for k in range(m, POINTS):
        one, two = room[k, bigger], room[k, 1 - bigger]
        room[k, 0], room[k, 1] = one, two - ratio * one
    room[m, 1] = 0.0


@njit()
def _shares(value, slope, room):
    """Return how much of either solution has together this value and slope at the left end."""
    values_0, values_1, slopes_0, slopes_1, sign = 0.0, 0.0, 0.0, 0.0, 1.0
    for k in range(POINTS):
        values_0 += sign * room[k, 0]
        values_1 += sign * room[k, 1]
        slopes_0 -= sign * SLOPES[k] * room[k, 0]
        slopes_1 -= sign * SLOPES[k] * room[k, 1]
        sign = -sign
    determinant = values_0 * slopes_1 - values_1 * slopes_0
    return (value * slopes_1 - slope * values_1) / determinant, (slope * values_0 - value * slopes_0) / determinant


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
