"""Add columns to the scores for a warehouse: the day, the horizon, the model, the customer's history."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tenure.rfm import HISTORY
from tenure.settings import BatchScoreSettings


def with_columns(
    table: pd.DataFrame, part: pd.DataFrame, settings: BatchScoreSettings, about: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the scores with the columns of `score.columns`, in their order, and `verdict` where a FAIL is accepted.

    Args:
        table: the scores.
        part: the summaries that were scored, in the same order; those of a log have the columns of `HISTORY` too.
        settings: the columns to add.
        about: the `model`, its `verdict` and, if the summaries have one, `as_of`.
    """
    more: dict[str, Any] = {}
    for name in settings.columns:
        if name in HISTORY:
            more[name] = _history(name, part, about["as_of"])
        elif name == "as_of":
            more[name] = _dates(np.full(len(part), _days_of(about["as_of"])))
        else:
            more[name] = {"horizon_days": settings.horizon_days, "model_version": about["model"]}[name]
    if settings.accept_failed:
        more["verdict"] = about["verdict"]
    return table.assign(**more)


def _history(name: str, part: pd.DataFrame, as_of: str) -> Any:
    if name in part:
        return part[name].to_numpy()
    first = _days_of(as_of) - part["T"].to_numpy(np.int64)
    return _dates(first if name == "first_purchase" else first + part["recency"].to_numpy(np.int64))


def _days_of(day: str) -> int:
    return (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days


def _dates(days: Any) -> Any:
    """Convert days since 1970 to dates, which Parquet stores as dates and not as time stamps."""
    return pd.arrays.ArrowExtensionArray(pa.array(days.astype(np.int32)).cast(pa.date32()))
