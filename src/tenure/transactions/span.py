"""Find isolated rows at the ends of a log, which are probably wrong dates.

Isolated rows lie beyond a gap that chance does not explain and that is unusual for the log. The days between the gaps
are the body. Rows are isolated if all three conditions hold:

- chance: at the rate of the body next to the gap, the probability of a gap of this length is below one in a million.
  Purchases are a Poisson process with an unknown rate, estimated over the last 20, 40, 80, ... customer-days and over
  all of them; the condition must hold for each. With n customer-days in S days, a gap of more than g days has the
  probability (1 + g / S) ** -n.
- length: the gap is more than twice the largest in the body, and more than four weeks, as a shop may close once.
- number: beyond the gap there are at most three customer-days, each on a different day; or at most a hundredth of
  those expected at the mean rate of the body, and at most a tenth of the body's. Without the last limit, the first days
  of a shop that opens a few days a year would count as isolated.
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
LONGEST = 30  # the most busy days beyond a gap

type Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Isolated:
    """The isolated rows at the ends of a log.

    Attributes:
        first, last: the first and the last day of the body.
        head, tail: the number of customer-days before and after the body.
        start, end: the first and the last day of the log.
    """

    first: date
    last: date
    head: int
    tail: int
    start: date
    end: date


def today_in(timezone: str | None) -> date:
    """Return today in a timezone."""
    return datetime.now(ZoneInfo(timezone) if timezone else None).date()


def find_isolated(days: pd.DataFrame, end: date | None = None) -> Isolated:
    """Find isolated first and last rows.

    Args:
        days: `date` and `customers` (how many have a row) of each busy day, in order.
        end: the end of observation, if it is later than the last row; it counts as a row.
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
    """Return the largest number of isolated busy days at the beginning and at the end."""
    heads, tails = _candidates(np.diff(at)), _candidates(np.diff(at)[::-1])
    cuts = [
        (head, tail)
        for head in (0, *heads)
        for tail in (0, *tails)
        if head + tail and head + tail < at.size and _is_apart(at, rows, head, tail)
    ]
    return max(cuts, key=sum, default=(0, 0))


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
    """Return whether the rows at one end are isolated.

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
    """Return the log probability of a gap at the rate that makes it most probable."""
    so_far, least, logs = np.cumsum(counts), PACES, []
    while True:
        at = min(int(np.searchsorted(so_far, least)), so_far.size - 1)
        logs.append(-float(so_far[at]) * math.log1p(gap / (int(back[at]) + 1)))
        if at == so_far.size - 1:
            return max(logs)
        least *= 2


def latest_day(today: date) -> date:
    """Return the last possible day of a row: tomorrow, as days begin earlier in the east."""
    return today + timedelta(1)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _day(number: np.int64) -> date:
    return date(1970, 1, 1) + timedelta(int(number))
