"""The scores of a table of customers: from the output of the kernel to frames, totals and warnings."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ..summary import CustomerSummary
from .arrays import Floats
from .batching import KernelOutput, ScoreRequest, sum_extrapolated, sum_months
from .columns import COLUMNS, SQUARES
from .results import Scores, Totals

UNSTABLE_MEANS = 0.1
SHOWN = 3


class HeavyTailWarning(UserWarning):
    """Some means rest on a few draws of the population."""


def frame_of(table: Floats, given: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Build a frame of some columns of the table, by the names to show, after the ids as given."""
    frame = pd.DataFrame({shown: table[:, COLUMNS.index(name)] for name, shown in names.items()})
    frame.insert(0, "customer_id", given["customer_id"].to_numpy())
    return frame


def scores_of(
    frame: pd.DataFrame,
    output: KernelOutput,
    request: ScoreRequest,
    groups: Mapping[tuple[Any, ...], Totals] | None = None,
    by: tuple[str, ...] = (),
    *,
    draws: int,
    observed: int | None,
) -> Scores:
    """Build the scores; params and warnings are in the frame's `attrs` too."""
    totals = sum(output.groups, start=Totals.empty(draws))
    extrapolated = sum_extrapolated(output, request, observed, totals)
    unstable_means = _count_unstable_means(frame, output.table, draws)
    frame.attrs["params"] = asdict(request.params)
    frame.attrs |= {"unstable_means": unstable_means} if unstable_means else {}
    months = sum_months(output, request, totals) if request.with_months else None
    scores = Scores(frame, totals, request.params, groups or {}, by, months, extrapolated, unstable_means)
    share = scores.extrapolated_share
    frame.attrs |= {} if share is None else {"extrapolated_share": share}
    return scores


def _count_unstable_means(frame: pd.DataFrame, table: Floats, draws: int) -> int:
    """Count the customers whose mean value rests on a few draws (`Scores.unstable_means`), with a warning."""
    means = table[:, COLUMNS.index("clv")]
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = table[:, SQUARES] / (draws * means * means) - 1.0
    unstable = np.flatnonzero(spread > UNSTABLE_MEANS * UNSTABLE_MEANS * draws)
    if unstable.size:
        first = ", ".join(repr(name) for name in frame["customer_id"].iloc[unstable[:SHOWN]])
        warnings.warn(
            f"The mean values of {unstable.size:,} of {len(table):,} customers (first: {first}) rest on a few "
            f"draws of the population: their standard error is above {UNSTABLE_MEANS:.0%}. Take more draws, a "
            "shorter horizon, or the intervals instead of the mean.",
            HeavyTailWarning,
            stacklevel=4,
        )
    return int(unstable.size)


def count_free(summary: CustomerSummary) -> int:
    """Count the customers with repeat purchases, none of which cost anything."""
    return int(((summary.table["frequency"] > 0) & (summary.table["monetary_value"] == 0)).sum())
