"""Batch scoring: tables in, one described Parquet file out, whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .output import METADATA_KEY, written_whole
from .scorer import Scores


class BatchError(InputError):
    """A table that cannot be read."""


@dataclass(frozen=True)
class Scored:
    """A scored table and where its scores come from."""

    scores: Scores
    model: str
    as_of: str | None
    run_id: str


def read_summary(path: str) -> pd.DataFrame:
    """Read customer summaries from CSV (ids as text) or Parquet; the scorer checks them."""
    try:
        if path.endswith(".parquet"):
            return pd.read_parquet(path)
        if path.endswith(".csv"):
            return pd.read_csv(path, dtype={"customer_id": "str"}, keep_default_na=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BatchError(f"{path} cannot be read as a table of customer summaries: {error}") from error
    raise BatchError(f"summary.path must end in .csv or .parquet, got {path!r}.")


def write(table: pd.DataFrame, path: str, about: Mapping[str, Any]) -> None:
    """Write Parquet whole or not at all, with `about` as JSON in its own metadata under `tenure`."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    described = {**(arrow.schema.metadata or {}), METADATA_KEY: json.dumps(about, sort_keys=True).encode()}
    with written_whole(path) as name:
        pq.write_table(arrow.replace_schema_metadata(described), name)
