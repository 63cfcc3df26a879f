"""Comparison of forecasts of the same customers, paired by customer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tenure.outcomes import OUTCOMES

from .measurement import Backtest
from .outcome import BacktestError
from .scores import ratio, standard_error

CLEAR = 2.0  # standard errors; a smaller difference may be chance
COLUMNS = (
    "forecast", "outcome", "is_point", "crps", "crps_of_model", "difference", "difference_se", "z", "winner",
)  # fmt: skip
PREFIXES = {"spend": "baselines", "purchases": "baselines.purchases"}


def compare_forecasts(model: Backtest, baselines: Sequence[Backtest]) -> pd.DataFrame:
    """Compare the model's mean CRPS with each baseline's, by outcome.

    `difference` is the model's less the baseline's, below zero where the model is better. Its standard error is paired
    over customers: both forecasts have the same actual outcomes, so most of the spread cancels. `winner` is named from
    two standard errors upward and is 'neither' below. Where every customer's difference is the same there is no error,
    and any difference wins.
    """
    rows = [_row(model, baseline, outcome) for baseline in baselines for outcome in OUTCOMES]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(model: Backtest, baseline: Backtest, outcome: str) -> tuple[object, ...]:
    of_model, of_baseline = (one.outcome(outcome) for one in (model, baseline))
    if not np.array_equal(of_model.actual, of_baseline.actual):
        raise BacktestError(f"{model.forecast} and {baseline.forecast} were measured on different customers.")
    differences = of_model.crps - of_baseline.crps
    difference, error = float(differences.mean()), standard_error(differences)
    winner = "neither"
    if abs(difference) > CLEAR * error:
        winner = model.forecast if difference < 0 else baseline.forecast
    return (
        baseline.forecast, outcome, baseline.is_point, float(of_baseline.crps.mean()), float(of_model.crps.mean()),
        difference, error, ratio(difference, error), winner,
    )  # fmt: skip


def comparison_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Return a comparison as metrics: each difference and its error, and how many baselines the model beats.

    `baselines.beaten` counts those whose mean CRPS of spend is above the model's, `baselines.won` those that are better
    than the model by more than two paired standard errors, out of `baselines.compared`. `baselines.won_share` is the
    share of those (NaN of none). The same of purchases is under `baselines.purchases`.
    """
    metrics: dict[str, float] = {}
    for row in table.to_dict("records"):
        key = f"baselines.{row['forecast']}.{row['outcome']}"
        metrics |= {f"{key}.{name}": row[name] for name in ("crps", "difference", "difference_se")}
    for outcome, key in PREFIXES.items():
        part = table[table["outcome"] == outcome]
        metrics[f"{key}.compared"] = float(len(part))
        metrics[f"{key}.beaten"] = float((part["difference"] < 0).sum())
        metrics[f"{key}.won"] = float((part["winner"] == part["forecast"]).sum())
        metrics[f"{key}.won_share"] = ratio(metrics[f"{key}.won"], len(part))
    return metrics


def list_wins(table: pd.DataFrame) -> list[str]:
    """List in sentences where a baseline is better than the model."""
    lost = table[table["winner"] == table["forecast"]]
    return [
        f"{row.forecast} forecasts {row.outcome} better than the model: mean CRPS {row.crps:.4g} against "
        f"{row.crps_of_model:.4g}, by {row.difference:.2g} ± {row.difference_se:.2g}"
        for row in lost.itertuples()
    ]
