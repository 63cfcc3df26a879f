"""Columns that follow the scores, as `jobs.columns` adds them on one machine."""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ..rfm import HISTORY
from ..settings import BatchScoreSettings


def columns_of(frame: DataFrame, settings: BatchScoreSettings, about: Mapping[str, Any]) -> dict[str, Column]:
    """Return the columns of `score.columns`, in their order, and `verdict` where a FAIL is accepted.

    Args:
        frame: the summaries; those of a log have the columns of `HISTORY` too.
        settings: the columns to add.
        about: the `model`, its `verdict` and, if the summaries have one, `as_of`.
    """
    last = F.lit(about["as_of"]).cast("date")
    first = F.date_sub(last, F.col("T").cast("int"))
    values = {
        "as_of": last,
        "horizon_days": F.lit(settings.horizon_days).cast("bigint"),
        "model_version": F.lit(about["model"]),
        "first_purchase": first,
        "last_purchase": F.date_add(first, F.col("recency").cast("int")),
    }
    of_log = {name: F.col(name) for name in HISTORY if name in frame.columns}
    columns = {name: (values | of_log)[name] for name in settings.columns}
    return columns | ({"verdict": F.lit(about["verdict"])} if settings.accept_failed else {})
