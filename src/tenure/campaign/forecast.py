"""Compare the arms of a campaign with the forecast alone, where there is no control.

The forecast has an error that is common to all customers: seasons, prices, the market. It does not shrink with their
number, so it limits what can be seen; `drift` is its distribution, estimated from past errors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..scorer import Totals
from ..streams import stream
from ..summary import CustomerSummary
from ..totals import Drifts

OUTCOMES = ("purchases", "spend")


def forecast_totals(scorer: Any, customers: CustomerSummary, days: int, level: float, seed: int) -> Totals:
    """Return joint draws of the totals of some customers, undiscounted and at full margin."""
    params = {"horizon_days": days, "discount_rate": 0.0, "margin": 1.0, "level": level, "seed": seed}
    totals: Totals = scorer.score(customers, **params).totals
    return totals


def compare_with_forecast(
    table: pd.DataFrame,
    arms: Sequence[str],
    totals: dict[str, Totals],
    drifts: Drifts | None,
    *,
    days: int,
    margin: float,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Return a row for each arm and outcome: actual and expected totals, and the effect with the drift's error.

    `smallest_relative` is the smallest effect that the drift leaves visible: smaller ones look like the market.
    """
    rows = []
    for arm in arms:
        part = table[table["arm"] == arm]
        for outcome in OUTCOMES:
            draws = totals[arm].purchases if outcome == "purchases" else totals[arm].clv
            futures = _adjusted(draws, outcome, drifts, days, seed)
            expected = float(part[f"expected_{outcome}"].sum())
            rows.append({"arm": arm, "outcome": outcome, **_row(part, outcome, expected, futures, level)})
        rows.append({**_in_margin(rows[-1], margin), "arm": arm, "outcome": "margin"})
    return pd.DataFrame(rows)


def _adjusted(draws: np.ndarray, outcome: str, drifts: Drifts | None, days: int, seed: int) -> np.ndarray:
    if drifts is None:
        return draws
    return drifts.over(outcome, days).adjust(draws, stream(seed, "campaign.drift"))


def _row(part: pd.DataFrame, outcome: str, expected: float, futures: np.ndarray, level: float) -> dict[str, Any]:
    actual, size = float(part[outcome].sum()), len(part)
    low, high = np.quantile(futures, [0.5 * (1 - level), 0.5 * (1 + level)])
    ends = actual - high, actual - low
    return {
        "customers": size,
        "mean": actual / size,
        "expected_mean": expected / size,
        "effect": (actual - expected) / size,
        "effect_low": ends[0] / size,
        "effect_high": ends[1] / size,
        "relative": actual / expected - 1.0 if expected > 0 else np.nan,
        "relative_low": actual / high - 1.0 if high > 0 else np.nan,
        "relative_high": actual / low - 1.0 if low > 0 else np.nan,
        "total": actual - expected,
        "total_low": ends[0],
        "total_high": ends[1],
        "smallest_relative": high / expected - 1.0 if expected > 0 else np.nan,
    }


def _in_margin(row: dict[str, Any], margin: float) -> dict[str, Any]:
    """Return the row of spend in margin."""
    money = ("mean", "expected_mean", "effect", "effect_low", "effect_high", "total", "total_low", "total_high")
    return {**row, **{name: margin * row[name] for name in money}}
