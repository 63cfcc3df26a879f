"""The amounts of single purchase days, which the mean spends of a summary do not contain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .faults import SummaryError

if TYPE_CHECKING:
    import pandas as pd

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Amounts:
    """Amounts of repeat purchase days: distinct pairs of their number and their mean, each with its customers.

    Free and negligible days are left out: log(0) is infinite, and a remainder of a cent would count like any purchase.

    Attributes:
        frequency, mean: a customer's repeat purchase days that are not left out, and their mean amount.
        log_ratio: a customer's sum of log(amount / mean), averaged over the customers of the pair; 0 at most.
        count: the number of customers.
        least: days with a smaller amount are left out.
        days: the number of repeat purchase days of all customers.
    """

    frequency: Ints
    mean: Floats
    log_ratio: Floats
    count: Ints
    least: float
    days: int

    def __post_init__(self) -> None:
        columns = (self.mean, self.log_ratio, self.count)
        if {column.shape for column in columns} != {self.frequency.shape}:
            raise SummaryError("The amounts' frequency, mean, log_ratio and count are not of one length.")
        is_valid = (self.frequency >= 1) & (self.mean > 0) & np.isfinite(self.mean) & (self.count >= 1)
        is_valid &= (self.log_ratio <= 0) & np.isfinite(self.log_ratio)
        if not is_valid.all():
            raise SummaryError(
                f"{np.count_nonzero(~is_valid):,} amounts have no purchase, no finite mean above 0, no finite log_ratio"
                " from 0 down, or no customer."
            )

    @classmethod
    def of(cls, customers: pd.DataFrame, least: float) -> Amounts:
        """Group the columns `counted`, `counted_mean`, `log_ratio` and `frequency` of customers."""
        pairs = customers.loc[customers["counted"] > 0].groupby(["counted", "counted_mean"], as_index=False)
        grouped = pairs.agg(log_ratio=("log_ratio", "mean"), count=("log_ratio", "size"))
        return cls.of_pairs(grouped, least, int(customers["frequency"].sum()))

    @classmethod
    def of_pairs(cls, pairs: pd.DataFrame, least: float, days: int) -> Amounts:
        """Return the amounts of distinct pairs: `counted`, `counted_mean`, `log_ratio` and `count`."""
        counts = [pairs[name].to_numpy(dtype=np.int64) for name in ("counted", "count")]
        mean, log_ratio = (pairs[name].to_numpy(dtype=np.float64) for name in ("counted_mean", "log_ratio"))
        return cls(counts[0], mean, log_ratio, counts[1], least, days)

    @property
    def left_out(self) -> int:
        """Return the number of repeat purchase days that are left out."""
        return self.days - int(self.frequency @ self.count)
