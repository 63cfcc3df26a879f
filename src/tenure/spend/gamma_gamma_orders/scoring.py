"""Expected spend of one customer under each draw of the population."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...caching import njit

type Floats = NDArray[np.float64]


class Parameters(NamedTuple):
    """Draws of the parameters, shape (draws,) each."""

    p: Floats
    q: Floats
    v: Floats
    f: Floats
    delta: Floats


class Workspace(NamedTuple):
    """The parameters, shape (draws,) each, and 1 / f: what a customer has of his own is the evidence."""

    p: Floats
    q: Floats
    v: Floats
    inverse_f: Floats
    delta: Floats


def allocate(draws: int) -> Workspace:
    """Return an empty workspace."""
    return Workspace(*(np.empty(draws) for _ in range(5)))


@njit()
def renew_x(x, parameters, workspace):
    """Fill the workspace, which does not depend on x."""
    for s in range(parameters.p.size):
        workspace.p[s], workspace.q[s], workspace.v[s] = parameters.p[s], parameters.q[s], parameters.v[s]
        workspace.inverse_f[s], workspace.delta[s] = 1.0 / parameters.f[s], parameters.delta[s]


@njit()
def expect_spends(evidence, workspace, spends):
    """Fill `spends` with the expected value of one purchase under each draw."""
    p, q, v, inverse_f, delta = workspace
    for s in range(spends.size):
        c, b = weigh(evidence, p[s], q[s], v[s], inverse_f[s], delta[s])
        spends[s] = p[s] * (b / c)


@njit()
def weigh(evidence, p, q, v, inverse_f, delta):
    """Return c and b after a customer's orders: of the n repeat purchases delta^n is left of what preceded them."""
    c, b = q - 1.0, v
    if evidence.first > 0.0:
        c, b = delta * c + p, delta * b + evidence.first * inverse_f
    left = max(1.0 - (1.0 - delta) * evidence.number, 0.0)
    return left * c + p * evidence.number, left * b + evidence.spend
