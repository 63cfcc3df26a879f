"""The base forecast: expected future of all present customers, in numbers that name none of them."""

import numpy as np
import pandas as pd

from tenure.scorer import Scores

from .adjusted import adjusted_totals
from .drifts import Drifts


def forecast_base(scores: Scores, frequency: "pd.Series[int]", drifts: Drifts) -> dict[str, float]:
    """Compute the base forecast: totals with every interval, shares of customers, concentration of clv.

    Args:
        scores: of all customers of the log, totals included.
        frequency: their repeat purchase days.
        drifts: of the totals.
    """
    table, params = scores.table, scores.params
    clv = np.sort(table["clv"].to_numpy(np.float64))[::-1]
    tenth = -(-len(clv) // 10)
    metrics = {
        "customers": float(len(table)),
        "active_share": float(table["p_alive"].mean()),
        "buying_share": float(table["p_purchase"].mean()),
        "one_time_share": float((frequency == 0).mean()),
        "top_tenth_share": float(clv[:tenth].sum() / clv.sum()) if clv.sum() > 0 else 0.0,
        "unstable_means": float(scores.unstable_means),
    }
    metrics |= {} if scores.extrapolated_share is None else {"extrapolated_share": scores.extrapolated_share}
    totals = scores.totals.table(params.level).join(adjusted_totals(scores.totals, drifts, params))
    for total, row in totals.astype(float).to_dict("index").items():
        metrics |= {f"{total}.{end}": number for end, number in row.items()}
    return metrics
