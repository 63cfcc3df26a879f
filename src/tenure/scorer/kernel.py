"""Score rows of customers by all draws: expectations, simulated outcomes, and each customer's summary of them.

Each row is computed from that row, the population, the parameters and the key alone, by one arithmetic path, so a
result depends neither on the other rows nor on their order: rows are sorted by (x, T, t_x) only so that what depends on
those alone is computed once. Kernels release the GIL and run on threads, a block of rows each. What depends on the
models is bound at compile time by `purchase.dispatch` and `spend.dispatch`.

A loop over draws belongs inside a function, not around its calls: each call with an array counts a reference to it up
and down, which costs as much as the arithmetic of one draw.
"""

import numpy as np

from ..caching import njit
from ..counter_random import uniform_at
from ..purchase import dispatch as purchase
from ..spend import dispatch as spend
from ..spend.order_evidence import Evidence
from . import columns
from .arrays import Scratch
from .buyers import find_buyers
from .exact_sums import split
from .quantiles import BUCKETS, order_statistics

MOST_COUNTED = 2.0**31 - 1.0  # by the integers of `Outputs.counts`


@njit()
def _scratch(draws, periods):
    return Scratch(
        np.empty(draws), np.empty(draws), np.empty(draws), np.empty(draws), np.zeros((2, periods)),
        np.zeros(1, np.uint64), np.zeros(draws, np.uint64), np.zeros(draws + 1, np.int64), np.zeros(draws, np.int64),
        np.zeros(BUCKETS, np.int64),
    )  # fmt: skip


@njit(nogil=True)
def score_block(rows, customers, population, question, cache, outputs):
    """Score the customers `rows` (int64), which come sorted by x, T and t_x."""
    scratch = _scratch(cache.alive.size, outputs.total_paths.shape[2])
    T_before, t_x_before = -1.0, -1.0
    for at in range(rows.size):
        i = rows[at]
        x, t_x, T = customers.x[i], customers.t_x[i], customers.T[i]
        is_new = x != cache.x[0]
        if is_new:
            cache.x[0] = x
            purchase.renew_x(x, population.purchase, cache.purchase)
            spend.renew_x(x, population.spend, cache.spend)
        if is_new or T_before != T:
            _expect_if_active(x, T, population, question, cache)
            is_new = True
        if is_new or t_x_before != t_x:
            _renew_history(x, t_x, T, population, question.margin, cache)
            _add_expected_purchases(_count_equal(at, rows, customers), question, cache, outputs.totals)
        T_before, t_x_before = T, t_x
        _expect(i, _evidence_of(i, customers.evidence), question, cache, scratch, outputs)
        if question.with_outcomes:
            _simulate(i, customers, population, question, cache, scratch, outputs)


@njit()
def _evidence_of(i, evidence):
    """Return the evidence of one customer."""
    return Evidence(evidence.monetary_value[i], evidence.first[i], evidence.number[i], evidence.spend[i])


@njit()
def _expect_if_active(x, T, population, question, cache):
    """Compute what customers of one x and T share."""
    purchase.expect_if_active(
        x, T, question.knots, question.delta, question.prepared, population.purchase, cache.purchase, cache.plain,
        cache.discounted, cache.buying,
    )  # fmt: skip


@njit()
def _renew_history(x, t_x, T, population, margin, cache):
    """Compute what customers of one x, t_x and T share."""
    alive = cache.alive
    purchase.fill_alive(x, t_x, T, population.purchase, cache.purchase, alive)
    cache.sums[:] = 0.0
    for s in range(alive.size):
        cache.chance[s] = alive[s] * cache.buying[s]
        cache.worth[s] = margin * alive[s] * cache.discounted[s, -1]
        cache.sums[0] += alive[s]
        cache.sums[1] += cache.chance[s]
        cache.sums[2] += alive[s] * cache.plain[s, -1]


@njit()
def _count_equal(at, rows, customers):
    """Count the rows from one on that share its x, t_x and T."""
    i, end = rows[at], at + 1
    while end < rows.size:
        j = rows[end]
        if customers.x[j] != customers.x[i] or customers.t_x[j] != customers.t_x[i] or customers.T[j] != customers.T[i]:
            break
        end += 1
    return end - at


@njit()
def _add_expected_purchases(count, question, cache, totals):
    """Add the expected purchases of customers who share a history to the totals: a product is exact as a sum is."""
    sums = totals[columns.TOTAL_EXPECTED_PURCHASES]
    for s in range(cache.alive.size):
        coarse, fine = split(cache.alive[s] * cache.plain[s, -1], question.of_purchases)
        sums[0, s] += count * coarse
        sums[1, s] += count * fine


@njit()
def _expect(i, evidence, question, cache, scratch, outputs):
    """Compute one customer's expectations, and add the values to the totals."""
    draws, values, sums = scratch.values.size, scratch.values, outputs.totals[columns.TOTAL_EXPECTED_CLV]
    sum_spend, sum_value, sum_squares = 0.0, 0.0, 0.0
    spend.expect_spends(evidence, cache.spend, scratch.spends)
    for s in range(draws):
        expected_spend = scratch.spends[s]
        values[s] = cache.worth[s] * expected_spend
        sum_spend += expected_spend
        sum_value += values[s]
        sum_squares += values[s] * values[s]
        coarse, fine = split(values[s], question.of_clv)
        sums[0, s] += coarse
        sums[1, s] += fine
    for period in range(min(outputs.total_paths.shape[2], question.knots.size)):
        _expect_period(i, period, question, cache, scratch.spends, outputs)
    row = outputs.table[i]
    row[columns.P_ALIVE], row[columns.P_PURCHASE] = cache.sums[0] / draws, cache.sums[1] / draws
    row[columns.EXPECTED_PURCHASES], row[columns.EXPECTED_SPEND] = cache.sums[2] / draws, sum_spend / draws
    row[columns.CLV], row[columns.SQUARES] = sum_value / draws, sum_squares
    row[columns.CLV_MEAN_LOW], row[columns.CLV_MEAN_HIGH] = order_statistics(
        values, np.int64(0), question.low, question.high, scratch.buckets, scratch.places
    )


@njit()
def _expect_period(i, period, question, cache, spends, outputs):
    """Add one customer's expectations over one period: what is expected until its end, less until its start."""
    sum_purchases, sum_value, margin = 0.0, 0.0, question.margin
    of_purchases = outputs.total_paths[columns.TOTAL_EXPECTED_PURCHASES]
    of_clv = outputs.total_paths[columns.TOTAL_EXPECTED_CLV]
    for s in range(cache.alive.size):
        purchases, value = cache.plain[s, period], cache.discounted[s, period]
        if period > 0:
            purchases = max(purchases - cache.plain[s, period - 1], 0.0)
            value = max(value - cache.discounted[s, period - 1], 0.0)
        purchases *= cache.alive[s]
        value *= margin * cache.alive[s] * spends[s]
        sum_purchases += purchases
        sum_value += value
        _add(purchases, question.of_purchases, of_purchases[:, period], s)
        _add(value, question.of_clv, of_clv[:, period], s)
    draws = cache.alive.size
    outputs.paths[0, i, period], outputs.paths[1, i, period] = sum_purchases / draws, sum_value / draws


@njit()
def _add(value, rounding, sums, s):
    coarse, fine = split(value, rounding)
    sums[0, s] += coarse
    sums[1, s] += fine


@njit()
def _simulate(i, customers, population, question, cache, scratch, outputs):
    """Simulate one customer in every draw, and add the outcomes to the totals."""
    bought = find_buyers(customers.key[i], cache.salts, cache.chance, scratch.starts, scratch.buyers)
    _simulate_buyers(i, bought, customers, population, question, cache, scratch, outputs)
    counts, outcomes = scratch.counts[:bought], scratch.outcomes[:bought]
    row, idle = outputs.table[i], cache.alive.size - bought
    low, high, buckets, places = question.low, question.high, scratch.buckets, scratch.places
    row[columns.PURCHASES_LOW], row[columns.PURCHASES_HIGH] = order_statistics(counts, idle, low, high, buckets, places)
    row[columns.CLV_LOW], row[columns.CLV_HIGH] = order_statistics(outcomes, idle, low, high, buckets, places)
    if outputs.counts.shape[0] > 0:
        outputs.counts[i, :], outputs.values[i, :] = 0, 0.0
        for k in range(bought):
            s = scratch.buyers[k]
            outputs.counts[i, s], outputs.values[i, s] = min(counts[k], MOST_COUNTED), outcomes[k]


@njit()
def _simulate_buyers(i, bought, customers, population, question, cache, scratch, outputs):
    """Simulate one customer in the draws in which there is a purchase."""
    x, T, key, evidence = customers.x[i], customers.T[i], customers.key[i], _evidence_of(i, customers.evidence)
    of_purchase, of_spend, ends, delta = population.purchase, population.spend, question.ends, question.delta
    state, buyers, starts, by_period = scratch.state, scratch.buyers, scratch.starts, scratch.by_period
    counts, outcomes, alive = scratch.counts, scratch.outcomes, cache.alive
    for k in range(bought):
        s = buyers[k]
        state[0] = starts[s]
        # The number that made the customer a buyer gives the time too: so a longer horizon continues the same future.
        quantile = uniform_at(state[0]) / alive[s]
        spending = spend.start_spending(state, x, evidence, of_spend, s)
        if by_period.shape[1]:
            by_period[:] = 0.0
        counts[k], value = purchase.simulate_buyer(
            state, key, s, quantile, x, T, of_purchase, spending, ends, delta, by_period,
        )  # fmt: skip
        outcomes[k] = question.margin * value
        if by_period.shape[1]:
            _add_periods(s, by_period, question, outputs)
    _add_outcomes(buyers[:bought], counts, outcomes, question.of_clv, outputs.totals)


@njit()
def _add_outcomes(buyers, counts, outcomes, rounding, totals):
    """Add one customer's outcomes in the draws `buyers` to the totals."""
    purchases, clv = totals[columns.TOTAL_PURCHASES, 0], totals[columns.TOTAL_CLV]
    for k in range(buyers.size):
        s = buyers[k]
        purchases[s] += counts[k]  # whole numbers: their sums are exact as they are
        coarse, fine = split(outcomes[k], rounding)
        clv[0, s] += coarse
        clv[1, s] += fine


@njit()
def _add_periods(s, by_period, question, outputs):
    """Add one customer's outcomes in one draw to the totals by period, and to the buyers of windows."""
    for period in range(by_period.shape[1]):
        if by_period[0, period] == 0.0:
            continue
        outputs.total_paths[columns.TOTAL_PURCHASES, 0, period, s] += by_period[0, period]
        value = question.margin * by_period[1, period]
        _add(value, question.of_clv, outputs.total_paths[columns.TOTAL_CLV, :, period], s)
    _count_windows(s, by_period, question.windows, outputs.buyers)


@njit()
def _count_windows(s, by_period, windows, buyers):
    """Add one customer to the buyers of the windows with a purchase in this draw."""
    for window in range(windows.shape[0]):
        for period in range(windows[window, 0], windows[window, 1] + 1):
            if by_period[0, period] > 0.0:
                buyers[window, s] += 1.0
                break
