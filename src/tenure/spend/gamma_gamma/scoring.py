"""Expected spend of one customer under each draw of the population.

Fader & Hardie (2013), note 025, eq. 5: a weighted mean of the customer's own mean spend and the population's.
"""

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


class Workspace(NamedTuple):
    """What customers of one x share, shape (draws,) each.

    Attributes:
        own: weight of the customer's own mean.
        of_all: what the population adds to it.
        of_unpriced: the population's mean spend, expected where no repeat purchase was paid for.
    """

    own: Floats
    of_all: Floats
    of_unpriced: Floats


def allocate(draws: int) -> Workspace:
    """Return an empty workspace."""
    return Workspace(np.empty(draws), np.empty(draws), np.empty(draws))


@njit()
def renew_x(x, parameters, workspace):
    """Fill the workspace for another x."""
    p, q, v = parameters
    for s in range(p.size):
        workspace.own[s], workspace.of_all[s] = spend_weights(x, p[s], q[s], v[s])
        workspace.of_unpriced[s] = spend_weights(0.0, p[s], q[s], v[s])[1]


@njit()
def expect_spends(evidence, workspace, spends):
    """Fill `spends` with the expected value of one purchase under each draw.

    Without a paid repeat purchase it is the population's.
    """
    mean = evidence.monetary_value
    of_others = workspace.of_all if mean > 0.0 else workspace.of_unpriced
    for s in range(spends.size):
        spends[s] = of_others[s] + workspace.own[s] * mean


@njit()
def mean_spend(x, monetary_value, p, q, v):
    """Compute the expected value of one purchase under one draw."""
    own, population = spend_weights(x if monetary_value > 0.0 else 0.0, p, q, v)
    return population + own * monetary_value


@njit()
def spend_weights(x, p, q, v):
    """Split `mean_spend`: the weight of the customer's own mean, and what the population adds."""
    weight = p / (p * x + q - 1.0)
    return weight * x, weight * v
