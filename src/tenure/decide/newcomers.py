"""Futures of customers yet to be acquired: expectations in closed form, chance from the models' own processes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..streams import stream
from .futures import Floats
from .single import simulate_orders
from .timeline import Timeline

EACH = 200  # simulated customers of one future, who stand for all that are planned
DAILY = 60  # days after the first order that are computed one by one, then one in seven
REFERENCE_DAYS = 365  # over which a repeat purchase's mean spend is taken


@dataclass(frozen=True)
class Newcomers:
    """Purchases and spend of customers yet to be acquired, in every joint future, undiscounted, before the margin.

    Attributes:
        acquired: customers by month, shape (months, draws).
        purchases, spend: by month and draw, first orders included.
        first_spend: the part of first orders, of `spend`.
    """

    acquired: Floats
    purchases: Floats
    spend: Floats
    first_spend: Floats

    def __add__(self, other: "Newcomers") -> "Newcomers":
        return Newcomers(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Customer:
    """A new customer's expectations in each draw.

    Attributes:
        first: spend of the first order, shape (draws,).
        each: spend of a repeat purchase.
        days: days since the first order.
        repeats: expected repeat purchases by each day, shape (draws, days).
    """

    first: Floats
    each: Floats
    days: Floats
    repeats: Floats

    @classmethod
    def of(cls, scorer: Any, days: Floats, seed: int) -> "Customer":
        """Return the expectations by the days, ascending, the first of which is 0."""
        params = {"horizon_days": REFERENCE_DAYS, "discount_rate": 0.0, "margin": 1.0, "seed": seed}
        valued = scorer.new_customer(futures=scorer.draws, level=0.5, **params)
        by_day = scorer.expected_new_customer(np.append(days[1:], REFERENCE_DAYS))
        repeats = np.concatenate([np.zeros((scorer.draws, 1)), by_day[:, :-1]], axis=1)
        each = (valued.expected - valued.first_order) / by_day[:, -1]
        return cls(valued.first_order, each, days, repeats)

    def by_day(self, days: int) -> Floats:
        """Return expected repeat purchases by each day from 0 on, shape (draws, days + 1)."""
        every = np.arange(days + 1.0)
        return np.array([np.interp(every, self.days, row) for row in self.repeats])


def days_of(horizon: int) -> Floats:
    """Return the days at which a new customer's expectations are computed."""
    return np.unique([*range(min(DAILY, horizon) + 1), *range(DAILY, horizon, 7), horizon]).astype(np.float64)


def simulate_newcomers(
    scorer: Any, timeline: Timeline, daily: Floats, factors: Floats, seed: int, *, is_stated: bool
) -> Newcomers:
    """Simulate the customers that are acquired in the months of a forecast.

    Args:
        scorer: of the model.
        timeline: the months.
        daily: customers to be acquired on each day of the horizon, shape (days,).
        factors: by how much acquisitions differ from that in each future, shape (draws,).
        seed: of the futures.
        is_stated: whether the number is certain; else it varies by chance too.
    """
    edges = np.array([0, *((month.last - timeline.end).days for month in timeline.months)])
    planned = np.add.reduceat(daily, edges[:-1])
    rng = stream(seed, "decide.newcomers")
    acquired = planned[:, None] * factors
    if not is_stated:
        acquired = rng.poisson(np.minimum(acquired, 1e15)).astype(np.float64)
    if not daily.sum() > 0:
        none = np.zeros((planned.size, scorer.draws))
        return Newcomers(none, none, none, none)
    customer = Customer.of(scorer, days_of(timeline.horizon), seed)
    shares = np.divide(acquired, planned[:, None], out=np.zeros_like(acquired), where=planned[:, None] > 0)
    repeats = _expected_repeats(customer, daily, edges, shares)
    chance = _chance(scorer.posterior, customer, daily, edges, rng)
    expected = (acquired + repeats, acquired * customer.first + repeats * customer.each)
    purchases, spend = (
        np.maximum(mean + np.sqrt(factors) * more, 0.0) for mean, more in zip(expected, chance, strict=True)
    )
    return Newcomers(acquired, np.maximum(purchases, acquired), spend, acquired * customer.first)


def _expected_repeats(customer: Customer, daily: Floats, edges: Any, shares: Floats) -> Floats:
    """Return expected repeat purchases by month and draw: of each month's customers, by the day of their first order.

    Customers of day a have made D(e - a) of them by day e.
    """
    by_day, months = customer.by_day(len(daily)), edges.size - 1
    repeats = np.zeros((months, len(by_day)))
    for at in range(months):
        days = np.arange(edges[at], edges[at + 1])
        before = np.zeros(len(by_day))
        for later in range(at, months):
            until = by_day[:, edges[later + 1] - 1 - days] @ daily[days]
            repeats[later] += shares[at] * (until - before)
            before = until
    return repeats


def _chance(posterior: Any, customer: Customer, daily: Floats, edges: Any, rng: np.random.Generator) -> list[Floats]:
    """Return how purchases and spend by month differ from their expectation by chance in customers, by draw."""
    total = daily.sum()
    number = int(min(max(np.ceil(total), 1), EACH))
    # Evenly over the plan, so that months have their share of the simulated customers in every future.
    days = np.searchsorted(daily.cumsum(), (np.arange(number) + 0.5) / number * total)
    days = np.minimum(days, len(daily) - 1)
    by_day, months = customer.by_day(len(daily)), edges.size - 1
    left = edges[-1] - 1 - days
    chance = [np.zeros((months, posterior.size)) for _ in range(2)]
    month_of = np.searchsorted(edges, np.arange(len(daily)), side="right") - 1
    marks = [np.maximum(edges[later + 1] - 1 - days, -1) for later in range(months)]
    simulated = simulate_orders(posterior, customer.first, left.astype(np.float64), rng)
    for draw, (owner, ages, amounts, firsts) in enumerate(simulated):
        at = np.minimum(days[owner] + np.ceil(ages).astype(np.int64), len(daily) - 1)
        of_repeats = np.bincount(month_of[at], minlength=months).astype(np.float64)
        spends = np.bincount(month_of[at], weights=amounts, minlength=months).astype(np.float64)
        spends += np.bincount(month_of[days], weights=firsts, minlength=months)
        reached = np.array([by_day[draw, mark[mark >= 0]].sum() for mark in marks])
        expected = np.diff(reached, prepend=0.0)
        new = np.bincount(month_of[days], minlength=months) * customer.first[draw]
        chance[0][:, draw] = of_repeats - expected
        chance[1][:, draw] = spends - expected * customer.each[draw] - new
    # Chance has no mean. What is left of one is the simulation's own, or that of a population whose segments differ.
    return [np.sqrt(total / number) * (one - one.mean(axis=1, keepdims=True)) for one in chance]
