"""Score rows of customers by all draws: expectations, simulated outcomes, and each customer's summary of them.

Each row is computed from that row, the population, the parameters and the key alone, by one arithmetic path, so an
answer depends neither on the other rows nor on their order: rows are sorted by (x, T, t_x) only so that what depends on
those alone is computed once. Kernels release the GIL and run on threads, a block of rows each.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..caching import njit
from .expectation import log_dropout_odds, p_alive, p_alive_of, p_any_purchase, spend_weights
from .intensity import EQUATIONS, PANELS, POINTS, Floats, fall_scale, integrate, panels_to, tabulate
from .quantiles import BUCKETS, order_statistics
from .random import draw_salt
from .simulation import find_buyers, simulate_buyer

type Ints = NDArray[np.int64]
type Keys = NDArray[np.uint64]

# What `score_block` sums over its rows, draw by draw.
TOTALS = ("purchases", "clv", "expected_purchases", "expected_clv")
# The column of its table beyond those that the scorer shows: the sum over draws of a customer's squared values.
SQUARES = 11

MOST_COUNTED = 2.0**31 - 1.0  # by the integers of `Answers.counts`


class Customers(NamedTuple):
    """Columns of the summary as floats, and the keys of the random numbers, shape (customers,) each."""

    x: Floats
    t_x: Floats
    T: Floats
    monetary_value: Floats
    key: Keys


class Population(NamedTuple):
    """Draws of the parameters, shape (draws,) each; `chances` to leave at once: 0 in the BG/NBD, 1 in the MBG/NBD."""

    r: Floats
    alpha: Floats
    a: Floats
    b: Floats
    p: Floats
    q: Floats
    v: Floats
    chances: int


class Question(NamedTuple):
    """What is asked.

    Attributes:
        ends: last days of the periods, ascending; the last is the horizon.
        delta: continuous discount rate per day.
        margin: share of spend that is kept.
        quadrature: `intensity.fractions` of the discount over each period's end.
        low: rank of an interval's lower end among sorted draws.
        high: rank of its upper end.
        with_outcomes: whether to simulate.
    """

    ends: Floats
    delta: float
    margin: float
    quadrature: tuple[Floats, Floats, Floats]
    low: int
    high: int
    with_outcomes: bool


class Answers(NamedTuple):
    """What `score_block` fills; the arrays by customer are shared by all blocks.

    Attributes:
        table: shape (customers, 12); columns of outcomes stay as they are without them.
        totals: takes the sums named in `TOTALS`, shape (4, draws).
        paths: takes each customer's expected purchases and value by period, shape (2, customers, periods); of no
            periods if not wanted.
        total_paths: takes the sums named in `TOTALS` by period, shape (4, periods, draws).
        counts: takes simulated counts, shape (customers, draws); (0, 0) if not wanted.
        values: takes simulated values, alike.
    """

    table: Floats
    totals: Floats
    paths: Floats
    total_paths: Floats
    counts: NDArray[np.int32]
    values: Floats


class Cache(NamedTuple):
    """What a thread holds from row to row and from block to block: what depends on the x, the T and the t_x alone.

    Attributes:
        x: of what is held, shape (1,); -1 for none yet.
        intensities: tables of F, shape (PANELS, draws, POINTS): by panel first, as few are ever touched.
        edges: of `intensity.tabulate`, shape (draws, 2).
        panels: how many panels each draw's table has, shape (draws,).
        log_odds, own, of_all: `log_dropout_odds` and `spend_weights`, shape (draws,).
        of_unpriced: the population's mean spend, expected where no repeat purchase was paid for, shape (draws,).
        plain, discounted: expected purchases up to each period's end given active, shape (draws, periods).
        buying: P(purchase) given active, shape (draws,).
        alive, chance, worth: P(alive), P(purchase), and what one unit of mean spend is worth, shape (draws,).
        sums: of `alive`, `chance` and expected purchases over draws, shape (3,).
        salts: of `random.draw_salt`, shape (draws,).
        room: for the linear equations of a panel.
    """

    x: Floats
    intensities: Floats
    edges: Floats
    panels: Ints
    log_odds: Floats
    own: Floats
    of_all: Floats
    of_unpriced: Floats
    plain: Floats
    discounted: Floats
    buying: Floats
    alive: Floats
    chance: Floats
    worth: Floats
    sums: Floats
    salts: Keys
    room: Floats


class Scratch(NamedTuple):
    """Room for one customer's draws: values and outcomes, who buys, what puts them in order."""

    values: Floats
    counts: Floats
    outcomes: Floats
    by_period: Floats
    state: Keys
    starts: Keys
    buyers: Ints
    places: Ints
    buckets: Ints


def allocate_cache(draws: int, periods: int) -> Cache:
    """Make room for what rows share, with nothing in it yet."""
    by_draw = [np.empty(draws) for _ in range(8)]
    log_odds, own, of_all, of_unpriced, buying, alive, chance, worth = by_draw
    with np.errstate(over="ignore"):  # the mixing wraps around, as it should
        salts = np.array([draw_salt(s) for s in range(draws)], np.uint64)
    return Cache(
        np.array([-1.0]), np.empty((PANELS, draws, POINTS)), np.empty((draws, 2)), np.zeros(draws, np.int64),
        log_odds, own, of_all, of_unpriced, np.empty((draws, periods)), np.empty((draws, periods)), buying, alive,
        chance, worth, np.empty(3), salts, np.empty((EQUATIONS, EQUATIONS + 1)),
    )  # fmt: skip


@njit()
def _scratch(draws, periods):  # type: ignore[no-untyped-def]
    return Scratch(
        np.empty(draws), np.empty(draws), np.empty(draws), np.zeros((2, periods)), np.zeros(1, np.uint64),
        np.zeros(draws, np.uint64), np.zeros(draws + 1, np.int64), np.zeros(draws, np.int64),
        np.zeros(BUCKETS, np.int64),
    )  # fmt: skip


@njit(nogil=True)
def score_block(rows, customers, population, question, held, answers):  # type: ignore[no-untyped-def]
    """Score the customers `rows` (int64), which come sorted by x, T and t_x."""
    scratch = _scratch(population.r.size, answers.total_paths.shape[1])
    T_before, t_x_before = -1.0, -1.0
    for i in rows:
        x, t_x, T = customers.x[i], customers.t_x[i], customers.T[i]
        is_new = x != held.x[0]
        if is_new:
            _renew_x(x, population, held)
        if is_new or T_before != T:
            _expect_if_active(x, T, population, question, held)
            is_new = True
        if is_new or t_x_before != t_x:
            _renew_history(x, t_x, T, population, question.margin, held)
        T_before, t_x_before = T, t_x
        _expect(i, customers.monetary_value[i], question, held, scratch, answers)
        if question.with_outcomes:
            _simulate(i, customers, population, question, held, scratch, answers)


@njit()
def _renew_x(x, population, held):  # type: ignore[no-untyped-def]
    """Hold what customers of one x share."""
    held.x[0], held.panels[:] = x, 0
    for s in range(held.own.size):
        held.own[s], held.of_all[s] = spend_weights(x, population.p[s], population.q[s], population.v[s])
        held.of_unpriced[s] = spend_weights(0.0, population.p[s], population.q[s], population.v[s])[1]
        if x + population.chances > 0:
            held.log_odds[s] = log_dropout_odds(x + population.chances, population.a[s], population.b[s])


@njit()
def _expect_if_active(x, T, population, question, held):  # type: ignore[no-untyped-def]
    """Hold what customers of one x and T share; tables of this x are extended as far as need be."""
    nodes, weights, discounted_weights = question.quadrature
    ends = question.ends
    for s in range(held.buying.size):
        r, a = population.r[s], population.a[s]
        G, A, c = population.alpha[s] + T, r + x + 1.0, a + population.b[s] + (x + population.chances)
        scale = fall_scale(A, a, c)
        needed = panels_to(ends[-1] / G, scale)
        if needed > held.panels[s]:
            tabulate(A, a, c, needed, held.panels[s], held.intensities, s, held.edges[s], held.room)
            held.panels[s] = needed
        for period in range(ends.size):
            end, of_discount = ends[period], discounted_weights[period]
            plain, discounted = integrate(
                end / G, scale, question.delta * end, held.intensities, s, nodes, weights, of_discount
            )
            held.plain[s, period], held.discounted[s, period] = plain * (r + x), discounted * (r + x)
        held.buying[s] = p_any_purchase(x, T, ends[-1], r, population.alpha[s])


@njit()
def _renew_history(x, t_x, T, population, margin, held):  # type: ignore[no-untyped-def]
    """Hold what customers of one x, t_x and T share."""
    alive, may_be_gone = held.alive, x + population.chances > 0
    for s in range(alive.size):
        alive[s] = 1.0
        if may_be_gone:
            alive[s] = p_alive_of(x, t_x, T, population.r[s], population.alpha[s], held.log_odds[s])
    held.sums[:] = 0.0
    for s in range(alive.size):
        held.chance[s] = alive[s] * held.buying[s]
        held.worth[s] = margin * alive[s] * held.discounted[s, -1]
        held.sums[0] += alive[s]
        held.sums[1] += held.chance[s]
        held.sums[2] += alive[s] * held.plain[s, -1]


@njit()
def _expect(i, monetary_value, question, held, scratch, answers):  # type: ignore[no-untyped-def]
    """Give one customer's expectations, and add them to the totals."""
    draws, values, totals = scratch.values.size, scratch.values, answers.totals
    sum_spend, sum_value, sum_squares = 0.0, 0.0, 0.0
    of_others = held.of_all if monetary_value > 0.0 else held.of_unpriced
    for s in range(draws):
        spend = of_others[s] + held.own[s] * monetary_value
        values[s] = held.worth[s] * spend
        sum_spend += spend
        sum_value += values[s]
        sum_squares += values[s] * values[s]
        totals[2, s] += held.alive[s] * held.plain[s, -1]
        totals[3, s] += values[s]
    for period in range(answers.total_paths.shape[1]):
        _expect_period(i, period, monetary_value, question.margin, held, answers)
    row = answers.table[i]
    row[0], row[1], row[2] = held.sums[0] / draws, held.sums[1] / draws, held.sums[2] / draws
    row[5], row[6], row[SQUARES] = sum_spend / draws, sum_value / draws, sum_squares
    row[9], row[10] = order_statistics(values, 0, question.low, question.high, scratch.buckets, scratch.places)


@njit()
def _expect_period(i, period, monetary_value, margin, held, answers):  # type: ignore[no-untyped-def]
    """Add one customer's expectations over one period: what is expected until its end, less until its start."""
    sum_purchases, sum_value = 0.0, 0.0
    of_others = held.of_all if monetary_value > 0.0 else held.of_unpriced
    for s in range(held.alive.size):
        purchases, value = held.plain[s, period], held.discounted[s, period]
        if period > 0:
            purchases = max(purchases - held.plain[s, period - 1], 0.0)
            value = max(value - held.discounted[s, period - 1], 0.0)
        purchases *= held.alive[s]
        value *= margin * held.alive[s] * (of_others[s] + held.own[s] * monetary_value)
        sum_purchases += purchases
        sum_value += value
        answers.total_paths[2, period, s] += purchases
        answers.total_paths[3, period, s] += value
    draws = held.alive.size
    answers.paths[0, i, period], answers.paths[1, i, period] = sum_purchases / draws, sum_value / draws


@njit()
def _simulate(i, customers, population, question, held, scratch, answers):  # type: ignore[no-untyped-def]
    """Simulate one customer in every draw, and add what happens to the totals."""
    customer = (customers.x[i], customers.T[i], customers.monetary_value[i])
    counts, outcomes, state, key = scratch.counts, scratch.outcomes, scratch.state, customers.key[i]
    bought = find_buyers(key, held.salts, held.chance, scratch.starts, scratch.buyers)
    for k in range(bought):
        s = scratch.buyers[k]
        state[0] = scratch.starts[s]
        of_draw = (
            population.r[s], population.alpha[s], population.a[s], population.b[s], population.p[s], population.q[s],
            population.v[s], population.chances,
        )  # fmt: skip
        counts[k], value = simulate_buyer(
            state, key, s, held.alive[s], customer, of_draw, question.ends, question.delta, scratch.by_period
        )
        outcomes[k] = question.margin * value
        answers.totals[0, s] += counts[k]
        answers.totals[1, s] += outcomes[k]
        for period in range(answers.total_paths.shape[1]):
            answers.total_paths[0, period, s] += scratch.by_period[0, period]
            answers.total_paths[1, period, s] += question.margin * scratch.by_period[1, period]
    row, idle = answers.table[i], held.alive.size - bought
    low, high, buckets, places = question.low, question.high, scratch.buckets, scratch.places
    row[3], row[4] = order_statistics(counts[:bought], idle, low, high, buckets, places)
    row[7], row[8] = order_statistics(outcomes[:bought], idle, low, high, buckets, places)
    if answers.counts.shape[0] > 0:
        answers.counts[i, :], answers.values[i, :] = 0, 0.0
        for k in range(bought):
            s = scratch.buyers[k]
            answers.counts[i, s], answers.values[i, s] = min(counts[k], MOST_COUNTED), outcomes[k]


@njit()
def interval_ranks(draws, level):  # type: ignore[no-untyped-def]
    """Give the ranks, from 0, of a central interval's ends among sorted draws."""
    tail = 0.5 * (1.0 - level)
    # A hair is taken off before rounding up: 0.05 * 1000 is 50.00000000000004 in binary.
    low = max(math.ceil(tail * draws - 1e-9) - 1, 0)
    high = max(math.ceil((1.0 - tail) * draws - 1e-9) - 1, 0)
    return low, min(high, draws - 1)


@njit(nogil=True)
def expect_new_customer(population, question, held):  # type: ignore[no-untyped-def]
    """Hold in `held.plain` the expected repeat purchases of a new customer until each period's end."""
    _expect_if_active(0.0, 0.0, population, question, held)
    for s in range(held.alive.size):
        held.plain[s] *= p_alive(
            0.0, 0.0, 0.0, population.r[s], population.alpha[s], population.a[s], population.b[s], population.chances
        )
