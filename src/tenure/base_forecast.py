"""What the customers of a log come to over the horizon, in numbers that name none of them."""

import numpy as np
import pandas as pd

from .backtest import Drifts
from .scorer import Params, Scores, Totals
from .streams import stream

TOTALS = {"purchases": "purchases", "spend": "clv"}  # what an outcome is called in the table of totals


def forecast_base(scores: Scores, frequency: "pd.Series[int]", drifts: Drifts) -> dict[str, float]:
    """Sum up the scores of a base: its totals with every interval, who is active, on whom the value rests.

    Args:
        scores: of all customers of the log, totals included.
        frequency: their repeat purchase days.
        drifts: what its totals are adjusted by for a world that changes.
    """
    table, level = scores.table, scores.params.level
    values = np.sort(table["clv"].to_numpy(np.float64))[::-1]
    tenth = -(-len(values) // 10)
    numbers = {
        "customers": float(len(table)),
        "active_share": float(table["p_alive"].mean()),
        "buying_share": float(table["p_purchase"].mean()),
        "one_time_share": float((frequency == 0).mean()),
        "top_tenth_share": float(values[:tenth].sum() / values.sum()) if values.sum() > 0 else 0.0,
        "unstable_means": float(scores.unstable_means),
    }
    numbers |= {} if scores.extrapolated_share is None else {"extrapolated_share": scores.extrapolated_share}
    totals = scores.totals.table(level).join(adjusted_totals(scores.totals, drifts, scores.params))
    for name in TOTALS.values():
        row = totals.loc[name].astype(float).to_dict()
        numbers |= {f"{name}.{key}": number for key, number in row.items()}
    return numbers


def adjusted_totals(totals: Totals, drifts: Drifts, params: Params) -> pd.DataFrame:
    """Tabulate `adjusted_low` and `adjusted_high` of the rows of `Totals.table`, for a world that changes.

    The drift is common to all customers, so every sum of a scoring has the same draws of it: the base's and each
    group's. A group may change by more than the base does; its interval holds the common part.
    """
    rows = {}
    for outcome, name in TOTALS.items():
        rng = stream(params.seed, "base_forecast.adjusted_totals")
        drawn = drifts.over(outcome, params.horizon_days).adjust(getattr(totals, name), rng)
        rows[name] = np.quantile(drawn, [(1 - params.level) / 2, (1 + params.level) / 2])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["adjusted_low", "adjusted_high"])
