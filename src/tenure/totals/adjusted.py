"""Totals adjusted for drift, over a holdout and over the horizon of a scoring."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.outcomes import TOTALS
from tenure.scorer import Params, Totals
from tenure.streams import stream

from .drift import ESTIMATED, Drift
from .drifts import Drifts

type Floats = NDArray[np.float64]


def adjusted_totals(totals: Totals, drifts: Drifts, params: Params) -> pd.DataFrame:
    """Compute `adjusted_low` and `adjusted_high` of the rows of `Totals.table`.

    The drift is common to all customers, so every sum of a scoring has the same draws of it: the customer base's and
    each group's. A group may drift by more than the customer base; its interval covers the common part.
    """
    rows = {}
    for outcome, total in TOTALS.items():
        rng = stream(params.seed, "base_forecast.adjusted_totals")
        adjusted = drifts.over(outcome, params.horizon_days).adjust(getattr(totals, total), rng)
        rows[total] = np.quantile(adjusted, [(1 - params.level) / 2, (1 + params.level) / 2])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["adjusted_low", "adjusted_high"])


def adjusted_metrics(
    actual: float, totals: Floats, drift: Drift, *, level: float, rng: np.random.Generator
) -> dict[str, float]:
    """Compute the adjusted total of a holdout: its median, its interval, whether that covers the actual total.

    The median, because a drift with so heavy a tail has no mean. The raw total and its interval stay as they are, and
    so does every customer's number.

    Args:
        actual: the actual total.
        totals: joint draws of the total.
        drift: of the outcome, over the holdout's length.
        level: of the interval.
        rng: shuffles the draws of the drift.
    """
    adjusted = drift.adjust(totals, rng)
    tail = (1 - level) / 2
    low, high = np.quantile(adjusted, [tail, 1 - tail], method="inverted_cdf")
    return {
        "adjusted_total": float(np.median(adjusted)),
        "adjusted_low": float(low),
        "adjusted_high": float(high),
        "adjusted_covers_actual": float(low <= actual <= high),
        "adjusted_is_estimated": float(drift.source == ESTIMATED),
    }
