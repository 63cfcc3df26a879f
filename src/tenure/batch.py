"""Batch scoring: tables in, one described Parquet file out, whole or not at all."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .scorer import Scores

METADATA_KEY = b"tenure"


class BatchError(InputError):
    """A table that cannot be read or written."""


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


def require_writable(path: str) -> None:
    """Refuse an output that could not be written, before any work is done."""
    folder = Path(path).expanduser().resolve().parent
    if not folder.is_dir():
        raise BatchError(f"output {path!r} lies in a folder that does not exist: {folder}.")
    if not os.access(folder, os.W_OK) or Path(path).is_dir():
        raise BatchError(f"output {path!r} cannot be written in {folder}.")


def write(table: pd.DataFrame, path: str, about: Mapping[str, Any]) -> None:
    """Write Parquet whole or not at all, with `about` as JSON in its own metadata under `tenure`."""
    target = Path(path).expanduser().resolve()
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    described = {**(arrow.schema.metadata or {}), METADATA_KEY: json.dumps(about, sort_keys=True).encode()}
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        pq.write_table(arrow.replace_schema_metadata(described), name)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def describe(path: str) -> dict[str, Any]:
    """Read what a scored file says of itself."""
    metadata = pq.read_schema(path).metadata or {}
    if METADATA_KEY not in metadata:
        raise BatchError(f"{path} was not written by tenure-score: it does not describe itself.")
    about: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return about
