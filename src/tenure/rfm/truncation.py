"""Detect left-truncated customers by an excess of first purchases in the first weeks of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from ..transactions import Transactions
from .cohort import Floats, Ints, Trend, fit_trend, weeks_of_acquisition
from .window import EVERYONE, AcquisitionWindow, RfmError, end_of, first_purchases_of, is_in_window

WEEK_DAYS = 7
EARLY_WEEKS = 4  # a customer who buys monthly or more often shows up in them
LEAST_WEEKS = 16  # the later half, at least eight weeks, gives the rate and its variance


@dataclass(frozen=True)
class Truncation:
    """First purchases in the log by week, and the excess of the first four weeks.

    Null hypothesis: the acquisition rate is constant, so that the weekly first purchases are independent with one mean
    and one variance. Both are estimated from the later half of the weeks; the variance is at least that of a Poisson
    variable. The first purchase in the log of a left-truncated customer is usually early. For customers who buy seldom
    it can be late, so that the excess underestimates the number of left-truncated customers. A declining acquisition
    rate, a season or a campaign at the start cause an excess too.

    A log of one cohort ends its acquisitions on purpose, so their rate may change on the way: there the null hypothesis
    is a log-linear trend, estimated from the later half of the weeks of acquisition.

    Attributes:
        first: the first day of the first week.
        acquisitions: the first purchases of each whole week, up to the week of the last one.
        is_cohort: whether the log follows one cohort; the weeks are then those until acquisitions stop.
    """

    first: date
    acquisitions: Ints
    is_cohort: bool = False

    def __post_init__(self) -> None:
        if self.acquisitions.dtype != np.int64 or len(self.acquisitions) < LEAST_WEEKS or (self.acquisitions < 0).any():
            raise RfmError(
                f"First purchases are counted over {LEAST_WEEKS} whole weeks at least, not {len(self.acquisitions)}."
            )
        if not self._later.any():
            raise RfmError("There is no first purchase in the later half of the weeks, so no rate to compare with.")

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> Truncation:
        """Return the counts of a logged `table`."""
        counts, is_cohort = table["acquisitions"].to_numpy(np.int64), bool(table["is_cohort"].iloc[0])
        return cls(pd.Timestamp(table["week"].iloc[0]).date(), counts, is_cohort)

    @property
    def _later(self) -> Ints:
        return self.acquisitions[-(len(self.acquisitions) // 2) :]

    @property
    def early(self) -> int:
        """Return the first purchases of the first four weeks."""
        return int(self.acquisitions[:EARLY_WEEKS].sum())

    @property
    def weekly(self) -> float:
        """Return the mean weekly first purchases of the later half."""
        return float(self._later.mean())

    @cached_property
    def _trend(self) -> Trend:
        if self.is_cohort:
            return fit_trend(self.acquisitions, len(self._later), EARLY_WEEKS)
        variance = max(float(self._later.var(ddof=1)), self.weekly)
        error = float(np.sqrt(EARLY_WEEKS * variance * (1 + EARLY_WEEKS / len(self._later))))
        return Trend(np.full(len(self.acquisitions), self.weekly), error)

    @property
    def expected(self) -> Floats:
        """Return the weekly first purchases that the later half gives."""
        return self._trend.expected

    @property
    def excess(self) -> float:
        """Return the first purchases of the first four weeks less those expected."""
        return self.early - float(self.expected[:EARLY_WEEKS].sum())

    @property
    def excess_se(self) -> float:
        """Return the standard error of the excess, from the early weeks and from the later ones."""
        return self._trend.error

    @property
    def p_value(self) -> float:
        """Return the probability of such an excess or more under the null hypothesis, by Student's t."""
        parameters = 2 if self.is_cohort else 1
        return float(stdtr(len(self._later) - parameters, -self.excess / self.excess_se))

    @property
    def share(self) -> float:
        """Return the excess as a share of all first purchases; negative if the early weeks have fewer.

        In a log of one cohort it is net of two standard errors: the trend is less certain than a mean.
        """
        chance = 2 * self.excess_se if self.is_cohort else 0.0
        return (self.excess - chance) / int(self.acquisitions.sum())

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {
            "truncation.weeks": float(len(self.acquisitions)),
            "truncation.is_cohort": float(self.is_cohort),
            "truncation.early_acquisitions": float(self.early),
            "truncation.later_acquisitions": float(self.acquisitions[EARLY_WEEKS:].sum()),
            "truncation.weekly_acquisitions": self.weekly,
            "truncation.excess": self.excess,
            "truncation.excess_se": self.excess_se,
            "truncation.excess_share": self.share,
            "truncation.excess_share_se": self.excess_se / int(self.acquisitions.sum()),
            "truncation.p_value": self.p_value,
        }

    def table(self) -> pd.DataFrame:
        """Return a row per week: `week`, its first day, `acquisitions`, `expected`, and three that start with `is_`."""
        at = np.arange(len(self.acquisitions))
        return pd.DataFrame(
            {
                "week": pd.to_datetime([self.first + timedelta(WEEK_DAYS * int(week)) for week in at]),
                "acquisitions": self.acquisitions,
                "expected": self.expected,
                "is_early": at < EARLY_WEEKS,
                "is_later": at >= len(at) - len(self._later),
                "is_cohort": self.is_cohort,
            }
        )


def find_truncation(
    transactions: Transactions, end: date | str | None = None, window: AcquisitionWindow = EVERYONE
) -> Truncation | None:
    """Count the first purchases in the window by week; return None if there are too few weeks.

    Weeks start on the log's first day, or on the first day of the acquisition window. Weeks after the last first
    purchase are left out, and in a log of one cohort those after acquisitions stop.
    """
    last = end_of(transactions, end)
    start = max(window.first or transactions.first_day, transactions.first_day)
    acquired = first_purchases_of(transactions, transactions.purchases(last))
    included: Any = acquired.filter(is_in_window(acquired, window))
    days = included.group_by("first_purchase").aggregate(acquisitions=included.count()).to_pandas()
    if days.empty:
        return None
    week = (pd.to_datetime(days["first_purchase"]) - pd.Timestamp(start)).dt.days.to_numpy() // WEEK_DAYS
    weeks = ((min(last, window.last or last) - start).days + 1) // WEEK_DAYS
    counts = np.bincount(week, weights=days["acquisitions"], minlength=weeks).astype(np.int64)[:weeks]
    stop = weeks_of_acquisition(counts) if counts.any() else None
    counts = np.trim_zeros(counts, "b") if stop is None else counts[:stop]
    if len(counts) < LEAST_WEEKS:
        return None
    return Truncation(start, counts, is_cohort=stop is not None)
