"""Net refunds against sales: set-based, exact, and independent of later days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    from .tables import Tables

WIDE = "decimal(38, 6)"  # a sum of exact amounts


def net(events: Any, by: Sequence[str]) -> Any:
    """Net each refund against the latest sales up to its day, those of the day itself first.

    Sales form a stack of money: a day pushes its sales and then pops its refunds. Let W be the running sum of sales
    less refunds, and U = -min(0, least W so far) the refunds that no sale could match. The height of the stack is
    H = W + U. The rest of a day's sales is the least H from that day on, less H before that day. This takes three
    window functions and no loop over refunds.

    Args:
        events: the columns `by`, `date`, `sale` and `refund` (exact and not negative), one row for each of `by` and
            `date`.
        by: the columns within which refunds are netted, such as the customer.

    Returns:
        `events` with `left` (of the sale) and `unmet` (of the refund).
    """
    so_far = ibis.window(group_by=list(by), order_by="date", preceding=None, following=0)
    from_here = ibis.window(group_by=list(by), order_by="date", preceding=0, following=None)
    in_order = ibis.window(group_by=list(by), order_by="date")
    nothing = ibis.literal(0).cast(WIDE)
    walk = events.mutate(walk=(events["sale"] - events["refund"]).sum().over(so_far).cast(WIDE))
    lacking = walk.mutate(lacking=-ibis.least(walk["walk"].min().over(so_far), nothing))
    stack = lacking.mutate(height=lacking["walk"] + lacking["lacking"])
    netted_days = stack.mutate(
        before=stack["height"].lag().over(in_order).fill_null(nothing),
        lowest=stack["height"].min().over(from_here),
        unmet=stack["lacking"] - stack["lacking"].lag().over(in_order).fill_null(nothing),
    )
    left = netted_days.mutate(left=ibis.greatest(netted_days["lowest"] - netted_days["before"], nothing))
    return left.drop("walk", "lacking", "height", "before", "lowest")


def days(tables: Tables, until: date) -> Any:
    """Return every customer's days with a sale or a refund up to a day, with the sales and their net amounts.

    A refund is netted against its own order first, then against the customer's latest sales up to its own day. Later
    sales are ignored.

    Returns:
        An Ibis table of `customer_id`, `date`, `sale` and `rows` (of the sales), `left` (of the sale), `unmet` (of the
        refunds dated that day), `refund_rows`, `unmet_rows` and `is_purchase`.
    """
    sales = tables.sales.filter(tables.sales["date"] <= until)
    if tables.refunds is None:
        return _calm(sales)
    refunds = tables.refunds.filter(tables.refunds["date"] <= until)
    customers = refunds.select("customer_id").distinct()
    events = _events(sales.semi_join(customers, "customer_id"), refunds, tables, until)
    netted = net(events, ["customer_id"])
    is_free = (netted["gross"] == 0) & (netted["refund_rows"] == 0)
    netted_days = netted.select(
        "customer_id",
        "date",
        "rows",
        "left",
        "unmet",
        "refund_rows",
        sale=netted["gross"],
        unmet_rows=(netted["unmet"] > 0).ifelse(netted["open_rows"], 0),
        is_purchase=(netted["rows"] > 0) & ((netted["left"] > 0) | is_free),
    )
    others = _calm(sales.anti_join(customers, "customer_id"))
    return others.union(netted_days.select(*others.columns))


def _calm(sales: Any) -> Any:
    """Return the days of customers without refunds."""
    none, nothing = ibis.literal(0, "int64"), ibis.literal(0).cast(WIDE)
    return sales.select(
        "customer_id",
        "date",
        sale=sales["sale"].cast(WIDE),
        rows=sales["rows"].cast("int64"),
        left=sales["sale"].cast(WIDE),
        unmet=nothing,
        refund_rows=none,
        unmet_rows=none,
        is_purchase=ibis.literal(True),
    )


def _events(sales: Any, refunds: Any, tables: Tables, until: date) -> Any:
    """Return the sales of each day, net of refunds within orders, and the refunds that are still open."""
    parts = [_part(sales, gross=sales["sale"], sale=sales["sale"], rows=sales["rows"])]
    if tables.orders is None:
        parts.append(_open(refunds))
    else:
        orders = tables.orders.filter(tables.orders["date"] <= until)
        named = refunds.semi_join(orders, ["customer_id", "order_id"])
        parts += [_open(refunds.anti_join(orders, ["customer_id", "order_id"])), _within_orders(orders, named)]
    events = ibis.union(*parts)
    sums = {name: events[name].sum() for name in ("gross", "sale", "refund", "rows", "refund_rows", "open_rows")}
    grouped = events.group_by(["customer_id", "date"]).aggregate(**sums)
    counts = {name: grouped[name].cast("int64") for name in ("rows", "refund_rows", "open_rows")}
    money = {name: grouped[name].cast(WIDE) for name in ("gross", "sale", "refund")}
    return grouped.mutate(**counts, **money)


def _open(refunds: Any) -> Any:
    return _part(refunds, refund=refunds["refund"], refund_rows=refunds["rows"], open_rows=refunds["rows"])


def _within_orders(orders: Any, refunds: Any) -> Any:
    """Net refunds within orders; the remainder is still open on the day of the refund."""
    by = ["customer_id", "order_id"]
    none, nothing = ibis.literal(0, "int64"), ibis.literal(0).cast(WIDE)
    pushed = orders.select(*by, "date", sale=orders["sale"].cast(WIDE), refund=nothing, rows=none)
    popped = refunds.select(
        *by, "date", sale=nothing, refund=refunds["refund"].cast(WIDE), rows=refunds["rows"].cast("int64")
    )
    both = pushed.union(popped)
    events = both.group_by([*by, "date"]).aggregate(
        sale=both["sale"].sum(), refund=both["refund"].sum(), rows=both["rows"].sum()
    )
    netted_days = net(events, by)
    open_rows = (netted_days["unmet"] > 0).ifelse(netted_days["rows"], 0)
    return _part(
        netted_days,
        sale=netted_days["left"] - netted_days["sale"],
        refund=netted_days["unmet"],
        refund_rows=netted_days["rows"],
        open_rows=open_rows,
    )


def _part(table: Any, **values: Any) -> Any:
    """Add the missing columns of the events to a part, as zeros."""
    money, counts = ("gross", "sale", "refund"), ("rows", "refund_rows", "open_rows")
    columns = {name: values.get(name, ibis.literal(0)).cast(WIDE) for name in money}
    columns |= {name: values.get(name, ibis.literal(0)).cast("int64") for name in counts}
    return table.select("customer_id", "date", **columns)
