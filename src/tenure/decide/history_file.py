"""The histories of customers in a temporary file: read several times, without the memory of the query behind them."""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa

from ..id_hashing import IdHashing
from ..rfm import with_faded

NAME = "histories.arrow"
OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True)
class HistoryFile:
    """Customers' histories in parts, in a temporary folder that is removed with the last reference to it.

    Attributes:
        path: of the file.
        as_of: the end of observation.
        customers: how many there are.
    """

    path: Path
    as_of: date
    customers: int

    @classmethod
    def write(
        cls,
        queries: Iterable[Any],
        rows: int,
        delta: float | None,
        as_of: date,
        folder: TemporaryDirectory[str],
        hashing: IdHashing | None = None,
    ) -> "HistoryFile":
        """Write the results of queries, each sorted by id, by the hashed one where ids are hashed.

        Args:
            queries: Ibis tables of the same columns, one at a time.
            rows: of a part.
            delta: at which evidence on spend fades (`rfm.StreamedSummary`).
            as_of: the end of observation.
            folder: of the file.
            hashing: of the ids; None to leave them as they are.
        """
        customers, writer, path = 0, None, Path(folder.name) / NAME
        with pa.OSFile(str(path), "wb") as file:
            for query in queries:
                for batch in _read(query, rows, hashing):
                    part = pa.Table.from_batches([batch]) if delta is None else with_faded(batch, delta)
                    if writer is None:
                        writer = pa.ipc.new_stream(file, part.schema, options=OPTIONS)
                    writer.write_table(part)
                    customers += part.num_rows
            if writer is not None:
                writer.close()
        histories = cls(path, as_of, customers)
        weakref.finalize(histories, folder.cleanup)
        return histories

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the customers part by part, in the same order each time."""
        if not self.customers:
            return
        with pa.OSFile(str(self.path)) as file, closing(pa.ipc.open_stream(file)) as stream:
            for batch in stream:
                if batch.num_rows:
                    yield batch.to_pandas()

    def count(self) -> int:
        """Return the number of customers."""
        return self.customers


def _read(query: Any, rows: int, hashing: IdHashing | None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a query, sorted by id; they are in memory at once where ids are hashed."""
    if hashing is None:
        yield from query.order_by("customer_id").to_pyarrow_batches(chunk_size=rows)
        return
    table = query.to_pyarrow()
    ids = hashing.hash(table["customer_id"].to_pandas())
    at = table.schema.get_field_index("customer_id")
    hashed = table.set_column(at, "customer_id", pa.array(ids, pa.string()))
    yield from hashed.sort_by("customer_id").combine_chunks().to_batches(max_chunksize=rows)
