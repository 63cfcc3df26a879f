"""Decisions in the kind of table that the caller gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tenure import decide
from tenure.rfm import RfmError
from tenure.scorer import Params
from tenure.settings import DecideSettings

from .customers import Customers, Log
from .fitted import Fitted
from .words import changed_settings


@dataclass(frozen=True)
class Decisions:
    """Decisions; tables are of the kind that came in (Arrow for lazy frames, DuckDB and Ibis).

    Attributes:
        customers: a row per customer, sorted by id.
        tiers, stages, cohorts, acquisition, returns, win_back, keep, disagreements, forecast, retention, churn, equity,
            past_forecasts: the tables of `tenure-decide`.
        dictionary: every column with its unit and meaning.
        totals: the main numbers by name.
        params: horizon, discount rate, margin, level and seed that were used.
    """

    customers: Any
    tiers: Any
    stages: Any
    cohorts: Any
    acquisition: Any
    returns: Any
    win_back: Any
    keep: Any
    disagreements: Any
    forecast: Any
    retention: Any
    churn: Any
    equity: Any
    past_forecasts: Any
    dictionary: Any
    totals: Mapping[str, float]
    params: Mapping[str, Any]


def decisions_of(
    log: Log, customers: Customers, state: Fitted, changes: Mapping[str, Any], params: Mapping[str, Any]
) -> Decisions:
    """Derive decisions from a log and a fitted population; `changes` are settings of `decide` that differ."""
    settings: DecideSettings = changed_settings(DecideSettings(), changes, "decide.")
    checked, transactions, end = Params(**params), log.transactions, customers.summary.as_of
    if end is None:
        raise RfmError("Decisions need the end of observation, which a log has.")
    decide.refuse_names(transactions.segments)
    decide.require_model(state.scorer, "This model", checked)
    days = decide.Days.of(end, checked.horizon_days, settings)
    of_model = decide.names_of(state.posterior)
    decide.require_cost_names(settings, transactions.segments, of_model)
    question = decide.Question(state.scorer, checked, settings, days, transactions.segments, *_backtest(state),
                               state.drifts)  # fmt: skip
    histories = decide.stream_histories(transactions, days, customers.id_type, state.scorer.delta)
    decide.require_costs(histories, question)
    decide.require_plan(histories, question)
    rows: list[pd.DataFrame] = []
    result = decide.derive(histories, decide.observe(transactions, histories, question), question, rows.append)
    tables = {name.removesuffix(".csv"): customers.like(table) for name, table in result.tables().items()}
    every = customers.like(pd.concat(rows).sort_values("customer_id", ignore_index=True))
    return Decisions(customers=every, totals=decide.summary_of(result), params=question.score_params, **tables)


def _backtest(state: Fitted) -> tuple[pd.DataFrame | None, float | None]:
    """Return what the backtest of a registered model measured; None of a model that is in no store."""
    if not {"run", "run_id"} & set(state.about):
        return None, None
    from tenure import registry  # noqa: PLC0415 (MLflow takes seconds to import)

    return registry.backtest_of(state.about)
