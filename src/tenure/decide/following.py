"""Follow a sample of the present customers through every joint future, cohort by cohort."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..scorer import Follower, Paths
from .curves import by_periods
from .futures import Floats
from .history import summary_columns
from .question import Question
from .ranking import keys_of, sampled
from .segments import names_of
from .timeline import Timeline

MOST_SIMULATED = 25_000  # of the followed customers; the others have expectations alone, which take a third of the time
COHORT, TIER, HAS_BOUGHT = "_cohort", "_tier", "_has_bought"  # no column of a customer summary


@dataclass
class Path:
    """Sums over customers by period and draw, undiscounted and before the margin.

    Attributes:
        purchases, spend: simulated, shape (periods, draws).
        expected_purchases, expected_spend: alike.
        at_knots: expected spend by period of the knots, shape (knots, draws).
        buyers: customers with a purchase in each window, shape (windows, draws).
    """

    purchases: Floats
    spend: Floats
    expected_purchases: Floats
    expected_spend: Floats
    at_knots: Floats
    buyers: Floats

    def __add__(self, other: "Path") -> "Path":
        return Path(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def with_others(self, others: "Path", scale: float) -> "Path":
        """Return these customers and others whose outcomes are not simulated: together `scale` times as many.

        The chance of all is that of these, times the root of the scale.
        """
        root = np.sqrt(scale)
        purchases = self.expected_purchases + others.expected_purchases
        spend = self.expected_spend + others.expected_spend
        return Path(
            purchases + root * (self.purchases - self.expected_purchases),
            spend + root * (self.spend - self.expected_spend),
            purchases,
            spend,
            self.at_knots + others.at_knots,
            scale * self.buyers,
        )

    def scaled(self, name: str, scale: float) -> Floats:
        """Return joint futures of the customers whom the followed ones stand for, `scale` for each.

        Expectations grow with their number, chance in customers with its root.
        """
        return scale_up(getattr(self, f"expected_{name}"), getattr(self, name), scale)


def scale_up(expected: Floats, simulated: Floats, scale: float) -> Floats:
    """Return joint futures of `scale` times as many customers: expected and simulated sums by draw.

    >>> scale_up(np.array([10.0]), np.array([12.0]), 4.0)
    array([44.])
    """
    return np.asarray(np.maximum(scale * expected + np.sqrt(scale) * (simulated - expected), 0.0))


@dataclass
class Sample:
    """The customers who are followed: those with the smallest hashes of their ids.

    Attributes:
        question: what decisions are derived with.
        customers: of the whole base.
        timeline: the periods ahead.
    """

    question: Question
    customers: int
    timeline: Timeline
    parts: list[pd.DataFrame] = field(default_factory=list)
    whole: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, part: pd.DataFrame, tiers: Any, cohorts: Any) -> None:
        """Add the sampled customers of a part, and count all by cohort and tier."""
        named = part[[*summary_columns(part), *names_of(self.question.scorer.posterior)]].assign(
            **{COHORT: np.asarray(cohorts), TIER: np.asarray(tiers), HAS_BOUGHT: self._has_bought(part)}
        )
        for key, number in Counter(zip(named[COHORT], named[TIER], strict=True)).items():
            self.whole[key] = self.whole.get(key, 0) + number
        most = self.question.settings.forecast.sample_customers
        chosen = sampled(keys_of(part["customer_id"]), self.customers, self.customers if most is None else most)
        self.parts.append(named[chosen])

    def _has_bought(self, part: pd.DataFrame) -> Any:
        """Return who has bought in the month that the end of observation cuts in two."""
        begun = self.timeline.month_begun
        if begun is None:
            return np.zeros(len(part), np.bool_)
        return part["since_last"].to_numpy() <= (self.timeline.end - begun).days

    def table(self) -> pd.DataFrame:
        """Return the sampled customers."""
        return pd.concat(self.parts, ignore_index=True)

    def count(self, name: str) -> Mapping[str, int]:
        """Count all customers by cohort or tier."""
        at = (COHORT, TIER).index(name)
        counts: dict[str, int] = {}
        for key, number in self.whole.items():
            counts[key[at]] = counts.get(key[at], 0) + number
        return counts


@dataclass
class Followed:
    """What became of the sampled customers, by tier, and how their residual value is spread.

    Attributes:
        tiers: sums by tier.
        scales: how many customers each followed one stands for, by tier.
        sampled: customers who were followed.
        residual: each followed customer's expected spend, discounted by `weights` of the caller.
        weights: how many customers each stands for.
    """

    tiers: dict[str, Path] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    sampled: int = 0
    residual: list[Floats] = field(default_factory=list)
    weights: list[Floats] = field(default_factory=list)

    def total(self, name: str) -> Floats:
        """Return joint futures of all customers by period, shape (periods, draws)."""
        return np.asarray(sum(path.scaled(name, self.scales[tier]) for tier, path in self.tiers.items()))

    def expected(self, name: str) -> Floats:
        """Return expectations of all customers by period and draw."""
        return np.asarray(
            sum(getattr(path, f"expected_{name}") * self.scales[tier] for tier, path in self.tiers.items())
        )

    def at_knots(self) -> Floats:
        """Return expected spend of all customers by period of the knots and draw."""
        return np.asarray(sum(path.at_knots * self.scales[tier] for tier, path in self.tiers.items()))

    def buyers(self) -> Floats:
        """Return joint futures of the buyers by window, shape (windows, draws)."""
        return np.asarray(sum(path.buyers * self.scales[tier] for tier, path in self.tiers.items()))


def follow_sample(
    sample: Sample, each_discount: Callable[[Floats], Floats], advance: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[str, Path, float] | Followed]:
    """Yield each cohort of the sample with its sums and its scale, and last all of it.

    Args:
        sample: the customers.
        each_discount: from the knots to the weights of a customer's residual spend.
        advance: called with the number of customers of each group that is done.
    """
    table, timeline = sample.table(), sample.timeline
    followed = Followed(sampled=len(table))
    for name, number in sample.count(TIER).items():
        there = int((table[TIER] == name).sum())
        followed.scales[name] = number / there if there else 0.0
    weights, of_cohort, scorer = each_discount(timeline.knots), sample.count(COHORT), sample.question.scorer
    follower = Follower(
        scorer.posterior, timeline.ends, timeline.knots,
        seed=sample.question.params.seed, threads=scorer.threads, windows=timeline.windows,
    )  # fmt: skip
    for cohort, rows in table.groupby(COHORT, sort=True):
        own: Path | None = None
        for (of_tier, has_bought), cell in rows.groupby([TIER, HAS_BOUGHT], sort=True):
            tier, customers = str(of_tier), cell.drop(columns=[COHORT, TIER, HAS_BOUGHT])
            path, each = _follow_cell(customers, follower, min(1.0, MOST_SIMULATED / len(table)), timeline)
            if has_bought:
                path.buyers[0] = 0.0  # they have bought in this month already
            own = path if own is None else own + path
            followed.tiers[tier] = followed.tiers[tier] + path if tier in followed.tiers else path
            followed.residual.append(each @ weights)
            followed.weights.append(np.full(len(cell), followed.scales[tier]))
            advance(len(cell))
        if own is not None:
            yield str(cohort), own, of_cohort[str(cohort)] / len(rows)
    yield followed


def _follow_cell(customers: pd.DataFrame, follower: Follower, share: float, timeline: Timeline) -> tuple[Path, Floats]:
    """Return the sums of customers, a share of whom is simulated, and each one's expected spend by knot."""
    customers = customers.iloc[np.argsort(keys_of(customers["customer_id"]), kind="stable")]
    number = math.ceil(share * len(customers) - 1e-9)
    path, each = path_of(follower.follow(customers[:number]), timeline)
    if number == len(customers):
        return path, each
    others, of_others = path_of(follower.follow(customers[number:], outcomes=False), timeline)
    return path.with_others(others, len(customers) / number), np.concatenate([each, of_others])


def path_of(paths: Paths, timeline: Timeline) -> tuple[Path, Floats]:
    """Return the sums over followed customers by period, and each one's expected spend by knot."""
    knots, ends = timeline.knots, timeline.ends
    purchases = by_periods(knots, paths.expected_purchases, ends)
    spend = by_periods(knots, paths.expected_spend, ends)
    return Path(paths.purchases, paths.spend, purchases, spend, paths.expected_spend, paths.buyers), paths.each
