"""The tables of a rolling backtest: totals by origin, forecasts by horizon, drifts for what comes next."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from tenure import paths
from tenure.record import Record, finite
from tenure.settings import DriftSettings
from tenure.streams import stream

from .compare import wins
from .drift import DRAWS, PastError, estimate_drift
from .holdout import Holdout
from .origins import Origin
from .outcome import OUTCOMES
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
class Rolling:
    """What several origins showed.

    Args:
        totals: by origin and outcome: actual and expected total, its raw interval and the adjusted one, and whether
            each holds the actual one.
        forecasts: by origin, forecast and outcome: the scores, and the model's paired difference to it.
        drifts: by horizon and outcome: the drift that the whole log teaches for days after it.
        lessons: by origin and outcome: what taught it, for a training to estimate_drift from.
        wins: each win of a baseline, in words.
    """

    totals: pd.DataFrame
    forecasts: pd.DataFrame
    drifts: pd.DataFrame
    past_errors: pd.DataFrame
    wins: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Give, by horizon and outcome, how often totals held and how often baselines won."""
        found: dict[str, float] = {}
        for (days, outcome), part in self.totals.groupby(["horizon_days", "outcome"]):
            key = f"rolling.{days}_days.{outcome}"
            found |= {f"{key}.origins": float(len(part)), f"{key}.bias": float(part["bias"].mean())}
            found |= {f"{key}.total_{name}": float(part[name].mean()) for name in ("covers", "adjusted_covers")}
        for (days, outcome), part in self.forecasts.groupby(["horizon_days", "outcome"]):
            key = f"rolling.{days}_days.{outcome}"
            rivals = part[part["forecast"] != "model"]
            found[f"{key}.baselines_compared"] = float(len(rivals))
            found[f"{key}.baselines_beaten"] = float((rivals["difference"] < 0).sum())
            found[f"{key}.baselines_won"] = float((rivals["winner"] == rivals["forecast"]).sum())
        return found

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
    """Lay out what the origins showed."""
    totals = [row for origin, holdout in holdouts.items() for row in _totals(origin, holdout)]
    forecasts = pd.concat([_forecasts(origin, holdout) for origin, holdout in holdouts.items()], ignore_index=True)
    said = tuple(f"{origin}: {line}" for origin, holdout in holdouts.items() for line in wins(holdout.comparison))
    drifts = _factors(holdouts, settings, level, stream(seed, "backtest.rolling_factors"))
    return Rolling(pd.DataFrame(totals), forecasts, drifts, _lessons(holdouts), said)


def _named(origin: Origin) -> dict[str, object]:
    return {"cutoff": str(origin.cutoff), "end": str(origin.end), "horizon_days": origin.horizon_days}


def _totals(origin: Origin, holdout: Holdout) -> Sequence[dict[str, object]]:
    metrics = holdout.metrics
    return [
        {
            **_named(origin),
            "outcome": outcome,
            "customers": int(metrics["customers"]),
            **{column: metrics[f"{outcome}.{name}"] for column, name in TOTALS.items()},
            "drift": holdout.drifts[outcome].source,
            "periods": holdout.drifts[outcome].periods,
        }
        for outcome in OUTCOMES
    ]


def _forecasts(origin: Origin, holdout: Holdout) -> pd.DataFrame:
    rows = [
        {
            **_named(origin),
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


def _lessons(holdouts: Mapping[Origin, Holdout]) -> pd.DataFrame:
    past = [
        {"outcome": outcome, **asdict(past_error)}
        for holdout in holdouts.values()
        for outcome, past_error in holdout.past_errors.items()
    ]
    return pd.DataFrame(past, columns=["outcome", *(column.name for column in fields(PastError))])


def _factors(
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
