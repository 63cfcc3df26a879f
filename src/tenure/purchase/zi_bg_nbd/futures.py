"""Simulate one customer's future under one draw of the population: who buys again is a customer of the BG/NBD."""

from ...caching import njit
from ..bg_nbd import futures as bg_nbd
from .scoring import returning


@njit()
def simulate_buyer(state, key, draw, quantile, x, T, parameters, spending, ends, delta, by_period):
    """Simulate the purchases in (0, horizon] and their discounted value, given that there is at least one.

    Args and result: see `purchase.protocol`.
    """
    return bg_nbd.simulate_buyer(
        state, key, draw, quantile, x, T, returning(parameters), spending, ends, delta, by_period
    )  # fmt: skip
