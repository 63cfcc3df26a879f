"""The Parquet file of scores, written part by part."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError, Reason
from ..output import METADATA_KEY


class BatchError(InputError):
    """A table that cannot be written."""

    reason = Reason.BAD_LOG


class ScoreFile:
    """A Parquet file that is written part by part, with a description in its metadata; within `output.atomic_file`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pd.DataFrame) -> None:
        """Write some rows."""
        schema = None if self._writer is None else self._writer.schema
        self.write_arrow(arrow_of(table, schema))

    def write_arrow(self, table: pa.Table) -> None:
        """Write some rows as a row group of their own."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def close(self, about: Mapping[str, Any]) -> None:
        """Close the file, with its description as JSON in its metadata."""
        if self._writer is None:
            raise BatchError("There are no customers to score.")
        self._writer.add_key_value_metadata({METADATA_KEY: json.dumps(about, sort_keys=True).encode()})
        self._writer.close()


def arrow_of(table: pd.DataFrame, schema: pa.Schema | None = None) -> pa.Table:
    """Return a table of scores as Arrow, without the metadata of pandas."""
    if schema is None:
        schema = pa.Schema.from_pandas(table, preserve_index=False).remove_metadata()
    return pa.Table.from_pandas(table, schema=schema, preserve_index=False)


def join(parts: Iterable[Path], path: Path, about: Mapping[str, Any]) -> None:
    """Write the files of parts as the row groups of one file."""
    output = ScoreFile(path)
    for part in parts:
        output.write_arrow(pq.read_table(part))
    output.close(about)
