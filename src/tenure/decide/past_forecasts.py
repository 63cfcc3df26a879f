"""Past forecasts: forecasts from earlier days, each with a fit to what was known then, against what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..rfm import RfmError, summarize
from ..scorer import Follower, Scorer
from ..settings import FitSettings
from ..streams import derive_seed
from ..summary import CustomerSummary
from ..transactions import Transactions
from .bands import BANDS, Widening, drifts_of, quantiles
from .calendar import Month, months_between
from .curves import by_periods
from .following import scale_up
from .forecast import ALL_CUSTOMERS, ENDS, Months, futures_of
from .futures import Floats
from .newcomers import simulate_newcomers
from .plan import Plan, plan_errors
from .question import Question
from .ranking import keys_of
from .segments import ALL
from .timeline import Timeline

MOST_SAMPLED = 10_000  # customers that a past forecast is fitted to and made from
MOST_CUSTOMERS = 250_000  # beyond, a summary of them all is not held in memory
DRAWS = 400
LEAST_DAYS, LEAST_CUSTOMERS = 90, 100  # before an origin
MOST_MONTHS = 12
TOTAL = "total"
COLUMNS = (
    "origin", "month", "outcome", "actual", "expected", *ENDS, *(f"covers_{100 * level:.0f}" for level in BANDS),
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """A past day, the end of a month, and the whole months that are forecast from it."""

    day: date
    months: int

    @property
    def horizon(self) -> int:
        """Return the days that are forecast."""
        last = self.day
        for _ in range(self.months):
            last = Month.of(last + timedelta(1)).last
        return (last - self.day).days


def list_origins(first: date, end: date, horizon: int, number: int) -> list[Origin]:
    """Return the past days whose months lie in the log, the latest first, as far apart as the months they forecast."""
    month = Month.of(end)
    last = month.last if month.last == end else month.first - timedelta(1)
    whole = len([one for one in months_between(first, last) if one == Month.of(one.first)]) if last > first else 0
    months = min(max(round(horizon / 30.4), 1), MOST_MONTHS, whole // 3)
    origins: list[Origin] = []
    while months and len(origins) < number:
        for _ in range(months):
            last = Month.of(last).first - timedelta(1)
        if (last - first).days < LEAST_DAYS:
            break
        origins.append(Origin(last, months))
    return origins


@dataclass(frozen=True)
class PastBase:
    """The customers on a past day, or a sample of them.

    Attributes:
        origin: the day.
        customers: their summary.
        scale: how many customers each stands for.
        acquired: customers by days since their first purchase, of all.
    """

    origin: Origin
    customers: CustomerSummary
    scale: float
    acquired: Floats


def read_past(transactions: Transactions, origin: Origin) -> PastBase | None:
    """Return the customers on a past day, those with the smallest hashes of their ids; None where they are too few."""
    try:
        summary = summarize(transactions, origin.day)
    except RfmError:
        return None  # nobody bought by then
    number = len(summary.table)
    if number < LEAST_CUSTOMERS:
        return None
    acquired = np.bincount(summary.table["T"].to_numpy(np.int64)).astype(np.float64)
    if number <= MOST_SAMPLED:
        return PastBase(origin, summary, 1.0, acquired)
    chosen = np.sort(np.argsort(keys_of(summary.table["customer_id"]), kind="stable")[:MOST_SAMPLED])
    return PastBase(origin, summary.take(chosen), number / MOST_SAMPLED, acquired)


def check_past(past: Sequence[PastBase], question: Question, observed: pd.DataFrame) -> pd.DataFrame:
    """Tabulate past forecasts of purchases and revenue, of all customers and new ones together, beside what happened.

    Args:
        past: the customers on past days.
        question: what decisions are derived with.
        observed: of `observed.observed_months`.
    """
    rows: list[dict[str, Any]] = []
    for base in past:
        try:
            rows += _check(base, question, observed)
        except InputError:
            continue  # too few purchases by then to fit
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check(base: PastBase, question: Question, observed: pd.DataFrame) -> list[dict[str, Any]]:
    from ..fit import fit_models  # noqa: PLC0415 (takes a second to import)

    origin, seed = base.origin, derive_seed(question.params.seed, "decide.past", str(base.origin.day))
    posterior = question.scorer.posterior
    names = {"purchase_model": posterior.purchase_model, "spend_model": posterior.spend_model}
    fit = fit_models(base.customers, FitSettings(method="laplace", **names), seed=seed)
    scorer = Scorer(fit.posterior.thin(DRAWS), threads=question.scorer.threads)
    params = replace(question.params, horizon_days=origin.horizon)
    timeline = Timeline.of(origin.day, params, question.settings, (), endless=False)
    months = _months(scorer, base, timeline, question)
    widening = Widening.of(drifts_of(question), timeline.horizon, DRAWS, params.seed)
    futures = futures_of(months, widening)[ALL_CUSTOMERS]
    points = {
        "purchases": months.expected_purchases.mean(axis=1) + months.new.purchases.mean(axis=1),
        "spend": months.expected_spend.mean(axis=1) + months.new.spend.mean(axis=1),
    }
    actual = observed.set_index("month")
    rows = []
    for outcome, column in (("purchases", "purchases"), ("spend", "revenue")):
        actuals = actual[column].reindex([month.name for month in timeline.months]).to_numpy(np.float64)
        for at, month in enumerate(timeline.months):
            rows.append(_row(origin, month.name, column, actuals[at], points[outcome][at], futures[outcome][at]))
        total = futures[outcome].sum(axis=0)
        rows.append(_row(origin, TOTAL, column, actuals.sum(), points[outcome].sum(), total))
    return rows


def _months(scorer: Scorer, base: PastBase, timeline: Timeline, question: Question) -> Months:
    """Return the futures by month of the customers so far, and of those acquired at the rate of the days before."""
    seed, recent, scale = question.params.seed, question.settings.forecast.recent_days, base.scale
    table = scorer.prepare(base.customers).table
    follower = Follower(scorer.posterior, timeline.ends, timeline.knots, seed=seed, threads=scorer.threads)
    paths = follower.follow(table)
    expected = [
        by_periods(timeline.knots, values, timeline.ends) for values in (paths.expected_purchases, paths.expected_spend)
    ]
    days = min(recent, base.acquired.size)
    errors = plan_errors(base.acquired, recent, timeline.horizon, timeline.end, seed)
    plan = Plan({}, {ALL: float(base.acquired[:days].sum()) / days}, days, errors)
    daily = plan.total(timeline.end + timedelta(1), timeline.horizon)
    new = simulate_newcomers(scorer, timeline, daily, plan.factors(scorer.draws, seed), seed, is_stated=False)
    return Months(
        scale_up(expected[0], paths.purchases, scale), scale_up(expected[1], paths.spend, scale), scale * expected[0],
        scale * expected[1], scale * expected[1], new,
    )  # fmt: skip


def _row(origin: Origin, month: str, outcome: str, actual: float, expected: float, futures: Floats) -> dict[str, Any]:
    ends = quantiles(futures)
    covers = {
        f"covers_{100 * level:.0f}": bool(ends[2 * at] <= actual <= ends[2 * at + 1]) for at, level in enumerate(BANDS)
    }
    named = dict(zip(ENDS, map(float, ends), strict=True))
    return {"origin": origin.day, "month": month, "outcome": outcome, "actual": float(actual),
            "expected": float(expected), **named, **covers}  # fmt: skip
