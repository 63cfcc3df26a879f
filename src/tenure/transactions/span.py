"""Check a log's first and last days: rows after today, isolated rows at either end, a hole of years between.

Isolated rows lie beyond a gap that chance cannot explain and that the log has never had. The rule, for the days between
(the body) and the rows beyond the gap:

- chance: at the body's pace next to the gap, the probability of so long a gap is below one in a million. The pace is a
  Poisson process's with an unknown rate, over the last 20, 40, 80, ... customer-days and over all of them; each has to
  agree. Of n customer-days in S days, a gap of more than g days has the probability (1 + g / S) ** -n.
- habit: the gap is more than twice the largest in the body, and more than four weeks, as any shop may close for once.
- few: there are at most three customer-days beyond the gap, each on a day of its own, or at most a hundredth of what
  the body's mean pace gives from the body's end to the last of them, and at most a tenth of the body's own: of a shop
  that is open for a few days a year, the first ones are not the body.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

CHANCE = 1e-6
LEAST_GAP = 28
FEWEST = 3
SHARE, OF_BODY = 0.01, 0.1
PACES = 20
LONGEST = 30  # busy days beyond a gap that are looked at

type Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Isolated:
    """The rows at either end of a log that lie apart from its body.

    Attributes:
        first, last: of the body.
        head, tail: customer-days before and after the body.
        start, end: the log's own first and last day.
    """

    first: date
    last: date
    head: int
    tail: int
    start: date
    end: date


def today_in(timezone: str | None) -> date:
    """Return the shop's day."""
    return datetime.now(ZoneInfo(timezone) if timezone else None).date()


def find_isolated(days: pd.DataFrame, end: date | None = None) -> Isolated:
    """Find isolated first and last rows.

    Args:
        days: `date` and `customers` (how many have a row) of each busy day, in order.
        end: the end of observation, where it is later than the last row; it counts as a row of its own.
    """
    at: Ints = days["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    rows: Ints = days["customers"].to_numpy(dtype=np.int64)
    if end is not None and at.size and _number(end) > at[-1]:
        at, rows = np.append(at, _number(end)), np.append(rows, 1)
    head, tail = _trim(at, rows)
    kept = at[head : at.size - tail]
    sums = (int(rows[:head].sum()), int(rows[rows.size - tail :].sum()))
    return Isolated(_day(kept[0]), _day(kept[-1]), *sums, _day(at[0]), _day(at[-1]))


def _trim(at: Ints, rows: Ints) -> tuple[int, int]:
    """Return how many busy days are isolated at the beginning and at the end, the most that the rule allows."""
    heads, tails = _candidates(np.diff(at)), _candidates(np.diff(at)[::-1])
    found = [
        (head, tail)
        for head in (0, *heads)
        for tail in (0, *tails)
        if head + tail and head + tail < at.size and _is_apart(at, rows, head, tail)
    ]
    return max(found, key=sum, default=(0, 0))


def _candidates(gaps: Ints) -> list[int]:
    return [int(place) + 1 for place in np.flatnonzero(gaps[:LONGEST] > LEAST_GAP)]


def _is_apart(at: Ints, rows: Ints, head: int, tail: int) -> bool:
    stop = at.size - tail
    body, counts = at[head:stop], rows[head:stop]
    ends = []
    if tail:
        ends.append((at[stop:] - body[-1], rows[stop:], body[-1] - body[::-1], counts[::-1]))
    if head:
        ends.append((body[0] - at[:head][::-1], rows[:head][::-1], body - body[0], counts))
    largest = int(np.diff(body).max(initial=0))
    return all(_is_isolated(*part, largest) for part in ends)


def _is_isolated(beyond: Ints, strays: Ints, back: Ints, counts: Ints, largest: int) -> bool:
    """Apply the rule to one end.

    Args:
        beyond: days from the body's edge to each busy day beyond the gap.
        strays: customer-days on each of them.
        back: days from the edge to each busy day of the body, the edge itself first.
        counts: customer-days on each of them.
        largest: the largest gap in the body.
    """
    gap, number = int(beyond[0]), int(strays.sum())
    if gap <= max(LEAST_GAP, 2 * largest):
        return False
    body, pace = int(counts.sum()), counts.sum() / (back[-1] + 1)
    most = min(SHARE * pace * beyond[-1], OF_BODY * body)
    is_few = (number <= FEWEST and number == strays.size) or number <= most
    return is_few and _log_chance(gap, back, counts) < math.log(CHANCE)


def _log_chance(gap: int, back: Ints, counts: Ints) -> float:
    """Return the log probability of a gap at the pace that makes it the likeliest."""
    so_far, least, found = np.cumsum(counts), PACES, []
    while True:
        at = min(int(np.searchsorted(so_far, least)), so_far.size - 1)
        found.append(-float(so_far[at]) * math.log1p(gap / (int(back[at]) + 1)))
        if at == so_far.size - 1:
            return max(found)
        least *= 2


def latest_day(today: date) -> date:
    """Return the last day that a row can have: one more than today, as days begin earlier in the east."""
    return today + timedelta(1)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _day(number: np.int64) -> date:
    return date(1970, 1, 1) + timedelta(int(number))
