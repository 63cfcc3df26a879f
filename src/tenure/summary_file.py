"""Tables of customer summaries in parts: read from a file, and checked before any work.

Memory does not grow with the number of customers: only a hash of each id (8 bytes) is kept, to find duplicates.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_integer_dtype

from . import remote
from .addresses import mask
from .errors import InputError, Reason
from .frames import NULLABLE
from .scorer import customer_keys, group, refuse_groups
from .summary import COLUMNS, CustomerSummary, Fault, SummaryError, canonical_ids, repeated, require_segments
from .transactions import CANONICAL, INTEGER, TEXT, refuse_others
from .units import Seen

ROWS = 250_000  # customers in memory at a time
SHOWN = 3


def is_integer_text(ids: "pd.Series[str]") -> "pd.Series[bool]":
    """Return which ids are 64-bit integers in canonical form."""
    return ids.str.fullmatch(CANONICAL) & (pd.to_numeric(ids, errors="coerce").abs() < 2**63)


class SummaryFileError(InputError):
    """A file of customer summaries that cannot be read."""

    reason = Reason.BAD_LOG


class SummaryParts(Protocol):
    """Customer summaries in parts, which can be read more than once."""

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the summaries, some rows at a time, in the same order each time."""

    def count(self) -> int:
        """Count the customers."""


@dataclass(frozen=True)
class SummaryFile:
    """Customer summaries in a CSV or Parquet file; the scorer checks them.

    Attributes:
        path: of the file.
        id_type: `integer` or `text`, of the ids; None: a Parquet column's own, text of a CSV.
        stamp: of the file at the first read; a file that changes later is refused.
        rows: how many at a time.
        texts: columns of a CSV that are text, whatever they look like: the type is the same in every part.
        size: the number of customers, where it is known.
    """

    path: str
    id_type: str | None = None
    stamp: tuple[int, int, int] | None = None
    rows: int = ROWS
    texts: tuple[str, ...] = ()
    size: int | None = None

    def __post_init__(self) -> None:
        why = remote.refusal(self.path)
        if why:
            raise SummaryFileError(f"summary.path {mask(self.path)} {why}")
        if not self.path.endswith((".csv", ".parquet")):
            raise SummaryFileError(f"summary.path must end in .csv or .parquet, got {self.path!r}.")
        if Path(self.path).exists() and not Path(self.path).is_file():
            raise SummaryFileError(f"summary.path {self.path!r} is a folder, a device or a pipe; name a file.")

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield some rows at a time; at least one part, which may be empty."""
        try:
            for part in self._parquet() if self._is_parquet else self._csv():
                yield self._typed(part)
            self._require_unchanged()
        except (OSError, ValueError, pa.ArrowException) as error:
            if isinstance(error, InputError):
                raise
            raise SummaryFileError(self._unreadable(error)) from error

    def count(self) -> int:
        """Count the customers; a CSV that was not counted before is read for it."""
        if self.size is None and self._is_parquet and os.path.exists(self.path):
            with suppress(OSError, pa.ArrowException):  # `parts` raises them in words
                return int(pq.read_metadata(self.path).num_rows)
        return sum(len(part) for part in self.parts()) if self.size is None else self.size

    def _unreadable(self, error: Exception) -> str:
        """Return why the file cannot be read, and what to do."""
        if not os.path.exists(self.path):
            return f"summary.path {self.path!r}: there is no such file."
        if os.path.getsize(self.path) == 0:
            return f"summary.path {self.path!r} is empty: its first line must have the names of the columns."
        if isinstance(error, PermissionError):
            return f"summary.path {self.path!r}: the permission to read it is missing."
        remedy = "It may be damaged or of another format: write it again as Parquet, or as CSV in UTF-8 with commas."
        return f"summary.path {self.path!r} cannot be read as a table of customer summaries. {remedy}"

    def with_type(self, setting: str | None, of_model: str | None = None) -> "SummaryFile":
        """Choose the type of the ids, as `transactions.choose_type` does for a log.

        Raises IdTypeError for ids that are not integers if integers are required.
        """
        wanted = setting or (None if self._is_parquet else of_model)
        stamp = self._stamp() if os.path.exists(self.path) else None  # the read raises the error if it does not exist
        stamped = replace(self, stamp=stamp)
        if wanted == TEXT or (self._is_parquet and wanted is None):
            return replace(stamped, id_type=wanted)
        rows, number, first = 0, 0, list[str]()
        for part in stamped.parts():
            if "customer_id" not in part:
                return stamped  # `check_summaries` raises, with all missing columns
            ids = part["customer_id"].dropna().astype(str)
            others = ids[~is_integer_text(ids)]
            rows, number, first = rows + len(part), number + len(others), [*first, *others[:SHOWN]][:SHOWN]
        if number and wanted == INTEGER:
            raise refuse_others(number, rows, first, is_setting=setting is not None)
        return replace(stamped, id_type=TEXT if number else INTEGER, size=rows)

    def _stamp(self) -> tuple[int, int, int]:
        facts = os.stat(self.path)
        return facts.st_ino, facts.st_size, facts.st_mtime_ns

    def _require_unchanged(self) -> None:
        if self.stamp is not None and self._stamp() != self.stamp:
            raise SummaryFileError(f"{self.path} was changed while it was read. Score a file that is complete.")

    @property
    def _is_parquet(self) -> bool:
        return self.path.endswith(".parquet")

    def _typed(self, part: pd.DataFrame) -> pd.DataFrame:
        """Return the part with ids of the chosen type; `check_summaries` refuses a part without ids."""
        if self.id_type is None or "customer_id" not in part or part["customer_id"].isna().any():
            return part
        ids = part["customer_id"]
        if self.id_type == TEXT:
            return part.assign(customer_id=canonical_ids(ids)) if is_integer_dtype(ids) else part
        return part if is_integer_dtype(ids) else part.assign(customer_id=ids.astype("int64"))

    def _parquet(self) -> Iterator[pd.DataFrame]:
        with pq.ParquetFile(self.path) as file:
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table().to_pandas()
            for part in file.iter_batches(self.rows):
                yield part.to_pandas(types_mapper=NULLABLE.get)

    def _csv(self) -> Iterator[pd.DataFrame]:
        types: dict[str, Any] = dict.fromkeys(("customer_id", *self.texts), "str")
        for name in COLUMNS[1:]:
            types.pop(name, None)
        with pd.read_csv(self.path, dtype=types, keep_default_na=True, chunksize=self.rows) as chunks:
            yield from chunks


@dataclass
class SummaryCheck:
    """The check of a table part by part, but for ids that are in two parts.

    Attributes:
        by: columns to total by.
        seen: collects the facts for the comparison of units.
        segments: columns by which the model has segments.
        rows: of the parts so far.
        faults: broken rules so far.
        groups: values of the columns `by` so far.
    """

    by: Sequence[str] = ()
    seen: Seen | None = None
    segments: Sequence[str] = ()
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    groups: set[tuple[Any, ...]] = field(default_factory=set)

    def add(self, part: pd.DataFrame) -> pd.DataFrame | None:
        """Check a part; return its columns of a summary with canonical types, None where a rule is broken.

        Raises SummaryError for missing columns, which are missing in every part.
        """
        require_segments(list(part.columns), self.segments)
        customers = None
        try:
            customers = CustomerSummary.from_frame(part, first_row=self.rows + 1).table
        except SummaryError as error:
            if not error.by_rule:
                raise
            self.faults += error.by_rule
        if customers is not None and self.seen is not None:
            self.seen.add(customers)
        self.groups |= set(group(part, self.by)[0])
        self.rows += len(part)
        return customers

    def require_valid(self, further: Sequence[Fault] = ()) -> None:
        """Raise SummaryError with every broken rule, ScoreError for groups that cannot be built.

        `further` are faults that only the whole table shows, which count where its parts have none.
        """
        refuse_groups(self.by, len(self.groups))
        faults = self.faults or further
        if faults:
            raise SummaryError.of(faults, self.rows)


def check_summaries(
    summary: SummaryParts, by: Sequence[str] = (), seen: Seen | None = None, segments: Sequence[str] = ()
) -> int:
    """Check every part of a table, and all parts for duplicate ids, before any work; return the number of rows.

    Args:
        summary: the table.
        by: columns to total by.
        seen: collects the facts for the comparison of units.
        segments: columns by which the model has segments.

    Raises SummaryError with every broken rule of the table, ScoreError for groups that cannot be built.
    """
    check, keys = SummaryCheck(by, seen, segments), [np.empty(0, np.uint64)]
    for part in summary.parts():
        customers = check.add(part)
        if customers is not None:
            keys.append(customer_keys(customers["customer_id"], 0))
    check.require_valid(() if check.faults else _duplicates(summary, np.concatenate(keys)))
    return check.rows


def _duplicates(summary: SummaryParts, keys: Any) -> list[Fault]:
    """Find ids that are in more than one row, by their hashes first."""
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not again.size:
        return []
    # Two ids may have one hash, though rarely: compare the ids.
    ids = (canonical_ids(part["customer_id"]) for part in summary.parts())
    repeats = pd.concat([part[np.isin(customer_keys(part, 0), again)] for part in ids])
    names = repeats[repeats.duplicated(keep=False)].unique()
    return [repeated(len(names), [repr(str(name)) for name in names[:SHOWN]])] if len(names) else []
