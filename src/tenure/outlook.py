"""What the customers of a log come to over the horizon, in numbers that name none of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .backtest import Factor
from .scorer import Scores

TOTALS = {"purchases": "purchases", "value": "clv"}  # what an outcome is called in the table of totals


def outlook(
    scores: Scores, frequency: "pd.Series[int]", factors: Mapping[str, Factor], *, rng: np.random.Generator
) -> dict[str, float]:
    """Sum up the scores of a base: its totals with every interval, who is active, on whom the value rests.

    Args:
        scores: of all customers of the log, totals included.
        frequency: their repeat purchase days.
        factors: by outcome, what its totals are adjusted by for a world that changes.
        rng: draws the factors.
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
        "unsteady": float(scores.unsteady),
    }
    numbers |= {} if scores.share_beyond is None else {"share_beyond": scores.share_beyond}
    totals = scores.totals.table(level)
    for outcome, name in TOTALS.items():
        drawn = factors[outcome].adjust(getattr(scores.totals, outcome), rng)
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        row = {**totals.loc[name].to_dict(), "adjusted_low": low, "adjusted_high": high}
        numbers |= {f"{outcome}.{key}": float(value) for key, value in row.items()}
    return numbers
