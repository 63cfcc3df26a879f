"""The base forecast: expected future of all present customers, in numbers that name none of them."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.scorer import Scores

from .adjusted import adjusted_totals
from .drifts import Drifts


def forecast_base(parts: "Iterable[tuple[Scores, pd.Series[int]]]", drifts: Drifts) -> dict[str, float]:
    """Compute the base forecast: totals with every interval, shares of customers, concentration of clv.

    Args:
        parts: scores of all customers of the log, totals included, with their repeat purchase days; of a part of the
            customers at a time, of whom one number each is kept.
        drifts: of the totals.
    """
    scores, counts, clv = _summed(parts)
    ordered = np.sort(clv)[::-1]
    tenth = -(-len(ordered) // 10)
    metrics = {
        "customers": float(len(ordered)),
        **{name: float(count / len(ordered)) for name, count in counts.items()},
        "top_tenth_share": float(ordered[:tenth].sum() / ordered.sum()) if ordered.sum() > 0 else 0.0,
        "unstable_means": float(scores.unstable_means),
    }
    metrics |= {} if scores.extrapolated_share is None else {"extrapolated_share": scores.extrapolated_share}
    totals = scores.totals.table(scores.params.level).join(adjusted_totals(scores.totals, drifts, scores.params))
    for total, row in totals.astype(float).to_dict("index").items():
        metrics |= {f"{total}.{end}": number for end, number in row.items()}
    return metrics


def _summed(
    parts: "Iterable[tuple[Scores, pd.Series[int]]]",
) -> tuple[Scores, dict[str, float], NDArray[np.float64]]:
    """Return the sums of all parts without their rows, sums that are shares of the customers, and every clv."""
    whole: Scores | None = None
    counts, clv = {"active_share": 0.0, "buying_share": 0.0, "one_time_share": 0.0}, []
    for scores, frequency in parts:
        table = scores.table
        clv.append(table["clv"].to_numpy(np.float64))
        sums = (table["p_alive"].sum(), table["p_purchase"].sum(), (frequency == 0).sum())
        counts = {name: count + float(more) for (name, count), more in zip(counts.items(), sums, strict=True)}
        whole = scores if whole is None else _merged(whole, scores)
        whole = replace(whole, table=table.iloc[:0])
    if whole is None:
        raise ValueError("There are no customers to forecast.")
    return whole, counts, np.concatenate(clv)


def _merged(scores: Scores, more: Scores) -> Scores:
    beyond = scores.extrapolated
    if beyond is not None and more.extrapolated is not None:
        beyond = beyond + more.extrapolated
    unstable = scores.unstable_means + more.unstable_means
    return replace(scores, totals=scores.totals + more.totals, extrapolated=beyond, unstable_means=unstable)
