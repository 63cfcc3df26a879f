"""Refunds: netted as a clerk would, one by one, in a set-based expression; and every row and cent accounted for."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from cases import few
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from logs import FIRST, log_of, purchases

from tenure.rfm import compress, split_log, summarize
from tenure.settings import ExcludeSettings
from tenure.transactions import MISSING, Line, Reconciliation, StrayRefunds, Transactions, TransactionsError
from tenure.transactions.reconciliation import AFTER, GIVEN_BACK, NETTED, SALE, UNMATCHED

quick = hypothesis_settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
type Row = tuple[str, int, int, str | None]  # customer, day, cents, order


@dataclass
class Day:
    """What a clerk knows of one customer's day."""

    gross: int = 0
    sales: int = 0
    refunds: int = 0
    orders: dict[str | None, int] = field(default_factory=lambda: defaultdict(int))
    left: int = 0
    unmet: int = 0


def clerk(rows: list[Row], until: int) -> dict[tuple[str, int], Day]:
    """Net refunds one by one, in plain Python: order first, then the day's own sales, then the latest earlier ones."""
    days: dict[tuple[str, int], Day] = defaultdict(Day)
    stacks: dict[tuple[str, str | None], list[list[int]]] = defaultdict(list)  # of one order: [day, cents left]
    seen = sorted((row for row in rows if row[1] <= until), key=lambda row: (row[1], row[2] < 0))
    for customer, day, cents, order in seen:
        if cents >= 0:
            known = days[customer, day]
            known.gross, known.sales = known.gross + cents, known.sales + 1
            stacks[customer, order].append([day, cents])
    still_open: list[tuple[str, int, int]] = []
    for customer, day, cents, order in seen:
        if cents < 0:
            days[customer, day].refunds += 1
            own = [sale for sale in stacks[customer, order] if sale[0] <= day] if order is not None else []
            still_open.append((customer, day, _take(own, -cents)))
    for customer, day, cents in still_open:
        earlier = [sale for (who, _), sales in stacks.items() if who == customer for sale in sales if sale[0] <= day]
        days[customer, day].unmet += _take(earlier, cents)
    for (customer, _), sales in stacks.items():
        for day, cents in sales:
            days[customer, day].left += cents
    return days


def _take(sales: list[list[int]], cents: int) -> int:
    """Take cents off the latest sales; return what none of them could meet."""
    for sale in sorted(sales, key=lambda sale: -sale[0]):
        taken = min(sale[1], cents)
        sale[1] -= taken
        cents -= taken
    return cents


def expected_purchases(days: dict[tuple[str, int], Day]) -> dict[tuple[str, int], int]:
    return {
        key: day.left
        for key, day in days.items()
        if day.sales and (day.left > 0 or (day.gross == 0 and day.refunds == 0))
    }


def log(rows: list[Row], *, orders: bool = True, **changes: Any) -> Transactions:
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "cents", "order_id"])
    frame["date"] = pd.to_datetime([FIRST + timedelta(day) for day in frame.pop("day")]).astype("datetime64[us]")
    frame["amount"] = [Decimal(cents) / 100 for cents in frame.pop("cents")]
    frame = frame.astype({"customer_id": "str", "order_id": "str", "amount": pd.ArrowDtype(pa.decimal128(12, 2))})
    return log_of(frame, **({"order_id": "order_id"} if orders else {}), **changes)


def found_purchases(log: Transactions, until: int) -> dict[tuple[str, int], int]:
    table: Any = purchases(log, FIRST + timedelta(until))
    return {(row.customer_id, (row.date.date() - FIRST).days): round(row.amount * 100) for row in table.itertuples()}


ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 12),
        st.one_of(st.integers(-400, 400), st.sampled_from([0, 0, 100, -100])),
        st.sampled_from([None, "1", "2", "3"]),
    ),
    min_size=1,
    max_size=30,
).filter(lambda rows: any(row[2] >= 0 for row in rows))


@pytest.mark.slow
@pytest.mark.parametrize("orders", [False, True])
@quick
@given(rows=ROWS, until=st.integers(0, 13))
def test_the_expression_nets_as_a_clerk_does(orders: bool, rows: list[Row], until: int) -> None:
    accounted = log(rows, orders=orders)
    known = rows if orders else [(*row[:3], None) for row in rows]
    days = clerk(known, until)
    assert found_purchases(accounted, until) == expected_purchases(days)
    accounts = accounted.reconcile(FIRST + timedelta(until))
    assert accounts[UNMATCHED].amount * 100 == -sum(day.unmet for day in days.values())
    assert accounts[AFTER].rows == sum(row[1] > until for row in rows)


@pytest.mark.slow
@quick
@given(rows=ROWS, cutoff=st.integers(0, 11))
def test_nothing_dated_after_the_cut_off_changes_what_was_known_then(rows: list[Row], cutoff: int) -> None:
    """Plant a sale and a refund on every later day, of every customer and order."""
    then = [row for row in rows if row[1] <= cutoff]
    if not any(row[2] >= 0 for row in then):
        return
    planted = [
        (who, day, cents, order)
        for who in "ab"
        for day in range(cutoff + 1, 14)
        for cents in (777, -999_999)
        for order in ("1", None)
    ]
    before, after = log(then), log(then + planted)
    assert found_purchases(after, cutoff) == found_purchases(before, cutoff)


# ---- by hand


@pytest.mark.parametrize(
    ("rows", "until", "wanted"),
    few(
        [
            ([("a", 0, 100, "1"), ("a", 5, 50, "2"), ("a", 6, -30, "1")], 6, {("a", 0): 70, ("a", 5): 50}),
            ([("a", 0, 100, "1"), ("a", 5, 50, "2"), ("a", 5, -30, None)], 6, {("a", 0): 100, ("a", 5): 20}),
            ([("a", 0, 100, "1"), ("a", 5, 50, "2"), ("a", 6, -70, None)], 6, {("a", 0): 80}),
            ([("a", 0, 100, "1"), ("a", 5, 50, "2"), ("a", 6, -70, None)], 5, {("a", 0): 100, ("a", 5): 50}),
            ([("a", 0, 100, "1"), ("a", 5, 50, "2"), ("a", 6, -120, "2")], 6, {("a", 0): 30}),
            ([("a", 3, 100, "1"), ("a", 1, -40, "1")], 6, {("a", 3): 100}),
            ([("a", 0, 100, "1"), ("b", 1, -40, "1")], 6, {("a", 0): 100}),
            ([("a", 0, 0, "1")], 6, {("a", 0): 0}),
            ([("a", 0, 0, "1"), ("a", 0, -5, None)], 6, {}),
            ([("a", 0, 9, "1"), ("a", 0, 0, "1"), ("a", 0, -9, "1")], 6, {}),
        ],
        4,
    ),
    ids=[
        "its own order",
        "the same day",
        "the latest earlier sales",
        "not before its own day",
        "beyond its order, the others",
        "never a later sale",
        "never another customer's order",
        "a sale of nothing is a purchase",
        "unless something was given back that day",
        "a day given back is none",
    ],
)
def test_a_refund_meets(rows: list[Row], until: int, wanted: dict[tuple[str, int], int]) -> None:
    assert found_purchases(log(rows), until) == wanted


def test_a_refunded_purchase_counts_until_the_day_it_is_given_back() -> None:
    """T-36: a refund row is no purchase, and the day that it undoes is none either."""
    rows: list[Row] = [("a", 0, 10_000, None), ("a", 10, 5_000, None), ("a", 20, -5_000, None), ("a", 30, 3_000, None)]
    accounted = log(rows)
    before, after = (summarize(accounted, FIRST + timedelta(day)).table.iloc[0] for day in (19, 30))
    assert (before["frequency"], before["recency"], before["monetary_value"]) == (1, 10, 50.0)
    assert (after["frequency"], after["recency"], after["monetary_value"]) == (1, 30, 30.0)
    assert compress(accounted).repeat_buyers == 1


def test_a_refund_in_the_holdout_of_a_calibration_sale_lowers_neither() -> None:
    rows: list[Row] = [("a", 0, 100, "1"), ("a", 10, 50, "2"), ("a", 12, -100, "1"), ("b", 0, 5, "3")]
    parts = split_log(log(rows), FIRST + timedelta(5), FIRST + timedelta(20))
    assert parts.holdout.to_dict("records") == [
        {"customer_id": "a", "purchases": 1, "spend": 0.5},
        {"customer_id": "b", "purchases": 0, "spend": 0.0},
    ]
    assert parts.calibration.first_orders.mean == pytest.approx(1.05 / 2)


def test_a_cancellation_names_its_order_by_the_group_of_the_pattern() -> None:
    rows: list[Row] = [
        ("a", 0, 100, "536"),
        ("a", 5, 50, "537"),
        ("a", 6, -30, "C536"),
        ("a", 7, 0, "C9"),
        ("a", 8, 5, "C8"),
    ]
    accounted = log(rows, cancellations="^C([0-9]+)")
    assert found_purchases(accounted, 9) == {("a", 0): 70, ("a", 5): 50}
    assert accounted.reconcile()["cancellations that give nothing back"] == Line(
        "cancellations that give nothing back", 2, Decimal("0.05")
    )
    assert found_purchases(log(rows, cancellations="^C"), 9) == {("a", 0): 100, ("a", 5): 20}


# ---- refunds without a customer


@pytest.mark.slow
@quick
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.integers(0, 9),
            st.integers(-300, 300),
            st.sampled_from([None, "1", "2"]),
        ),
        min_size=1,
        max_size=20,
    ),
    until=st.integers(0, 9),
)
def test_refunds_without_a_customer_are_netted_as_a_clerk_does(rows: list[Any], until: int) -> None:
    rules: dict[str, Any] = {
        "placeholders": ["nan"], "zero_amounts": "count", "duplicates": "keep", "exclude": {}, "cancellations": None,
    }  # fmt: skip
    used = [row for row in owned(rows, rules) if row[0] is not None]
    if not any(row[2] >= 0 for row in used):
        return
    known = [row for row in owned([row for row in rows if row[1] <= until], rules) if row[0] is not None]
    assert known == [row for row in used if row[1] <= until]
    assert found_purchases(log(rows), until) == expected_purchases(clerk(known, until))


@pytest.mark.parametrize(
    ("rows", "until", "wanted"),
    few([
        ([("a", 0, 100, "101"), ("a", 31, 40, "103"), (None, 40, -100, "101")], 40, {("a", 31): 40}),
        ([("a", 0, 100, "101"), ("a", 31, 40, "103"), (None, 40, -100, "101")], 39, {("a", 0): 100, ("a", 31): 40}),
        ([("a", 0, 100, "101.0"), ("a", 31, 40, "103"), ("nan", 40, -100, " 101 ")], 40, {("a", 31): 40}),
        ([("a", 0, 100, "1"), ("b", 0, 40, "1"), (None, 2, -40, "1")], 3, {("a", 0): 100, ("b", 0): 40}),
        ([("a", 0, 100, "1"), ("b", 5, 40, "1"), (None, 2, -40, "1")], 6, {("a", 0): 60, ("b", 5): 40}),
        ([("a", 0, 100, "1"), ("a", 4, 40, "1"), (None, 5, -60, "1")], 6, {("a", 0): 80}),
        ([("a", 0, 100, "1"), ("a", 3, 40, "2"), (None, 2, -40, "2")], 6, {("a", 0): 100, ("a", 3): 40}),
        ([("a", 0, 100, "1"), (None, 1, 40, "2"), (None, 2, -40, "2")], 6, {("a", 0): 100}),
        ([("a", 0, 100, "1"), (None, 0, -40, "1")], 6, {("a", 0): 60}),
        ([("a", 0, 100, "1"), (None, 1, -40, None)], 6, {("a", 0): 100}),
    ], 3),
    ids=["its order", "not before its own day", "ids of the same number", "an order of two customers",
         "of two only later", "an order of several days", "never a later order", "a guest's order", "the same day",
         "no order"],
)  # fmt: skip
def test_a_refund_without_a_customer_meets(rows: list[Any], until: int, wanted: dict[tuple[str, int], int]) -> None:
    assert found_purchases(log(rows), until) == wanted


def test_a_woocommerce_export_counts_what_is_left_of_it() -> None:
    rows: list[Any] = [("a@x.com", 0, 10_000, "101"), ("a@x.com", 31, 4_000, "103"), (None, 40, -10_000, "101")]
    accounts = log(rows).reconcile()
    assert (accounts.revenue, accounts.purchases, accounts["no customer"].rows) == (40, 1, 0)
    assert log(rows, guests="refuse").reconcile().revenue == 40


def test_a_cancellation_without_a_customer_names_its_order_by_the_group_of_the_pattern() -> None:
    rows: list[Any] = [("a", 0, 100, "536.0"), ("a", 5, 50, "537"), (None, 6, -30, "C 536")]
    assert found_purchases(log(rows, cancellations="^C(.*)"), 9) == {("a", 0): 70, ("a", 5): 50}


@pytest.mark.parametrize("orders", few([[1001, 1002, 1001], [1001.0, None, 1001.0], ["1001", "x", "1001.00"]], 1))
def test_order_ids_of_any_type_are_one(orders: list[Any]) -> None:
    frame = pd.DataFrame({"customer_id": ["a", "a", None], "date": pd.Timestamp("2020-01-01"), "amount": [9, 5, -9]})
    accounted = log_of(frame.assign(order_id=orders), order_id="order_id")
    assert (accounted.reconcile().revenue, accounted.reconcile()["no customer"].rows) == (5, 0)


def test_an_order_that_a_rule_leaves_out_shows_no_customer() -> None:
    rows: list[Any] = [("a", 0, 100, "T1"), ("a", 1, 50, "2"), (None, 2, -40, "T1")]
    rule = {"tests": ExcludeSettings("order_id", matches="^T")}
    accounts = log(rows, exclude=rule).reconcile()
    assert (accounts.revenue, accounts["no customer"].rows, accounts.strays) == (Decimal("0.5"), 1, ())


def test_refunds_of_orders_that_are_not_in_the_log_are_counted() -> None:
    rows: list[Any] = [
        ("a", 0, 100_00, "1001"), ("a", 5, -20_00, "1002"), (None, 6, -60_00, "1003"), ("a", 7, -40_00, "1002"),
        ("b", 0, 5_00, "9"), ("a", 0, 5_00, "9"), (None, 8, -5_00, "9"), ("b", 8, -1_00, None),
    ]  # fmt: skip
    accounted = log(rows)
    missing, shared = accounted.reconcile().strays or ()
    assert missing.in_words == "3 refunds of -120.00 name an order that is not in the log (first: '1002', '1003')"
    assert shared.in_words == "1 refund of -5.00 names no customer and an order of several customers (first: '9')"
    assert accounted.reconcile(FIRST + timedelta(5)).strays == (StrayRefunds(MISSING, 1, Decimal(-20), ("1002",)),)
    assert accounted.reconcile().stray_rows(MISSING) == 3
    assert log(rows, orders=False).reconcile().stray_rows(MISSING) is None


# ---- the reconciliation


DIRTY = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "a", "b", None, " ", "nan", "guest"]),
        st.integers(0, 12),
        st.sampled_from([0, 0, 5, 100, 250, -100, -5, -1000, 10_000]),
        st.sampled_from([None, "1", "2", "C1", "C2", "T3"]),
    ),
    min_size=1,
    max_size=40,
)
RULES = st.fixed_dictionaries(
    {
        "zero_amounts": st.sampled_from(["count", "drop"]),
        "negative_amounts": st.sampled_from(["refund", "drop"]),
        "duplicates": st.sampled_from(["keep", "drop"]),
        "cancellations": st.sampled_from([None, "^C(.*)", "^C"]),
        "placeholders": st.sampled_from([["nan"], ["nan", "guest"]]),
        "exclude": st.sampled_from(
            [
                {},
                {"test orders": ExcludeSettings("order_id", matches="^T")},
                {"outliers": ExcludeSettings("amount", above=50.0, below=-5.0)},
            ]
        ),
    }
)


def owned(rows: list[Row], rules: dict[str, Any]) -> list[Row]:
    """Give refunds without a customer to the customer of their order, in plain Python, one by one."""
    known: dict[tuple[str, int], set[str]] = defaultdict(set)
    seen: set[Row] = set()
    for row in rows:
        customer, day, cents, order = row
        repeated = row in seen
        seen.add(row)
        if is_nobody(customer, rules) or order is None or cents < 0 or (cents == 0 and rules["zero_amounts"] == "drop"):
            continue
        is_left_out = is_test(order, rules) or is_outlier(cents, rules) or is_cancelled(order, rules)
        if not (is_left_out or (repeated and rules["duplicates"] == "drop")):
            for later in range(day, 100):
                known[order, later].add(str(customer))
    found = []
    for customer, day, cents, order in rows:
        who = known[gives_back(order, rules), day] if order is not None else set()
        is_refund = order is not None and (cents < 0 or is_cancelled(order, rules))
        is_found = is_nobody(customer, rules) and is_refund and len(who) == 1
        found.append((min(who) if is_found else customer, day, cents, order))
    return found


def is_nobody(customer: str | None, rules: dict[str, Any]) -> bool:
    return customer is None or not customer.strip() or customer in rules["placeholders"]


def is_cancelled(order: str, rules: dict[str, Any]) -> bool:
    return bool(rules["cancellations"]) and order.startswith("C")


def is_test(order: str, rules: dict[str, Any]) -> bool:
    return "test orders" in rules["exclude"] and order.startswith("T")


def is_outlier(cents: int, rules: dict[str, Any]) -> bool:
    return "outliers" in rules["exclude"] and (cents > 5000 or cents < -500)


def gives_back(order: str, rules: dict[str, Any]) -> str:
    return order.removeprefix("C") if rules["cancellations"] == "^C(.*)" else order


def expected_fates(rows: list[Row], rules: dict[str, Any], until: int) -> dict[str, tuple[int, int]]:
    """Give each row its fate in plain Python, but for those that netting decides, which share one."""
    fates: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    seen: set[Row] = set()
    for row, (customer, day, cents, order) in zip(rows, owned(rows, rules), strict=True):
        repeated = row in seen
        seen.add(row)
        if is_nobody(customer, rules):
            fate = "no customer"
        elif is_test(order or "", rules) or is_outlier(cents, rules):
            fate = "left out: " + next(iter(rules["exclude"]))
        elif repeated and rules["duplicates"] == "drop":
            fate = "exact duplicates, dropped"
        elif is_cancelled(order or "", rules) and cents >= 0:
            fate = "cancellations that give nothing back"
        elif cents == 0 and rules["zero_amounts"] == "drop":
            fate = "sales of nothing, dropped"
        elif cents < 0 and rules["negative_amounts"] == "drop":
            fate = "negative amounts, dropped"
        else:
            fate = AFTER if day > until else "sales" if cents >= 0 else "refunds"
        fates[fate][0] += 1
        fates[fate][1] += cents
    return {fate: (count, cents) for fate, (count, cents) in fates.items()}


@quick
@given(rows=DIRTY, rules=RULES, until=st.integers(0, 13))
def test_every_row_and_every_cent_of_any_dirty_log_has_one_fate(
    rows: list[Row], rules: dict[str, Any], until: int
) -> None:
    everything = expected_fates(rows, rules, 99)
    if "sales" not in everything:
        with pytest.raises(TransactionsError, match="there is no sale in it"):
            log(rows, **rules)
        return
    accounts = log(rows, **rules).reconcile(FIRST + timedelta(until))
    found = {line.fate: (line.rows, int(line.amount * 100)) for line in accounts.lines}
    sales = [found.pop(fate, (0, 0)) for fate in (SALE, GIVEN_BACK)]
    refunds = [found.pop(fate, (0, 0)) for fate in (NETTED, UNMATCHED)]
    wanted = expected_fates(rows, rules, until)
    for accounted, name in ((sales, "sales"), (refunds, "refunds")):
        assert tuple(map(sum, zip(*accounted, strict=True))) == wanted.pop(name, (0, 0))
    assert found == wanted
    assert (accounts.rows, accounts.amount) == (len(rows), Decimal(sum(row[2] for row in rows)) / 100)


def test_a_tenth_a_million_times_is_a_hundred_thousand_exactly() -> None:
    frame = pd.DataFrame({"customer_id": "a", "date": pd.Timestamp("2020-01-01"), "amount": [0.1] * 1_000_000})
    assert log_of(frame).reconcile().amount == 100_000


def test_accounts_that_do_not_add_up_are_refused() -> None:
    accounts = log([("a", 0, 100, None), ("a", 1, -30, None)]).reconcile()
    with pytest.raises(TransactionsError, match=r"3 rows of 0\.700000 are accounted as 2 of 0\.700000"):
        replace(accounts, rows=3)
    with pytest.raises(TransactionsError, match=r"2 rows of 0\.71 are accounted as 2 of 0\.70"):
        replace(accounts, amount=Decimal("0.71"))
    with pytest.raises(TransactionsError, match=r"purchases of 1\.00 are accounted as sales less refunds of 0\.70"):
        replace(accounts, revenue=Decimal("1.00"))


def test_accounts_can_be_kept_as_text() -> None:
    accounted = log([("a", 0, 100, None), ("a", 1, -300, None), ("a", 9, 1, None)]).reconcile(date(2020, 1, 3))
    assert accounted.as_dict() == {
        "until": "2020-01-03",
        "lines": [
            {"fate": GIVEN_BACK, "rows": 1, "amount": "1.000000", "unread": 0},
            {"fate": NETTED, "rows": 0, "amount": "-1.000000", "unread": 0},
            {"fate": UNMATCHED, "rows": 1, "amount": "-2.000000", "unread": 0},
            {"fate": AFTER, "rows": 1, "amount": "0.010000", "unread": 0},
        ],
        "rows": 3,
        "amount": "-1.990000",
        "purchases": 0,
        "revenue": "0",
        "duplicates": 0,
        "stray_refunds": [],
    }
    assert accounted.unmatched_share == 2.0
    assert isinstance(accounted, Reconciliation)
