"""One holdout: the model and its baselines on the same customers and days, and what that says of totals."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tenure.failures import Failures
from tenure.rfm import Split
from tenure.scorer import Scorer
from tenure.settings import BacktestSettings
from tenure.streams import stream
from tenure.transactions import Transactions

from .baselines import BASELINES, Known
from .compare import compare, comparison_metrics
from .drift import DRAWS, Drift, PastError, adjusted_metrics, estimate_drift, is_near, past_error
from .forecast import model_forecast
from .measure import Backtest, measure
from .outcome import OUTCOMES
from .spend_trend import spend_change


@dataclass(frozen=True)
class Holdout:
    """What one holdout showed, in numbers that do not grow with the customers.

    Args:
        model: the model's metrics.
        baselines: each baseline's metrics by its name.
        comparison: the model beside each baseline, of `compare`.
        drifts: by outcome, what the total was adjusted by.
        adjusted: the adjusted totals' metrics.
        past_errors: by outcome, what this holdout teaches once it is over.
        steadiness: whether spend was steady within the calibration, of `spend_change`.
    """

    model: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    comparison: pd.DataFrame
    drifts: Mapping[str, Drift] = field(repr=False)
    adjusted: Mapping[str, float]
    past_errors: Mapping[str, PastError]
    steadiness: Mapping[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """Give the model's metrics, how it compares, its totals adjusted, and how steady spend was."""
        return {**self.model, **comparison_metrics(self.comparison), **self.adjusted, **self.steadiness}


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
) -> tuple[Backtest, Holdout]:
    """Foretell a holdout by the model and by the baselines, and measure all alike; give the model's own backtest too.

    Args:
        transactions: the log, of which the forecasters see the days up to the cut-off.
        split: the calibration and the holdout.
        scorer: with the calibration's posterior.
        settings: the baselines, and the prior of the totals' drift.
        level: of the predictive intervals.
        seed: of everything that is drawn.
        past_errors: by outcome, those of other origins; the ones of such a horizon that ended by the cut-off are learnt
            from.
        failures: takes the baselines that fail, which are then left out; they raise where there is none.
    """
    asked: dict[str, Any] = {"horizon_days": split.horizon_days, "seed": seed}
    forecast = model_forecast(scorer, split.calibration, level=level, **asked)
    model = measure(split, forecast, level=level, rng=stream(seed, "backtest.measure", forecast.name))
    known = Known(
        transactions,
        split.calibration,
        posterior=scorer.posterior,
        draws=scorer.draws,
        settings=settings.baselines,
        **asked,
    )
    measured, compared = {}, []
    for name in settings.baselines.names:
        with nullcontext() if failures is None else failures.contain(f"baseline {name}"):
            rng = stream(seed, "backtest.measure_baseline", name)
            one = measure(split, BASELINES[name](known), level=level, rng=rng)
            # What it was per customer is let go of, one baseline after the other.
            compared.append(compare(model, [one]))
            measured[name] = one.metrics
    rng = stream(seed, "backtest.adjusted_totals")
    drifts = {}
    for name in OUTCOMES:
        alike = [one for one in (past_errors or {}).get(name, ()) if is_near(one.horizon_days, split.horizon_days)]
        drifts[name] = estimate_drift(alike, split.cutoff, settings.drift, draws=DRAWS, rng=rng)
    adjusted = {
        f"{name}.{key}": value
        for name, drift in drifts.items()
        for key, value in adjusted_metrics(getattr(model, name), drift, level=level, rng=rng).items()
    }
    past = {name: past_error(getattr(model, name), split.cutoff, split.end) for name in OUTCOMES}
    comparison = pd.concat(compared, ignore_index=True) if compared else compare(model, [])
    past_errors_here = {name: one for name, one in past.items() if one is not None}
    steadiness = spend_change(transactions, split)
    return model, Holdout(model.metrics, measured, comparison, drifts, adjusted, past_errors_here, steadiness)
