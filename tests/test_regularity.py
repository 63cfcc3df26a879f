"""Wheat & Morrison's k of the waits between purchases: on hand, on simulated waits, and as a finding of the review."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from cases import few
from logs import log_of, settings
from test_review import FITS, SETTINGS, good_metrics

from tenure.review import Verdict, judge
from tenure.rfm import MOST_K, AcquisitionWindow, Regularity, measure_regularity
from tenure.transactions import read

START = date(2024, 1, 1)


def days_log(days_by_customer):
    rows = [
        (f"c{at:05d}", START + timedelta(int(day)), 10.0) for at, days in enumerate(days_by_customer) for day in days
    ]
    return log_of(pd.DataFrame(rows, columns=["customer_id", "date", "amount"]))


def simulate(k, mean, customers=3_000, span=400, seed=1):
    """Draw purchase days: rates differ by customer, waits are Gamma(k), purchases of a day are one."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 1.0, customers) / mean
    waits = rng.gamma(k, 1.0 / k, (customers, 12)) / rate[:, None]
    times = np.column_stack([rng.random(customers), waits]).cumsum(axis=1)
    return days_log([np.unique(np.floor(row[row < span])) for row in times])


def test_k_and_its_error_are_those_of_the_formula_by_hand():
    days = [(0, 10, 30), (0, 20, 30, 35), (5, 10, 55), (0, 4), (3,), (0, 1, 2)]  # the last two waits cannot differ
    measured = measure_regularity(days_log(days))
    d = np.array([(10 / 30 - 0.5) ** 2, (20 / 30 - 0.5) ** 2, (5 / 50 - 0.5) ** 2])
    w = 1 - 2 / np.array([30, 30, 50])
    variance = d.sum() / w.sum()
    error = np.sqrt(((d - variance * w) ** 2).sum()) / w.sum() / (8 * variance**2)
    assert measured.customers == 3
    assert measured.k == pytest.approx(1 / (8 * variance) - 0.5)
    assert measured.k_se == pytest.approx(error)
    assert measured.metrics() == {
        "regularity.customers": 3.0, "regularity.k": measured.k, "regularity.k_se": measured.k_se,
    }  # fmt: skip


@pytest.mark.parametrize("mean", few([2, 7, 60], 1))
def test_random_purchases_have_k_of_1_at_any_rate(mean):
    """Although waits are whole days: without the factors, k would be 2.2 at a mean wait of two days."""
    measured = measure_regularity(simulate(1.0, mean))
    assert abs(measured.k - 1.0) < 4 * measured.k_se
    assert measured.k_se < 0.06


@pytest.mark.parametrize(("k", "low", "high"), [(0.5, 0.4, 0.7), (2.0, 1.7, 2.2), (4.0, 3.2, 4.4)])
def test_k_of_gamma_waits_is_found(k, low, high):
    assert low < measure_regularity(simulate(k, 60)).k < high


def test_the_end_of_observation_does_not_bias_k():
    """Short logs hold the quick pairs alone, but their order is as random."""
    log = simulate(1.0, 60, customers=6_000)
    short = measure_regularity(log, START + timedelta(50))
    assert short.customers < 0.6 * measure_regularity(log).customers
    assert abs(short.k - 1.0) < 4 * short.k_se


def test_standing_orders_have_the_largest_k_and_a_finite_error():
    measured = measure_regularity(days_log([(0, 30, 60, 90)] * 200))
    assert measured.k == pytest.approx(MOST_K)
    assert np.isfinite(measured.k_se)


def test_bursts_have_a_k_that_is_not_negative():
    measured = measure_regularity(days_log([(0, 1, 200), (0, 199, 200)] * 50))
    assert 0.0 <= measured.k < 0.1


@pytest.mark.parametrize("days", [[(0,), (3,)], [(0, 5), (1, 9)], [(0, 1, 2)] * 9, [(0, 10, 30), (0, 1, 2)]])
def test_too_few_waits_have_no_k(days):
    metrics = measure_regularity(days_log(days)).metrics()
    assert set(metrics) == {"regularity.customers"}
    assert metrics["regularity.customers"] < 2


def test_days_after_the_end_and_customers_outside_the_window_do_not_count():
    log = days_log([(0, 10, 30), (0, 10, 90), (50, 60, 70)])
    assert measure_regularity(log, START + timedelta(80)).customers == 2
    window = AcquisitionWindow(first=START + timedelta(20))
    assert measure_regularity(log, None, window).customers == 1


def test_the_sample_raises_no_alarm():
    transactions = read(settings())
    for end in ("1997-09-30", "1998-06-30"):
        assert 0.7 < measure_regularity(transactions, end).k < 1.1


def review_of(**changes):
    return judge({**good_metrics(), **changes}, SETTINGS.checks, fits=FITS)


@pytest.mark.parametrize("k", [1.6, 2.3, 10.0, MOST_K])
def test_a_regular_log_is_reviewed_and_never_fails(k):
    review = review_of(**{"regularity.k": k, "regularity.k_se": 0.01, "regularity.customers": 5_000.0})
    assert review.verdict is Verdict.REVIEW
    (finding,) = review.findings
    assert finding.check.finding.startswith(f"Customers buy more regularly than the model assumes (k {k:.2f}")
    assert "intervals of regular customers are too wide" in finding.check.finding


@pytest.mark.parametrize("k", [0.0, 0.5, 1.04, 1.5])
def test_random_purchases_and_bursts_are_no_finding(k):
    assert review_of(**{"regularity.k": k}).concerns == ()


def test_a_log_without_waits_is_not_judged_by_them():
    metrics = {name: value for name, value in good_metrics().items() if name != "regularity.k"}
    review = judge({**metrics, **Regularity(0, 0, 0, 0, 0, 0).metrics()}, SETTINGS.checks, fits=FITS)
    assert "regularity" not in {check.name for check in review.checks}
    assert review.verdict is Verdict.PASS
