"""A customer base by segment, each part compressed to its distinct histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..bounds import MOST_SEGMENTS
from ..summary import Amounts, CustomerSummary, FirstOrders, distinct_segments
from .window import RfmError

if TYPE_CHECKING:
    from .compressed import CompressedSummary

LEAST_CUSTOMERS = 20  # of a segment with a name in the model: the parameters of fewer would be their customers' data


@dataclass(frozen=True)
class Part:
    """The customers of one segment.

    Attributes:
        values: of the columns by which there are segments.
        base: its customers.
    """

    values: tuple[str, ...]
    base: CompressedSummary

    @property
    def is_named(self) -> bool:
        """Return whether it has enough customers to have a name in the model."""
        return self.base.customers >= LEAST_CUSTOMERS


def split_summary(summary: CustomerSummary, names: Sequence[str]) -> list[tuple[tuple[str, ...], CustomerSummary]]:
    """Return the summary of each segment, by its values.

    Raises RfmError for more segments than `MOST_SEGMENTS`, SummaryError for columns that are not there.
    """
    values, codes = distinct_segments(summary.table, names)
    if len(values) > MOST_SEGMENTS:
        refuse_segments(names, len(values))
    return [(value, _take(summary, np.flatnonzero(codes == at))) for at, value in enumerate(values)]


def refuse_segments(names: Sequence[str], segments: int) -> NoReturn:
    """Raise RfmError for too many segments."""
    raise RfmError(
        f"fit.segments are {', '.join(names)}, which make {segments:,} segments; the most is {MOST_SEGMENTS}. "
        "Take a column with fewer values, or merge rare ones."
    )


def _take(summary: CustomerSummary, rows: npt.NDArray[np.int64]) -> CustomerSummary:
    table = summary.table.iloc[rows].reset_index(drop=True)
    if summary.spending is None:
        return CustomerSummary(table, summary.as_of)
    spending = summary.spending.iloc[rows].reset_index(drop=True)
    amounts = summary.amounts
    if amounts is not None:
        amounts = Amounts.of(spending.assign(frequency=table["frequency"]), amounts.least)
    return CustomerSummary(table, summary.as_of, _first_orders(spending["first_order"]), amounts, spending)


def _first_orders(orders: pd.Series[float]) -> FirstOrders | None:
    priced = orders.dropna().to_numpy(dtype=np.float64)
    return FirstOrders(float(priced.mean()), float(priced.std()), priced.size) if priced.size else None


def with_parts(base: CompressedSummary, summary: CustomerSummary, names: Sequence[str]) -> CompressedSummary:
    """Return a customer base with its segments."""
    parts = tuple(Part(values, type(base).of(part)) for values, part in split_summary(summary, names))
    return replace(base, segment_names=tuple(names), parts=parts)
