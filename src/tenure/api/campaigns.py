"""A campaign's results in the kind of table that the caller gave."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tenure import campaign
from tenure.settings import CampaignSettings, MeasureSettings, TransactionsSettings

from .customers import Log, typed_ids
from .fitted import Fitted
from .words import changed_settings


@dataclass(frozen=True)
class Campaign:
    """The results of a campaign; tables are of the kind of the log (Arrow for lazy frames, DuckDB and Ibis).

    Attributes:
        effects: a row for each arm and outcome; of a plan the smallest effects that would be found.
        by_segment: the same by segment; None without segments.
        arms: sizes, expectations at the start, and spend before and after.
        customers: a row per customer: what was expected and what happened.
        dictionary: every column with its unit and meaning.
        totals: the main numbers by name.
        start, end: the days.
    """

    effects: Any
    by_segment: Any
    arms: Any
    customers: Any
    dictionary: Any
    totals: Mapping[str, float]
    start: dt.date
    end: dt.date


def campaign_of(
    log: Log,
    customers: object,
    state: Fitted,
    changes: Mapping[str, Any],
    params: Mapping[str, Any],
    named: TransactionsSettings,
    *,
    plan: bool,
    seed: int,
    id_type: str,
) -> Campaign:
    """Measure or plan a campaign; `changes` are settings of `campaign` and `params` those of `score` that differ."""
    settings: CampaignSettings = changed_settings(CampaignSettings(), changes, "campaign.")
    measured: MeasureSettings = changed_settings(MeasureSettings(), params, "score.")
    as_of = state.posterior.origin.get("as_of")
    fitted_to = dt.date.fromisoformat(str(as_of)) if as_of else None
    question = campaign.Question(state.scorer, state.drifts, settings, measured, seed, fitted_to)
    last = log.transactions.last_day
    run_it = campaign.plan_campaign if plan else campaign.measure_campaign
    result = run_it(log.transactions, last, customers, question, named.normalize_ids)
    tables = {name.partition(".")[0]: log.kind.like(table) for name, table in result.tables().items()}
    every: pd.DataFrame = typed_ids(result.customers, id_type)
    return Campaign(
        effects=tables["plan" if plan else "campaign"],
        by_segment=tables.get("by_segment"),
        arms=tables["arms"],
        customers=log.kind.like(every),
        dictionary=tables["dictionary"],
        totals=result.summary(),
        start=result.window.start,
        end=result.window.end,
    )
