"""Batch scoring: tables of any size in, one described Parquet file out, whole or not at all.

Customers are read, checked and scored part by part, so that memory does not grow with their number; only a hash of each
id (8 bytes) is kept, to find who is there twice.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_integer_dtype

from . import paths, remote
from .addresses import mask
from .backtest import Drifts
from .base_forecast import adjusted_totals
from .errors import InputError
from .output import METADATA_KEY
from .record import Record, finite
from .scorer import Months, Scores, Totals, customer_keys, group, refuse_groups
from .summary import CustomerSummary, Fault, SummaryError, canonical_ids, repeated
from .transactions import CANONICAL, INTEGER, TEXT, refuse_others
from .units import Seen

FEW_CUSTOMERS = 20  # up to which any number of groups is shown
ROWS = 250_000  # customers in memory at a time
SHOWN = 3
# Integers with nulls stay integers: what an id or a count was before, it is after.
WHOLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}
WHOLE |= {pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype()}


def is_whole(ids: "pd.Series[str]") -> "pd.Series[bool]":
    """Find the ids that are written as integers are, and that 64 bits hold."""
    return ids.str.fullmatch(CANONICAL) & (pd.to_numeric(ids, errors="coerce").abs() < 2**63)


class BatchError(InputError):
    """A table that cannot be read or written."""


class SummaryParts(Protocol):
    """Customer summaries in parts, which can be read more than once."""

    def parts(self) -> Iterator[pd.DataFrame]:
        """Give the summaries, some rows at a time, in the same order each time."""


@dataclass(frozen=True)
class SummaryFile:
    """Customer summaries in a CSV or Parquet file; the scorer checks them.

    Attributes:
        path: of the file.
        id_type: `integer` or `text`, of the ids; None: a Parquet column's own, text of a CSV.
        stamp: of the file when it was first looked at; one that changes meanwhile is refused.
        rows: how many at a time.
    """

    path: str
    id_type: str | None = None
    stamp: tuple[int, int, int] | None = None
    rows: int = ROWS

    def __post_init__(self) -> None:
        why = remote.refusal(self.path)
        if why:
            raise BatchError(f"summary.path {mask(self.path)} {why}")
        if not self.path.endswith((".csv", ".parquet")):
            raise BatchError(f"summary.path must end in .csv or .parquet, got {self.path!r}.")
        if Path(self.path).exists() and not Path(self.path).is_file():
            raise BatchError(f"summary.path {self.path!r} is no file: a folder, a device or a pipe is not read.")

    def parts(self) -> Iterator[pd.DataFrame]:
        """Read some rows at a time; at least one part, if an empty one."""
        try:
            for part in self._parquet() if self._is_parquet else self._csv():
                yield self._typed(part)
            self._require_unchanged()
        except (OSError, ValueError, pa.ArrowException) as error:
            if isinstance(error, InputError):
                raise
            raise BatchError(self._unreadable(error)) from error

    def _unreadable(self, error: Exception) -> str:
        """Return why the file cannot be read, and what to do."""
        if not os.path.exists(self.path):
            return f"summary.path {self.path!r}: there is no such file."
        if os.path.getsize(self.path) == 0:
            return f"summary.path {self.path!r} is empty: its first line holds the names of the columns."
        if isinstance(error, PermissionError):
            return f"summary.path {self.path!r}: the permission to read it is missing."
        remedy = "It may be damaged or of another format: write it again as Parquet, or as CSV in UTF-8 with commas."
        return f"summary.path {self.path!r} cannot be read as a table of customer summaries. {remedy}"

    def with_type(self, setting: str | None, of_model: str | None = None) -> "SummaryFile":
        """Choose the type of the ids, as `transactions.choose_type` does for a log.

        Raises IdTypeError for ids that are no integers where integers are asked for.
        """
        wanted = setting or (None if self._is_parquet else of_model)
        stamp = self._stamp() if os.path.exists(self.path) else None  # without it reading says what is wrong
        stamped = replace(self, stamp=stamp)
        if wanted == TEXT or (self._is_parquet and wanted is None):
            return replace(stamped, id_type=wanted)
        rows, number, first = 0, 0, list[str]()
        for part in stamped.parts():
            if "customer_id" not in part:
                return stamped  # `check` says so, and what else is missing
            ids = part["customer_id"].dropna().astype(str)
            others = ids[~is_whole(ids)]
            rows, number, first = rows + len(part), number + len(others), [*first, *others[:SHOWN]][:SHOWN]
        if number and wanted == INTEGER:
            raise refuse_others(number, rows, first, is_setting=setting is not None)
        return replace(stamped, id_type=TEXT if number else INTEGER)

    def _stamp(self) -> tuple[int, int, int]:
        facts = os.stat(self.path)
        return facts.st_ino, facts.st_size, facts.st_mtime_ns

    def _require_unchanged(self) -> None:
        if self.stamp is not None and self._stamp() != self.stamp:
            raise BatchError(f"{self.path} was changed while it was read. Score a file that nobody writes to.")

    @property
    def _is_parquet(self) -> bool:
        return self.path.endswith(".parquet")

    def _typed(self, part: pd.DataFrame) -> pd.DataFrame:
        """Return the part with ids of the type that was chosen; what has none is left for `check` to refuse."""
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
                yield part.to_pandas(types_mapper=WHOLE.get)

    def _csv(self) -> Iterator[pd.DataFrame]:
        with pd.read_csv(self.path, dtype={"customer_id": "str"}, keep_default_na=True, chunksize=self.rows) as chunks:
            yield from chunks


class Largest(NamedTuple):
    """The customer with the largest clv, and the clv of all customers."""

    customer_id: Any
    clv: float
    total: float

    @property
    def share(self) -> float:
        """Return the customer's share of the total."""
        return self.clv / self.total if self.total > 0 else 0.0


def is_personal(groups: int, customers: int) -> bool:
    """Return whether groups are so many that most of them are one customer each, and would name customers.

    >>> is_personal(51, 100), is_personal(50, 100), is_personal(15, 20)
    (True, False, False)
    """
    return customers > FEW_CUSTOMERS and 2 * groups > customers


@dataclass(frozen=True)
class Scored:
    """What was scored, its rows written and gone: totals, groups, months, and where the scores come from.

    `residual` are totals to infinity, if asked for; `residual_beyond` is their `Scores.extrapolated_share`. `drifts`
    are what the model's totals are adjusted by; None of a model that was registered without. `largest` is None where
    nobody has any clv.
    """

    scores: Scores
    residual: Totals | None
    residual_beyond: float | None
    model: str
    as_of: str | None
    run_id: str
    drifts: Drifts | None = None
    largest: Largest | None = None

    @property
    def customers(self) -> int:
        """Count the customers."""
        return self.scores.totals.customers

    @property
    def adjusted_by(self) -> str | None:
        """Say where the drift on the adjusted totals comes from; None where there is none."""
        return None if self.drifts is None else self.drifts.source(self.scores.params.horizon_days)

    @property
    def is_personal(self) -> bool:
        """Return whether most groups are one customer each, so that their table would name customers."""
        return is_personal(len(self.scores.groups), self.customers)

    def record(self, seconds: float) -> Record:
        """Return the model, the number of customers, the seconds of the scoring, and the totals from joint draws."""
        totals, tags = self.totals_table(), {"model": self.model, "totals.adjusted": self.adjusted_by or "none"}
        if self.scores.by and self.is_personal:
            tags["scores.groups"] = "not logged: nearly as many groups as customers"
        rows = totals.to_dict("index").items()
        of_totals = {f"total.{name}.{end}": float(value) for name, row in rows for end, value in row.items()}
        return Record(
            metrics={"score.seconds": seconds, **self._counts(), **finite(of_totals)},
            tags=tags,
            tables={paths.SCORE_TOTALS: totals.rename_axis("total"), **self._tables()},
        )

    def _counts(self) -> dict[str, float]:
        """Count the customers and those of a special kind; list the shares that exist."""
        scores = self.scores
        counts: dict[str, float | None] = {
            "score.customers": self.customers,
            "score.unstable_means": scores.unstable_means,
            "score.free_repeat_buyers": scores.free_repeat_buyers,
            "score.extrapolated_share": scores.extrapolated_share,
            "score.residual_share_beyond": self.residual_beyond,
            "score.largest_clv_share": None if self.largest is None else self.largest.share,
        }
        return {name: value for name, value in counts.items() if value is not None}

    def _tables(self) -> dict[str, pd.DataFrame]:
        tables, scores = {}, self.scores
        if scores.by and not self.is_personal:
            tables[paths.SCORE_GROUPS] = self.group_table().set_index(list(scores.by))
        if scores.months is not None:
            tables[paths.SCORE_MONTHS] = scores.months.table(scores.params.level).set_index("month")
        return tables

    def totals_table(self) -> pd.DataFrame:
        """Tabulate the totals, raw and adjusted, and `residual_clv`, which has no horizon to be adjusted over."""
        table = self.scores.totals.table(self.scores.params.level)
        if self.drifts is not None:
            table = table.join(adjusted_totals(self.scores.totals, self.drifts, self.scores.params))
        if self.residual is not None:
            table.loc["residual_clv"] = self.residual.table(self.scores.params.level).loc["clv"]
        return table

    def group_table(self) -> pd.DataFrame:
        """Tabulate each group's totals, adjusted ones beside the raw: they have the error that all groups share."""
        table = self.scores.group_table()
        if self.drifts is None or table.empty:
            return table
        each = [adjusted_totals(totals, self.drifts, self.scores.params) for totals in self.scores.groups.values()]
        return table.join(pd.concat(each, ignore_index=True))


def check(summary: SummaryParts, by: Sequence[str] = (), seen: Seen | None = None) -> int:
    """Check every part of a table, and the whole for ids that are there twice, before any work; count its rows.

    Args:
        summary: the table.
        by: columns to total by.
        seen: gathers what the comparison of units has to know.

    Raises SummaryError with every broken rule of the whole table, ScoreError for groups that cannot be made.
    """
    rows, faults, groups = 0, list[Fault](), set[tuple[Any, ...]]()
    keys = [np.empty(0, np.uint64)]
    for part in summary.parts():
        try:
            customers = CustomerSummary.from_frame(part, first_row=rows + 1).table
        except SummaryError as error:
            if not error.found:  # of columns, which no part has
                raise
            faults += error.found
        else:
            keys.append(customer_keys(customers["customer_id"], 0))
            if seen is not None:
                seen.add(customers)
        groups |= set(group(part, by)[0])
        rows += len(part)
    refuse_groups(by, len(groups))
    faults = faults or _twice(summary, np.concatenate(keys))
    if faults:
        raise SummaryError.of(faults, rows)
    return rows


def _twice(summary: SummaryParts, keys: Any) -> list[Fault]:
    """Find ids that are in more than one part, by their hashes first."""
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not again.size:
        return []
    # Hashes may agree by chance, though hardly ever: look at the ids themselves.
    ids = (canonical_ids(part["customer_id"]) for part in summary.parts())
    found = pd.concat([part[np.isin(customer_keys(part, 0), again)] for part in ids])
    names = found[found.duplicated(keep=False)].unique()
    return [repeated(len(names), [repr(str(name)) for name in names[:SHOWN]])] if len(names) else []


def merge(scores: Scores | None, more: Scores) -> Scores:
    """Add the sums of another part; the rows, which are written by then, are left out."""
    months = getattr(more, "months", None)  # an older model's own scorer may know none
    if months is not None:
        sums = months.totals
        if scores is not None and scores.months is not None:
            sums = tuple(a + b for a, b in zip(scores.months.totals, sums, strict=True))
        none = np.empty((0, len(sums)))
        months = Months(months.days, none, none, sums)
    beyond, unstable_means = getattr(more, "extrapolated_share", None), getattr(more, "unstable_means", 0)
    free = getattr(more, "free_repeat_buyers", 0)
    totals, groups = more.totals, dict(more.groups)
    if scores is not None:
        parts = [(scores.extrapolated_share, scores.totals), (beyond, more.totals)]
        beyond = share_of_all(parts)
        totals, unstable_means = scores.totals + more.totals, scores.unstable_means + unstable_means
        free += scores.free_repeat_buyers
        for key, group_totals in scores.groups.items():
            groups[key] = group_totals + groups[key] if key in groups else group_totals
    ordered = dict(sorted(groups.items(), key=lambda item: [(pd.isna(part), str(part)) for part in item[0]]))
    return Scores(more.table.iloc[:0], totals, more.params, ordered, more.by, months, beyond, unstable_means, free)


def larger(before: Largest | None, table: pd.DataFrame) -> Largest | None:
    """Return the largest customer of the parts before and of the scores of one more part."""
    clv = table["clv"].to_numpy(float)
    if not clv.size or not clv.max() > 0:
        return before
    at, total = int(clv.argmax()), float(clv.sum()) + (before.total if before else 0.0)
    if before is not None and before.clv >= clv[at]:
        return before._replace(total=total)
    return Largest(table["customer_id"].iloc[at], float(clv[at]), total)


def share_of_all(parts: list[tuple[float | None, Totals]]) -> float | None:
    """Put shares of expected value together."""
    known = [(share, totals.expected_clv.mean()) for share, totals in parts if share is not None]
    whole = sum(weight for _, weight in known)
    return float(sum(share * weight for share, weight in known) / whole) if whole > 0 else None


class ScoreFile:
    """A Parquet file that is written part by part and says what it is; within `output.atomic_file`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pd.DataFrame) -> None:
        """Write some rows."""
        if self._writer is None:
            schema = pa.Schema.from_pandas(table, preserve_index=False)
            self._writer = pq.ParquetWriter(self._path, schema.remove_metadata())
        self._writer.write_table(pa.Table.from_pandas(table, schema=self._writer.schema, preserve_index=False))

    def close(self, about: Mapping[str, Any]) -> None:
        """End it; let the file say of itself, as JSON in its own metadata, what it is."""
        if self._writer is None:
            raise BatchError("There are no customers to score.")
        self._writer.add_key_value_metadata({METADATA_KEY: json.dumps(about, sort_keys=True).encode()})
        self._writer.close()
