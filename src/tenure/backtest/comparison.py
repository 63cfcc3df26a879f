"""Comparisons of forecasts of the same customers, paired by customer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tenure.outcomes import OUTCOMES

from .measurement import Backtest
from .outcome import BacktestError, Floats, Outcome
from .scores import ratio, standard_error

type Pair = tuple[float, float, float, float, str]  # of MEASURES

CLEAR = 2.0  # standard errors; a smaller difference may be chance
COLUMNS = (
    "forecast", "outcome", "is_point", "crps", "crps_of_model", "difference", "difference_se", "z", "winner",
)  # fmt: skip
MEASURES = ("this", "other", "difference", "difference_se", "winner")
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
    names = (model.forecast, baseline.forecast)
    mean, mean_of_baseline, difference, error, winner = _paired(of_model.crps, of_baseline.crps, names)
    return (
        baseline.forecast, outcome, baseline.is_point, mean_of_baseline, mean,
        difference, error, ratio(difference, error), winner,
    )  # fmt: skip


def compare_measures(this: Backtest, other: Backtest) -> pd.DataFrame:
    """Compare two models' forecasts of one holdout, measure by measure; lower is better in each.

    The rows have the names of metrics: mean CRPS by outcome, mean Brier score of the probability of a purchase, and the
    distance of the bias of the total from zero. `difference` is this less the other, `difference_se` its standard error
    paired over customers. `winner` is `this` or `other` from two standard errors upward and `neither` below. A distance
    of the bias has no standard error, and its winner is `neither`: it is of one total, and what moves all customers of
    the holdout together, such as a season, is in no spread over customers.
    """
    outcomes = {name: (this.outcome(name), other.outcome(name)) for name in OUTCOMES}
    if not all(np.array_equal(one.actual, another.actual) for one, another in outcomes.values()):
        raise BacktestError("The two forecasts were measured on different customers, or on other actual outcomes.")
    rows = {f"{name}.crps": _paired(one.crps, another.crps) for name, (one, another) in outcomes.items()}
    rows["p_purchase.brier"] = _paired(this.brier, other.brier)
    rows |= {f"{name}.absolute_bias": _paired_bias(*pair) for name, pair in outcomes.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(MEASURES))
    return table.rename_axis("measure")


def _paired(this: Floats, other: Floats, names: tuple[str, str] = ("this", "other")) -> Pair:
    """Return the mean scores of both, their difference with its paired standard error, and the winner."""
    differences = this - other
    difference, error = float(differences.mean()), standard_error(differences)
    return float(this.mean()), float(other.mean()), difference, error, _winner(difference, error, names)


def _paired_bias(this: Outcome, other: Outcome) -> Pair:
    """Return both distances of the bias from zero and so on, as `_paired`; NaN where the actual total is 0."""
    one, another = (abs(ratio(of.expected.sum(), of.actual.sum()) - 1) for of in (this, other))
    return one, another, one - another, np.nan, "neither"


def _winner(difference: float, error: float, names: tuple[str, str]) -> str:
    if abs(difference) > CLEAR * error:
        return names[0] if difference < 0 else names[1]
    return "neither"


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
