"""Build the customer summary: as a query, in parts or in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from ..summary import COLUMNS, FADED, FIRST_ORDER, SPENDING, Amounts, CustomerSummary, FirstOrders, Orders
from ..transactions import STRING, Transactions, in_order
from . import amounts
from .cohort_segments import cohorts_of
from .window import EVERYONE, AcquisitionWindow, end_of, is_in_window, mark_left_truncated, refuse_nobody

# Further columns that a log has of a customer, with their names in `per_customer`.
HISTORY = {"first_purchase": "first_purchase", "last_purchase": "last", "historic_spend": "spend"}
SHARE = 100_000  # customers whose lists of amounts are in memory at once
PAID = "paid"  # a list of the amounts of paid purchase days, the first included


def summary_query(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    further: Sequence[str] = (),
    *,
    with_orders: bool = False,
) -> Any:
    """Return the customer summary at the end of observation as a lazy Ibis table of any size, in no order.

    It has the five columns of a customer summary, `first_order_value`, `further` ones (of `HISTORY`), with orders the
    list `PAID`, and the segments. Write it with `to_parquet`, or read it in parts with `to_pyarrow_batches`. Later
    sales and refunds do not affect it.
    """
    last = end_of(transactions, end)
    customers = per_customer(transactions, last, window, with_orders=with_orders)
    named = {name: customers[HISTORY[name]] for name in further}
    lists = {PAID: customers[PAID]} if with_orders else {}
    summary = customers.select(*COLUMNS, FIRST_ORDER, **named, **lists, **cohorts_of(transactions, customers))
    segments = transactions.segment_values(last)
    return summary if segments is None else summary.join(segments, "customer_id")


def summarize(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    *,
    with_orders: bool = True,
    least: float | None = None,
) -> CustomerSummary:
    """Return the customer summary at the end of observation (the log's last day if None), in memory.

    The first purchase counts neither in `frequency` nor in `monetary_value`. Later sales do not affect it. Customers
    are sorted by id; the segments follow the five columns. The orders one by one, which some models of spend need,
    take more room than all the rest. `least` is the amount below which a purchase day is negligible, where the log is a
    share of another one; None: that of the log.
    """
    last = end_of(transactions, end)
    least = transactions.least_amount(last) if least is None else least
    summary = summarize_any(transactions, last, window, least, with_orders=with_orders)
    refuse_nobody(len(summary.table), window)
    return summary


def summarize_any(
    transactions: Transactions, last: date, window: AcquisitionWindow, least: float, *, with_orders: bool
) -> CustomerSummary:
    """Return the customer summary as `summarize` does, also of nobody."""
    customers = per_customer(transactions, last, window, least, with_orders=with_orders)
    segments = transactions.segment_values(last)
    customers = customers.mutate(**cohorts_of(transactions, customers))
    if segments is not None:
        customers = customers.join(segments, "customer_id")
    rows = customers.drop("first_purchase", "last", "spend").order_by("customer_id").to_pyarrow()
    orders = _orders(rows, least) if with_orders else None
    table = (rows.drop_columns([PAID]) if with_orders else rows).to_pandas()
    first = table["first_order"].dropna().to_numpy(dtype=np.float64)
    firsts = FirstOrders(float(first.mean()), float(first.std()), first.size) if first.size else None
    return CustomerSummary.from_frame(
        table,
        last,
        firsts,
        transactions.segments,
        amounts=Amounts.of(table, least),
        spending=table[list(SPENDING)].reset_index(drop=True),
        orders=orders,
    )


@dataclass(frozen=True)
class StreamedSummary:
    """The customer summary in parts, sorted by id; it can be read more than once.

    Attributes:
        table: the summary, stored by the engine.
        as_of: the end of observation.
        id_type: the type of the ids, which determines their order: integers are sorted by number.
        rows: the number of rows of a part.
    """

    table: Any
    as_of: date
    id_type: str = STRING
    rows: int = 250_000

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the summary part by part."""
        typed = self.table.mutate(customer_id=self.table["customer_id"].cast(self.id_type))
        for part in typed.order_by("customer_id").to_pyarrow_batches(chunk_size=self.rows):
            if part.num_rows:
                yield part.to_pandas()

    def count(self) -> int:
        """Count the customers."""
        return int(self.table.count().to_pyarrow().as_py())


def with_faded(part: pa.Table | pa.RecordBatch, delta: float) -> pa.Table:
    """Return a part of a summary with the columns `summary.FADED` in place of the list `PAID`."""
    table = part if isinstance(part, pa.Table) else pa.table(part)
    for name, sums in zip(FADED, _orders(table, 0.0).faded(delta), strict=True):
        table = table.append_column(name, pa.array(sums))
    return table.drop_columns([PAID])


def _orders(rows: pa.Table, least: float) -> Orders:
    """Return the orders of customers from the columns `FIRST_ORDER` and `PAID`."""
    paid = rows[PAID].combine_chunks()
    starts = paid.offsets.to_numpy().astype(np.int64)
    first = rows[FIRST_ORDER].to_numpy().astype(np.float64)
    return Orders.of(first, starts - starts[0], paid.flatten().to_numpy(), least)


def stream_summary(
    transactions: Transactions,
    end: date | str | None = None,
    window: AcquisitionWindow = EVERYONE,
    *,
    id_type: str = STRING,
    further: Sequence[str] = (),
    delta: float | None = None,
) -> StreamedSummary:
    """Return the customer summary in parts, for any number of customers.

    Args:
        transactions: the log.
        end: the end of observation.
        window: the customers to include.
        id_type: the type of the ids (`transactions.choose_type`).
        further: columns of `HISTORY`.
        delta: at which a model's evidence on spend fades, for the columns `summary.FADED`; None where it does not.
    """
    last = end_of(transactions, end)
    if delta is None:
        table = summary_query(transactions, last, window, further).cache()
    else:
        table = _with_evidence(transactions, last, window, further, delta)
    refuse_nobody(int(table.count().to_pyarrow().as_py()), window)
    return StreamedSummary(table, last, id_type)


def _with_evidence(
    transactions: Transactions, last: date, window: AcquisitionWindow, further: Sequence[str], delta: float
) -> Any:
    """Return the customer summary with the columns `summary.FADED`, stored share by share: lists of amounts are large.

    The engine writes sums to disk where they exceed its memory, but not lists.
    """
    engine, stored = transactions.tables.sales.get_backend(), []
    for share in transactions.shares(SHARE):
        rows = summary_query(share, last, window, further, with_orders=True).to_pyarrow()
        name = ibis.util.gen_name("tenure_summary")
        stored.append(engine.create_table(name, with_faded(rows, delta), temp=True))
    return ibis.union(*stored)


def per_customer(
    transactions: Transactions,
    end: date,
    window: AcquisitionWindow,
    least: float | None = None,
    *,
    with_orders: bool = False,
) -> Any:
    """Return an Ibis table with the summary, `first_purchase`, `last`, `spend` and `first_order` of each customer.

    All purchases of a left-truncated customer in the log are repeat purchases. Recency and T count from the day before
    the log's first day, not from the acquisition, because the log does not contain the purchases between the two. There
    is no first order. With `least` there are the columns of `amounts` too, with orders the list `PAID`.
    """
    bought = transactions.purchases(end)
    amount = bought["amount"]
    sums = {} if least is None else amounts.sum_counted(amount, least)
    if with_orders:
        sums[PAID] = in_order(amount.cast("float64"), amount > 0, bought["date"])
    grouped = bought.group_by("customer_id").aggregate(
        first_purchase=bought["date"].min(),
        last=bought["date"].max(),
        days=bought.count(),
        spend=amount.sum(),
        first_order=amount.argmin(bought["date"]),
        **sums,
    )
    marked = mark_left_truncated(transactions, grouped)
    customers = marked.filter(is_in_window(marked, window))
    is_old = customers["is_left_truncated"]
    zero = is_old.ifelse(ibis.literal(transactions.first_day - timedelta(1)), customers["first_purchase"])
    frequency = customers["days"] - is_old.ifelse(0, 1)
    first_order = customers["first_order"]
    repeat_spend = (customers["spend"] - is_old.ifelse(first_order * 0, first_order)).cast("float64")
    return customers.select(
        "customer_id",
        frequency=frequency.cast("int64"),
        recency=customers["last"].delta(zero, unit="day").cast("int64"),
        T=ibis.literal(end).delta(zero, unit="day").cast("int64"),
        monetary_value=(frequency > 0).ifelse(repeat_spend / frequency, 0.0),
        first_purchase="first_purchase",
        last="last",
        spend=customers["spend"].cast("float64"),
        first_order=is_old.ifelse(ibis.null("float64"), first_order.cast("float64")),
        first_order_value=is_old.ifelse(0.0, first_order.cast("float64")),
        **({} if least is None else amounts.of_repeats(customers, least)),
        **({PAID: customers[PAID].fill_null([])} if with_orders else {}),
    )
