"""What lies ahead of the customer base: its forecast, its cohorts, its worth, each from the same followed sample."""

import operator
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..settings import REST
from . import equity
from .bands import Widening, drifts_of
from .columns import CHURN, EQUITY, FORECAST, PAST_FORECASTS, RETENTION
from .curves import discounts, mean_discount
from .equity import (
    Concentration,
    FutureCohorts,
    Money,
    acquired_days,
    concentration_of,
    discounted_cost,
    equity_row,
    views_of,
)
from .following import COHORT, TIER, Followed, Path, Sample, follow_sample
from .forecast import Months, forecast_totals, months_of, tabulate_forecast
from .futures import Floats
from .newcomers import simulate_newcomers
from .observation import Observed
from .observed import observed_months
from .past_forecasts import check_past
from .plan import Plan, cost_by_day
from .populations import divide_plan
from .retention import expected_rows, observed_rows, tabulate_churn, tabulate_retention
from .segments import ALL
from .timeline import Timeline, per_day

TABLES = ("forecast", "retention", "churn", "equity", "past_forecasts")


@dataclass(frozen=True)
class Prospects:
    """The tables of what lies ahead, and what they rest on.

    Attributes:
        forecast, retention, churn, equity, past_forecasts: the tables.
        plan: of the customers yet to be acquired.
        totals: futures of the purchases and the spend of the whole forecast, new customers included.
        concentration: of the residual value over the present customers.
        sampled: customers who were followed.
        error: standard error of the sampled residual value, as a share of it; 0 where all were followed.
        drift: where the drift of totals comes from.
        tested_days, observed_days: days ahead that a holdout tested, longest time observed; None where unknown.
        seconds: by part of the work.
    """

    forecast: pd.DataFrame
    retention: pd.DataFrame
    churn: pd.DataFrame
    equity: pd.DataFrame
    past_forecasts: pd.DataFrame
    plan: Plan
    totals: Mapping[str, Floats]
    concentration: Concentration
    sampled: int
    error: float
    drift: str
    tested_days: int | None
    observed_days: int | None
    seconds: Mapping[str, float]


@dataclass
class Clock:
    """The seconds of each part of the work."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


class Past(NamedTuple):
    """What the log has seen: by month, by cohort and month, and in windows of silence."""

    months: pd.DataFrame
    cohorts: pd.DataFrame
    silence: pd.DataFrame

    @classmethod
    def of(cls, observed: Observed, timeline: Timeline, sizes: Mapping[str, int]) -> "Past":
        """Return the past up to the end of observation; `sizes` are the customers of each cohort."""
        months = observed_months(observed.cohorts, dict(sizes), observed.first_day, timeline.end)
        return cls(months, observed_rows(observed.cohorts, sizes, timeline), observed.silence)


class Ahead:
    """The work of one base: what is common to its tables.

    Args:
        observed: the past of the log.
        sample: the followed customers.
        plan: of those yet to be acquired.
        clock: of the parts.
    """

    def __init__(self, observed: Observed, sample: Sample, plan: Plan, clock: Clock) -> None:
        self.past, self.sample, self.plan, self.clock = observed, sample, plan, clock
        self.question, self.timeline = sample.question, sample.timeline
        scorer = self.question.scorer
        self.tested, self.observed_days = scorer.validated_horizon_days, scorer.observed_days
        self.drifts, seed = drifts_of(self.question), self.question.params.seed
        self.widening = {
            days: Widening.of(self.drifts, days or 10**6, scorer.draws, seed)
            for days in {self.timeline.horizon, *(view.horizon_days for view in self.views)}
        }
        self.equity: list[dict[str, Any]] = []

    @property
    def views(self) -> list[equity.View]:
        """Return the views of worth."""
        return views_of(self.question.params, self.question.settings)

    def main_views(self) -> list[equity.View]:
        """Return the views at the margin of the scores."""
        return [view for view in self.views if view.margin == self.question.params.margin]

    def prospects(self, advance: Callable[[int], None]) -> Prospects:
        """Return all tables."""
        past = Past.of(self.past, self.timeline, self.sample.count(COHORT))
        with self.clock.part("present customers"):
            ahead, followed = self._follow(past.cohorts, advance)
        with self.clock.part("new customers"):
            months = self._months(followed)
        with self.clock.part("worth of the base"):
            self._value(followed)
        with self.clock.part("past forecasts"):
            checked = check_past(self.past.past, self.question, past.months)
        tables = {
            "forecast": (self._forecast(past.months, months), FORECAST),
            "retention": (tabulate_retention(past.cohorts, ahead), RETENTION),
            "churn": (self._churn(past.silence, followed), CHURN),
            "equity": (pd.DataFrame(self.equity), EQUITY),
            "past_forecasts": (checked, PAST_FORECASTS),
        }
        named: dict[str, Any] = {
            name: table[[column.name for column in columns]] for name, (table, columns) in tables.items()
        }
        totals = forecast_totals(months, self.widening[self.timeline.horizon])
        return Prospects(**named, totals=totals, **self._about(followed))

    def _about(self, followed: Followed) -> dict[str, Any]:
        """Return what the tables rest on."""
        residual, weights = np.concatenate(followed.residual), np.concatenate(followed.weights)
        return {
            "plan": self.plan,
            "concentration": concentration_of(residual, weights),
            "sampled": followed.sampled,
            "error": sampling_error(residual, weights),
            "drift": self.drifts.source(self.timeline.horizon),
            "tested_days": self.tested,
            "observed_days": self.observed_days,
            "seconds": self.clock.seconds,
        }

    def _forecast(self, past: pd.DataFrame, months: Months) -> pd.DataFrame:
        params, widening = self.question.params, self.widening[self.timeline.horizon]
        return tabulate_forecast(past, months, self.timeline, widening, params.margin, params.discount_rate)

    def _churn(self, silence: pd.DataFrame, followed: Followed) -> pd.DataFrame:
        buyers = followed.buyers()[len(self.timeline.cohort_months) :]
        return tabulate_churn(silence, buyers, self.sample.customers, self.timeline, self.question.params.level)

    def _follow(self, rows: pd.DataFrame, advance: Callable[[int], None]) -> tuple[list[dict[str, Any]], Followed]:
        ahead: list[dict[str, Any]] = []
        delta = per_day(max(self.question.params.discount_rate, 1e-9))
        starts = np.concatenate([[0.0], self.timeline.knots[:-1]])
        weights = mean_discount(starts, self.timeline.knots, delta)
        for one in follow_sample(self.sample, lambda _: weights, advance):
            if isinstance(one, Followed):
                return ahead, one
            cohort, path, scale = one
            of_cohort = rows[rows["cohort"] == cohort].set_index("month")
            so_far: Any = of_cohort.to_dict("index")
            widening, level = self.widening[self.timeline.horizon], self.question.params.level
            ahead += expected_rows(cohort, path, scale, so_far, self.timeline, widening, level)
            self._value_group(equity.COHORT, cohort, self.sample.count(COHORT)[cohort], path, scale)
        raise AssertionError("follow_sample ends with what it followed")

    def _months(self, followed: Followed) -> Months:
        params, timeline = self.question.params, self.timeline
        mean = followed.at_knots().mean(axis=1)
        discount = discounts(timeline.knots, mean, timeline.ends, per_day(params.discount_rate))
        factors, seed = self.plan.factors(self.question.scorer.draws, params.seed), params.seed
        first, is_stated = timeline.months[0].first, self.plan.is_stated
        several = [
            simulate_newcomers(scorer, timeline, daily, factors, seed, is_stated=is_stated)
            for scorer, daily in divide_plan(self.plan, self.question, first, timeline.horizon)
        ]
        new = reduce(operator.add, several)
        return months_of(followed, timeline, discount, new)

    def _value_group(self, group: str, name: str, customers: int, path: Path, scale: float) -> None:
        money = Money(self.timeline, scale * path.at_knots, path.scaled("spend", scale), scale * path.expected_spend,
                      self.tested, self.observed_days)  # fmt: skip
        for view in self.main_views():
            self._add(group, name, customers, view, money.value(view), 0.0)

    def _add(
        self, group: str, name: str, customers: float, view: equity.View, valued: equity.Valued, cost: float
    ) -> None:
        widening, level = self.widening[view.horizon_days], self.question.params.level
        self.equity.append(equity_row(group, name, customers, view, valued, cost, widening, level))

    def _value(self, followed: Followed) -> None:
        for tier in (*self.question.settings.shares, REST):
            if tier in followed.tiers:
                number, scale = self.sample.count(TIER)[tier], followed.scales[tier]
                self._value_group(equity.TIER, tier, number, followed.tiers[tier], scale)
        money = Money(self.timeline, followed.at_knots(), followed.total("spend"), followed.expected("spend"),
                      self.tested, self.observed_days)  # fmt: skip
        first, days = self.timeline.months[0].first, round(365.0 * self.question.settings.equity.acquisition_years)
        every, costs = self.plan.total(first, days), cost_by_day(self.plan, self._costs, first, days)
        future = self._future(first, days)
        for view in self.views:
            present, new = money.value(view), [one.value(view, self.tested, self.observed_days) for one in future]
            valued, cost = reduce(equity.add, new), discounted_cost(costs, view)
            planned = float(every[: acquired_days(view, days)].sum())
            self._add(equity.PRESENT, ALL, self.sample.customers, view, present, 0.0)
            self._add(equity.FUTURE, ALL, planned, view, valued, cost)
            self._add(equity.BOTH, ALL, self.sample.customers + planned, view, equity.add(present, valued), cost)
        order = {
            name: at for at, name in enumerate((equity.BOTH, equity.PRESENT, equity.FUTURE, equity.TIER, equity.COHORT))
        }
        self.equity.sort(key=lambda row: order[row["group"]])

    @property
    def _costs(self) -> Mapping[str, float]:
        return self.question.settings.acquisition.costs

    def _future(self, first: date, days: int) -> list[FutureCohorts]:
        """Return the future cohorts of each population."""
        scorer, seed = self.question.scorer, self.question.params.seed
        factors = self.plan.factors(scorer.draws, seed)
        return [
            FutureCohorts(own, daily, factors, self.timeline, seed)
            for own, daily in divide_plan(self.plan, self.question, first, days)
        ]


def sampling_error(values: Floats, weights: Floats) -> float:
    """Return the standard error of a sum over sampled customers, each of whom stands for so many, as a share of it.

    Strata are the customers of one weight, which is that of a tier.
    """
    total, variance = float((values * weights).sum()), 0.0
    for weight in np.unique(weights):
        group = values[weights == weight]
        if group.size > 1 and weight > 1:
            variance += weight * (weight - 1.0) * group.size * float(group.var(ddof=1))
    return float(np.sqrt(variance) / total) if total > 0 else 0.0
