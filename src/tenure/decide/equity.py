"""The worth of the customer base: residual value by horizon, discount rate and margin, and of future cohorts."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..scorer import Params
from ..settings import DecideSettings
from ..settings.forecast import LEAST_ENDLESS_RATE
from ..streams import stream
from .acquisition import INFINITE
from .bands import Widening, quantiles
from .curves import SCALE, discounts, place_of
from .futures import Floats
from .newcomers import Customer
from .timeline import Timeline, per_day

BOTH, PRESENT, FUTURE, TIER, COHORT = "all", "present", "future", "tier", "cohort"
ACQUIRED_EVERY = 30.0  # days between the points at which future cohorts are valued
MANY = 1_000  # new customers, whose spread of value is taken from as many futures


@dataclass(frozen=True)
class View:
    """A horizon, a discount rate and a margin."""

    horizon_days: int
    rate: float
    margin: float

    @property
    def delta(self) -> float:
        """Return the continuous discount rate of a day."""
        return per_day(self.rate)


def views_of(params: Params, settings: DecideSettings) -> list[View]:
    """Return the views: every horizon and rate at the margin of the scores, and other margins at their rate."""
    equity, margin, rate = settings.equity, params.margin, params.discount_rate
    rates = sorted({rate, *equity.discount_rates})
    horizons = [*equity.horizons_days, INFINITE]
    views = [View(days, each, margin) for each in rates for days in horizons]
    others = equity.margins or [0.8 * margin, 1.2 * margin]
    views += [View(days, rate, min(each, 1.0)) for each in sorted(set(others)) for days in horizons]
    views = [view for view in views if view.horizon_days != INFINITE or view.rate >= LEAST_ENDLESS_RATE]
    return list(dict.fromkeys(views))


@dataclass(frozen=True)
class Valued:
    """A group's value in one view.

    Attributes:
        point: expected value.
        futures: joint futures of it, shape (draws,).
        tested, extrapolated: the parts of `point` within the days that a holdout tested, and beyond the longest time
            that anybody was observed.
        first: what drift does not move, by draw: first orders, of future cohorts.
    """

    point: float
    futures: Floats
    tested: float
    extrapolated: float
    first: Floats | float = 0.0


class Money:
    """Spend of a group by period, in expectation and in joint futures, from which every view is computed.

    Args:
        timeline: the periods.
        at_knots: expected spend by period of the knots and draw.
        spend: futures by period and draw.
        expected: expected spend by period and draw.
        tested, observed: days ahead that a holdout tested, and the longest time observed; None where unknown.
    """

    def __init__(
        self, timeline: Timeline, at_knots: Floats, spend: Floats, expected: Floats, tested: int | None,
        observed: int | None,
    ) -> None:  # fmt: skip
        self._timeline, self._mean_at_knots = timeline, at_knots.mean(axis=1)
        self._spend, self._expected = spend, expected.mean(axis=1)
        self._tested, self._observed = tested, observed
        self._discounts: dict[float, Floats] = {}

    def value(self, view: View) -> Valued:
        """Return the value in one view."""
        timeline = self._timeline
        if view.rate not in self._discounts:
            self._discounts[view.rate] = discounts(timeline.knots, self._mean_at_knots, timeline.ends, view.delta)
        weights = view.margin * self._discounts[view.rate]
        if view.horizon_days != INFINITE:
            weights = weights * timeline.inside(0.0, view.horizon_days)
        by_period = weights * self._expected
        tested = by_period[timeline.ends <= self._tested].sum() if self._tested else 0.0
        beyond = by_period[timeline.ends > self._observed].sum() if self._observed else np.nan
        return Valued(float(by_period.sum()), weights @ self._spend, float(tested), float(beyond))


class FutureCohorts:
    """Customers of one population who are acquired from now on, for some years.

    Args:
        scorer: of the population.
        daily: how many on each day, shape (days,).
        factors: by how much acquisitions differ from that in each future, shape (draws,).
        timeline: the days ahead, which bound the ages that are computed.
        seed: of the futures.
    """

    def __init__(self, scorer: Any, daily: Floats, factors: Floats, timeline: Timeline, seed: int) -> None:
        self.scorer, self._daily, self._factors, self._seed = scorer, daily, factors, seed
        later = np.expm1(np.linspace(place_of(60.0), place_of(max(timeline.ends[-1], 120.0)), 160)) * SCALE
        self._ages = np.unique(np.concatenate([np.arange(0.0, 61.0, 5.0), later]))
        self._customer: Customer | None = None
        self._spreads: dict[int, float] = {}

    def value(self, view: View, tested: int | None, observed: int | None) -> Valued:
        """Return the value of the cohorts acquired within the horizon, first orders included, before their cost."""
        draws, days = self.scorer.draws, self._until(view)
        if not self._daily[:days].any():
            return Valued(0.0, np.zeros(draws), 0.0, 0.0, np.zeros(draws))
        customer, (middles, weights) = self._expect(), self._cohorts(view, days)
        left = np.full(middles.size, np.inf) if view.horizon_days == INFINITE else view.horizon_days - middles
        first, each = view.margin * customer.first, view.margin * customer.each

        def again(until: Floats) -> Floats:
            return np.asarray(each * (self._discounted(customer, view, until) @ weights))

        every, start = again(left), first * weights.sum()
        inside, beyond = 0.0, np.nan
        if tested:
            early = float(weights[middles <= tested].sum())
            inside = float((first * early + again(np.minimum(left, np.maximum(tested - middles, 0.0)))).mean())
        if observed:
            beyond = float((every - again(np.minimum(left, observed))).mean())
        squares = float((weights * np.exp(-view.delta * middles)).sum())
        mean_left = INFINITE if view.horizon_days == INFINITE else max(round(float(left @ weights / weights.sum())), 1)
        variance = (view.margin * self._spread(view.rate, mean_left)) ** 2 * squares
        means = (start + every) * self._factors
        outcomes = _gamma(means, variance, stream(self._seed, "decide.future_cohorts"))
        planned = start * self._factors
        return Valued(float((start + every).mean()), outcomes - planned, inside, beyond, planned)

    def _cohorts(self, view: View, days: int) -> tuple[Floats, Floats]:
        """Return the middle day of each month of acquisitions, and its customers, discounted to today."""
        starts = np.arange(0, days, int(ACQUIRED_EVERY))
        middles = np.minimum(starts + 0.5 * ACQUIRED_EVERY, 0.5 * (starts + days))
        number = np.add.reduceat(self._daily[:days], starts)
        return middles, number * np.exp(-view.delta * middles)

    def _until(self, view: View) -> int:
        return acquired_days(view, self._daily.size)

    def _expect(self) -> Customer:
        if self._customer is None:
            self._customer = Customer.of(self.scorer, self._ages, self._seed)
        return self._customer

    def _discounted(self, customer: Customer, view: View, left: Floats) -> Floats:
        """Return expected discounted repeat purchases within so many days, shape (draws, days)."""
        steps = np.diff(customer.repeats, axis=1)
        middles = 0.5 * (customer.days[1:] + customer.days[:-1])
        summed = np.concatenate(
            [np.zeros((len(steps), 1)), (steps * np.exp(-view.delta * middles)).cumsum(axis=1)], axis=1
        )
        at = np.minimum(left, customer.days[-1])
        return np.array([np.interp(at, customer.days, row) for row in summed])

    def _spread(self, rate: float, days: int) -> float:
        """Return the standard deviation of one new customer's discounted spend around its expectation.

        It hardly depends on the rate: the first that is asked for serves all.
        """
        if days not in self._spreads:
            horizon = {"to_infinity": True} if days == INFINITE else {"horizon_days": days}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of horizons: the table says what was tested
                new = self.scorer.new_customer(
                    futures=MANY, discount_rate=rate, margin=1.0, level=0.5, seed=self._seed, **horizon
                )
            outcomes = new.outcomes.reshape(-1, self.scorer.draws)
            self._spreads[days] = float(np.sqrt(((outcomes - new.expected) ** 2).mean()))
        return self._spreads[days]


def acquired_days(view: View, days: int) -> int:
    """Return on how many of some days customers are acquired within the horizon."""
    return days if view.horizon_days == INFINITE else min(days, view.horizon_days)


def discounted_cost(by_day: Any, view: View) -> float:
    """Return the discounted cost of acquisitions within the horizon; NaN where it is not known."""
    if by_day is None:
        return float("nan")
    days = acquired_days(view, by_day.size)
    return float((by_day[:days] * np.exp(-view.delta * np.arange(1, days + 1))).sum())


def _gamma(means: Floats, variance: float, rng: np.random.Generator) -> Floats:
    """Return positive sums of many customers with these means and one variance."""
    positive = np.maximum(means, 1e-12)
    if not variance > 0:
        return positive
    return np.asarray(rng.gamma(positive**2 / variance, variance / positive))


def equity_row(
    group: str, value: str, customers: float, view: View, valued: Valued, cost: float, widening: Widening, level: float
) -> dict[str, Any]:
    """Return a row of the table: value with its intervals, its parts, and what is left after acquisition."""
    low, high = quantiles(valued.futures + valued.first, [level])
    moved = np.maximum(widening.futures("spend", valued.futures, valued.first), 0.0)
    adjusted = quantiles(moved, [level])
    share = 1.0 / valued.point if valued.point > 0 else np.nan
    return {
        "group": group,
        "value": value,
        "horizon_days": view.horizon_days,
        "discount_rate": view.rate,
        "margin": view.margin,
        "customers": customers,
        "clv": valued.point,
        "clv_low": float(low),
        "clv_high": float(high),
        "adjusted_low": float(adjusted[0]),
        "adjusted_high": float(adjusted[1]),
        "acquisition_cost": cost,
        "net_margin": valued.point - cost,
        "tested_share": valued.tested * share,
        "extrapolated_share": valued.extrapolated * share,
    }


def add(first: Valued, second: Valued) -> Valued:
    """Return two groups together."""
    return Valued(
        first.point + second.point,
        first.futures + second.futures,
        first.tested + second.tested,
        first.extrapolated + second.extrapolated,
        first.first + second.first,
    )


@dataclass(frozen=True)
class Concentration:
    """How the residual value is spread over the customers.

    Attributes:
        top_shares: share of the value of the customers with the highest one, by their share of all.
        half: share of the customers who hold a half of the value.
    """

    top_shares: Mapping[float, float]
    half: float


def concentration_of(residual: Floats, weights: Floats, tops: Sequence[float] = (0.01, 0.1, 0.2)) -> Concentration:
    """Return the concentration of customers' values, each of whom stands for so many.

    >>> concentration_of(np.array([8.0, 1.0, 1.0, 0.0]), np.ones(4), (0.25,)).top_shares
    {0.25: 0.8}
    """
    order = np.argsort(-residual, kind="stable")
    held, count = (np.append(0.0, column[order].cumsum()) for column in (residual * weights, weights))
    if not held[-1] > 0:
        return Concentration(dict.fromkeys(tops, 0.0), 0.0)
    shares = {top: float(np.interp(top * count[-1], count, held) / held[-1]) for top in tops}
    return Concentration(shares, float(np.interp(0.5 * held[-1], held, count) / count[-1]))
