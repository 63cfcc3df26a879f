"""Sales and refunds by customer and day, stored on the connection for all later queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from . import orders as of_orders
from . import rules

if TYPE_CHECKING:
    from .source import Source

# Before an id that is hashed, so that a log which is a sample by the MD5 of ids is sampled like any other.
SAMPLED = "tenure.sampled "
SHARE = "tenure_share"  # the column of a stored table with the number of a row's share


@dataclass(frozen=True)
class Tables:
    """The rows of a log by customer and day, as Ibis tables.

    Attributes:
        sales: `customer_id`, `date`, `sale`, `rows`: one row per customer and day with a sale, of whatever amount.
        refunds: `customer_id`, `date`, `order_id` (or null), `refund` (positive), `rows`; None in a log without
            refunds.
        orders: `customer_id`, `order_id`, `date`, `sale` of the orders that refunds name; None without them.
        segments: by name `customer_id`, `date`, `value`, `rows`, and the rule, `first` or `mode`.
        acquired: `customer_id`, `acquired` and `latest`, the earliest and the latest date of acquisition in its rows;
            None without a column of it.
        strays: `orders.strays`; None in a log without order ids, or without refunds that name an order.
    """

    sales: Any
    refunds: Any | None
    orders: Any | None
    segments: dict[str, tuple[Any, str]] = field(default_factory=dict)
    acquired: Any | None = None
    strays: Any | None = None

    def span(self) -> tuple[date, date]:
        """Return the day of the first sale and the day of the last sale or refund."""
        day = self.sales["date"]
        first, last = _row(self.sales.aggregate(first=day.min(), last=day.max()))
        if self.refunds is not None:
            (refunded,) = _row(self.refunds.aggregate(last=self.refunds["date"].max()))
            last = max(last, refunded)
        return first, last

    def in_shares(self, shares: int) -> list[Tables]:
        """Return the rows in shares of the customers, by a hash of their ids, stored on the connection.

        They are stored share by share, so that a query of one of them reads little of the others.
        """

        def stored(table: Any) -> Any:
            place = table["customer_id"].hash() % shares  # it has the sign of the hash
            return table.mutate(**{SHARE: (place + shares) % shares}).order_by(SHARE).cache()

        def one(number: int) -> Callable[[Any], Any]:
            return lambda table: table.filter(table[SHARE] == number).drop(SHARE)

        together = self._of_some(stored)
        return [together._of_some(one(number)) for number in range(shares)]

    def of_sample(self, share: float) -> Tables:
        """Return the rows of a share of the customers by the MD5 of their ids, stored on the connection.

        A customer of a sample is in every larger one too, whatever the log and the engine.
        """
        most = f"{round(share * 2**32):09x}"

        def some(table: Any) -> Any:
            place = (ibis.literal(SAMPLED) + table["customer_id"].cast("string")).hexdigest("md5")
            return table.filter(ibis.literal("0") + place < most).cache()

        return self._of_some(some)

    def _of_some(self, some: Callable[[Any], Any]) -> Tables:
        given = {"refunds": self.refunds, "orders": self.orders, "acquired": self.acquired}
        return replace(
            self,
            sales=some(self.sales),
            segments={name: (some(table), rule) for name, (table, rule) in self.segments.items()},
            **{name: None if table is None else some(table) for name, table in given.items()},
        )

    def day_counts(self) -> pd.DataFrame:
        """Return `date`, `rows` and `customers` of every day with rows, in order.

        `customers` counts a customer with both sales and refunds on a day twice.
        """
        days = self.sales.select("date", "rows")
        if self.refunds is not None:
            days = days.union(
                self.refunds.group_by(["customer_id", "date"])
                .aggregate(rows=lambda t: t["rows"].sum())
                .drop("customer_id")
            )
        counted = days.group_by("date").aggregate(rows=days["rows"].sum(), customers=days.count())
        frame: pd.DataFrame = counted.order_by("date").to_pandas()
        counts = {name: frame[name].astype("int64") for name in ("rows", "customers")}
        return frame.assign(date=pd.to_datetime(frame["date"]), **counts)

    def busy_days(self) -> Any:
        """Return `customer_id` and `date` of every customer's days with more than one row."""
        days = self.sales.select("customer_id", "date", "rows")
        if self.refunds is not None:
            days = days.union(self.refunds.select("customer_id", "date", "rows"))
            days = days.group_by(["customer_id", "date"]).aggregate(rows=days["rows"].sum())
        return days.filter(days["rows"] > 1).select("customer_id", "date")

    def after(self, day: date) -> tuple[int, Decimal]:
        """Count the rows dated after a day, and sum their amounts."""
        sales = self.sales.filter(self.sales["date"] > day)
        rows, amount = _row(sales.aggregate(rows=sales["rows"].sum(), amount=sales["sale"].sum()))
        rows, amount = int(rows or 0), amount or Decimal(0)
        if self.refunds is None:
            return rows, amount
        refunds = self.refunds.filter(self.refunds["date"] > day)
        more, back = _row(refunds.aggregate(rows=refunds["rows"].sum(), amount=refunds["refund"].sum()))
        return rows + int(more or 0), amount - (back or Decimal(0))

    def contradictions(self) -> Any | None:
        """Return whether a customer has several dates of acquisition (`is_twice`) or an earlier sale (`is_late`)."""
        acquired, sales = self.acquired, self.sales
        if acquired is None:
            return None
        first = sales.group_by("customer_id").aggregate(first=sales["date"].min())
        both = acquired.join(first, "customer_id")
        return both.select(
            "customer_id",
            is_twice=both["acquired"] != both["latest"],
            is_late=both["acquired"] > both["first"],
        )

    def segment_values(self, until: date) -> Any | None:
        """Return each customer's value of every segment, from the sales up to a day; None without segments.

        `first` is the value of the first day with a sale, `mode` the most frequent value. Ties are resolved by more
        rows on that day (`first`) or the earlier day (`mode`), then by the alphabet.
        """
        segments = None
        for name, (table, rule) in self.segments.items():
            values = _chosen(table.filter(table["date"] <= until), rule).rename({name: "value"})
            segments = values if segments is None else segments.join(values, "customer_id")
        return segments


def materialize(
    source: Source, log_rows: rules.Rows, *, are_all: bool, has_refunds: bool, names_orders: bool = False
) -> Tables:
    """Group the used rows by customer and day, and store them on the connection.

    Args:
        source: the log and its connection.
        log_rows: its rows.
        are_all: all rows are used.
        has_refunds: some used rows are refunds.
        names_orders: some refunds name an order.
    """
    kept, settings, keep = log_rows.kept(are_all=are_all), source.settings, source.keep
    is_sale = kept["amount"] >= 0
    sold = kept.filter(is_sale) if has_refunds else kept
    sales = keep(
        "sales", sold.group_by(["customer_id", "date"]).aggregate(sale=sold["amount"].sum(), rows=sold.count())
    )
    refunds = orders = acquired = None
    if has_refunds:
        refunds = keep("refunds", _refunds(kept.filter(~is_sale), source))
        if settings.columns.order_id:
            orders = keep("orders", _orders(sold, refunds))
    segments = {}
    for name, rule in settings.segment_columns.items():
        values = sold.select("customer_id", "date", value=sold[f"segment_{name}"])
        counted = values.group_by(["customer_id", "date", "value"]).aggregate(rows=values.count())
        segments[name] = (keep(f"segment_{name}", counted), rule)
    if settings.columns.acquired:
        dated = kept["acquired"]
        days = kept.group_by("customer_id").aggregate(acquired=dated.min(), latest=dated.max())
        acquired = keep("acquired", days.filter(days["acquired"].notnull()))
    strays = keep("strays", of_orders.strays(log_rows)) if names_orders else None
    return Tables(sales, refunds, orders, segments, acquired, strays)


def _refunds(given: Any, source: Source) -> Any:
    has_orders = source.settings.columns.order_id is not None
    order = given["gives_back"] if has_orders else ibis.null("string")
    rows = given.select("customer_id", "date", "amount", order_id=order)
    grouped = rows.group_by(["customer_id", "date", "order_id"])
    return grouped.aggregate(refund=-rows["amount"].sum(), rows=rows.count())


def _orders(sold: Any, refunds: Any) -> Any:
    wanted = refunds.filter(refunds["order_id"].notnull())
    sales = sold.semi_join(wanted, ["customer_id", "order_id"])
    return sales.group_by(["customer_id", "order_id", "date"]).aggregate(sale=sales["amount"].sum())


def _chosen(table: Any, rule: str) -> Any:
    """Select one value per customer."""
    if rule == "mode":
        whole = table.group_by(["customer_id", "value"])
        table = whole.aggregate(rows=table["rows"].sum(), date=table["date"].min())
        order = [ibis.desc("rows"), "date", "value"]
    else:
        order = ["date", ibis.desc("rows"), "value"]
    ranked = table.mutate(rank=ibis.row_number().over(group_by="customer_id", order_by=order))
    return ranked.filter(ranked["rank"] == 0).select("customer_id", "value")


def _row(table: Any) -> tuple[Any, ...]:
    (row,) = table.to_pyarrow().to_pylist()
    return tuple(row.values())
