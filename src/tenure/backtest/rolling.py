"""Rolling origins: the cut-offs of a rolling backtest, and the tables of its holdouts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta

import numpy as np
import pandas as pd

from tenure import paths
from tenure.outcomes import OUTCOMES
from tenure.record import Record, finite
from tenure.settings import DriftSettings, OriginSettings
from tenure.streams import stream
from tenure.totals import PastError, estimate_drift
from tenure.totals.drift import DRAWS

from .comparison import list_wins
from .holdout import Holdout
from .outcome import BacktestError
from .scores import central

TOTALS = {
    "actual": "actual_total",
    "expected": "expected_total",
    "bias": "bias",
    "low": "total_low",
    "high": "total_high",
    "covers": "total_covers_actual",
    "adjusted": "adjusted_total",
    "adjusted_low": "adjusted_low",
    "adjusted_high": "adjusted_high",
    "adjusted_covers": "adjusted_covers_actual",
}
SCORES = (
    "crps", "mae", "rmse", "bias", "correlation", "spearman", "gini", "top_decile_capture", "decile_error",
    "pit_coverage", "pit_low_tail", "pit_high_tail",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """A cut-off and the days that are forecast from it."""

    cutoff: date
    horizon_days: int

    @property
    def end(self) -> date:
        """Return the last day of the holdout."""
        return self.cutoff + timedelta(days=self.horizon_days)

    @property
    def columns(self) -> dict[str, object]:
        """Return the columns that identify an origin in a table."""
        return {"cutoff": str(self.cutoff), "end": str(self.end), "horizon_days": self.horizon_days}

    def __str__(self) -> str:
        return f"{self.cutoff} + {self.horizon_days} days"


def rolling_origins(settings: OriginSettings, first_day: date, last_day: date) -> list[Origin]:
    """List every origin whose holdout lies within the log, cut-off by cut-off, the earliest first.

    Cut-offs are those of the settings, or lie whole steps before the last one that leaves the shortest horizon, as far
    back as the shortest calibration window allows.
    """
    cutoffs = (
        [date.fromisoformat(day) for day in settings.cutoffs]
        if settings.cutoffs is not None
        else _steps_back(settings, first_day, last_day)
    )
    origins = [
        Origin(cutoff, days)
        for cutoff in sorted(set(cutoffs))
        for days in sorted(set(settings.horizons_days))
        if first_day <= cutoff and Origin(cutoff, days).end <= last_day
    ]
    if not origins:
        raise BacktestError(
            f"No origin fits into the log, {first_day} to {last_day}: the shortest of origins.horizons_days is "
            f"{min(settings.horizons_days):,} days, origins.least_calibration_days {settings.least_calibration_days:,}."
        )
    return origins


def _steps_back(settings: OriginSettings, first_day: date, last_day: date) -> Sequence[date]:
    last = last_day - timedelta(days=min(settings.horizons_days))
    room = (last - first_day).days - settings.least_calibration_days
    return [last - timedelta(days=back) for back in range(0, room + 1, settings.step_days)] if room >= 0 else []


@dataclass(frozen=True)
class Rolling:
    """The tables of a rolling backtest.

    Args:
        totals: by origin and outcome: all customers and those that were judged one by one, actual and expected total
            of all, its raw interval and the adjusted one, and whether each covers the actual total.
        forecasts: by origin, forecast and outcome: the scores, and the model's paired difference to it, of the judged
            customers; the model's bias is of all.
        drifts: by horizon and outcome: the drift for the days after the log, estimated from all of it.
        past_errors: by origin and outcome: the past errors that a training estimates its drifts from.
        wins: each win of a baseline, as a sentence.
    """

    totals: pd.DataFrame
    forecasts: pd.DataFrame
    drifts: pd.DataFrame
    past_errors: pd.DataFrame
    wins: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Return, by horizon and outcome, how often intervals cover the actual total and how often baselines win."""
        metrics: dict[str, float] = {}
        for (days, outcome), part in self.totals.groupby(["horizon_days", "outcome"]):
            key = f"rolling.{days}_days.{outcome}"
            metrics |= {f"{key}.origins": float(len(part)), f"{key}.bias": float(part["bias"].mean())}
            metrics[f"{key}.total_covers_actual"] = float(part["covers"].mean())
            metrics[f"{key}.adjusted_covers_actual"] = float(part["adjusted_covers"].mean())
        for (days, outcome), part in self.forecasts.groupby(["horizon_days", "outcome"]):
            key = f"rolling.{days}_days.{outcome}"
            baselines = part[part["forecast"] != "model"]
            metrics[f"{key}.baselines_compared"] = float(len(baselines))
            metrics[f"{key}.baselines_beaten"] = float((baselines["difference"] < 0).sum())
            metrics[f"{key}.baselines_won"] = float((baselines["winner"] == baselines["forecast"]).sum())
        return metrics

    def record(self) -> Record:
        """Return the tables, the means over origins, and each win of a baseline."""
        return Record(
            metrics=finite(self.metrics),
            tables={
                paths.ROLLING_TOTALS: self.totals,
                paths.ROLLING_FORECASTS: self.forecasts,
                paths.ROLLING_DRIFTS: self.drifts,
                paths.PAST_ERRORS: self.past_errors,
            },
            files={paths.ROLLING_WINS: "\n".join(self.wins) or "No baseline is better than the model."},
        )


def roll_up(holdouts: Mapping[Origin, Holdout], settings: DriftSettings, *, level: float, seed: int) -> Rolling:
    """Build the tables of a rolling backtest from its holdouts."""
    totals = [row for origin, holdout in holdouts.items() for row in _totals(origin, holdout)]
    forecasts = pd.concat([_forecasts(origin, holdout) for origin, holdout in holdouts.items()], ignore_index=True)
    wins = tuple(f"{origin}: {win}" for origin, holdout in holdouts.items() for win in list_wins(holdout.comparison))
    drifts = _drifts(holdouts, settings, level, stream(seed, "backtest.rolling_factors"))
    return Rolling(pd.DataFrame(totals), forecasts, drifts, _past_errors(holdouts), wins)


def _totals(origin: Origin, holdout: Holdout) -> Sequence[dict[str, object]]:
    metrics = holdout.metrics
    return [
        {
            **origin.columns,
            "outcome": outcome,
            "customers": int(metrics["customers"]),
            "judged": int(metrics["judged_customers"]),
            **{column: metrics[f"{outcome}.{name}"] for column, name in TOTALS.items()},
            "drift": holdout.drifts[outcome].source,
            "periods": holdout.drifts[outcome].periods,
        }
        for outcome in OUTCOMES
    ]


def _forecasts(origin: Origin, holdout: Holdout) -> pd.DataFrame:
    rows = [
        {
            **origin.columns,
            "forecast": forecast,
            "outcome": outcome,
            **{name: metrics[f"{outcome}.{name}"] for name in SCORES},
            "brier": metrics["p_purchase.brier"],
        }
        for forecast, metrics in {"model": holdout.model, **holdout.baselines}.items()
        for outcome in OUTCOMES
    ]
    paired = holdout.comparison[["forecast", "outcome", "is_point", "difference", "difference_se", "winner"]]
    return pd.DataFrame(rows).merge(paired, how="left", on=["forecast", "outcome"])


def _past_errors(holdouts: Mapping[Origin, Holdout]) -> pd.DataFrame:
    rows = [
        {"outcome": outcome, **asdict(past_error)}
        for holdout in holdouts.values()
        for outcome, past_error in holdout.past_errors.items()
    ]
    return pd.DataFrame(rows, columns=["outcome", *(column.name for column in fields(PastError))])


def _drifts(
    holdouts: Mapping[Origin, Holdout], settings: DriftSettings, level: float, rng: np.random.Generator
) -> pd.DataFrame:
    last = max(origin.end for origin in holdouts)
    rows = []
    for days in sorted({origin.horizon_days for origin in holdouts}):
        for outcome in OUTCOMES:
            past_errors = [
                holdout.past_errors[outcome]
                for origin, holdout in holdouts.items()
                if origin.horizon_days == days and outcome in holdout.past_errors
            ]
            drift = estimate_drift(past_errors, last, settings, draws=DRAWS, rng=rng)
            low, high = np.exp(central(drift.logs, level))
            rows.append(
                {
                    "horizon_days": days,
                    "outcome": outcome,
                    "drift": float(np.exp(np.median(drift.logs))),
                    "low": float(low),
                    "high": float(high),
                    "source": drift.source,
                    "periods": drift.periods,
                }
            )
    return pd.DataFrame(rows)
