"""Customers of a log without a purchase, counted by reason; and patterns of cancellations that do not fit the log."""

import logging
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from cases import few
from logs import FIRST, log_of

from tenure.settings import ExcludeSettings
from tenure.transactions import Transactions

type Row = tuple[str | None, int, float, str]


def log(rows: list[Row], **changes: Any) -> Transactions:
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "amount", "order_id"])
    frame["date"] = pd.to_datetime([FIRST + timedelta(int(day)) for day in frame["date"]]).astype("datetime64[us]")
    return log_of(frame, order_id="order_id", **changes)


ROWS: list[Row] = [
    ("ann", 0, 10.0, "1"), ("ann", 9, 10.0, "2"),
    ("ben", 1, 10.0, "3"), ("ben", 2, -10.0, "3"),  # refunded in full
    ("cat", 1, 0.0, "4"),  # free, and a purchase
    ("dan", 3, -5.0, "5"),  # a refund alone
    ("eve", 8, 10.0, "6"),
    ("fay", 2, 99.0, "test7"), ("fay", 9, 99.0, "test8"),
    ("gus", 2, 99.0, "test9"), ("gus", 9, 10.0, "9"),
    (None, 2, 10.0, "10"),
]  # fmt: skip
TESTS = {"tests": ExcludeSettings("order_id", matches="^test")}


def test_every_customer_without_a_purchase_is_counted_once_by_its_reason() -> None:
    unscored = log(ROWS, exclude=TESTS).unscored()
    assert (unscored.customers, unscored.by_reason) == (7, {"no_purchase_left": 2, "rows_left_out": 1})
    assert unscored.lines("scored") == [
        "2 of 7 customers have no purchase left after refunds and are not scored.",
        "1 of 7 customers has only rows that a rule leaves out and is not scored.",
    ]


def test_customers_who_come_later_and_later_refunds_depend_on_the_day() -> None:
    accounted = log(ROWS, exclude=TESTS)
    assert accounted.unscored(FIRST + timedelta(1)).by_reason == {"first_seen_later": 3, "rows_left_out": 1}
    eighth = accounted.unscored(FIRST + timedelta(8))
    assert eighth.by_reason == {"no_purchase_left": 2, "first_seen_later": 1, "rows_left_out": 1}
    assert eighth.lines("fitted")[1] == "1 of 7 customers has no row up to 2020-01-09 and is not fitted."


@pytest.mark.parametrize("day", few(range(10), 3))
def test_the_counts_add_up_to_the_customers_who_are_scored(day: int) -> None:
    accounted = log(ROWS, exclude=TESTS)
    until = FIRST + timedelta(day)
    scored = accounted.purchases(until).select("customer_id").distinct().count().to_pyarrow().as_py()
    unscored = accounted.unscored(until)
    assert unscored.customers - sum(unscored.by_reason.values()) == scored


def test_a_log_of_sales_alone_has_none() -> None:
    unscored = log([row for row in ROWS if row[0] in ("ann", "eve")]).unscored()
    assert (unscored.customers, unscored.by_reason, unscored.lines("scored")) == (2, {}, [])


# Patterns of cancellations

SALES: list[Row] = [("ann", day, 10.0, f"5{day:02d}") for day in range(30)]
OWN = [("ann", 30 + day, -10.0, f"C9{day:02d}") for day in range(30)]  # cancellations with numbers of their own
NAMED = [("ann", 30 + day, -10.0, f"C5{day:02d}") for day in range(30)]


@pytest.mark.parametrize(
    ("cancelled", "pattern", "said"),
    few([
        (OWN, "^C(.*)", "30 order ids, and of the orders that its group names none is in the log ('C900' names"),
        ([*OWN, NAMED[0]], "^C(.*)", "31 order ids, and of the orders that its group names 1 is in the log"),
        (NAMED, "^C5(.*)", "('C500' names '00')"),
        (NAMED, "^K(.*)", "it matches no order id of the log (an order id there: '500')"),
        (NAMED, "^X", "it matches no order id"),
    ], 2),
)  # fmt: skip
def test_a_pattern_of_cancellations_that_does_not_fit_the_log_is_a_warning(
    cancelled: list[Row], pattern: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tenure"):
        log([*SALES, *cancelled], cancellations=pattern)
    assert f"transactions.cancellations={pattern!r} seems wrong" in caplog.text
    assert said in caplog.text


@pytest.mark.parametrize(
    ("cancelled", "pattern"), [(NAMED, "^C(.*)"), ([*OWN, *NAMED[:3]], "^C(.*)"), (OWN, "^C"), (NAMED, "^C")]
)
def test_a_pattern_that_fits_or_names_no_order_is_no_warning(
    cancelled: list[Row], pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    log([*SALES, *cancelled], cancellations=pattern)
    assert not caplog.records
