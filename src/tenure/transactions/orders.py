"""Match refunds without a customer to the customer of their order; list refunds whose order is missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis

from .fault import SHOWN
from .reconciliation import MISSING, SHARED, StrayRefunds

if TYPE_CHECKING:
    from .rules import Rows

INNER = ("tenure_ownerless", "tenure_shared")


def owners(log_rows: Rows) -> Any:
    """Return the customers of the orders that refunds without a customer name, from the used sales.

    Returns:
        An Ibis table with one row per order: `owned` (the order), `owner`, `since` (the day of its first sale) and
        `shared_since` (the day of the first sale to another customer, or null).
    """
    table = log_rows.table
    wanted = table.filter(table["tenure_ownerless"]).select(owned="tenure_gives_back").distinct()
    is_sale = (table["tenure_fate"] == len(log_rows.fates) - 1) & (table["tenure_amount"] >= 0)
    sold = table.filter(is_sale & table["tenure_customer_id"].notnull())
    sold = sold.select(owned="tenure_order_id", owner="tenure_customer_id", since="tenure_date")
    sales = sold.semi_join(wanted, "owned").group_by(["owned", "owner"]).aggregate(since=lambda t: t["since"].min())
    in_order = ibis.window(group_by="owned", order_by=["since", "owner"])
    ranked = sales.mutate(
        rank=ibis.row_number().over(in_order),
        shared_since=sales["since"].lead().over(in_order),
    )
    return ranked.filter(ranked["rank"] == 0).drop("rank")


def claim(table: Any, owners: Any) -> Any:
    """Match refunds without a customer to the customer of their order, by the sales up to their day.

    Later sales are ignored: with a cut-off between the two, they would leak information from the holdout.
    """
    key = table["tenure_ownerless"].ifelse(table["tenure_gives_back"], ibis.null("string"))
    keyed = table.mutate(tenure_key=key)
    joined = keyed.left_join(owners, keyed["tenure_key"] == owners["owned"])
    day = joined["tenure_date"]
    is_shared = (day >= joined["shared_since"]).fill_null(False)
    is_its = (day >= joined["since"]).fill_null(False) & ~is_shared
    owner = is_its.ifelse(joined["owner"], ibis.null("string"))
    claimed = joined.mutate(
        tenure_customer_id=ibis.coalesce(joined["tenure_customer_id"], owner),
        tenure_shared=is_shared,
    )
    return claimed.select(*table.columns, "tenure_shared").alias(ibis.util.gen_name("tenure_claimed"))


def strays(log_rows: Rows) -> Any:
    """Return the refunds whose order is not in the log, or of several customers and none is named.

    An order is in the log by any row that is no refund, whether a rule leaves that row out or not.

    Returns:
        An Ibis table of `why`, `order_id`, `date`, `refund` (positive) and `rows`.
    """
    table = log_rows.table
    is_used = table["tenure_fate"] == len(log_rows.fates) - 1
    is_refund = (table["tenure_amount"] < 0) & table["tenure_gives_back"].notnull()
    nobody = table["tenure_ownerless"] & table["tenure_customer_id"].isnull()
    refunds = table.filter(is_refund & (is_used | nobody))
    is_shared = refunds["tenure_shared"] if "tenure_shared" in table.columns else ibis.literal(False)
    named = refunds.select(
        order_id="tenure_gives_back", date="tenure_date", amount="tenure_amount", is_shared=is_shared
    )
    # No refund and no cancellation.
    there = table.filter(table["tenure_gives_back"].isnull() & ~(table["tenure_amount"] < 0).fill_null(False))
    there = there.select(order_id="tenure_order_id").semi_join(named, "order_id").distinct()
    missing = named.anti_join(there, "order_id").mutate(why=ibis.literal(MISSING))
    shared = named.filter(named["is_shared"]).mutate(why=ibis.literal(SHARED))
    both = missing.union(shared.select(*missing.columns))
    return both.group_by(["why", "order_id", "date"]).aggregate(refund=-both["amount"].sum(), rows=both.count())


def list_strays(table: Any, until: date) -> tuple[StrayRefunds, ...]:
    """Return the count, the money and the first orders of `strays`, as seen from a day."""
    dated = table.filter(table["date"] <= until)
    per_order = dated.group_by(["why", "order_id"]).aggregate(
        rows=dated["rows"].sum(), refund=dated["refund"].sum(), since=dated["date"].min()
    )
    listed = per_order.order_by(["why", "since", "order_id"]).to_pyarrow().to_pylist()
    strays = []
    for why in (MISSING, SHARED):
        orders = [row for row in listed if row["why"] == why]
        if orders:
            amount = -sum((row["refund"] for row in orders), Decimal(0))
            rows = sum(int(row["rows"]) for row in orders)
            strays.append(StrayRefunds(why, rows, amount, tuple(row["order_id"] for row in orders[:SHOWN])))
    return tuple(strays)
