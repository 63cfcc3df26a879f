"""Whether spend was steady within the calibration."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from logs import FIRST, log_of, sales_log

from tenure.backtest import measure_spend_change
from tenure.backtest.stationarity import UNBOUNDED
from tenure.rfm import split_log
from tenure.transactions import Transactions

CUTOFF, DAYS = 200, 260


def make_log(*, later: float = 1.0, customers: int = 400, seed: int = 3) -> Transactions:
    """Make customers of very different spend, who from the middle of the calibration on spend `later` times as much."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        days = np.flatnonzero(rng.random(DAYS + 1) < rng.gamma(2.0, 0.02))
        amounts = rng.gamma(3.0, 10.0 * rng.lognormal(0.0, 1.0), len(days)) * np.where(days > CUTOFF // 2, later, 1.0)
        rows += [(f"c{customer}", day, amount + 0.01) for day, amount in zip(days, amounts, strict=True)]
    table = pd.DataFrame(rows, columns=["customer_id", "day", "amount"]).round({"amount": 2})
    table["date"] = (pd.Timestamp(FIRST) + pd.to_timedelta(table.pop("day"), unit="D")).astype("datetime64[us]")
    return log_of(table)


def change_of(log: Transactions, cutoff: int = CUTOFF) -> dict[str, float]:
    return measure_spend_change(log, split_log(log, FIRST + timedelta(cutoff)))


def test_a_customers_halves_are_compared_without_the_first_purchase_and_the_holdout() -> None:
    """Day 50 is the last of the earlier half. Customer a weighs 1 1 / (1 + 1), b 2 1 / (2 + 1)."""
    log = sales_log(
        ("a", 0, 900.0), ("a", 20, 10.0), ("a", 80, 15.0), ("a", 110, 700.0),
        ("b", 5, 900.0), ("b", 49, 20.0), ("b", 50, 28.0), ("b", 51, 32.0), ("b", 110, 700.0),
        ("c", 1, 50.0), ("c", 90, 500.0), ("d", 60, 5.0), ("d", 70, 4.0), ("e", 99, 1.0),
    )  # fmt: skip
    found = change_of(log, cutoff=100)
    early, late = 10 / 2 + 24 * 2 / 3, 15 / 2 + 32 * 2 / 3
    assert found["spend_change_customers"] == 2
    assert found["spend_change"] == pytest.approx(late / early - 1)
    pull = 15 / 2 / late - 10 / 2 / early  # of the first customer; the second's is the opposite
    assert found["spend_change_se"] == pytest.approx(late / early * np.sqrt(2 * 2 * pull**2))


@pytest.mark.slow
def test_steady_spend_is_found_steady_as_often_as_its_error_says() -> None:
    found = [change_of(make_log(seed=seed)) for seed in range(25)]
    z = np.array([one["spend_change"] / one["spend_change_se"] for one in found])
    assert abs(z.mean()) < 3 / np.sqrt(25)
    assert 0.6 < z.std(ddof=1) < 1.5


@pytest.mark.parametrize("later", [0.7, 1.3])
def test_a_change_in_the_middle_of_the_calibration_is_found(later: float) -> None:
    found = change_of(make_log(later=later))
    assert found["spend_change_customers"] > 100
    assert found["spend_change_se"] < 0.1
    assert found["spend_change"] == pytest.approx(later - 1, abs=3 * found["spend_change_se"])
    assert abs(found["spend_change"]) > 0.1


def test_a_refund_after_the_cutoff_changes_nothing() -> None:
    rows = pd.DataFrame(
        [("a", 0, 9.0), ("a", 10, 8.0), ("a", 60, 6.0), ("b", 1, 5.0), ("b", 12, 4.0), ("b", 70, 7.0), ("b", 120, 5.0)],
        columns=["customer_id", "day", "amount"],
    )
    rows["date"] = (pd.Timestamp(FIRST) + pd.to_timedelta(rows.pop("day"), unit="D")).astype("datetime64[us]")
    later = pd.DataFrame({"customer_id": ["b"], "amount": [-7.0], "date": rows["date"].max()})
    assert change_of(log_of(rows), 100) == change_of(log_of(pd.concat([rows, later], ignore_index=True)), 100)


@pytest.mark.parametrize("sales", [[("a", 10, 5.0)], []])
def test_where_nobody_or_one_bought_again_in_both_halves_nothing_is_said(sales: list[tuple[str, int, float]]) -> None:
    found = change_of(sales_log(("a", 0, 5.0), *sales, ("a", 90, 6.0), ("b", 0, 4.0), ("b", 120, 3.0)), 100)
    assert found["spend_change_customers"] == len(sales)
    assert np.isnan(found["spend_change"])
    assert np.isnan(found["spend_change_se"])


@pytest.mark.parametrize(("early", "late", "change"), [(0.0, 5.0, UNBOUNDED), (5.0, 0.0, -1.0)])
def test_a_half_that_was_all_free_is_a_change_that_can_be_said(early: float, late: float, change: float) -> None:
    sales = [(f"c{at}", day, early if day <= 100 else late) for at in range(3) for day in (0, 50, 150, 200)]
    sales += [("free", day, 0.0) for day in (0, 50, 150, 200)]  # who is not in the spend model is not compared
    log = sales_log(*sales, ("c0", 300, 1.0))
    found = measure_spend_change(log, split_log(log, FIRST + timedelta(200)))
    assert found == {"spend_change": change, "spend_change_se": 0.0, "spend_change_customers": 3.0}
