"""Find the simulated futures in which a customer buys at all."""

from ..caching import njit
from ..counter_random import GAMMA, stream_start, uniform_at


@njit()
def find_buyers(key, salts, p_purchase, starts, buyers):
    """Find the draws in which a customer buys at all, by the first number of each stream, and return their number.

    Args:
        key: the customer's, of the random numbers.
        salts: `draw_salt` of each draw, uint64 of shape (draws,).
        p_purchase: probability of at least one purchase in the horizon, by draw.
        starts: filled with where each stream continues.
        buyers: filled with the draws.

    Without a branch: most customers buy in some draws and not in others.
    """
    count = 0
    for s in range(salts.size):
        starts[s] = stream_start(key, salts[s]) + GAMMA
        buyers[count] = s
        count += uniform_at(starts[s]) < p_purchase[s]
    return count
