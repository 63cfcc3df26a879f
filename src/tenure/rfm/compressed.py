"""Compress a customer base to its distinct histories with counts, which determine the likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from ..summary import Amounts, CustomerSummary, FirstOrders, Orders
from .parts import Part, with_parts
from .window import RfmError

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """The distinct purchase histories, sorted, each with its number of customers."""

    frequency: Ints
    recency: Ints
    T: Ints
    count: Ints

    def __post_init__(self) -> None:
        columns = (self.frequency, self.recency, self.T, self.count)
        if any(column.dtype != np.int64 or column.shape != self.T.shape for column in columns):
            raise RfmError("The histories' frequency, recency, T and count are not int64 of one length.")
        if (self.count < 1).any():
            raise RfmError(f"{np.count_nonzero(self.count < 1):,} histories have a count below 1.")


@dataclass(frozen=True)
class Spends:
    """The distinct pairs of frequency and mean spend, sorted, each with its number of customers.

    Repeat buyers who never paid for a repeat purchase are left out: free purchases are no evidence on spend.
    """

    frequency: Ints
    mean: Floats
    count: Ints

    def __post_init__(self) -> None:
        if {column.shape for column in (self.mean, self.count)} != {self.frequency.shape}:
            raise RfmError("The spends' frequency, mean and count are not of one length.")
        is_valid = (self.frequency >= 1) & (self.mean > 0) & np.isfinite(self.mean) & (self.count >= 1)
        if not is_valid.all():
            raise RfmError(
                f"{np.count_nonzero(~is_valid):,} spends have no purchase, no finite mean above 0, or no customer."
            )


@dataclass(frozen=True)
class CompressedSummary:
    """The distinct histories and spends of a customer base; their size does not grow with the number of customers.

    `orders`, which models of single orders need, grow with the number of repeat purchases.

    `compress` builds it from a log of any size, `CompressedSummary.of` from a summary, both also by segment: then
    `parts` are the segments, whose columns are `segment_names`.
    """

    histories: Histories
    spends: Spends
    as_of: date | None
    first_orders: FirstOrders | None = None
    amounts: Amounts | None = None
    orders: Orders | None = None
    segment_names: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if self.paying_repeat_buyers > self.repeat_buyers:
            raise RfmError(
                f"The histories have {self.repeat_buyers:,} repeat buyers, the spends {self.paying_repeat_buyers:,}."
            )

    @classmethod
    def of(cls, summary: CustomerSummary, segments: Sequence[str] = ()) -> CompressedSummary:
        """Compress a customer summary, and each of its segments by some columns."""
        paid = (summary.table["frequency"] > 0) & (summary.table["monetary_value"] > 0)
        pairs = summary.table.loc[paid, ["frequency", "monetary_value"]]
        grouped = pairs.groupby(["frequency", "monetary_value"], as_index=False).size()
        columns = (grouped[name].to_numpy() for name in ("frequency", "monetary_value", "size"))
        spends = Spends(*columns)
        orders = None if summary.orders is None else summary.orders.counted()
        base = cls(histories(summary), spends, summary.as_of, summary.first_orders, summary.amounts, orders)
        return with_parts(base, summary, segments) if segments else base

    @property
    def customers(self) -> int:
        """Return the number of customers."""
        return int(self.histories.count.sum())

    @property
    def repeat_buyers(self) -> int:
        """Return the number of customers with a repeat purchase."""
        return int(self.histories.count[self.histories.frequency > 0].sum())

    @property
    def paying_repeat_buyers(self) -> int:
        """Return the number of customers of the spend model, who paid for a repeat purchase."""
        return int(self.spends.count.sum())


def histories(summary: CustomerSummary) -> Histories:
    """Return the distinct histories (frequency, recency, T), each with its number of customers."""
    columns = [summary.table[name].to_numpy(dtype=np.int64) for name in ("frequency", "recency", "T")]
    ranked = np.stack(columns)[:, np.lexsort(columns[::-1])]
    is_first = np.ones(ranked.shape[1], dtype=bool)
    is_first[1:] = (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)
    starts = np.flatnonzero(is_first)
    frequency, recency, T = ranked[:, starts]
    return Histories(frequency, recency, T, np.diff(starts, append=ranked.shape[1]).astype(np.int64))
