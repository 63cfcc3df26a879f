"""Order statistics of a customer's draws: the ends of an interval, in a few passes."""

import numpy as np

from ..caching import njit

BUCKETS = 512
FEW = 64  # so many are sorted by insertion


@njit()
def order_statistics(values, below, low, high, room, places):
    """Compute two order statistics (the inverted distribution function) of values and of zeros beneath them.

    Exactly what sorting gives: values are counted into equal buckets between their extremes, and only those in the
    bucket of a rank are put in order.

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
    if size > FEW:
        return np.partition(members[:size], rank - before)[rank - before]
    for i in range(1, size):
        value, j = members[i], i
        while j > 0 and members[j - 1] > value:
            members[j] = members[j - 1]
            j -= 1
        members[j] = value
    return members[rank - before]
