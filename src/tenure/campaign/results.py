"""A campaign's results, from a log, a model and the table of its customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..language import Language
from ..settings import CampaignSettings, MeasureSettings
from ..streams import stream
from ..summary import CustomerSummary
from ..totals import Drifts
from ..transactions import Transactions
from .customers import assign, match, normalized, read_customers, require_arms, require_given
from .dictionary import tabulate_columns
from .forecast import compare_with_forecast, forecast_totals
from .measure import OUTCOMES, compare_arms, measure, measure_segments, require_alike, require_shares
from .panel import Window, actual, by_row, expectations, observe, summary_before, window_of
from .plan import Spread, past_spreads, plan_table, simulated_spreads

CONTROLLED, ALONE, PLANNED = "control", "forecast", "plan"
LEAST_PAST = 100  # customers of the past, for its spread


@dataclass(frozen=True)
class Question:
    """What a campaign is measured with.

    Attributes:
        scorer: of the model.
        drifts: of its totals; None where it has none.
        settings: of the campaign.
        params: margin and level.
        seed: of the simulated outcomes.
        fitted_to: the last day that the model was fitted to; None where it is not known.
    """

    scorer: Any
    drifts: Drifts | None
    settings: CampaignSettings
    params: MeasureSettings
    seed: int = 0
    fitted_to: date | None = None

    @property
    def language(self) -> Language:
        """Return the texts and formats of the page."""
        return Language(self.settings.locale, self.settings.currency)


@dataclass(frozen=True)
class Campaign:
    """The results of a campaign, or of its plan.

    Attributes:
        question: what it was measured with.
        window: its days.
        kind: control (compared with one), forecast (there is none) or plan.
        arms: without the control.
        campaign: effects by arm and outcome; of a plan the smallest that would be found.
        by_segment: effects by segment; empty without segments.
        sizes: the arms at the start, before and after; of a plan their sizes.
        customers: a row per customer: what was expected and what happened.
        before: their summary up to the day before the start.
    """

    question: Question
    window: Window
    kind: str
    arms: Sequence[str]
    campaign: pd.DataFrame
    by_segment: pd.DataFrame
    sizes: pd.DataFrame
    customers: pd.DataFrame
    before: CustomerSummary

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the names of their files, none of which names a customer."""
        results = {"plan.csv" if self.kind == PLANNED else "campaign.csv": self.campaign, "arms.csv": self.sizes}
        results |= {"by_segment.csv": self.by_segment} if len(self.by_segment) else {}
        named = {**results, "customers.parquet": self.customers}
        segments = self.question.settings.segments
        return {**results, "dictionary.csv": tabulate_columns(named, self.kind, segments, self.question.language)}

    @property
    def is_fitted_after(self) -> bool:
        """Return whether the model was fitted to days after the start, which contain the effect."""
        day = self.question.fitted_to
        return day is not None and day >= self.window.start and self.kind == ALONE

    def summary(self) -> dict[str, float]:
        """Return the main numbers by name: of the margin of each arm."""
        rows = self.campaign[self.campaign["outcome"] == "margin"]
        names = {PLANNED: ("smallest_effect", "smallest_relative")}.get(
            self.kind, ("effect", "effect_low", "effect_high", "relative", "total", "total_low", "total_high", "p_holm")
        )
        first = rows.drop_duplicates("arm").set_index("arm")
        return {
            f"{arm}.{name}": float(first.loc[arm, name]) for arm in first.index for name in names if name in first
        } | {"customers": float(len(self.customers))}


def check_customers(source: object, settings: CampaignSettings, *, plan: bool) -> None:
    """Raise CampaignError for customers and arms that cannot be measured, before the model and the log are read."""
    require_given(settings, has_customers=source is not None, plan=plan)
    if source is not None:
        table = read_customers(source, settings)
        require_arms(table, settings)
        require_shares(table, settings)


def measure_campaign(
    log: Transactions, last: date, source: object, question: Question, forms: Sequence[str] = ()
) -> Campaign:
    """Measure a campaign that has begun.

    Args:
        log: the purchase log.
        last: the end of observation.
        source: the path of the table of customers, or the table.
        question: what to measure it with.
        forms: `transactions.normalize_ids` of the log.

    Raises CampaignError for customers, arms and days that cannot be measured.
    """
    settings, params = question.settings, question.params
    require_given(settings, has_customers=source is not None, plan=False)
    window = window_of(log, last, settings, plan=False)
    settings = replace(settings, start=str(window.start))
    table = normalized(read_customers(source, settings), log, forms)
    arms = require_arms(table, settings)
    require_shares(table, settings)
    before = summary_before(log, window.eve)
    before = before.take(match(table, list(before.table["customer_id"]), log, settings))
    expected = expectations(question.scorer, before, window.days, params.level)
    table = pd.concat([table, expected], axis=1)
    if settings.control is not None:
        require_alike(table, arms, settings)
    table = by_row(observe(log, table, window), params.margin)
    sizes = compare_arms(table, settings)
    if settings.control is None:
        result = _alone(table, arms, before, window, question)
        return Campaign(question, window, ALONE, arms, result, pd.DataFrame(), sizes, table, before)
    outcomes = [outcome for outcome in OUTCOMES if outcome in table]
    effects = measure(table, arms, settings, params.level, outcomes)
    segments = measure_segments(table, arms, settings, params.level, outcomes)
    return Campaign(question, window, CONTROLLED, arms, effects, segments, sizes, table, before)


def _alone(
    table: pd.DataFrame, arms: Sequence[str], before: CustomerSummary, window: Window, question: Question
) -> pd.DataFrame:
    """Compare each arm with its forecast."""
    level, seed = question.params.level, question.seed
    totals = {
        arm: forecast_totals(
            question.scorer, before.take(np.flatnonzero(table["arm"] == arm)), window.days, level, seed
        )
        for arm in arms
    }
    margin = question.params.margin
    return compare_with_forecast(
        table, arms, totals, question.drifts, days=window.days, margin=margin, level=level, seed=seed
    )


def plan_campaign(
    log: Transactions, last: date, source: object, question: Question, forms: Sequence[str] = ()
) -> Campaign:
    """Compute what a campaign that has not begun could find; arguments are those of `measure_campaign`."""
    settings, params, seed = question.settings, question.params, question.seed
    require_given(settings, has_customers=source is not None, plan=True)
    window = window_of(log, last, settings, plan=True)
    settings = replace(settings, start=str(window.start))
    before = summary_before(log, window.eve)
    present = list(before.table["customer_id"])
    if source is None:
        table = assign(present, settings, stream(seed, "campaign.plan"))
    else:
        table = normalized(read_customers(source, settings), log, forms)
    arms = require_arms(table, settings)
    require_shares(table, settings)
    before = before.take(match(table, present, log, settings))
    expected = expectations(question.scorer, before, window.days, params.level)
    spreads = [simulated_spreads(question.scorer, before, expected, window.days, params.level, seed)]
    past = _past(log, window, spreads[0], question)
    sizes = table["arm"].value_counts()
    result = plan_table(sizes, arms, [*spreads, *past], settings, params.margin)
    shares = pd.DataFrame({"arm": sizes.index, "customers": sizes.to_numpy(), "share": sizes.to_numpy() / len(table)})
    return Campaign(
        question, window, PLANNED, arms, result, pd.DataFrame(), shares.sort_values("arm", ignore_index=True),
        pd.concat([table, expected], axis=1), before,
    )  # fmt: skip


def _past(
    log: Transactions, window: Window, simulated: Mapping[str, Spread], question: Question
) -> list[dict[str, Spread]]:
    """Return the spread that as many days before suggest; nothing where the log is too short.

    All customers of the log are compared with their own simulated futures there. The campaign's may have been chosen
    for what they did in those days, so their own days are no guide.
    """
    start = window.start - timedelta(window.days)
    if start - timedelta(1) <= log.first_day:
        return []
    earlier = summary_before(log, start - timedelta(1))
    if len(earlier.table) < LEAST_PAST:
        return []
    params, seed = question.params, question.seed
    expected = expectations(question.scorer, earlier, window.days, params.level)
    then = simulated_spreads(question.scorer, earlier, expected, window.days, params.level, seed)
    happened = past_spreads(expected, actual(log, earlier.table["customer_id"], start, window.eve))
    return [{name: spread.scaled(then[name], happened[name]) for name, spread in simulated.items()}]
