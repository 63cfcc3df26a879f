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
from .discrepancy import DRAWS, Factor, Lesson, adjusted_metrics, is_near, learn, lesson
from .forecast import model_forecast
from .measure import Backtest, measure
from .outcome import OUTCOMES
from .steadiness import spend_change


@dataclass(frozen=True)
class Holdout:
    """What one holdout showed, in numbers that do not grow with the customers.

    Args:
        model: the model's metrics.
        baselines: each baseline's metrics by its name.
        comparison: the model beside each baseline, of `compare`.
        factors: by outcome, what the total was adjusted by.
        adjusted: the adjusted totals' metrics.
        lessons: by outcome, what this holdout teaches once it is over.
        steadiness: whether spend was steady within the calibration, of `spend_change`.
    """

    model: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    comparison: pd.DataFrame
    factors: Mapping[str, Factor] = field(repr=False)
    adjusted: Mapping[str, float]
    lessons: Mapping[str, Lesson]
    steadiness: Mapping[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """Give the model's metrics, how it compares, its totals adjusted, and how steady spend was."""
        return {**self.model, **comparison_metrics(self.comparison), **self.adjusted, **self.steadiness}


def face_holdout(
    transactions: Transactions,
    split: Split,
    scorer: Scorer,
    settings: BacktestSettings,
    *,
    level: float,
    seed: int,
    lessons: Mapping[str, Sequence[Lesson]] | None = None,
    failures: Failures | None = None,
) -> tuple[Backtest, Holdout]:
    """Foretell a holdout by the model and by the baselines, and measure all alike; give the model's own backtest too.

    Args:
        transactions: the log, of which the forecasters see the days up to the cut-off.
        split: the calibration and the holdout.
        scorer: with the calibration's posterior.
        settings: the baselines, and the prior of the totals' factor.
        level: of the predictive intervals.
        seed: of everything that is drawn.
        lessons: by outcome, those of other origins; the ones of such a horizon that ended by the cut-off are learnt
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
    factors = {}
    for name in OUTCOMES:
        alike = [one for one in (lessons or {}).get(name, ()) if is_near(one.horizon_days, split.horizon_days)]
        factors[name] = learn(alike, split.cutoff, settings.discrepancy, draws=DRAWS, rng=rng)
    adjusted = {
        f"{name}.{key}": value
        for name, factor in factors.items()
        for key, value in adjusted_metrics(getattr(model, name), factor, level=level, rng=rng).items()
    }
    taught = {name: lesson(getattr(model, name), split.cutoff, split.end) for name in OUTCOMES}
    comparison = pd.concat(compared, ignore_index=True) if compared else compare(model, [])
    lessons_taught = {name: one for name, one in taught.items() if one is not None}
    steadiness = spend_change(transactions, split)
    return model, Holdout(model.metrics, measured, comparison, factors, adjusted, lessons_taught, steadiness)
