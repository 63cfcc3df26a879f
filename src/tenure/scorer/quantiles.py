"""Order statistics of a customer's draws: the ends of an interval, in a few passes."""

import math

import numpy as np

from ..caching import njit

BUCKETS = 512


@njit()
def order_statistics(values, below, low, high, room, places):
    """Compute two order statistics (the inverted distribution function) of values and of zeros beneath them.

    Exactly what sorting gives: values are counted into equal buckets between their extremes, and only those in the
    bucket of a rank are searched.

    Args:
        values: finite and not negative, shape (n,).
        below: how many zeros there are beside them, none of the values being less.
        low: the lower's rank, from 0 to below + n - 1.
        high: the higher's.
        room: to work in, int64 of shape (BUCKETS,).
        places: to work in, int64 of shape (n,) or longer.
    """
    if high < below:
        return 0.0, 0.0
    least, most = np.inf, -np.inf
    for value in values:
        least = min(least, value)
        most = max(most, value)
    if least == most:
        return 0.0 if low < below else least, most
    per_unit = min((BUCKETS - 1) / (most - least), 1e308)
    room[:] = 0
    for i in range(values.size):
        places[i] = int((values[i] - least) * per_unit)
        room[places[i]] += 1
    top = _of_rank(values, high - below, room, places)
    return 0.0 if low < below else _of_rank(values, low - below, room, places), top


@njit()
def _of_rank(values, rank, room, places):
    bucket, before = 0, 0
    while before + room[bucket] <= rank:
        before += room[bucket]
        bucket += 1
    members, size = np.empty(room[bucket] + 1), 0
    for i in range(values.size):  # without a branch: what is not kept is written over
        members[size] = values[i]
        size += places[i] == bucket
    return _select(members, room[bucket], rank - before)


@njit()
def _select(values, size, rank):
    """Return an order statistic of the first values, which are reordered: Hoare's quickselect.

    NumPy's partition would add three seconds to the compilation of the scorer.
    """
    low, high = 0, size - 1
    while low < high:
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < rank < i:
            return values[rank]
        low, high = (i, high) if rank >= i else (low, j)
    return values[rank]


@njit()
def interval_ranks(draws, level):
    """Compute the ranks, from 0, of a central interval's ends among sorted draws."""
    tail = 0.5 * (1.0 - level)
    # Less 1e-9 before rounding up: 0.05 * 1000 is 50.00000000000004 in binary.
    low = max(math.ceil(tail * draws - 1e-9) - 1, 0)
    high = max(math.ceil((1.0 - tail) * draws - 1e-9) - 1, 0)
    return low, min(high, draws - 1)
