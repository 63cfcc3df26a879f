"""Compare forecasts of the same customers, customer by customer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .errors import BacktestError
from .measure import Backtest
from .outcome import OUTCOMES
from .scores import ratio, standard_error

CLEAR = 2.0  # standard errors at which a difference is no longer chance
COLUMNS = (
    "forecast", "outcome", "is_point", "crps", "crps_of_model", "difference", "difference_se", "z", "winner",
)  # fmt: skip


def compare(model: Backtest, baselines: Sequence[Backtest]) -> pd.DataFrame:
    """Set the model's mean CRPS beside each baseline's, by outcome.

    `difference` is the model's less the baseline's, below zero where the model is better; its standard error is
    paired, over customers: both met the same outcomes, so most of the spread cancels. `winner` is named from two
    standard errors upward and is 'neither' below. Where every customer's difference is the same there is no error, and
    any difference wins.
    """
    rows = []
    for baseline in baselines:
        for outcome in OUTCOMES:
            ours, theirs = (getattr(one, outcome) for one in (model, baseline))
            if not np.array_equal(ours.actual, theirs.actual):
                raise BacktestError(f"{model.forecast} and {baseline.forecast} were measured on different customers.")
            each = ours.crps - theirs.crps
            difference, error = float(each.mean()), standard_error(each)
            winner = "neither"
            if abs(difference) > CLEAR * error:
                winner = model.forecast if difference < 0 else baseline.forecast
            rows.append(
                (
                    baseline.forecast, outcome, baseline.is_point, float(theirs.crps.mean()), float(ours.crps.mean()),
                    difference, error, ratio(difference, error), winner,
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def comparison_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Flatten a comparison: each difference and its error, and how many baselines the model beats.

    `baselines.beaten` counts those whose mean CRPS of spend is above the model's, `baselines.won` those that are better
    than the model by more than two paired standard errors, out of `baselines.compared`, and `baselines.won_share` the
    share of those (NaN of none); the same of purchases under `baselines.purchases`.
    """
    metrics: dict[str, float] = {}
    for row in table.to_dict("records"):
        key = f"baselines.{row['forecast']}.{row['outcome']}"
        metrics |= {f"{key}.{name}": row[name] for name in ("crps", "difference", "difference_se")}
    for outcome, key in (("spend", "baselines"), ("purchases", "baselines.purchases")):
        part = table[table["outcome"] == outcome]
        metrics[f"{key}.compared"] = float(len(part))
        metrics[f"{key}.beaten"] = float((part["difference"] < 0).sum())
        metrics[f"{key}.won"] = float((part["winner"] == part["forecast"]).sum())
        metrics[f"{key}.won_share"] = ratio(metrics[f"{key}.won"], len(part))
    return metrics


def wins(table: pd.DataFrame) -> list[str]:
    """Say plainly where a baseline wins."""
    lost = table[table["winner"] == table["forecast"]]
    return [
        f"{row.forecast} foretells {row.outcome} better than the model: mean CRPS {row.crps:.4g} against "
        f"{row.crps_of_model:.4g}, by {row.difference:.2g} ± {row.difference_se:.2g}"
        for row in lost.itertuples()
    ]
