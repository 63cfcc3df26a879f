"""Summarise customers: lazily, streamed or in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd

from ..summary import COLUMNS, CustomerSummary, FirstOrders
from ..transactions import STRING, Transactions
from .window import EVERYONE, AcquisitionWindow, end_of, is_in_window, mark_left_truncated, refuse_nobody

# What the log knows of a customer beside the summary, and what `per_customer` calls it.
HISTORY = {"first_purchase": "first_purchase", "last_purchase": "last", "historic_spend": "spend"}


def summary_query(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    further: Sequence[str] = (),
) -> Any:
    """Summarise every customer seen by the end of observation, lazily: an Ibis table of any size, in no order.

    It holds the five columns of a customer summary, `further` ones (of `HISTORY`) and the segments; write it with
    `to_parquet`, stream it with `to_pyarrow_batches`. Sales and refunds after the end change nothing.
    """
    last = end_of(transactions, end)
    every = per_customer(transactions, last, window)
    found = every.select(*COLUMNS, **{name: every[HISTORY[name]] for name in further})
    segments = transactions.segment_values(last)
    return found if segments is None else found.join(segments, "customer_id")


def summarize(
    transactions: Transactions, end: date | str | None = None, window: AcquisitionWindow = EVERYONE
) -> CustomerSummary:
    """Summarise every customer seen by the end of observation (the log's last day when None), in memory.

    The first purchase is neither in `frequency` nor in `monetary_value`. Sales after the end change nothing. Customers
    are sorted by id; the log's segments follow the five columns.
    """
    last = end_of(transactions, end)
    found = per_customer(transactions, last, window)
    segments = transactions.segment_values(last)
    if segments is not None:
        found = found.join(segments, "customer_id")
    table = found.order_by("customer_id").to_pandas()
    refuse_nobody(len(table), window)
    first = table["first_order"].dropna().to_numpy(dtype=np.float64)
    orders = FirstOrders(float(first.mean()), float(first.std()), first.size) if first.size else None
    return CustomerSummary.from_frame(table, as_of=last, first_orders=orders, segments=transactions.segments)


@dataclass(frozen=True)
class StreamedSummary:
    """Every customer's summary, read from the engine some rows at a time and as often as need be, sorted by id.

    Attributes:
        table: of `summary_query`, kept on the engine's side.
        as_of: the end of observation.
        id_type: of the ids, and so of their order: integers by number.
        rows: how many at a time.
    """

    table: Any
    as_of: date
    id_type: str = STRING
    rows: int = 250_000

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the summaries part by part."""
        typed = self.table.mutate(customer_id=self.table["customer_id"].cast(self.id_type))
        for part in typed.order_by("customer_id").to_pyarrow_batches(chunk_size=self.rows):
            if part.num_rows:
                yield part.to_pandas()


def stream_summary(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    *,
    id_type: str = STRING,
    further: Sequence[str] = (),
) -> StreamedSummary:
    """Summarise as `summary_query` does, for as many customers as there are.

    Args:
        transactions: the log.
        end: of observation.
        window: at whom to look.
        id_type: of the ids (`transactions.choose_type`).
        further: columns of `HISTORY`.
    """
    last = end_of(transactions, end)
    found = summary_query(transactions, last, window, further).cache()
    refuse_nobody(int(found.count().to_pyarrow().as_py()), window)
    return StreamedSummary(found, last, id_type)


def per_customer(transactions: Transactions, end: date, window: AcquisitionWindow) -> Any:
    """Return the five columns, the `first_purchase` and the `first_order`, an Ibis table.

    Who was acquired before the log has bought before: every purchase in the log is a repeat, and the days of the log
    are those on which repeats could be seen. Recency and T count from the eve of its first day then, not from the
    acquisition, as the purchases between the two are in no log; there is no first order.
    """
    bought = transactions.purchases(end)
    grouped = bought.group_by("customer_id").aggregate(
        first_purchase=bought["date"].min(),
        last=bought["date"].max(),
        days=bought.count(),
        spend=bought["amount"].sum(),
        first_order=bought["amount"].argmin(bought["date"]),
    )
    known = mark_left_truncated(transactions, grouped)
    found = known.filter(is_in_window(known, window))
    is_old = found["is_left_truncated"]
    zero = is_old.ifelse(ibis.literal(transactions.first_day - timedelta(1)), found["first_purchase"])
    frequency = found["days"] - is_old.ifelse(0, 1)
    repeat_spend = (found["spend"] - is_old.ifelse(found["first_order"] * 0, found["first_order"])).cast("float64")
    return found.select(
        "customer_id",
        frequency=frequency.cast("int64"),
        recency=found["last"].delta(zero, unit="day").cast("int64"),
        T=ibis.literal(end).delta(zero, unit="day").cast("int64"),
        monetary_value=(frequency > 0).ifelse(repeat_spend / frequency, 0.0),
        first_purchase="first_purchase",
        last="last",
        spend=found["spend"].cast("float64"),
        first_order=is_old.ifelse(ibis.null("float64"), found["first_order"].cast("float64")),
    )
