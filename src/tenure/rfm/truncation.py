"""Find customers who were active before the log began, by the births that its first weeks have too many of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr

from ..transactions import Transactions
from .window import EVERYONE, AcquisitionWindow, RfmError, end_of, first_purchases_of, is_in_window

type Ints = npt.NDArray[np.int64]

WEEK_DAYS = 7
EARLY_WEEKS = 4  # a customer who buys monthly or more often shows up in them
LEAST_WEEKS = 16  # half of them give the later rate and its spread: eight numbers at least


@dataclass(frozen=True)
class Truncation:
    """AcquisitionWindow (first purchases in the log) by week, and how many the first four weeks have too many.

    Null hypothesis: customers come in at one rate, so that the weeks' births are independent, with one mean and one
    variance; that of the later half of the weeks, and no less than a Poisson variable's. Whoever was active before the
    log is born in it on the first purchase that it shows, most of them early. Those who buy seldom are born later, in
    the later half as well: the excess is less than all that came from before. It says nothing of why: a shrinking
    inflow, a season or a campaign at the start give an excess too.

    Attributes:
        first: the first day of the first week.
        births: of each whole week, up to the last first_purchase's.
    """

    first: date
    acquisitions: Ints

    def __post_init__(self) -> None:
        if self.acquisitions.dtype != np.int64 or len(self.acquisitions) < LEAST_WEEKS or (self.acquisitions < 0).any():
            raise RfmError(
                f"First purchases are counted over {LEAST_WEEKS} whole weeks at least, not {len(self.acquisitions)}."
            )
        if not self._later.any():
            raise RfmError("There is no first_purchase in the later half of the weeks, and so no rate to compare with.")

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> Truncation:
        """Read back what `table` gave, from a run that logged it."""
        return cls(pd.Timestamp(table["week"].iloc[0]).date(), table["acquisitions"].to_numpy(np.int64))

    @property
    def _later(self) -> Ints:
        return self.acquisitions[-(len(self.acquisitions) // 2) :]

    @property
    def early(self) -> int:
        """Count the births of the first four weeks."""
        return int(self.acquisitions[:EARLY_WEEKS].sum())

    @property
    def weekly(self) -> float:
        """Return the mean births a week of the later half."""
        return float(self._later.mean())

    @property
    def excess(self) -> float:
        """Return the first four weeks' births above those that the later weekly rate would give."""
        return self.early - EARLY_WEEKS * self.weekly

    @cached_property
    def excess_se(self) -> float:
        """Return the standard error of the excess: chance in the early weeks, and in the rate."""
        variance = max(float(self._later.var(ddof=1)), self.weekly)
        return float(np.sqrt(EARLY_WEEKS * variance * (1 + EARLY_WEEKS / len(self._later))))

    @property
    def p_value(self) -> float:
        """Return the probability of such an excess or more under the null hypothesis, by Student's t."""
        return float(stdtr(len(self._later) - 1, -self.excess / self.excess_se))

    @property
    def share(self) -> float:
        """Return the excess as a share of all births; negative where the early weeks have fewer."""
        return self.excess / int(self.acquisitions.sum())

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {
            "truncation.weeks": float(len(self.acquisitions)),
            "truncation.early_births": float(self.early),
            "truncation.weekly_births": self.weekly,
            "truncation.excess": self.excess,
            "truncation.excess_se": self.excess_se,
            "truncation.excess_share": self.share,
            "truncation.excess_share_se": self.excess_se / int(self.acquisitions.sum()),
            "truncation.p_value": self.p_value,
        }

    def table(self) -> pd.DataFrame:
        """Return a row per week: `week` (its first day), `births`, `expected`, `is_early`, `is_later`."""
        at = np.arange(len(self.acquisitions))
        return pd.DataFrame(
            {
                "week": pd.to_datetime([self.first + timedelta(WEEK_DAYS * int(week)) for week in at]),
                "acquisitions": self.acquisitions,
                "expected": self.weekly,
                "is_early": at < EARLY_WEEKS,
                "is_later": at >= len(at) - len(self._later),
            }
        )


def find_truncation(
    transactions: Transactions, end: date | str | None = None, window: AcquisitionWindow = EVERYONE
) -> Truncation | None:
    """Count the births of those looked at by week; None where the weeks are too few to tell anything.

    Weeks count from the log's first day, or from that of the window of births. Weeks after the last
    first purchase are no part of it: a log may follow one cohort.
    """
    last = end_of(transactions, end)
    start = max(window.first or transactions.first_day, transactions.first_day)
    acquired = first_purchases_of(transactions, transactions.purchases(last))
    ours: Any = acquired.filter(is_in_window(acquired, window))
    days = ours.group_by("first_purchase").aggregate(acquisitions=ours.count()).to_pandas()
    if days.empty:
        return None
    week = (pd.to_datetime(days["first_purchase"]) - pd.Timestamp(start)).dt.days.to_numpy() // WEEK_DAYS
    whole = ((min(last, window.last or last) - start).days + 1) // WEEK_DAYS
    counts = np.bincount(week, weights=days["acquisitions"]).astype(np.int64)[:whole]
    counts = np.trim_zeros(counts, "b")
    if len(counts) < LEAST_WEEKS:
        return None
    return Truncation(start, counts)
