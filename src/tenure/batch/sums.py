"""The sums of a batch scoring: totals, groups, months and counts over the parts of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .. import paths
from ..record import Record, finite
from ..scorer import BINS, TOTALS, Months, Scores, Totals
from ..totals import Drifts, adjusted_totals

FEW_CUSTOMERS = 20  # up to which any number of groups is shown


class Largest(NamedTuple):
    """The customer with the largest clv; of two with the same, the first by id."""

    customer_id: Any
    clv: float


def is_personal(groups: int, customers: int) -> bool:
    """Return whether groups are so many that most of them are one customer each, and would name customers.

    >>> is_personal(51, 100), is_personal(50, 100), is_personal(15, 20)
    (True, False, False)
    """
    return customers > FEW_CUSTOMERS and 2 * groups > customers


@dataclass(frozen=True)
class Sums:
    """The sums of some parts: those of their scores, of their scores to infinity if requested, the largest customer."""

    scores: Scores
    residual: Scores | None
    largest: Largest | None

    def __add__(self, other: "Sums") -> "Sums":
        residual = other.residual
        if self.residual is not None and residual is not None:
            residual = merge(self.residual, residual)
        return Sums(merge(self.scores, other.scores), residual, largest_of([self.largest, other.largest]))


@dataclass(frozen=True)
class Scored:
    """Result of a batch scoring without its rows, which are written: totals, groups, months, origin.

    `residual` are scores to infinity, if requested. `drifts` adjust the totals; None for a model that was registered
    without. `largest` is None if all clv are zero.
    """

    scores: Scores
    residual: Scores | None
    model: str
    as_of: str | None
    run_id: str
    drifts: Drifts | None = None
    largest: Largest | None = None

    @property
    def largest_share(self) -> float | None:
        """Return the share of the customer with the largest clv in the total; None if there is none."""
        total = self.scores.totals.expected_clv.mean()
        return None if self.largest is None or not total > 0 else float(self.largest.clv / total)

    @property
    def residual_beyond(self) -> float | None:
        """Return the extrapolated share of the residual clv; None without it."""
        return None if self.residual is None else self.residual.extrapolated_share

    @property
    def is_exact(self) -> bool:
        """Return whether all totals are within the range of exact sums."""
        sums = [self.scores.totals, *([] if self.residual is None else [self.residual.totals])]
        return all(totals.is_exact for totals in sums)

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
        if not self.is_exact:
            tags["totals.exact"] = "no: beyond the range of exact sums, their last digits depend on the parts"
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
            "score.new_segment_customers": scores.new_segment_customers,
            "score.without_columns": scores.without_columns,
            "score.extrapolated_share": scores.extrapolated_share,
            "score.residual_share_beyond": self.residual_beyond,
            "score.largest_clv_share": self.largest_share,
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
            table.loc["residual_clv"] = self.residual.totals.table(self.scores.params.level).loc["clv"]
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
    more = sums_of(more)
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
        new_segment_customers=scores.new_segment_customers + more.new_segment_customers,
        without_columns=scores.without_columns + more.without_columns,
    )


def sums_of(scores: Any) -> Scores:
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
        new_segment_customers=getattr(scores, "new_segment_customers", 0),
        without_columns=getattr(scores, "without_columns", 0),
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


def largest_in(table: pd.DataFrame) -> Largest | None:
    """Return the largest customer of a table of scores; None if all clv are zero."""
    clv = table["clv"].to_numpy(float)
    if not clv.size or not clv.max() > 0:
        return None
    return Largest(min(table["customer_id"].to_numpy()[clv == clv.max()], key=str), float(clv.max()))


def largest_of(several: Iterable[Largest | None]) -> Largest | None:
    """Return the largest of several customers."""
    return min(
        (one for one in several if one is not None), key=lambda one: (-one.clv, str(one.customer_id)), default=None
    )
