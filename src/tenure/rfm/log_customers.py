"""The customers of a log up to a day: one table where they are few, share by share where they are many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from ..summary import CustomerSummary
from ..transactions import Transactions
from .compressed import CompressedSummary
from .customers import SHARE, per_customer, summarize, summarize_any
from .merged import merge
from .window import EVERYONE, AcquisitionWindow, end_of, first_purchases_of, is_in_window, refuse_nobody

PENDING = 40  # compressed shares in memory before they are merged


class Counts(NamedTuple):
    """The number of customers, of those with a repeat purchase, and of those who paid for one."""

    customers: int
    repeat_buyers: int
    paying: int

    @classmethod
    def of(cls, summary: CustomerSummary) -> Counts:
        """Count the customers of a summary."""
        is_repeat = summary.table["frequency"] > 0
        paying = is_repeat & (summary.table["monetary_value"] > 0)
        return cls(len(summary.table), int(is_repeat.sum()), int(paying.sum()))


@dataclass(frozen=True)
class LogCustomers:
    """The customers of a log up to a day.

    Attributes:
        transactions: the log.
        end: the end of observation.
        window: the customers to include.
        with_orders: whether summaries have the orders one by one.
        most: customers of one table; of more, `summary` has a sample. None: any number.
    """

    transactions: Transactions
    end: date
    window: AcquisitionWindow = EVERYONE
    with_orders: bool = False
    most: int | None = None

    @cached_property
    def count(self) -> int:
        """Return the number of customers."""
        acquired = first_purchases_of(self.transactions, self.transactions.purchases(self.end))
        return int(acquired.filter(is_in_window(acquired, self.window)).count().to_pyarrow().as_py())

    @cached_property
    def are_many(self) -> bool:
        """Return whether there are more than one table may have."""
        # A log has no more customers than rows, which are counted already.
        return self.most is not None and self.transactions.rows > self.most and self.count > self.most

    @cached_property
    def sampled(self) -> Transactions:
        """Return the log of the customers of `summary`: the log itself unless they are a sample."""
        if self.most is None or not self.are_many:
            return self.transactions
        return self.transactions.sample(self.most / self.count)

    @cached_property
    def summary(self) -> CustomerSummary:
        """Return the summary of all customers, or of a sample of about `most`, by a hash of their ids."""
        return self._summarize(self.sampled)

    def shares(self) -> Iterator[CustomerSummary]:
        """Yield the summaries of disjoint shares of all customers; `summary` where they are few."""
        if not self.are_many:
            yield self.summary
            return
        for share in self._shares:
            summary = summarize_any(share, self.end, self.window, self._least, with_orders=self.with_orders)
            if len(summary.table):
                yield summary

    @cached_property
    def counts(self) -> Counts:
        """Count all customers."""
        if not self.are_many:
            return Counts.of(self.summary)
        each = [self._count(share) for share in self._shares]
        return Counts(*(sum(numbers) for numbers in zip(*each, strict=True)))

    def compress(self, segments: Sequence[str] = ()) -> CompressedSummary:
        """Compress all customers to their distinct histories, also by segment; only these are in memory."""
        pending = list[CompressedSummary]()
        for summary in self.shares():
            pending.append(CompressedSummary.of(summary, segments))
            if len(pending) == PENDING:
                pending = [merge(pending)]
        refuse_nobody(len(pending), self.window)
        return merge(pending)

    def _count(self, share: Transactions) -> Counts:
        customers = per_customer(share, self.end, self.window)
        is_repeat = customers["frequency"] > 0
        sums = customers.aggregate(
            customers=customers.count(),
            repeat_buyers=customers.count(where=is_repeat),
            paying=customers.count(where=is_repeat & (customers["monetary_value"] > 0)),
        )
        (row,) = sums.to_pyarrow().to_pylist()
        return Counts(**row)

    @cached_property
    def _shares(self) -> tuple[Transactions, ...]:
        return tuple(self.transactions.shares(SHARE))

    @cached_property
    def _least(self) -> float:
        return self.transactions.least_amount(self.end)

    def _summarize(self, transactions: Transactions) -> CustomerSummary:
        least = self._least if self.are_many else None
        return summarize(transactions, self.end, self.window, with_orders=self.with_orders, least=least)


def compress(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    segments: Sequence[str] = (),
    *,
    with_orders: bool = False,
) -> CompressedSummary:
    """Compress a log of any size; memory grows with the distinct histories, not with the number of customers.

    With orders, which models of single orders need, it grows with the repeat purchases.
    """
    last = end_of(transactions, end)
    return LogCustomers(transactions, last, window, with_orders, most=SHARE).compress(segments)
