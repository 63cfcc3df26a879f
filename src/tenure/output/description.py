"""The description in a Parquet file's metadata."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import OutputError

METADATA_KEY = b"tenure"


def is_described(path: Path) -> bool:
    """Return whether a file of scores is complete: its description is written last."""
    try:
        describe(path)
    except (OutputError, OSError, pa.ArrowException):
        return False
    return True


def describe(path: str | Path) -> dict[str, Any]:
    """Read the description in a file of scores."""
    metadata = pq.read_metadata(path).metadata or {}
    if METADATA_KEY not in metadata:
        raise OutputError(f"{path} was not written by Tenure: it has no description.")
    about: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return about
