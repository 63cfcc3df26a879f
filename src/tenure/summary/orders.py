"""The orders of customers one by one, the first included, which neither a summary nor `Amounts` contain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .faults import SummaryError

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]

AT_ONCE = 250_000  # customers, where arrays of all their orders would be several times the orders


@dataclass(frozen=True)
class Orders:
    """Amounts of paid purchase days, each customer's in their order; free days are left out.

    Attributes:
        first: the amount of the first purchase day, shape (customers,); 0 where it was free or precedes the log.
        starts: customer i's repeat purchase days are `amounts[starts[i]:starts[i + 1]]`.
        amounts: of repeat purchase days.
        count: the number of customers with these orders.
        least: days with a smaller amount are left out of a fit.
    """

    first: Floats
    starts: Ints
    amounts: Floats
    count: Ints
    least: float = 0.0

    def __post_init__(self) -> None:
        size = self.first.size
        fits = self.starts.shape == (size + 1,) and self.count.shape == (size,) and (np.diff(self.starts) >= 0).all()
        if not (fits and self.starts[0] == 0 and self.starts[-1] == self.amounts.size):
            raise SummaryError("The orders' first, starts, amounts and count do not fit each other.")
        wrong = np.count_nonzero(~(np.isfinite(self.amounts) & (self.amounts > 0)))
        wrong += np.count_nonzero(~(np.isfinite(self.first) & (self.first >= 0)))
        if wrong or (self.count < 1).any():
            raise SummaryError(f"{wrong:,} orders have no finite amount above 0, or belong to no customer.")

    @classmethod
    def of(cls, first: Floats, starts: Ints, paid: Floats, least: float) -> Orders:
        """Return the orders of customers with these first orders (0 for none).

        Customer i's paid days, the first order included, are `paid[starts[i]:starts[i + 1]]`.
        """
        has_first = (first > 0) & (np.diff(starts) > 0)
        is_repeat = np.ones(paid.size, dtype=bool)
        is_repeat[starts[:-1][has_first]] = False
        return cls(first, _starts(np.diff(starts) - has_first), paid[is_repeat], np.ones(first.size, np.int64), least)

    @classmethod
    def of_lists(cls, first: Floats, paid: Sequence[Sequence[float]], least: float) -> Orders:
        """Return the orders of customers with these first orders (0 for none) and lists of paid days."""
        starts = _starts(np.array([len(days) for days in paid], dtype=np.int64))
        days = [np.asarray(days, np.float64) for days in paid]
        return cls.of(first, starts, np.concatenate([*days, np.empty(0)]), least)

    @classmethod
    def joined(cls, several: Sequence[Orders]) -> Orders:
        """Return the orders of the customers of several groups."""
        ends = np.cumsum([0, *(one.amounts.size for one in several)])
        starts = [one.starts[:-1] + end for one, end in zip(several, ends, strict=False)]
        return cls(
            np.concatenate([one.first for one in several]),
            np.append(np.concatenate(starts), ends[-1]).astype(np.int64),
            np.concatenate([one.amounts for one in several]),
            np.concatenate([one.count for one in several]),
            several[0].least,
        )

    @property
    def repeats(self) -> Ints:
        """Return the number of repeat purchase days, shape (customers,)."""
        return np.diff(self.starts)

    def counted(self) -> Orders:
        """Return distinct customers with their counts, without negligible days and those who have no others.

        Sorted by their orders, so that a fit does not depend on the order of customers.
        """
        first = np.where(self.first >= self.least, self.first, 0.0)
        orders, kept = replace(self, first=first), self.amounts >= self.least
        if not kept.all():
            repeats = np.add.reduceat(np.append(kept, 0), self.starts[:-1]) * (self.repeats > 0)
            orders = replace(orders, starts=_starts(repeats), amounts=self.amounts[kept])
        # Nearly all customers with repeats are distinct. Those with a first order alone are grouped.
        once, again = np.flatnonzero((orders.repeats == 0) & (first > 0)), np.flatnonzero(orders.repeats > 0)
        values, counts = np.unique(first[once], return_inverse=True)
        keys = (*orders.faded(0.5), orders.faded(1.0)[1], first, orders.repeats)
        ranks = np.lexsort([key[again] for key in keys])
        orders = orders.take(again[ranks])
        grouped = np.bincount(counts, weights=self.count[once], minlength=values.size).astype(np.int64)
        none = np.zeros(values.size, np.int64)
        return replace(
            orders,
            first=np.append(values, orders.first),
            starts=np.append(none, orders.starts),
            count=np.append(grouped, orders.count),
        )

    def without_first(self) -> Orders:
        """Return the customers with repeat purchases, without their first orders."""
        again = self.take(np.flatnonzero(self.repeats > 0))
        return replace(again, first=np.zeros(again.first.size))

    def take(self, at: npt.NDArray[np.integer]) -> Orders:
        """Return the orders of some customers."""
        repeats, begins = self.repeats[at], self.starts[:-1][at]
        starts = _starts(repeats)
        amounts = np.empty(starts[-1])
        for start in range(0, at.size, AT_ONCE):
            rows, ends = slice(start, start + AT_ONCE), starts[start : start + AT_ONCE + 1]
            places = np.arange(ends[0], ends[-1]) + np.repeat(begins[rows] - ends[:-1], repeats[rows])
            amounts[ends[0] : ends[-1]] = self.amounts[places]
        return replace(self, first=self.first[at], starts=starts, amounts=amounts, count=self.count[at])

    def scaled(self, unit: float) -> Orders:
        """Return the same in another unit of money."""
        return replace(self, first=self.first / unit, amounts=self.amounts / unit, least=self.least / unit)

    def faded(self, delta: float) -> tuple[Floats, Floats]:
        """Sum the repeat purchase days, and their amounts, of each customer: weighted by delta per later day."""
        number, spend = np.empty(self.first.size), np.empty(self.first.size)
        for start in range(0, self.first.size, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            ends = self.starts[start : start + AT_ONCE + 1]
            number[rows], spend[rows] = _faded(ends - ends[0], self.amounts[ends[0] : ends[-1]], delta)
        return number, spend


def _starts(sizes: Ints) -> Ints:
    """Return where groups of these sizes start, and where the last one ends."""
    return np.append(0, np.cumsum(sizes, dtype=np.int64)).astype(np.int64)


def _faded(starts: Ints, amounts: Floats, delta: float) -> tuple[Floats, Floats]:
    repeats = np.diff(starts)
    later = np.repeat(starts[1:], repeats) - 1 - np.arange(amounts.size)
    weights = np.power(delta, later.astype(np.float64))
    sums = [np.append(weights, 0.0), np.append(weights * amounts, 0.0)]
    # The last start ends the last customer's sum, which would else have the appended zero in it and round otherwise.
    number, spend = (np.add.reduceat(each, starts)[:-1] * (repeats > 0) for each in sums)
    return number, spend
