"""What a new customer may cost: ceilings by horizon, the share of customers who repay, and the day of payback.

A new customer's margin by day t, in one draw of the population, is

    first order + m * D(t) - order cost * (1 + D(t)) - cost of an active day * A(t),

where D(t) are the discounted repeat purchases expected by day t, m the margin of one, and A(t) the discounted days on
which the customer is active. The first three come from the scorer, A(t) from the model's P(active). Single customers
are those of the scorer; where they cost something, they come from the models' generative processes, as their costs
depend on when they buy and leave.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..scorer import Params
from ..settings import DecideSettings
from .futures import Floats
from .single import Costs, simulate_single
from .survival import Survival

STEP = 7  # days between points of the curve
FUTURES = 4_000  # of single customers, for the share who repay their cost: within a percent
INFINITE = 0  # the horizon in tables that stands for none
TO_INFINITY = 40.0  # days until the discount is e^-40, in units of 1 / delta
LATE_POINTS = 200  # between the longest horizon and the day beyond which nothing counts


@dataclass(frozen=True)
class Ceiling:
    """A new customer's margin over one horizon, net of costs.

    Attributes:
        horizon_days: the horizon; 0 for none.
        means: the expected margin by draw.
        outcomes: simulated margins of single customers; empty where costs have no end to be counted to.
    """

    horizon_days: int
    means: Floats
    outcomes: Floats


@dataclass(frozen=True)
class NewCustomers:
    """The margin of new customers: ceilings by horizon, and the curve of the cumulated mean.

    Attributes:
        ceilings: in the order of the horizons, without end last.
        days: of the curve.
        curve: expected cumulated margin, shape (draws, days).
    """

    ceilings: tuple[Ceiling, ...]
    days: Floats
    curve: Floats


def value_new_customers(scorer: Any, params: Params, settings: DecideSettings) -> NewCustomers:
    """Compute the margin of a new customer over the horizons of the settings and without end, net of costs."""
    horizons = settings.acquisition.horizons_days
    common = {name: getattr(params, name) for name in ("discount_rate", "margin", "level", "seed")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of horizons: the page says what was tested
        valued = [scorer.new_customer(futures=FUTURES, horizon_days=days, **common) for days in horizons]
        endless = scorer.new_customer(futures=FUTURES, to_infinity=True, **common)
    days = np.unique([0.0, *np.arange(STEP, horizons[-1], STEP), *map(float, horizons)])
    repeats = _discounted_repeats(scorer, days, params.delta)
    first = valued[-1].first_order
    each = (valued[-1].expected - first) / repeats[:, -1]  # margin of a repeat purchase, by draw
    active = _active_days(scorer, days, params.delta)
    costs = Costs(settings.order_cost, settings.active_day_cost)
    curve = first[:, None] + each[:, None] * repeats - costs.of(repeats, active[:, :-1])
    means = endless.expected - costs.of((endless.expected - endless.first_order) / each, active[:, -1])
    outcomes = [one.outcomes for one in (*valued, endless)]
    if costs.any:
        outcomes = list(simulate_single(scorer.posterior, first, params, costs, horizons, FUTURES))
    places = np.searchsorted(days, horizons)
    each_mean = (*(curve[:, at] for at in places), means)
    ceilings = tuple(map(Ceiling, (*horizons, INFINITE), each_mean, outcomes))
    return NewCustomers(ceilings, days, curve)


def _discounted_repeats(scorer: Any, days: Floats, delta: float) -> Floats:
    """Return the expected discounted repeat purchases by each day, shape (draws, days); discounted at mid-step."""
    expected = np.concatenate([np.zeros((scorer.draws, 1)), scorer.expected_new_customer(days[1:])], axis=1)
    middles = 0.5 * (days[1:] + days[:-1])
    steps = np.diff(expected, axis=1) * np.exp(-delta * middles)
    return np.concatenate([np.zeros((scorer.draws, 1)), steps.cumsum(axis=1)], axis=1)


def _active_days(scorer: Any, days: Floats, delta: float) -> Floats:
    """Return the expected discounted active days by each day and, last, without end; shape (draws, days + 1)."""
    late = np.geomspace(days[-1], max(TO_INFINITY / delta, 2.0 * days[-1]), LATE_POINTS)[1:]
    every = np.concatenate([days, late])
    active = Survival(scorer.posterior).new_customer(every)
    # Between two points P(active) is the mean of both; the discount is integrated.
    weights = -np.diff(np.exp(-delta * every)) / delta
    sums = (0.5 * (active[:, 1:] + active[:, :-1]) * weights).cumsum(axis=1)
    return np.concatenate([np.zeros((scorer.draws, 1)), sums[:, : days.size - 1], sums[:, -1:]], axis=1)


def payback(new: NewCustomers, cost: float, level: float) -> dict[str, float]:
    """Return the first day on which the cumulated mean margin reaches the cost: median, interval, and P(within).

    A day is infinite where that draw's curve does not reach the cost within its days; NaN stands for it.
    """
    reached = new.curve >= cost
    at = reached.argmax(axis=1)
    rows = np.arange(len(at))
    within = reached.any(axis=1)
    before = np.maximum(at - 1, 0)
    low, high = new.curve[rows, before], new.curve[rows, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (cost - low) / (high - low), 0.0)
    days = np.ceil(new.days[before] + np.clip(share, 0.0, 1.0) * (new.days[at] - new.days[before]) - 1e-9)
    days = np.sort(np.where(within, np.where(at == 0, 0.0, days), np.inf))
    tail = 0.5 * (1.0 - level)
    ranks = [math.ceil(quantile * days.size - 1e-9) - 1 for quantile in (0.5, tail, 1.0 - tail)]
    ends = [float(days[max(rank, 0)]) for rank in ranks]
    names = ("payback_days", "payback_low", "payback_high")
    return {
        **{name: end if math.isfinite(end) else math.nan for name, end in zip(names, ends, strict=True)},
        "p_payback_within": float(within.mean()),
    }


def ceiling_row(ceiling: Ceiling, ratio: float, level: float, cost: float) -> dict[str, float]:
    """Return the numbers of one ceiling: mean, both intervals, what may be paid, and how it compares with a cost."""
    low, high = (math.ceil(q * ceiling.means.size - 1e-9) - 1 for q in (0.5 - level / 2, 0.5 + level / 2))
    ordered = np.sort(ceiling.means)
    mean, mean_low, mean_high = float(ceiling.means.mean()), float(ordered[max(low, 0)]), float(ordered[high])
    single = np.sort(ceiling.outcomes)
    ends = [single[max(math.ceil(q * single.size - 1e-9) - 1, 0)] if single.size else math.nan
            for q in (0.5 - level / 2, 0.5 + level / 2)]  # fmt: skip
    has_cost = not math.isnan(cost)
    return {
        "clv": mean,
        "clv_mean_low": mean_low,
        "clv_mean_high": mean_high,
        "clv_low": float(ends[0]),
        "clv_high": float(ends[1]),
        "ceiling": max(mean / ratio, 0.0),
        "ceiling_low": max(mean_low / ratio, 0.0),
        "acquisition_cost": cost,
        "clv_to_cost": mean / cost if has_cost and cost > 0 else math.nan,
        "p_mean_above_cost": float((ceiling.means > cost).mean()) if has_cost else math.nan,
        "p_customer_repays": float((single > cost).mean()) if has_cost and single.size else math.nan,
    }


def tabulate_acquisition(
    new: Mapping[str, NewCustomers],
    channels: Mapping[str, Mapping[str, Any]],
    level: float,
    settings: DecideSettings,
) -> pd.DataFrame:
    """Tabulate ceilings by channel and horizon.

    Args:
        new: the margin of new customers by channel.
        channels: by channel its `population`, `customers`, `cost` (or NaN) and what was observed of them.
        level: of the intervals.
        settings: the ratio.
    """
    rows = []
    for channel, facts in channels.items():
        cost = facts["cost"]
        paid = payback(new[channel], cost, level) if not math.isnan(cost) else {}
        observed = {name: value for name, value in facts.items() if name != "cost"}
        for ceiling in new[channel].ceilings:
            row = ceiling_row(ceiling, settings.acquisition.ratio, level, cost)
            rows.append({"channel": channel, "horizon_days": ceiling.horizon_days, **observed, **row, **paid})
    table = pd.DataFrame(rows)
    for name in ("payback_days", "payback_low", "payback_high", "p_payback_within"):
        if name not in table:
            table[name] = np.nan
    return table
