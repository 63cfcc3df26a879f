"""Batch scoring: sums over the parts of a table, and the Parquet file of scores.

Customers are scored part by part, so memory does not grow with their number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from . import paths
from .errors import InputError, Reason
from .output import METADATA_KEY
from .record import Record, finite
from .scorer import BINS, TOTALS, Months, Scores, Totals
from .totals import Drifts, adjusted_totals

FEW_CUSTOMERS = 20  # up to which any number of groups is shown


class BatchError(InputError):
    """A table that cannot be written."""

    reason = Reason.BAD_LOG


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
    """Result of a batch scoring without its rows, which are written: totals, groups, months, origin.

    `residual` are totals to infinity, if requested; `residual_beyond` is their `Scores.extrapolated_share`. `drifts`
    adjust the totals; None for a model that was registered without. `largest` is None if
    all clv are zero.
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
        """Return the source of the drift of the adjusted totals; None if there is none."""
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
        """Tabulate each group's totals, raw and adjusted: drift is an error that all groups share."""
        table = self.scores.group_table()
        if self.drifts is None or table.empty:
            return table
        each = [adjusted_totals(totals, self.drifts, self.scores.params) for totals in self.scores.groups.values()]
        return table.join(pd.concat(each, ignore_index=True))


def merge(scores: Scores | None, more: Scores) -> Scores:
    """Add the sums of another part, without its rows, which are written already."""
    more = _sums_of(more)
    if scores is None:
        return more
    months, groups = more.months, dict(more.groups)
    if months is not None and scores.months is not None:
        pairs = zip(scores.months.totals, months.totals, strict=True)
        months = replace(months, totals=tuple(a + b for a, b in pairs))
    for key, totals in scores.groups.items():
        groups[key] = totals + groups[key] if key in groups else totals
    beyond = more.extrapolated
    if beyond is not None and scores.extrapolated is not None:
        beyond = scores.extrapolated + beyond
    return replace(
        more,
        totals=scores.totals + more.totals,
        groups=_sorted(groups),
        months=months,
        extrapolated=beyond,
        unstable_means=scores.unstable_means + more.unstable_means,
        free_repeat_buyers=scores.free_repeat_buyers + more.free_repeat_buyers,
    )


def _sums_of(scores: Any) -> Scores:
    """Return the sums of the scores of a model's own scorer in the installed classes.

    That of an older version may have neither months, exact sums, nor some of the counts.
    """
    months = getattr(scores, "months", None)
    if months is not None:
        none = np.empty((0, len(months.totals)))
        months = Months(months.days, none, none, tuple(map(_totals_of, months.totals)))
    beyond = getattr(scores, "extrapolated", None)
    return Scores(
        scores.table.iloc[:0],
        _totals_of(scores.totals),
        scores.params,
        _sorted({key: _totals_of(totals) for key, totals in scores.groups.items()}),
        scores.by,
        months,
        None if beyond is None else _totals_of(beyond),
        getattr(scores, "unstable_means", 0),
        getattr(scores, "free_repeat_buyers", 0),
    )


def _totals_of(totals: Any) -> Totals:
    """Return totals in the installed class; sums that are not exact are marked so."""
    if hasattr(totals, "sums"):
        return Totals(totals.customers, totals.sums, totals.most_clv)
    sums = np.zeros((len(TOTALS), BINS, totals.clv.size))
    sums[:, 0] = [getattr(totals, name) for name in TOTALS]
    return Totals(totals.customers, sums, -1.0)


def _sorted(groups: Mapping[tuple[Any, ...], Totals]) -> dict[tuple[Any, ...], Totals]:
    return dict(sorted(groups.items(), key=lambda item: [(pd.isna(part), str(part)) for part in item[0]]))


def larger(before: Largest | None, table: pd.DataFrame) -> Largest | None:
    """Return the largest customer of the parts before and of the scores of one more part."""
    clv = table["clv"].to_numpy(float)
    if not clv.size or not clv.max() > 0:
        return before
    at, total = int(clv.argmax()), float(clv.sum()) + (before.total if before else 0.0)
    if before is not None and before.clv >= clv[at]:
        return before._replace(total=total)
    return Largest(table["customer_id"].iloc[at], float(clv[at]), total)


def share_of_all(shares: list[tuple[float | None, Totals]]) -> float | None:
    """Combine shares of the expected clv, weighted by the clv of their parts."""
    weighted = [(share, totals.expected_clv.mean()) for share, totals in shares if share is not None]
    total = sum(weight for _, weight in weighted)
    return float(sum(share * weight for share, weight in weighted) / total) if total > 0 else None


class ScoreFile:
    """A Parquet file that is written part by part, with a description in its metadata; within `output.atomic_file`."""

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
        """Close the file, with its description as JSON in its metadata."""
        if self._writer is None:
            raise BatchError("There are no customers to score.")
        self._writer.add_key_value_metadata({METADATA_KEY: json.dumps(about, sort_keys=True).encode()})
        self._writer.close()
