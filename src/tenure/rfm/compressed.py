"""Group a customer base to its distinct histories: all that the likelihood has to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from ..summary import CustomerSummary, FirstOrders
from ..transactions import Transactions
from .customers import per_customer
from .window import EVERYONE, AcquisitionWindow, RfmError, end_of, refuse_nobody

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """The distinct purchase histories, sorted, each with the number of customers who share it."""

    frequency: Ints
    recency: Ints
    T: Ints
    count: Ints

    def __post_init__(self) -> None:
        columns = (self.frequency, self.recency, self.T, self.count)
        if any(column.dtype != np.int64 or column.shape != self.T.shape for column in columns):
            raise RfmError("The histories' frequency, recency, T and count are not int64 of one length.")
        if (self.count < 1).any():
            raise RfmError(f"{np.count_nonzero(self.count < 1):,} histories are no customer's: their count is below 1.")


@dataclass(frozen=True)
class Spends:
    """Distinct pairs of frequency and mean spend, sorted, each with its number of customers.

    Of the repeat buyers who paid for a repeat purchase: free ones alone say nothing of spend.
    """

    frequency: Ints
    mean: Floats
    count: Ints

    def __post_init__(self) -> None:
        if {column.shape for column in (self.mean, self.count)} != {self.frequency.shape}:
            raise RfmError("The spends' frequency, mean and count are not of one length.")
        right = (self.frequency >= 1) & (self.mean > 0) & np.isfinite(self.mean) & (self.count >= 1)
        if not right.all():
            raise RfmError(
                f"{np.count_nonzero(~right):,} spends have no purchase, no finite mean above 0, or no customer."
            )


@dataclass(frozen=True)
class CompressedSummary:
    """All that the likelihood has to know of a customer base: its size is that of the distinct rows, not of the base.

    Two grouped queries make it from a log of any size; `Base.of` makes it from a summary in memory.
    """

    histories: Histories
    spends: Spends
    as_of: date | None
    first_orders: FirstOrders | None = None

    def __post_init__(self) -> None:
        if self.paying_repeat_buyers > self.repeat_buyers:
            raise RfmError(
                f"The histories have {self.repeat_buyers:,} repeat buyers, the spends {self.paying_repeat_buyers:,}."
            )

    @classmethod
    def of(cls, summary: CustomerSummary) -> CompressedSummary:
        """Group a customer summary."""
        paid = (summary.table["frequency"] > 0) & (summary.table["monetary_value"] > 0)
        pairs = summary.table.loc[paid, ["frequency", "monetary_value"]]
        grouped = pairs.groupby(["frequency", "monetary_value"], as_index=False).size()
        columns = (grouped[name].to_numpy() for name in ("frequency", "monetary_value", "size"))
        return cls(histories(summary), Spends(*columns), summary.as_of, summary.first_orders)

    @property
    def customers(self) -> int:
        """Count the customers."""
        return int(self.histories.count.sum())

    @property
    def repeat_buyers(self) -> int:
        """Count the customers who bought again."""
        return int(self.histories.count[self.histories.frequency > 0].sum())

    @property
    def paying_repeat_buyers(self) -> int:
        """Count the customers of the spend model: who bought again and paid for it."""
        return int(self.spends.count.sum())


def compress(
    transactions: Transactions, end: date | str | None = None, window: AcquisitionWindow = EVERYONE
) -> CompressedSummary:
    """Group a log of any size to what the likelihood needs: memory grows with distinct rows, not with customers."""
    last = end_of(transactions, end)
    # Grouped twice and summed once: kept on the engine's side meanwhile, not computed three times.
    with per_customer(transactions, last, window).cache() as found:
        by = ["frequency", "recency", "T"]
        distinct = found.group_by(by).aggregate(count=found.count()).order_by(by).to_pandas()
        paid = found.filter((found["frequency"] > 0) & (found["monetary_value"] > 0))
        pairs = ["frequency", "monetary_value"]
        spends = paid.group_by(pairs).aggregate(count=paid.count()).order_by(pairs).to_pandas()
        order = found["first_order"]
        first = found.aggregate(mean=order.mean(), sd=order.std(how="pop"), customers=order.count()).to_pandas().iloc[0]
    refuse_nobody(len(distinct), window)
    whole = [distinct[name].to_numpy(dtype=np.int64) for name in (*by, "count")]
    means = spends["monetary_value"].to_numpy(dtype=np.float64)
    counts = [spends[name].to_numpy(dtype=np.int64) for name in ("frequency", "count")]
    known = int(first["customers"])
    orders = FirstOrders(float(first["mean"]), float(first["sd"]), known) if known else None
    return CompressedSummary(Histories(*whole), Spends(counts[0], means, counts[1]), last, orders)


def histories(summary: CustomerSummary) -> Histories:
    """Find the distinct histories (frequency, recency, T) and how many customers share each."""
    columns = [summary.table[name].to_numpy(dtype=np.int64) for name in ("frequency", "recency", "T")]
    ranked = np.stack(columns)[:, np.lexsort(columns[::-1])]
    is_first = np.ones(ranked.shape[1], dtype=bool)
    is_first[1:] = (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)
    starts = np.flatnonzero(is_first)
    frequency, recency, T = ranked[:, starts]
    return Histories(frequency, recency, T, np.diff(starts, append=ranked.shape[1]).astype(np.int64))
