"""Divide the customers of a table into parts by a hash of their ids, checked, with memory that does not grow.

A part is a function of the ids and of the number of parts alone: the first four bytes of the MD5 of an id's text, as a
share of 2^32. Parts are about equally large, equal ids are in one part, and customers keep their order within it. The
table is read once and copied to temporary files, each of which holds one or several neighbouring parts.

Where ids are hashed, that is done first: parts are of hashed ids, and sorted by them, so that neither a part nor a
place in it depends on an id in clear.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ..frames import NULLABLE
from ..id_hashing import IdHashing
from ..summary import Fault, canonical_ids, repeated
from ..summary_file import SHOWN, SummaryCheck, SummaryParts

FILES = 128  # open at once
FURTHER = "further "  # begins the names of columns that the scorer does not need
PART = "tenure part"  # a column of the temporary files


@dataclass
class CustomerParts:
    """The customers of a table in parts.

    Attributes:
        folder: of the temporary files.
        parts: how many parts the hash divides into; some may have no customers.
        rows: customers by part.
        check: of the table.
        digest: sha256 of the table: ids with their type, and numbers; the same however it was read.
        further: sha256 of the values of each further column.
        groups: values of the columns to total by, in a fixed order.
        hashing: of the ids; None where they are as in the table.
    """

    folder: Path
    parts: int
    rows: NDArray[np.int64]
    check: SummaryCheck
    digest: str = ""
    further: dict[str, str] = field(default_factory=dict)
    groups: list[tuple[Any, ...]] = field(default_factory=list)
    hashing: IdHashing | None = None

    @property
    def customers(self) -> int:
        """Count the customers."""
        return self.check.rows

    @property
    def files(self) -> int:
        """Count the temporary files."""
        return min(self.parts, FILES)

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of the parts that have customers."""
        return [int(number) for number in np.flatnonzero(self.rows)]

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[int, pd.DataFrame]]:
        """Yield parts in the order of their numbers, given in that order."""
        wanted = set(numbers)
        for file in sorted({self.file_of(number) for number in numbers}):
            rows = self._read_file(file)
            for number in self._parts_of(file):
                if number in wanted:
                    part = rows[rows[PART] == number].drop(columns=PART)
                    ordered = part if self.hashing is None else part.sort_values("customer_id")
                    yield number, ordered.reset_index(drop=True)

    def file_of(self, number: int) -> int:
        """Return the temporary file that holds a part."""
        return number * self.files // self.parts

    def _parts_of(self, file: int) -> range:
        first, end = (-(-at * self.parts // self.files) for at in (file, file + 1))
        return range(first, end)

    def _read_file(self, file: int) -> pd.DataFrame:
        tables = []
        for path in sorted(self.folder.glob(f"{file:03d}-*.arrow")):
            with pa.ipc.open_stream(path) as stream:
                tables.append(stream.read_all())
        whole = pa.concat_tables(tables, promote_options="permissive")
        return pd.DataFrame(whole.to_pandas(types_mapper=NULLABLE.get))


def divide(
    summary: SummaryParts,
    folder: Path,
    part_rows: int,
    check: SummaryCheck,
    further: Sequence[str] = (),
    hashing: IdHashing | None = None,
) -> CustomerParts:
    """Check the customers of a table and divide them into parts of about `part_rows`.

    Args:
        summary: the table.
        folder: for temporary files, about 60 bytes a customer; it exists and is empty.
        part_rows: customers of a part, on average at most.
        check: which has the columns to total by.
        further: columns to keep, where the table has them, beside those of a customer summary and those to total by.
        hashing: of the ids; None to leave them as they are.

    Raises SummaryError with every broken rule of the table, ScoreError for groups that cannot be built.
    """
    parts = max(1, math.ceil(summary.count() / part_rows))
    divided = CustomerParts(folder, parts, np.zeros(parts, np.int64), check, hashing=hashing)
    digest, writer = _Digest(), _Writer(divided)
    try:
        for part in summary.parts():
            customers = check.add(part)
            if customers is not None and len(part):
                if hashing is not None:
                    customers = hashing.replace(customers)
                    part = part.assign(customer_id=customers["customer_id"].array)
                wanted = dict.fromkeys((*check.by, *further))
                kept = [name for name in wanted if name in part and name not in customers]
                digest.add(part, customers, kept)
                writer.write(part, customers, kept)
    finally:
        writer.close()
    check.require_valid(() if check.faults else _duplicates(divided, summary))
    divided.digest, divided.further = digest.result(), digest.further
    divided.groups = sorted(check.groups, key=lambda key: [(pd.isna(one), str(one)) for one in key])
    return divided


def part_numbers(ids: "pd.Series[str]", parts: int) -> NDArray[np.int64]:
    """Return the part of each id, of so many parts.

    >>> part_numbers(pd.Series(["7", "8", "nine"]), 4).tolist()
    [2, 3, 3]
    """
    if parts == 1:
        return np.zeros(len(ids), np.int64)
    digests = b"".join(hashlib.md5(text.encode(), usedforsecurity=False).digest()[:4] for text in ids.tolist())
    return (np.frombuffer(digests, ">u4").astype(np.uint64) * np.uint64(parts) >> np.uint64(32)).astype(np.int64)


class _Writer:
    """The temporary files: one for each group of parts, and a further one wherever types change."""

    def __init__(self, divided: CustomerParts) -> None:
        self.divided = divided
        self.schema: pa.Schema | None = None
        self.schemas = 0
        self.streams: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def write(self, part: pd.DataFrame, customers: pd.DataFrame, further: Sequence[str]) -> None:
        """Write the checked rows of the table, with ids and further columns as they are in it."""
        divided = self.divided
        numbers = part_numbers(customers["customer_id"], divided.parts)
        divided.rows += np.bincount(numbers, minlength=divided.parts)
        order = np.argsort(numbers, kind="stable")
        as_given = {name: part[name].array for name in ("customer_id", *further)}
        frame = customers.assign(**as_given, **{PART: numbers}).iloc[order]
        table = _plain(pa.Table.from_pandas(frame, preserve_index=False))
        if table.schema != self.schema:
            self.close()
            self.schema, self.schemas = table.schema, self.schemas + 1
        files = numbers[order] * divided.files // divided.parts
        for file in np.unique(files):
            start, end = np.searchsorted(files, [file, file + 1])
            self._stream(int(file)).write_table(table.slice(start, end - start))

    def _stream(self, file: int) -> Any:
        if file not in self.streams:
            path = self.divided.folder / f"{file:03d}-{self.schemas:06d}.arrow"
            self.streams[file] = pa.ipc.new_stream(path, self.schema)
        return self.streams[file]

    def close(self) -> None:
        """Close the files that are open."""
        for stream in self.streams.values():
            stream.close()
        self.streams = {}


def _plain(table: pa.Table) -> pa.Table:
    """Return a table without the metadata of pandas and without dictionaries, which may differ from part to part."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


class _Digest:
    """A digest of a table by column, so that the parts in which it is read do not matter."""

    def __init__(self) -> None:
        self.columns: dict[str, Any] = {}

    def add(self, part: pd.DataFrame, customers: pd.DataFrame, further: Sequence[str]) -> None:
        """Add the rows of a part."""
        texts = "\0".join([*customers["customer_id"].tolist(), ""])
        self._update(f"customer_id {_kind(part['customer_id'])}", texts.encode())
        for name in customers.columns[1:]:
            self._update(name, customers[name].to_numpy().tobytes())
        for name in further:
            self._update(FURTHER + name, "\0".join([*map(repr, part[name].tolist()), ""]).encode())

    def _update(self, name: str, content: bytes) -> None:
        self.columns.setdefault(name, hashlib.sha256()).update(content)

    @property
    def further(self) -> dict[str, str]:
        """Return the digests of the further columns."""
        names = [name for name in self.columns if name.startswith(FURTHER)]
        return {name.removeprefix(FURTHER): self.columns[name].hexdigest() for name in names}

    def result(self) -> str:
        """Return the digest of the other columns."""
        digests = [(name, digest) for name, digest in sorted(self.columns.items()) if not name.startswith(FURTHER)]
        lines = [f"{name} {digest.hexdigest()}\n" for name, digest in digests]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _kind(ids: "pd.Series[Any]") -> str:
    return "integer" if pd.api.types.is_integer_dtype(ids.dtype) else "text"


def _duplicates(divided: CustomerParts, summary: SummaryParts) -> list[Fault]:
    """Find ids that are in more than one row: those of equal ids are in one part."""
    count, first = 0, list[str]()
    for _, part in divided.read(divided.numbers):
        ids = canonical_ids(part["customer_id"])
        names = ids[ids.duplicated(keep=False)].unique()
        count, first = count + len(names), [*first, *map(str, names)][:SHOWN]
    if count and divided.hashing is not None:
        first = _in_clear(first, summary, divided.hashing)
    return [repeated(count, [repr(name) for name in first])] if count else []


def _in_clear(hashes: Sequence[str], summary: SummaryParts, hashing: IdHashing) -> list[str]:
    """Return the ids of some hashes, for a message: nobody can look for the hashes in a table."""
    names: dict[str, str] = {}
    for part in summary.parts():
        ids = canonical_ids(part["customer_id"])
        hashed = hashing.hash(ids)
        names |= dict(zip(hashed[hashed.isin(hashes)], ids[hashed.isin(hashes)], strict=True))
    return [names[one] for one in hashes]
