"""Expectations of one customer under each draw of the population.

A customer who is active at T is a customer of the BG/NBD, so that all that is expected of them is. What differs is the
probability of being active without a repeat purchase: the silence is that of a customer who never returns, or of one
who has not returned yet.
"""

import math
from typing import NamedTuple

from ...caching import njit
from ..bg_nbd import scoring as bg_nbd
from ..bg_nbd.scoring import Workspace, allocate, p_alive_of, prepare
from ..horizon import Floats

__all__ = ["Parameters", "Workspace", "allocate", "expect_if_active", "fill_alive", "prepare", "renew_x", "returning"]


class Parameters(NamedTuple):
    """Draws of the parameters, shape (draws,) each."""

    r: Floats
    alpha: Floats
    a: Floats
    b: Floats
    pi0: Floats


@njit()
def returning(parameters):
    """Return the parameters of the customers who may return: those of the BG/NBD."""
    return bg_nbd.Parameters(parameters.r, parameters.alpha, parameters.a, parameters.b, 0)


@njit()
def renew_x(x, parameters, workspace):
    """Fill the workspace for another x; of one-time buyers, with the odds of never returning."""
    bg_nbd.renew_x(x, returning(parameters), workspace)
    if x == 0:
        for s in range(workspace.log_odds.size):
            workspace.log_odds[s] = log_odds_of(parameters.pi0[s])


@njit()
def expect_if_active(x, T, ends, delta, prepared, parameters, workspace, plain, discounted, buying):
    """Compute expected purchases up to each period's end, and P(any purchase), given active at T."""
    bg_nbd.expect_if_active(
        x, T, ends, delta, prepared, returning(parameters), workspace, plain, discounted, buying
    )  # fmt: skip


@njit()
def fill_buying(x, T, end, parameters, buying):
    """Compute P(any purchase until `end`) given active at T, under each draw."""
    bg_nbd.fill_buying(x, T, end, returning(parameters), buying)


@njit()
def fill_alive(x, t_x, T, parameters, workspace, alive):
    """Compute P(alive at T) under each draw; of one-time buyers, (1 - pi0) F / (pi0 + (1 - pi0) F), F for silence."""
    for s in range(alive.size):
        alive[s] = p_alive_of(x, t_x, T, parameters.r[s], parameters.alpha[s], workspace.log_odds[s])


@njit()
def log_odds_of(share):
    """Compute the logarithm of the odds of a share below 1; minus infinity for 0."""
    return math.log(share) - math.log1p(-share) if share > 0.0 else -math.inf
