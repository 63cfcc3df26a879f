"""Expectations of one customer under each draw of the population, in closed form or by the tabulated intensity.

Notation (Fader, Hardie & Lee 2005): a customer made x repeat purchases, the last at t_x, observed until T; the
population is r, alpha (rate), a, b (dropout). G = alpha + T.

The two models differ in `chances`, those to leave right after the first purchase: 0 in the BG/NBD, 1 in the MBG/NBD.
Another follows each repeat purchase, so a customer has had n = x + chances.

Given that the customer is active at T, the rate is Gamma(r + x, G) and the dropout Beta(a, b + n), so purchases come
at time t ahead with intensity (r + x) / G * F(t / G), where F(z) = 2F1(r + x + 1, a; a + b + n; -z). There is no
(a - 1) in it, so nothing happens at a = 1, where the textbook form of the expectation is 0/0.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...caching import njit
from ..horizon import Floats, fractions
from .intensity import PANELS, POINTS, ROOM, fall_scale, integrate, integrate_undiscounted, panels_to, tabulate

KEPT_X = 64  # how many x have tables of their own, at most
KEPT_NUMBERS = 2**21  # of tables of up to USUAL_PANELS panels: 16 MiB
USUAL_PANELS = 16


class Parameters(NamedTuple):
    """Draws of the parameters, shape (draws,) each, and the chances to leave right after the first purchase."""

    r: Floats
    alpha: Floats
    a: Floats
    b: Floats
    chances: int


class Workspace(NamedTuple):
    """What customers of one x share. Tables of F are kept for several x: customers come by group, and in each by x.

    Attributes:
        intensities: tables of F, shape (KEPT_X, PANELS, draws, POINTS): panels before draws, as few are ever touched.
        edges: of `intensity.tabulate`, shape (KEPT_X, draws, 2).
        panels: how many panels each draw's table has, shape (KEPT_X, draws).
        kept: whose tables these are, shape (KEPT_X,); -1 for nobody's.
        log_odds: `log_dropout_odds` of the last x, shape (draws,).
        room: for the solutions of a panel.
    """

    intensities: Floats
    edges: Floats
    panels: NDArray[np.int64]
    kept: Floats
    log_odds: Floats
    room: Floats


def allocate(draws: int) -> Workspace:
    """Return an empty workspace."""
    some = max(1, min(KEPT_X, KEPT_NUMBERS // (draws * POINTS * USUAL_PANELS)))
    intensities, edges = np.empty((some, PANELS, draws, POINTS)), np.empty((some, draws, 2))
    panels, kept = np.zeros((some, draws), np.int64), np.full(some, -1.0)
    return Workspace(intensities, edges, panels, kept, np.empty(draws), np.empty(ROOM))


def prepare(ends: Floats, delta: float) -> tuple[Floats, Floats, Floats]:
    """Compute the quadrature over each period's end."""
    return fractions(delta * ends)


@njit()
def renew_x(x, parameters, workspace):
    """Fill the workspace for another x; its tables start empty where they are not kept."""
    place = _place_of(x, workspace)
    if workspace.kept[place] != x:
        workspace.kept[place] = x
        workspace.panels[place, :] = 0
    n = x + parameters.chances
    if n > 0:
        for s in range(workspace.log_odds.size):
            workspace.log_odds[s] = log_dropout_odds(n, parameters.a[s], parameters.b[s])


@njit()
def _place_of(x, workspace):
    """Return the place of the tables of x: one for each of the smallest, which most customers have, and the last."""
    return np.int64(min(x, workspace.kept.size - 1.0))


@njit()
def expect_if_active(x, T, ends, delta, prepared, parameters, workspace, plain, discounted, buying):
    """Compute expected purchases up to each period's end, and P(any purchase), given active at T.

    Tables of this x are extended as far as need be.
    """
    nodes, weights, discounted_weights = prepared
    place = _place_of(x, workspace)
    table, edges, panels = workspace.intensities[place], workspace.edges[place], workspace.panels[place]
    for s in range(buying.size):
        r, a = parameters.r[s], parameters.a[s]
        G, A, c = parameters.alpha[s] + T, r + x + 1.0, a + parameters.b[s] + (x + parameters.chances)
        scale = fall_scale(A, a, c)
        needed = panels_to(ends[-1] / G, scale)
        if needed > panels[s]:
            tabulate(A, a, c, needed, panels[s], table, s, edges[s], workspace.room)
            panels[s] = needed
        if delta == 0.0:
            integrate_undiscounted(ends, G, scale, table, s, needed, prepared, plain)
            for period in range(ends.size):
                plain[s, period] *= r + x
                discounted[s, period] = plain[s, period]
            continue
        for period in range(ends.size):
            end, of_discount = ends[period], discounted_weights[period]
            sums = integrate(end / G, scale, delta * end, table, s, nodes, weights, of_discount)
            plain[s, period], discounted[s, period] = sums[0] * (r + x), sums[1] * (r + x)
    fill_buying(x, T, ends[-1], parameters, buying)


@njit()
def fill_buying(x, T, end, parameters, buying):
    """Compute P(any purchase until `end`) given active at T, under each draw."""
    for s in range(buying.size):
        buying[s] = p_any_purchase(x, T, end, parameters.r[s], parameters.alpha[s])


@njit()
def fill_alive(x, t_x, T, parameters, workspace, alive):
    """Compute P(alive at T) under each draw."""
    may_be_gone = x + parameters.chances > 0
    for s in range(alive.size):
        alive[s] = 1.0
        if may_be_gone:
            alive[s] = p_alive_of(x, t_x, T, parameters.r[s], parameters.alpha[s], workspace.log_odds[s])


@njit()
def p_alive(x, t_x, T, r, alpha, a, b, chances):
    """Compute the probability of being active at T, with the odds in logs.

    Fader, Hardie & Lee (2008), note 021; for the MBG/NBD, Batislam et al. (2007), eq. 5.
    """
    n = x + chances
    return p_alive_of(x, t_x, T, r, alpha, log_dropout_odds(n, a, b)) if n > 0 else 1.0


@njit()
def log_dropout_odds(n, a, b):
    """Compute the logarithm of the odds of having left at the last of n > 0 chances, before any silence."""
    return math.log(a / (b + (n - 1.0)))


@njit()
def p_alive_of(x, t_x, T, r, alpha, log_odds):
    """Compute P(alive) from the log odds at the last purchase: silence since then makes having left likelier."""
    log_odds_gone = log_odds + (r + x) * math.log1p((T - t_x) / (alpha + t_x))
    return 1.0 / (1.0 + math.exp(min(log_odds_gone, 700.0)))


@njit()
def p_any_purchase(x, T, horizon, r, alpha):
    """Compute the probability of a purchase in the horizon, given active: dropout comes only after a purchase."""
    return -math.expm1(-(r + x) * math.log1p(horizon / (alpha + T)))


def purchases_if_active(
    x: float, T: float, horizon: float, delta: float, r: float, alpha: float, a: float, b: float, chances: int
) -> tuple[float, float]:
    """Compute expected purchases in (0, horizon] given active at T: plain, and discounted at rate `delta` per day.

    For one customer and draw, for tests and examples.
    """
    ends, plain, discounted = np.array([float(horizon)]), np.empty((1, 1)), np.empty((1, 1))
    parameters = Parameters(_one(r), _one(alpha), _one(a), _one(b), chances)
    workspace = allocate(1)
    expect_if_active(
        float(x),
        float(T),
        ends,
        float(delta),
        prepare(ends, delta),
        parameters,
        workspace,
        plain,
        discounted,
        np.empty(1),
    )
    return float(plain[0, 0]), float(discounted[0, 0])


def _one(value: float) -> Floats:
    return np.array([float(value)])
