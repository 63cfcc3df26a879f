"""Fill a chunk of customers by all draws: expectations and simulated outcomes; then summarise each customer.

Each row is computed from that row, the population, the parameters and the key alone, by one arithmetic path, so the
answer does not depend on the chunk. Kernels release the GIL and are run on threads over ranges of rows.
"""

import math

import numpy as np
from numba import njit

from .expectation import mean_spend, p_alive, p_any_purchase, purchases_if_active
from .simulation import simulate_customer


@njit(cache=True, nogil=True)
def fill_intensities(  # type: ignore[no-untyped-def]
    x, T, population, chances, horizon, delta, start, stop, plain, discounted
):
    """Fill expected purchases given active, for distinct (x, T) by draws; shapes (pairs, draws)."""
    for i in range(start, stop):
        for s in range(population.shape[1]):
            r, alpha, a, b = population[0, s], population[1, s], population[2, s], population[3, s]
            plain[i, s], discounted[i, s] = purchases_if_active(x[i], T[i], horizon, delta, r, alpha, a, b, chances)


@njit(cache=True, nogil=True)
def fill_customers(  # type: ignore[no-untyped-def]
    customers, population, chances, plain, discounted, horizon, delta, margin, start, stop, out
):
    """Fill the chunk's matrices, each of shape (customers, draws).

    `customers` holds, in order: x, t_x, T, mean spend, key, row of (x, T) in `plain` and `discounted`. `out` holds,
    in order: P(alive), P(purchase), expected purchases, expected spend, expected value, simulated purchases, simulated
    value.
    """
    state = np.zeros(1, dtype=np.uint64)
    x, t_x, T, monetary_value, key, pair = customers
    alive, buying, purchases, spend, value, counts, outcomes = out
    for i in range(start, stop):
        for s in range(population.shape[1]):
            r, alpha, a, b = population[0, s], population[1, s], population[2, s], population[3, s]
            p, q, v = population[4, s], population[5, s], population[6, s]
            alive[i, s] = p_alive(x[i], t_x[i], T[i], r, alpha, a, b, chances)
            buying[i, s] = alive[i, s] * p_any_purchase(x[i], T[i], horizon, r, alpha)
            purchases[i, s] = alive[i, s] * plain[pair[i], s]
            spend[i, s] = mean_spend(x[i], monetary_value[i], p, q, v)
            value[i, s] = margin * alive[i, s] * discounted[pair[i], s] * spend[i, s]
            customer = (x[i], T[i], monetary_value[i])
            of_draw = (r, alpha, a, b, p, q, v)
            count, worth = simulate_customer(state, key[i], s, alive[i, s], customer, of_draw, chances, horizon, delta)
            counts[i, s], outcomes[i, s] = count, margin * worth


@njit(cache=True, nogil=True)
def summarise(out, level, table, start, stop):  # type: ignore[no-untyped-def]
    """Summarise each customer's draws into the eleven columns of the answer, shape (customers, 11).

    Means are over draws. Interval ends are order statistics (the inverted distribution function): nothing is
    interpolated, so ends of counts are counts.
    """
    alive, buying, purchases, spend, value, counts, outcomes = out
    draws = alive.shape[1]
    low, high = interval_ranks(draws, level)
    for i in range(start, stop):
        means = (alive, buying, purchases, spend, value)
        for at, matrix in zip((0, 1, 2, 5, 6), means):
            table[i, at] = matrix[i].sum() / draws
        for at, matrix in zip((3, 7, 9), (counts, outcomes, value)):
            ordered = np.sort(matrix[i])
            table[i, at], table[i, at + 1] = ordered[low], ordered[high]


@njit(cache=True)
def interval_ranks(draws, level):  # type: ignore[no-untyped-def]
    """Give the ranks, from 0, of a central interval's ends among sorted draws."""
    tail = 0.5 * (1.0 - level)
    # A hair is taken off before rounding up: 0.05 * 1000 is 50.00000000000004 in binary.
    low = max(math.ceil(tail * draws - 1e-9) - 1, 0)
    high = max(math.ceil((1.0 - tail) * draws - 1e-9) - 1, 0)
    return low, min(high, draws - 1)
