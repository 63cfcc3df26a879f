"""Compress a customer base to its distinct histories with counts, which determine the likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from ..summary import FIRST_ORDER, Amounts, CustomerSummary, FirstOrders, Orders
from ..transactions import Transactions
from .amounts import LOG
from .customers import PAID, per_customer
from .parts import Part, with_parts
from .window import EVERYONE, AcquisitionWindow, RfmError, end_of, refuse_nobody

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

    `compress` builds it from a log of any size with grouped queries, `CompressedSummary.of` from a summary, also by
    segment: then `parts` are the segments, whose columns are `segment_names`.
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


def compress(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    *,
    with_orders: bool = False,
) -> CompressedSummary:
    """Compress a log of any size; memory grows with the distinct rows, not with the number of customers.

    With orders, which models of single orders need, it grows with the repeat purchases.
    """
    last = end_of(transactions, end)
    least = transactions.least_amount(last)
    # Five queries use the table: the engine caches it.
    with per_customer(transactions, last, window, least, with_orders=with_orders).cache() as customers:
        by = ["frequency", "recency", "T"]
        distinct = customers.group_by(by).aggregate(count=customers.count()).order_by(by).to_pandas()
        paid = customers.filter((customers["frequency"] > 0) & (customers["monetary_value"] > 0))
        pairs = ["frequency", "monetary_value"]
        spends = paid.group_by(pairs).aggregate(count=paid.count()).order_by(pairs).to_pandas()
        amounts = _amounts(customers, least, int(distinct["frequency"] @ distinct["count"]))
        orders = _orders(customers, least) if with_orders else None
        order = customers["first_order"]
        sums = customers.aggregate(mean=order.mean(), sd=order.std(how="pop"), customers=order.count())
        first = sums.to_pandas().iloc[0]
    refuse_nobody(len(distinct), window)
    columns = [distinct[name].to_numpy(dtype=np.int64) for name in (*by, "count")]
    means = spends["monetary_value"].to_numpy(dtype=np.float64)
    counts = [spends[name].to_numpy(dtype=np.int64) for name in ("frequency", "count")]
    size = int(first["customers"])
    firsts = FirstOrders(float(first["mean"]), float(first["sd"]), size) if size else None
    return CompressedSummary(Histories(*columns), Spends(counts[0], means, counts[1]), last, firsts, amounts, orders)


def _orders(customers: Any, least: float) -> Orders:
    lists = customers.select("customer_id", FIRST_ORDER, PAID).order_by("customer_id").to_pandas()
    return Orders.of(lists[FIRST_ORDER].to_numpy(np.float64), list(lists[PAID]), least).counted()


def _amounts(customers: Any, least: float, days: int) -> Amounts:
    by = ["counted", "counted_mean"]
    paid = customers.filter(customers["counted"] > 0)
    pairs = paid.group_by(by).aggregate(count=paid.count(), log_ratio=paid["log_ratio"].cast(LOG).sum())
    table = pairs.mutate(log_ratio=pairs["log_ratio"].cast("float64") / pairs["count"]).order_by(by).to_pandas()
    return Amounts.of_pairs(table, least, days)


def histories(summary: CustomerSummary) -> Histories:
    """Return the distinct histories (frequency, recency, T), each with its number of customers."""
    columns = [summary.table[name].to_numpy(dtype=np.int64) for name in ("frequency", "recency", "T")]
    ranked = np.stack(columns)[:, np.lexsort(columns[::-1])]
    is_first = np.ones(ranked.shape[1], dtype=bool)
    is_first[1:] = (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)
    starts = np.flatnonzero(is_first)
    frequency, recency, T = ranked[:, starts]
    return Histories(frequency, recency, T, np.diff(starts, append=ranked.shape[1]).astype(np.int64))
