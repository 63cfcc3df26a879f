"""Scores in the kind of table that the caller gave."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from tenure import scorer
from tenure.scorer import Params
from tenure.totals import Drifts, adjusted_totals

from .customers import Customers


@dataclass(frozen=True)
class Scores:
    """Scores of customers; tables are of the kind that came in (Arrow for lazy frames, DuckDB and Ibis).

    Attributes:
        frame: a row per customer: order, pandas index and type of the ids of a summary are kept; customers of a log are
            sorted by id.
        totals: rows `purchases` and `clv`, from joint draws: `expected`, `low`, `high` (predictive interval),
            `mean_low`, `mean_high` (credible interval of the mean), and `adjusted_low`, `adjusted_high` (predictive,
            widened for drift). In pandas the row's name is the index, else the column `total`.
        params: horizon, discount rate, margin, level and seed that were used.
        groups: the totals of each group of the columns `by`; None without them.
        months: the totals of each month, for `by_month`; None without it.
        extrapolated_share: the share of expected clv beyond the longest time that a customer was observed; None where
            the horizon does not reach so far.
        unstable_means: how many customers' mean clv rests on a few draws.
        without_columns: how many customers lack the columns that the spend model needs (`faded_frequency`,
            `faded_spend`), and are scored with the model that was fitted to mean spends: all of them, or none.

    Example:
        >>> import pandas as pd, tenure
        >>> summary = pd.DataFrame({"customer_id": [7, 8], "frequency": [2, 0], "recency": [90, 0], "T": [100, 80],
        ...                         "monetary_value": [25.0, 0.0]})
        >>> scores = clv.score(summary, horizon_days=180)  # doctest: +SKIP
        >>> scores.frame[["customer_id", "clv"]]           # doctest: +SKIP
    """

    frame: Any
    totals: Any
    params: Mapping[str, Any]
    groups: Any | None = None
    months: Any | None = None
    extrapolated_share: float | None = None
    unstable_means: int = 0
    without_columns: int = 0


def scores_of(result: scorer.Scores, customers: Customers, drifts: Drifts | None, *, with_end: bool = True) -> Scores:
    """Return a scorer's result in the kind of the customers' table.

    Args:
        result: of the installed scorer, or of a model's own.
        customers: that were scored.
        drifts: of totals; None where the model has none.
        with_end: the scores have a horizon; drifts apply to no other.
    """
    params = asdict(result.params)
    totals = result.totals.table(result.params.level).rename_axis("total")
    if drifts is not None and with_end:
        totals = totals.join(adjusted_totals(result.totals, drifts, Params(**params)))
    months = None if result.months is None else result.months.table(result.params.level)
    return Scores(
        customers.beside(result.table),
        _native(totals, customers),
        params if with_end else {**params, "horizon_days": None},
        customers.like(result.group_table()) if result.by else None,
        None if months is None else customers.like(months),
        result.extrapolated_share,
        result.unstable_means,
        getattr(result, "without_columns", 0),  # the scorer of an older version has none
    )


def _native(totals: pd.DataFrame, customers: Customers) -> Any:
    native = customers.like(totals.reset_index())
    return native.set_index("total") if isinstance(native, pd.DataFrame) else native
