"""Score rows of customers by all draws: expectations, simulated outcomes, and each customer's summary of them.

Each row is computed from that row, the population, the parameters and the key alone, by one arithmetic path, so an
answer depends neither on the other rows nor on their order: rows are sorted by (x, T) only so that what depends on
those alone is computed once. Kernels release the GIL and run on threads, a block of rows each.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .expectation import (
    log_dropout_odds,
    mean_spend,
    p_alive,
    p_alive_of,
    p_any_purchase,
    purchases_if_active,
)
from .intensity import fall_scale
from .simulation import simulate_customer
from .tabulation import PANELS, POINTS, Floats, integrate, tabulate

# What `score_block` sums over its rows, draw by draw.
TOTALS = ("purchases", "value", "expected_purchases", "expected_value")


@njit(cache=True, nogil=True)
def score_block(  # type: ignore[no-untyped-def]
    rows, customers, population, chances, asked, quadrature, ranks, with_outcomes, held, table, totals, futures
):
    """Score the customers `rows`, which come sorted by x and T.

    Args:
        rows: which customers, int64.
        customers: x, t_x, T, mean spend, key.
        population: r, alpha, a, b, p, q, v, each of shape (draws,).
        chances: to leave right after the first purchase: 0 in the BG/NBD, 1 in the MBG/NBD.
        asked: horizon in days, discount rate per day, margin.
        quadrature: `tabulation.fractions`.
        ranks: of an interval's ends among sorted draws.
        with_outcomes: whether to simulate.
        held: what one block leaves for the next on the same thread; from `hold`.
        table: takes the answers, shape (customers, 11); columns of outcomes stay as they are without them.
        totals: takes the sums named in `TOTALS`, shape (4, draws).
        futures: takes simulated counts and values, shapes (customers, draws); of shape (0, 0) if not wanted.
    """
    x, t_x, T, monetary_value, key = customers
    horizon, delta, margin = asked
    r, alpha, a, b, p, q, v = population
    draws = r.size
    low, high = ranks
    x_held, intensities, panels, log_odds = held
    plain, discounted, buying = np.empty(draws), np.empty(draws), np.empty(draws)
    alive, values, counts, outcomes = np.empty(draws), np.empty(draws), np.empty(draws), np.empty(draws)
    state = np.zeros(1, np.uint64)
    keeps_futures = futures[0].shape[0] > 0
    T_before = -1.0
    for i in rows:
        is_new_x = x[i] != x_held[0]
        if is_new_x:
            x_held[0], panels[:] = x[i], 0
            for s in range(draws if x[i] + chances > 0 else 0):
                log_odds[s] = log_dropout_odds(x[i] + chances, a[s], b[s])
        if is_new_x or T[i] != T_before:
            _expect_if_active(
                x[i], T[i], population, chances, horizon, delta, quadrature, intensities, panels, plain, discounted,
                buying,
            )  # fmt: skip
            T_before = T[i]
        may_be_gone = x[i] + chances > 0
        for s in range(draws):
            alive[s] = p_alive_of(x[i], t_x[i], T[i], r[s], alpha[s], log_odds[s]) if may_be_gone else 1.0
        sum_alive, sum_buying, sum_purchases, sum_spend, sum_value = 0.0, 0.0, 0.0, 0.0, 0.0
        for s in range(draws):
            spend = mean_spend(x[i], monetary_value[i], p[s], q[s], v[s])
            purchases = alive[s] * plain[s]
            value = margin * alive[s] * discounted[s] * spend
            values[s] = value
            sum_alive += alive[s]
            sum_buying += alive[s] * buying[s]
            sum_purchases += purchases
            sum_spend += spend
            sum_value += value
            totals[2, s] += purchases
            totals[3, s] += value
        if with_outcomes:
            customer = (x[i], T[i], monetary_value[i])
            for s in range(draws):
                of_draw = (r[s], alpha[s], a[s], b[s], p[s], q[s], v[s])
                counts[s], worth = simulate_customer(
                    state, key[i], s, alive[s], customer, of_draw, chances, horizon, delta
                )
                outcomes[s] = margin * worth
                totals[0, s] += counts[s]
                totals[1, s] += outcomes[s]
        table[i, 0], table[i, 1], table[i, 2] = sum_alive / draws, sum_buying / draws, sum_purchases / draws
        table[i, 5], table[i, 6] = sum_spend / draws, sum_value / draws
        table[i, 9], table[i, 10] = _ends(values, low, high)
        if with_outcomes:
            table[i, 3], table[i, 4] = _ends(counts, low, high)
            table[i, 7], table[i, 8] = _ends(outcomes, low, high)
            if keeps_futures:
                futures[0][i, :] = counts
                futures[1][i, :] = outcomes


def hold(draws: int) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """Make room for what customers of one x share: the x (none yet), tables of F, their panels, log odds."""
    return np.array([-1.0]), np.empty((draws, PANELS, POINTS)), np.zeros(draws, np.int64), np.empty(draws)


@njit(cache=True)
def _expect_if_active(  # type: ignore[no-untyped-def]
    x, T, population, chances, horizon, delta, quadrature, intensities, panels, plain, discounted, buying
):
    """Fill, by draw, what customers of one x and T share: expected purchases given active, P(purchase) given active.

    `intensities` and `panels` hold the tables of this x as far as they reach by now, and are extended.
    """
    nodes, weights, discounted_weights = quadrature
    for s in range(plain.size):
        r, alpha, a, b = population[0][s], population[1][s], population[2][s], population[3][s]
        G, A, c = alpha + T, r + x + 1.0, a + b + (x + chances)
        reach = horizon / G
        found = tabulate(A, a, c, reach, panels[s], intensities[s])
        if found <= PANELS:
            panels[s] = found
            first, second = integrate(
                reach, fall_scale(A, a, c), delta * horizon, intensities[s], nodes, weights, discounted_weights
            )
            plain[s], discounted[s] = first * (r + x), second * (r + x)
        else:
            plain[s], discounted[s] = purchases_if_active(x, T, horizon, delta, r, alpha, a, b, chances)
        buying[s] = p_any_purchase(x, T, horizon, r, alpha)


@njit(cache=True)
def _ends(values, low, high):  # type: ignore[no-untyped-def]
    """Give two order statistics (the inverted distribution function): ends of counts are counts."""
    below = np.partition(values, high)
    return np.partition(below[: high + 1], low)[low], below[high]


@njit(cache=True)
def interval_ranks(draws, level):  # type: ignore[no-untyped-def]
    """Give the ranks, from 0, of a central interval's ends among sorted draws."""
    tail = 0.5 * (1.0 - level)
    # A hair is taken off before rounding up: 0.05 * 1000 is 50.00000000000004 in binary.
    low = max(math.ceil(tail * draws - 1e-9) - 1, 0)
    high = max(math.ceil((1.0 - tail) * draws - 1e-9) - 1, 0)
    return low, min(high, draws - 1)


@njit(cache=True, nogil=True)
def expect_new_customer(horizons, population, chances, quadrature, held, out):  # type: ignore[no-untyped-def]
    """Fill the expected repeat purchases of a new customer within each horizon, shape (draws, horizons)."""
    draws = population[0].size
    _, intensities, panels, _ = held
    plain, discounted, buying = np.empty(draws), np.empty(draws), np.empty(draws)
    for at in range(horizons.size):
        out[:, at] = 0.0
        if horizons[at] > 0.0:
            _expect_if_active(
                0.0, 0.0, population, chances, horizons[at], 0.0, quadrature, intensities, panels, plain, discounted,
                buying,
            )  # fmt: skip
            for s in range(draws):
                r, alpha, a, b = population[0][s], population[1][s], population[2][s], population[3][s]
                out[s, at] = plain[s] * p_alive(0.0, 0.0, 0.0, r, alpha, a, b, chances)
