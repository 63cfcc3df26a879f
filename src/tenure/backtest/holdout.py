"""The evaluation of one holdout: the model and its baselines on the same customers and days, and totals with drift."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tenure.failures import Failures
from tenure.outcomes import OUTCOMES
from tenure.rfm import Split
from tenure.scorer import Scorer
from tenure.settings import BacktestSettings, DriftSettings
from tenure.streams import stream
from tenure.totals import Drift, PastError, estimate_drift
from tenure.totals.adjusted import adjusted_metrics
from tenure.totals.drift import DRAWS, is_near
from tenure.transactions import Transactions

from .base_totals import forecast_totals
from .baselines import BASELINES, BaselineInputs
from .comparison import compare_forecasts, comparison_metrics
from .forecast import model_forecast
from .measurement import Backtest, measure_forecast
from .stationarity import measure_spend_change


@dataclass(frozen=True)
class Holdout:
    """The results of one holdout, in numbers that do not grow with the customers.

    Args:
        model: the model's metrics.
        baselines: each baseline's metrics by its name.
        comparison: the model and each baseline, of `compare_forecasts`.
        drifts: by outcome, the drift of the adjusted total.
        adjusted: the adjusted totals' metrics.
        past_errors: by outcome, the past error that this holdout adds.
        spend_change: of `measure_spend_change`.
    """

    model: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    comparison: pd.DataFrame
    drifts: Mapping[str, Drift] = field(repr=False)
    adjusted: Mapping[str, float]
    past_errors: Mapping[str, PastError]
    spend_change: Mapping[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """Return the metrics of the model, of the comparison, of adjusted totals and of the change of spend."""
        return {**self.model, **comparison_metrics(self.comparison), **self.adjusted, **self.spend_change}


def evaluate_holdout(
    transactions: Transactions,
    split: Split,
    scorer: Scorer,
    settings: BacktestSettings,
    *,
    level: float,
    seed: int,
    past_errors: Mapping[str, Sequence[PastError]] | None = None,
    failures: Failures | None = None,
    advance: Callable[[int], None] | None = None,
) -> tuple[Backtest, Holdout]:
    """Forecast a holdout by the model and by the baselines, and measure all; return the model's backtest too.

    Where the split has a sample of the customers, these are measured; the model's totals are of all customers.

    Args:
        transactions: the log; forecasts use the days up to the cut-off.
        split: the calibration window and the holdout.
        scorer: of the calibration's posterior.
        settings: the baselines, and the prior of the drift.
        level: of the predictive intervals.
        seed: of all random numbers.
        past_errors: by outcome, of other origins; the drift is estimated from those of about this horizon that ended
            by the cut-off.
        failures: records the baselines that fail, which are then left out; without it they raise.
        advance: called with numbers of customers whose totals are forecast, where they are not measured one by one.
    """
    common: dict[str, Any] = {"horizon_days": split.horizon_days, "seed": seed}
    forecast = model_forecast(scorer, split.calibration, level=level, **common)
    rng = stream(seed, "backtest.measure", forecast.name)
    totals = None
    if split.everyone is not None:
        totals = forecast_totals(scorer, split, level=level, seed=seed, advance=advance)
    model = measure_forecast(split, forecast, level=level, rng=rng, totals=totals)
    judged = split.judged_log(transactions)
    inputs = BaselineInputs(
        judged,
        split.calibration,
        posterior=scorer.posterior,
        draws=scorer.draws,
        settings=settings.baselines,
        **common,
    )
    baselines, comparison = _evaluate_baselines(inputs, split, model, level, failures)
    rng = stream(seed, "backtest.adjusted_totals")
    drifts = _estimate_drifts(past_errors or {}, split, settings.drift, rng)
    adjusted = {
        f"{name}.{key}": number
        for name, drift in drifts.items()
        for key, number in _adjusted_metrics(model, name, drift, level, rng).items()
    }
    new_errors = {name: _past_error(model, name, split) for name in OUTCOMES}
    return model, Holdout(
        model.metrics,
        baselines,
        comparison,
        drifts,
        adjusted,
        {name: error for name, error in new_errors.items() if error is not None},
        measure_spend_change(judged, split),
    )


def _evaluate_baselines(
    inputs: BaselineInputs, split: Split, model: Backtest, level: float, failures: Failures | None
) -> tuple[dict[str, Mapping[str, float]], pd.DataFrame]:
    """Measure each baseline and compare the model with it; only one baseline's numbers by customer exist at a time."""
    metrics: dict[str, Mapping[str, float]] = {}
    tables = []
    for name in inputs.settings.names:
        with nullcontext() if failures is None else failures.contain(f"baseline {name}"):
            rng = stream(inputs.seed, "backtest.measure_baseline", name)
            baseline = measure_forecast(split, BASELINES[name](inputs), level=level, rng=rng)
            tables.append(compare_forecasts(model, [baseline]))
            metrics[name] = baseline.metrics
    return metrics, pd.concat(tables, ignore_index=True) if tables else compare_forecasts(model, [])


def _estimate_drifts(
    past_errors: Mapping[str, Sequence[PastError]], split: Split, settings: DriftSettings, rng: np.random.Generator
) -> dict[str, Drift]:
    drifts = {}
    for name in OUTCOMES:
        near = [one for one in past_errors.get(name, ()) if is_near(one.horizon_days, split.horizon_days)]
        drifts[name] = estimate_drift(near, split.cutoff, settings, draws=DRAWS, rng=rng)
    return drifts


def _adjusted_metrics(
    model: Backtest, name: str, drift: Drift, level: float, rng: np.random.Generator
) -> dict[str, float]:
    total = model.outcome(name).total
    return adjusted_metrics(total.actual, total.draws, drift, level=level, rng=rng)


def _past_error(model: Backtest, name: str, split: Split) -> PastError | None:
    total = model.outcome(name).total
    return PastError.of(total.actual, total.expected, total.draws, cutoff=split.cutoff, end=split.end)
