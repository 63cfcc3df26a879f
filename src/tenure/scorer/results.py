"""Results of scoring: rows, totals from joint draws, and the path to the horizon month by month."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrays import Floats
from .columns import TOTAL_CLV, TOTAL_EXPECTED_CLV, TOTAL_EXPECTED_PURCHASES, TOTAL_PURCHASES, TOTALS
from .exact_sums import BINS, MOST_CUSTOMERS, MOST_UNITS, add_bins
from .params import Params
from .quantiles import interval_ranks

ENDS = ("expected", "low", "high", "mean_low", "mean_high")


@dataclass(frozen=True)
class Totals:
    """Sums over customers, one per joint draw; adding two adds their customers.

    The sums are exact (`exact_sums`): equal to the bit however customers are divided into parts.

    Args:
        customers: how many customers are in the sums.
        sums: of `columns.TOTALS`, simulated outcomes and expectations, shape (4, BINS, draws); those of purchases are
            NaN where they are not counted.
        most_clv: the largest total of clv that is exact.
    """

    customers: int
    sums: Floats
    most_clv: float = math.inf

    @classmethod
    def empty(cls, draws: int) -> "Totals":
        """Return the totals of no customers."""
        return cls(0, np.zeros((len(TOTALS), BINS, draws)))

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.customers + other.customers, self.sums + other.sums, min(self.most_clv, other.most_clv))

    @property
    def purchases(self) -> Floats:
        """Return the simulated purchases per draw, shape (draws,)."""
        return add_bins(self.sums[TOTAL_PURCHASES], 0)

    @property
    def clv(self) -> Floats:
        """Return the simulated clv per draw, shape (draws,)."""
        return add_bins(self.sums[TOTAL_CLV], 0)

    @property
    def expected_purchases(self) -> Floats:
        """Return the expected purchases per draw, shape (draws,)."""
        return add_bins(self.sums[TOTAL_EXPECTED_PURCHASES], 0)

    @property
    def expected_clv(self) -> Floats:
        """Return the expected clv per draw, shape (draws,)."""
        return add_bins(self.sums[TOTAL_EXPECTED_CLV], 0)

    @property
    def is_exact(self) -> bool:
        """Return whether the sums are within the range of exact sums; beyond it the last digits depend on the parts."""
        most = np.array([2.0**53, self.most_clv, MOST_UNITS, self.most_clv])
        return self.customers <= MOST_CUSTOMERS and not (self.sums[:, 0] > most[:, None]).any()

    def without_counts(self) -> "Totals":
        """Return the totals of clv alone, as a horizon without end has them."""
        sums = self.sums.copy()
        sums[[TOTAL_PURCHASES, TOTAL_EXPECTED_PURCHASES]] = np.nan
        return replace(self, sums=sums)

    def table(self, level: float) -> pd.DataFrame:
        """Tabulate `purchases`, where they are counted, and `clv`: the point, its predictive and credible interval."""
        rows = {"clv": spans(self.clv, self.expected_clv, level)}
        if not np.isnan(self.expected_purchases).any():
            rows = {"purchases": spans(self.purchases, self.expected_purchases, level), **rows}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(ENDS))


def spans(outcomes: Floats, expected: Floats, level: float) -> list[float]:
    """Compute the mean, the predictive and the credible interval of joint draws, in the order of `ENDS`."""
    low, high = interval_ranks(outcomes.size, level)
    ordered, means = np.sort(outcomes), np.sort(expected)
    return [expected.mean(), ordered[low], ordered[high], means[low], means[high]]


@dataclass(frozen=True)
class Months:
    """Expectations and totals month by month up to the horizon; a month is the twelfth of a year of 365 days.

    Args:
        days: the last day of each month, shape (months,); the horizon is the last.
        purchases, clv: each customer's expectation within the month, shape (customers, months).
        totals: of all customers within each month, from joint draws.
    """

    days: Floats
    purchases: Floats
    clv: Floats
    totals: tuple[Totals, ...]

    def table(self, level: float, *, cumulative: bool = False) -> pd.DataFrame:
        """Tabulate the totals: `month`, `until_day`, `total` (purchases, clv), the point and both intervals.

        Args:
            level: of the intervals.
            cumulative: from now to the month's end, instead of within the month.
        """
        tables, sums = [], np.zeros(self.totals[0].sums.shape)
        for month, totals in enumerate(self.totals, start=1):
            sums = sums + totals.sums
            shown = (replace(totals, sums=sums) if cumulative else totals).table(level)
            tables.append(shown.rename_axis("total").reset_index().assign(month=month, until_day=self.days[month - 1]))
        return pd.concat(tables, ignore_index=True)[["month", "until_day", "total", *ENDS]]


@dataclass(frozen=True)
class Scores:
    """Scores: one row per customer in the order given, totals from joint draws, and the params used.

    Args:
        table: `customer_id` and the requested columns.
        totals: of all customers.
        params: those used.
        groups: totals by the values of the columns `by`, in their order.
        by: columns that customers were grouped by.
        months: month by month, if requested.
        extrapolated: totals of the days beyond the longest observed time; None where the horizon does not reach so
            far, or the posterior's origin lacks that time.
        unstable_means: how many customers' mean values rest on so few draws that another sample of this size would
            move them by more than a tenth (one standard error).
        free_repeat_buyers: how many customers' repeat purchases were all free; their `expected_spend` is the
            population's.
        futures: every customer's outcomes, if requested.
        new_segment_customers: how many customers are of a segment that the fit did not have, or that has too few
            customers for a name; they are scored as of a new segment. 0 without segments.
        without_columns: how many customers lack the columns that the spend model needs, and are scored with its
            `without_columns`, which was fitted to mean spends: all of them, or none.
    """

    table: pd.DataFrame
    totals: Totals
    params: Params
    groups: Mapping[tuple[Any, ...], Totals] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    months: Months | None = None
    extrapolated: Totals | None = None
    unstable_means: int = 0
    free_repeat_buyers: int = 0
    futures: "Futures | None" = None
    new_segment_customers: int = 0
    without_columns: int = 0

    @property
    def extrapolated_share(self) -> float | None:
        """Return the share of the total expected clv that lies beyond the longest observed time; None as above."""
        total = self.totals.expected_clv.mean()
        if self.extrapolated is None or not total > 0:
            return None
        return float(self.extrapolated.expected_clv.mean() / total)

    def group_table(self) -> pd.DataFrame:
        """Tabulate each group's totals: the columns `by`, `customers`, `total` (purchases, clv) and `Totals.table`."""
        tables = [
            totals.table(self.params.level)
            .rename_axis("total")
            .reset_index()
            .assign(customers=totals.customers, **dict(zip(self.by, key, strict=True)))
            for key, totals in self.groups.items()
        ]
        columns = [*self.by, "customers", "total", *ENDS]
        table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
        return table[columns].reset_index(drop=True)


@dataclass(frozen=True)
class Futures:
    """Simulated purchases and clv, (customers, draws); column s uses posterior draw s, so its sum is a joint total."""

    purchases: NDArray[np.int32]
    clv: Floats


@dataclass(frozen=True)
class NewCustomer:
    """Value of a customer who is not yet acquired, first order included, from the day of that order on.

    Args:
        outcomes: simulated discounted margin, shape (futures,).
        expected: its expectation per draw of the population, shape (draws,).
        first_order: the first order's share of it, per draw.
        params: those used; `horizon_days` None means to infinity.
        purchases: simulated repeat purchases, shape (futures,).
    """

    outcomes: Floats
    expected: Floats
    first_order: Floats
    params: Mapping[str, Any]
    purchases: Floats

    def table(self) -> pd.DataFrame:
        """Tabulate `clv`, its predictive interval `clv_low`, `clv_high`, the mean's credible one, and `first_order`."""
        level = self.params["level"]
        low, high = interval_ranks(self.outcomes.size, level)
        outcomes = np.sort(self.outcomes)
        mean, _, _, mean_low, mean_high = spans(self.expected, self.expected, level)
        row = [mean, outcomes[low], outcomes[high], mean_low, mean_high, self.first_order.mean()]
        return pd.DataFrame(
            [row], columns=["clv", "clv_low", "clv_high", "clv_mean_low", "clv_mean_high", "first_order"]
        )
