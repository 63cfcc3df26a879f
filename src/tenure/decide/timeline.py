"""The days ahead at which futures are cut: months, horizons, windows of silence, and a tail without end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from ..scorer import Params
from ..settings import DecideSettings
from ..settings.forecast import LEAST_ENDLESS_RATE
from .calendar import Month, months_between
from .futures import Floats

LONGEST_FORECAST = 1_825  # days that are forecast by month
COHORT_MONTHS = 24
TO_INFINITY = 40.0  # days until the discount is e^-40, in units of 1 / delta
EARLY_KNOTS = (7.0, 21.0, 45.0, 90.0, 180.0, 365.0, 730.0, 1_095.0, 1_825.0)
TAIL = 2.0  # each period of the tail is so many times as far ahead as the one before


def per_day(rate: float) -> float:
    """Return the continuous discount rate of a day."""
    return float(np.log1p(rate)) / 365.0


@dataclass(frozen=True)
class Timeline:
    """The periods ahead of the end of observation.

    Attributes:
        end: of observation.
        horizon: days that are forecast by month.
        months: of the forecast, the first and the last perhaps partial.
        cohort_months: of cohorts, of which the first may have begun before the end.
        churn_days: length of the windows of silence.
        ends: last day ahead of each period.
        knots: the same for expectations.
    """

    end: date
    horizon: int
    months: tuple[Month, ...]
    cohort_months: tuple[Month, ...]
    churn_days: int
    ends: Floats
    knots: Floats

    @classmethod
    def of(
        cls, end: date, params: Params, settings: DecideSettings, tested: Sequence[int | None], *, endless: bool = True
    ) -> "Timeline":
        """Return the periods of the settings.

        Args:
            end: of observation.
            params: of scoring.
            settings: of decisions.
            tested: further days ahead at which periods end, such as the longest time observed.
            endless: whether the periods go on for as long as discounted values change; else to the horizon alone.
        """
        horizon, churn = min(params.horizon_days, LONGEST_FORECAST), settings.forecast.churn_days
        first, last = end + timedelta(1), end + timedelta(horizon)
        months = tuple(months_between(first, last))
        if not endless:
            cuts = {float((month.last - end).days) for month in months}
            knots = {day for day in EARLY_KNOTS if day < horizon} | {float(horizon)}
            few = min(knots, cuts, key=len)  # the kernel has room for as many expectations as periods
            return cls(end, horizon, months, (), churn, np.array(sorted(cuts)), np.array(sorted(few)))
        cohort_months = tuple(month.clip(first, month.last) for month in _next_months(first, COHORT_MONTHS))
        longest = (cohort_months[-1].last - end).days
        further = {float(day) for day in (horizon, *settings.equity.horizons_days, *tested) if day}
        cuts = {float((month.last - end).days) for month in (*months, *cohort_months)} | further
        cuts |= {float(day) for day in range(churn, longest + 1, churn)}
        tail = _tail(max(cuts), [params.discount_rate, *settings.equity.discount_rates])
        ends = sorted(cuts | set(tail))
        knots = {day for day in EARLY_KNOTS if day < ends[-1]} | further | set(tail) | {ends[-1]}
        return cls(end, horizon, months, cohort_months, churn, np.array(ends), np.array(sorted(knots)))

    @property
    def starts(self) -> Floats:
        """Return the day ahead after which each period starts."""
        return np.concatenate([[0.0], self.ends[:-1]])

    def inside(self, start: float, end: float) -> NDArray[np.bool_]:
        """Return which periods lie between two days ahead, at which periods end."""
        return (self.starts >= start - 1e-9) & (self.ends <= end + 1e-9)

    def inside_month(self, month: Month) -> NDArray[np.bool_]:
        """Return which periods lie within a month."""
        return self.inside((month.first - self.end).days - 1, (month.last - self.end).days)

    @property
    def churn_ends(self) -> tuple[int, ...]:
        """Return the days ahead at which windows of silence end."""
        longest = (self.cohort_months[-1].last - self.end).days if self.cohort_months else 0
        return tuple(range(self.churn_days, longest + 1, self.churn_days))

    @property
    def windows(self) -> NDArray[np.int64]:
        """Return the first and last period of the cohorts' months and then of the windows of silence."""
        masks = [self.inside_month(month) for month in self.cohort_months]
        masks += [self.inside(day - self.churn_days, day) for day in self.churn_ends]
        if not masks:
            return np.zeros((0, 2), np.int64)
        return np.array([np.flatnonzero(mask)[[0, -1]] for mask in masks], np.int64)

    @property
    def month_begun(self) -> date | None:
        """Return the first day of a month that the end of observation cuts in two; None where it cuts none."""
        whole = Month.of(self.end)
        return whole.first if self.end < whole.last else None


def _next_months(day: date, number: int) -> list[Month]:
    months = [Month.of(day)]
    while len(months) < number:
        months.append(months[-1].following())
    return months


def _tail(start: float, rates: Sequence[float]) -> list[float]:
    """Return the ends of the periods after a day, up to where the lowest rate leaves nothing."""
    endless = [rate for rate in rates if rate >= LEAST_ENDLESS_RATE]
    if not endless:
        return []
    last = max(TO_INFINITY / per_day(min(endless)), start * TAIL)
    number = int(np.ceil(np.log(last / start) / np.log(TAIL)))
    return [float(day) for day in np.geomspace(start, last, number + 1)[1:]]
