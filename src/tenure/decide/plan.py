"""Customers yet to be acquired: how many in which month, by a stated plan or at the recent rate."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..settings import DriftSettings
from ..streams import stream
from ..totals import PastError, estimate_drift
from ..totals.drift import DRAWS
from .calendar import Month, months_between
from .futures import Floats
from .history import DecideError
from .history_file import HistoryFile
from .question import Question
from .segments import ALL, channels_of

SHOWN = 3
STEP_DAYS = 90  # between the days from which past plans are compared with what happened


@dataclass(frozen=True)
class Plan:
    """How many customers are acquired in each whole calendar month.

    Attributes:
        counts: by channel, of the month of the first forecast day and those that follow; the last one is repeated.
        rates: by channel, customers a day where no count is stated.
        recent_days: the days that the rates come from; 0 for a stated plan.
        errors: draws of the log of actual over planned acquisitions; empty for a stated plan, which is taken as it is.
    """

    counts: Mapping[str, Sequence[float]]
    rates: Mapping[str, float]
    recent_days: int
    errors: Floats

    @property
    def is_stated(self) -> bool:
        """Return whether the plan was stated."""
        return self.recent_days == 0

    @property
    def channels(self) -> list[str]:
        """List the channels."""
        return list(self.counts or self.rates)

    def daily(self, channel: str, first: date, days: int) -> Floats:
        """Return the customers of each day from a day on, shape (days,)."""
        if not self.is_stated or not days:
            return np.full(days, self.rates.get(channel, 0.0))
        counts, daily = self.counts[channel], []
        for at, month in enumerate(months_between(first, first + timedelta(days - 1))):
            whole = Month.of(month.first).days
            daily.append(np.full(month.days, counts[min(at, len(counts) - 1)] / whole))
        return np.concatenate(daily)

    def total(self, first: date, days: int) -> Floats:
        """Return the customers of each day over all channels."""
        return np.asarray(sum((self.daily(channel, first, days) for channel in self.channels), start=np.zeros(days)))

    def factors(self, draws: int, seed: int) -> Floats:
        """Return by how much acquisitions differ from the plan in each future, shape (draws,)."""
        if not self.errors.size:
            return np.ones(draws)
        return np.asarray(np.exp(stream(seed, "decide.plan").choice(self.errors, draws)))


def plan_of(histories: HistoryFile, question: Question, horizon: int) -> Plan:
    """Return the stated plan, or one that goes on at the recent rate of each channel, with the error of such plans."""
    settings, seed = question.settings, question.params.seed
    if settings.forecast.new_customers:
        return Plan(settings.forecast.new_customers, {}, 0, np.empty(0))
    ages = _acquired(histories, question.channel_columns)
    every = np.sum(list(ages.values()), axis=0)
    days = min(settings.forecast.recent_days, every.size)
    rates = {channel: float(counts[:days].sum()) / days for channel, counts in ages.items()}
    return Plan({}, rates, days, plan_errors(every, settings.forecast.recent_days, horizon, histories.as_of, seed))


def plan_errors(acquired: Floats, recent: int, horizon: int, end: date, seed: int) -> Floats:
    """Return draws of the log of actual over planned acquisitions, from past plans of the same kind.

    Args:
        acquired: customers by days before the end of observation.
        recent: days that a plan goes by.
        horizon: days that it is for; at most a third of the log is compared at once.
        end: of observation.
        seed: of the draws.
    """
    ahead = max(min(horizon, acquired.size // 3), 1)
    errors = []
    for back in range(ahead, acquired.size - recent + 1, STEP_DAYS):
        planned = acquired[back : back + recent].mean() * ahead
        cutoff = end - timedelta(back)
        chance = planned * np.exp(np.array([-1.0, 1.0]) / np.sqrt(max(2.0 * planned, 1e-9)))
        actual = float(acquired[back - ahead : back].sum())
        error = PastError.of(actual, float(planned), chance, cutoff=cutoff, end=cutoff + timedelta(ahead))
        errors += [] if error is None else [error]
    rng = stream(seed, "decide.plan_errors")
    return estimate_drift(errors, end, DriftSettings(), draws=DRAWS, rng=rng).logs


def _acquired(histories: HistoryFile, columns: Sequence[str]) -> dict[str, Floats]:
    """Return by channel how many customers were acquired by days before the end of observation."""
    counts: dict[str, Counter[int]] = {}
    for part in histories.parts():
        pairs = Counter(zip(channels_of(part, columns), part["since_first"], strict=True))
        for (channel, days), number in pairs.items():
            counts.setdefault(channel, Counter())[int(days)] += number
    size = max(max(by_day) for by_day in counts.values()) + 1
    table = {channel: np.zeros(size) for channel in sorted(counts)}
    for channel, by_day in counts.items():
        table[channel][list(by_day)] = list(by_day.values())
    return table


def require_plan(histories: HistoryFile, question: Question) -> None:
    """Raise DecideError for a plan by channel where there are no channels, or with channels that no customer has."""
    planned, columns = set(question.settings.forecast.new_customers) - {ALL}, question.channel_columns
    if not planned:
        return
    if not columns:
        raise DecideError(
            f"decide.forecast.new_customers names channels ({', '.join(map(repr, sorted(planned)[:SHOWN]))}), and"
            " nothing says which customers they are of. Name the segment with the channels in"
            " decide.acquisition.channel, or give {all: [counts]}."
        )
    there = set[str]().union(*(pd.unique(channels_of(part, columns)) for part in histories.parts()))
    unknown = sorted(planned - there)
    if unknown:
        named = sorted(there)
        shown, more = ", ".join(map(repr, named[:5])), ", ..." if len(named) > 5 else ""
        raise DecideError(
            f"decide.forecast.new_customers has {len(unknown)} channel{'s' if len(unknown) > 1 else ''} that no"
            f" customer has ({', '.join(map(repr, unknown[:SHOWN]))}). The channels of the log are {shown}{more}."
        )


def cost_by_day(plan: Plan, costs: Mapping[str, float], first: date, days: int) -> Any:
    """Return what acquisitions cost on each day, shape (days,); None where a channel of the plan has no cost."""
    planned = [channel for channel in plan.channels if plan.daily(channel, first, days).any()]
    each = {channel: costs.get(channel, costs.get(ALL, np.nan)) for channel in planned}
    if np.isnan(list(each.values())).any():
        return None
    return sum((each[channel] * plan.daily(channel, first, days) for channel in planned), start=np.zeros(days))
