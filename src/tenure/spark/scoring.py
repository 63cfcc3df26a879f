"""Score customers in Spark's executors, and take over what they wrote.

Each partition writes one file: its rows, and last of all a row with its sums. Spark's committer decides which attempt
of a task counts, so rows and sums are there once, together, whatever is lost on the way.
"""

import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import cloudpickle
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, BinaryType, DataType, DoubleType, LongType, StructField, StructType

from ..scorer import COLUMNS, COUNTS
from ..settings import SparkSettings
from . import executor
from .customers import SparkCustomers, address
from .errors import SparkError, in_words
from .executor import SUMS, Work, key_of, score
from .session import watched

ROWS = 100_000  # customers of a partition: enough to share work, few enough for any executor
BATCH = 250_000
MONTHS = "expected_purchases_by_month", "clv_by_month"
_NUMBER = re.compile(r"part-(\d+)-")

cloudpickle.register_pickle_by_value(executor)


class WrittenPart(NamedTuple):
    """What one partition wrote: its number, its files, and its sums as the files of parts have them."""

    number: int
    files: list[Path]
    facts: dict[str, Any]
    arrays: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write its rows to one file."""
        tables = self._rows()
        first = next(tables)
        schema = first.schema.with_metadata(_metadata(first))
        with pq.ParquetWriter(path, schema) as file:
            for table in chain([first], tables):
                file.write_table(table.cast(schema))

    def _rows(self) -> Iterator[pa.Table]:
        for path in self.files:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH):
                    table = pa.table(batch).filter(pc.is_null(batch[SUMS])).drop_columns(SUMS)
                    if len(table):
                        yield table.replace_schema_metadata(None)


def _metadata(table: pa.Table) -> Any:
    """Return the metadata by which pandas reads dates as it does from a file of this machine."""
    kinds = {pa.date32(): pd.ArrowDtype(pa.date32())}
    frame = table.slice(0, 0).to_pandas(types_mapper=kinds.get)
    return pa.Schema.from_pandas(frame, preserve_index=False).metadata


def pack_model(folder: Path) -> tuple[bytes, str]:
    """Return the files of a registered model as a zip, and its digest."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as files:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                # Without its time, so that the same model has the same digest.
                files.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
    return content.getvalue(), hashlib.sha256(content.getvalue()).hexdigest()[:16]


def require_shared(session: SparkSession, folder: Path, output: str, key: str) -> None:
    """Raise SparkError unless the executors see a folder of this process under the same path; `key` is of the job."""
    token = folder / "shared.txt"
    token.write_text(key)
    try:
        with in_words(f"output {output!r} cannot be written by Spark"):
            seen = [row[0] for row in session.read.text(address(str(token))).collect()]
    except SparkError:
        seen = []
    finally:
        token.unlink()
    if seen != [key]:
        raise SparkError(
            f"output {output!r} is not in a folder that this process and Spark's executors see under one path, such as"
            " that of a network drive: name another one."
        )


def write_scores(
    session: SparkSession,
    customers: SparkCustomers,
    kept: Mapping[str, Column],
    work: Work,
    settings: SparkSettings,
    folder: Path,
) -> list[WrittenPart]:
    """Score all customers; return what each partition wrote.

    Args:
        session: of the customers.
        customers: which are checked.
        kept: columns that follow the scores.
        work: with the model and its params.
        settings: of the session.
        folder: for the files, which the executors see.

    Raises SparkError where the job fails, or its executors are lost.
    """
    inputs = {name: f"_kept {at}" for at, name in enumerate(kept)}
    frame = customers.frame.select("*", *(kept[name].alias(inputs[name]) for name in kept))
    schema = _schema(frame, work, inputs)
    places = {key_of(key): at for at, key in enumerate(customers.groups)}
    work = replace(work, schema=to_arrow_schema(schema), places=places, kept=inputs)
    scored = _partitioned(frame, partitions_of(customers, settings)).mapInArrow(partial(score, work), schema)
    with in_words("The customers could not be scored on Spark"), watched(session, settings.patience_seconds, folder):
        scored.write.mode("overwrite").parquet(address(str(folder)))
    parts = list(_written(folder))
    rows = sum(part.facts["customers"] for part in parts)
    if rows != customers.customers:
        raise SparkError(
            f"Spark scored {rows:,} customers of {customers.customers:,}: the table was changed meanwhile. Score again."
        )
    return parts


def partitions_of(customers: SparkCustomers, settings: SparkSettings) -> int:
    """Return how many partitions customers are divided into."""
    return settings.partitions or math.ceil(customers.customers / ROWS)


def _partitioned(frame: DataFrame, partitions: int) -> DataFrame:
    """Divide customers by a hash of their ids, and sort each partition: a repeated task gets the same rows."""
    return frame.repartition(partitions, "customer_id").sortWithinPartitions("customer_id")


def _schema(frame: DataFrame, work: Work, inputs: Mapping[str, str]) -> StructType:
    given = frame.schema
    columns: dict[str, DataType] = {"customer_id": given["customer_id"].dataType}
    columns |= {name: LongType() if name in COUNTS else DoubleType() for name in COLUMNS}
    columns |= {name: ArrayType(DoubleType()) for name in MONTHS if work.by_month}
    columns |= {name: DoubleType() for name in work.residual.values()}
    columns |= {name: given[source].dataType for name, source in inputs.items()}
    return StructType([StructField(name, kind) for name, kind in [*columns.items(), (SUMS, BinaryType())]])


def _written(folder: Path) -> Iterator[WrittenPart]:
    """Yield what each partition wrote, in their order; a partition without customers wrote nothing."""
    files: dict[int, list[Path]] = {}
    for path in sorted(folder.glob("part-*.parquet")):
        files.setdefault(int(_NUMBER.match(path.name)[1]), []).append(path)  # type: ignore[index]
    for number, paths in sorted(files.items()):
        packed = [sums for path in paths for sums in _sums_in(path)]
        if packed:
            with np.load(io.BytesIO(packed[-1])) as content:
                arrays = dict(content)
            facts: Mapping[str, Any] = json.loads(str(arrays.pop("facts")))
            yield WrittenPart(number, paths, dict(facts), arrays)


def _sums_in(path: Path) -> list[bytes]:
    column = pq.read_table(path, columns=[SUMS]).column(SUMS)
    return [value.as_py() for value in column.drop_null()]
