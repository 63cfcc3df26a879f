"""Match refunds that name an order and no customer to the order's customer; list those whose order is not there."""

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


def owners(found: Rows) -> Any:
    """Return whose the orders are that refunds without a customer name, as far as used sales show.

    Returns:
        An Ibis table of `owned`, `owner`, `since` (the day of the order's first sale) and `shared_since` (the day of
        the first sale to another customer; null where there is none): one row per order.
    """
    table = found.table
    wanted = table.filter(table["tenure_ownerless"]).select(owned="tenure_gives_back").distinct()
    is_sale = (table["tenure_fate"] == len(found.fates) - 1) & (table["tenure_amount"] >= 0)
    sold = table.filter(is_sale & table["tenure_customer_id"].notnull())
    sold = sold.select(owned="tenure_order_id", owner="tenure_customer_id", since="tenure_date")
    ours = sold.semi_join(wanted, "owned").group_by(["owned", "owner"]).aggregate(since=lambda t: t["since"].min())
    in_order = ibis.window(group_by="owned", order_by=["since", "owner"])
    ranked = ours.mutate(
        rank=ibis.row_number().over(in_order),
        shared_since=ours["since"].lead().over(in_order),
    )
    return ranked.filter(ranked["rank"] == 0).drop("rank")


def claim(table: Any, owners: Any) -> Any:
    """Give refunds without a customer to their order's customer, by the sales up to the refund's own day alone.

    Later sales must not decide: a cut-off between the refund and such a sale would see what comes after it.
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


def strays(found: Rows) -> Any:
    """Return the refunds whose order is not in the log, or of several customers and none is named.

    An order is in the log by any row that is no refund, whether a rule leaves that row out or not.

    Returns:
        An Ibis table of `why`, `order_id`, `date`, `refund` (positive) and `rows`.
    """
    table = found.table
    is_used = table["tenure_fate"] == len(found.fates) - 1
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
    known = table.filter(table["date"] <= until)
    per_order = known.group_by(["why", "order_id"]).aggregate(
        rows=known["rows"].sum(), refund=known["refund"].sum(), since=known["date"].min()
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
