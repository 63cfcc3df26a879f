"""The first order as evidence on spend, and evidence that fades: orders, likelihood, scores, refusals."""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cases import few
from logs import log_of, sales_log
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln

import tenure
from tenure.fit import FitError, fit_models, maximum_likelihood
from tenure.fit.fading import highest
from tenure.posterior import Posterior, PosteriorError
from tenure.registry import packing
from tenure.rfm import CompressedSummary, compress, split_log, stream_summary, summarize
from tenure.scorer import Scorer
from tenure.settings import FitSettings, SettingsError
from tenure.simulate import spend_process
from tenure.spend.gamma_gamma.likelihood import Table as AmountsTable
from tenure.spend.gamma_gamma.likelihood import kernel as amounts_kernel
from tenure.spend.gamma_gamma_orders.likelihood import Table, densities, density, kernel, pointwise
from tenure.spend.order_evidence import EvidenceError
from tenure.summary import COLUMNS, FADED, OPTIONAL, CustomerSummary, Orders, SummaryError

FIRST_ORDER, FADING, ALONE = "gamma_gamma_first_order", "gamma_gamma_orders", "gamma_gamma_fading"
PURCHASES = {"r": 0.6, "alpha": 40.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 3.7, "v": 15.0}


def orders_of(*customers, least=0.0):
    """Return orders from lists whose first number is the first order, 0 for none."""
    first = np.array([float(days[0]) for days in customers])
    return Orders.of_lists(first, [[day for day in days if day > 0] for days in customers], least)


# ---- orders


def test_orders_of_a_log_are_the_same_in_memory_in_parts_and_compressed(monkeypatch):
    log = sales_log(
        ("a", 0, 10.0), ("a", 3, 30.0), ("a", 9, 20.0), ("b", 1, 10.0), ("c", 2, 0.0), ("c", 4, 8.0), ("d", 5, 10.0),
        ("e", 5, 12.0), ("e", 7, 0.0), ("e", 8, 0.05),
    )  # fmt: skip
    summary = summarize(log)
    assert summary.table["first_order_value"].tolist() == [10.0, 10.0, 0.0, 10.0, 12.0]
    orders = summary.orders
    assert_array_equal(orders.first, [10.0, 10.0, 0.0, 10.0, 12.0])
    assert_array_equal(orders.amounts, [30.0, 20.0, 8.0, 0.05])
    assert_array_equal(orders.repeats, [2, 0, 1, 0, 1])
    part = pd.concat(stream_summary(log, delta=0.5).parts())
    faded = summary.with_faded(0.5).table
    assert_array_equal(part[["first_order_value", *FADED]], faded[["first_order_value", *FADED]])
    assert faded[FADED[0]].tolist() == [1.5, 0.0, 1.0, 0.0, 1.0]
    assert faded[FADED[1]].tolist() == [35.0, 0.0, 8.0, 0.0, 0.05]
    monkeypatch.setattr("tenure.rfm.customers.SHARE", 2)  # lists of two customers at once
    shared = stream_summary(log, delta=0.5)
    assert shared.count() == 5
    pd.testing.assert_frame_equal(pd.concat(shared.parts()), part)
    one, other = CompressedSummary.of(summary).orders, compress(log, with_orders=True).orders
    for name in ("first", "starts", "amounts", "count"):
        assert_array_equal(getattr(one, name), getattr(other, name))
    # b and d are one distinct customer; the negligible day of e is in no fit, and neither is a free first order.
    assert sorted(zip(one.first, one.repeats, one.count, strict=True)) == [
        (0, 1, 1),
        (10, 0, 2),
        (10, 2, 1),
        (12, 0, 1),
    ]


@pytest.mark.parametrize("with_orders", [True, False])
def test_orders_are_kept_only_where_they_are_asked_for(with_orders):
    log = sales_log(("a", 0, 10.0), ("a", 3, 30.0), ("b", 1, 10.0))
    summary, split = summarize(log, with_orders=with_orders), split_log(log, "2020-01-02", with_orders=with_orders)
    assert [(one.orders is not None) for one in (summary, split.calibration)] == [with_orders] * 2
    pd.testing.assert_frame_equal(summary.table, summarize(log).table)
    assert FitSettings().needs_orders
    assert not FitSettings(segments=["country"]).needs_orders
    assert not FitSettings(spend_model="gamma_gamma_transactions").needs_orders


def test_left_truncated_customers_have_no_first_order():
    rows = pd.DataFrame({"customer_id": ["old", "old", "new", "new"], "day": [0, 9, 1, 4], "amount": [8.0, 2.0, 5, 6]})
    rows["acquired"] = pd.to_datetime(["2019-12-01", "2019-12-01", "2020-01-02", "2020-01-02"]).astype("datetime64[us]")
    days = pd.to_timedelta(rows.pop("day"), unit="D")
    rows["date"] = (pd.Timestamp("2020-01-01") + days).astype("datetime64[us]")
    summary = summarize(log_of(rows, acquired="acquired", end="2020-01-10"))
    table = summary.table.set_index("customer_id")
    assert table["first_order_value"].to_dict() == {"new": 5.0, "old": 0.0}
    assert_array_equal(summary.orders.repeats, [1, 2])


def test_what_is_netted_is_the_first_order():
    log = sales_log(("a", 0, 30.3), ("a", 0, -10.1), ("a", 5, 20.0), ("b", 0, 9.0), ("b", 0, -9.0), ("b", 2, 7.0))
    assert summarize(log).table["first_order_value"].tolist() == [20.2, 7.0]


def test_without_fading_the_sums_are_those_of_the_summary(calibration):
    table = calibration.with_faded(1.0).table
    paid = table["monetary_value"] > 0
    assert_allclose(table[FADED[1]], table["frequency"] * table["monetary_value"], rtol=1e-12, atol=1e-12)
    # Free days have no weight: the eight of CDNOW.
    assert (table.loc[paid, FADED[0]] <= table.loc[paid, "frequency"]).all()
    assert (table["frequency"] - table[FADED[0]]).sum() < 9


def test_orders_that_are_none_are_refused():
    one = np.ones(1, np.int64)
    with pytest.raises(SummaryError, match="do not fit each other"):
        Orders(np.ones(2), np.array([0, 0]), np.empty(0), one)
    with pytest.raises(SummaryError, match="1 orders have no finite amount above 0"):
        Orders(np.ones(1), np.array([0, 1]), np.zeros(1), one)


BARE = pd.DataFrame(
    {"customer_id": ["a", "b"], "frequency": [2, 0], "recency": [9, 0], "T": [30, 30], "monetary_value": [20.0, 0.0]}
)


@pytest.mark.parametrize("value", [-1.0, np.inf, 1e100])
def test_a_first_order_that_is_no_amount_is_refused(value):
    with pytest.raises(SummaryError, match=r"1 of 2 customers has a first_order_value below 0, or of 1e\+100 or more"):
        CustomerSummary.from_frame(BARE.assign(first_order_value=[10.0, value]))


@pytest.mark.parametrize("value", [None, np.nan, 0])
def test_no_first_order_is_0_or_null(value):
    table = CustomerSummary.from_frame(BARE.assign(first_order_value=[10.0, value])).table
    assert table["first_order_value"].tolist() == [10.0, 0.0]


def test_a_first_order_of_text_is_refused():
    with pytest.raises(SummaryError, match="'first_order_value' has the type"):
        CustomerSummary.from_frame(BARE.assign(first_order_value=["10", "x"]))


@pytest.mark.parametrize(
    ("number", "spend", "message"),
    [
        ([1.8, 0.0], [0.0, 0.0], "not both above 0"),
        ([1.8, 1.0], [30.0, 9.0], "not both above 0"),
        ([2.1, 0.0], [30.0, 0.0], "a faded_frequency above frequency"),
        ([1.8, 0.0], [-30.0, 0.0], "a faded_spend below 0"),
    ],
)
def test_faded_columns_that_are_no_sums_are_refused(number, spend, message):
    with pytest.raises(SummaryError, match=message):
        CustomerSummary.from_frame(BARE.assign(faded_frequency=number, faded_spend=spend))


# ---- the likelihood


def draw_customers(size, seed=3, **changes):
    """Return orders, the first included, of a population."""
    rng = np.random.default_rng(seed)
    counts = rng.geometric(0.35, size)
    process = spend_process(FADING, {"p": 3.0, "q": 4.0, "v": 20.0, "f": 0.8, "delta": 0.8, **changes})
    amounts = process.draw_orders(process.draw_state(size, rng), counts, rng)
    starts = counts.cumsum() - counts
    repeats = np.delete(amounts, starts)
    return Orders(amounts[starts], np.append(0, (counts - 1).cumsum()), repeats, np.ones(size, np.int64))


def test_without_fading_and_first_orders_the_likelihood_is_that_of_single_amounts():
    orders = draw_customers(400)
    orders = orders.take(np.flatnonzero(orders.repeats > 0))
    orders = replace(orders, first=np.zeros(orders.first.size))
    x, starts = orders.repeats, orders.starts[:-1]
    mean = np.add.reduceat(orders.amounts, starts) / x
    ratio = np.add.reduceat(np.log(orders.amounts / np.repeat(mean, x)), starts)
    table = AmountsTable.of(x.astype(float), mean, np.ones(x.size), ratio)
    for theta in ([3.0, 4.0, 20.0], [0.5, 1.2, 3.0], [60.0, 9.0, 1.0], [1e6, 3.0, 1e-4]):
        expected, slope = amounts_kernel(np.array(theta), *table.arrays())
        value, gradient = kernel(np.array([*theta, 0.7]), *Table.of(orders, delta=1.0).arrays())
        assert float(value) == pytest.approx(float(expected), rel=1e-9)
        assert_allclose(gradient[:3], slope, rtol=1e-6)
        assert gradient[3] == 0.0


def test_the_likelihood_is_that_of_each_order_given_those_before():
    """Written out, customer by customer."""
    orders, (p, q, v, f, delta) = draw_customers(50), (2.0, 3.0, 30.0, 0.9, 0.7)
    each = []
    for at in range(50):
        c, b, total = q - 1.0, v, 0.0
        repeats = orders.amounts[orders.starts[at] : orders.starts[at + 1]]
        for z, unit in [(orders.first[at], f), *((z, 1.0) for z in repeats)]:
            y = z / unit
            total += gammaln(1 + c + p) - gammaln(1 + c) - gammaln(p) + (1 + c) * np.log(b) + (p - 1) * np.log(y)
            total -= (1 + c + p) * np.log(b + y) + np.log(unit)
            c, b = delta * c + p, delta * b + y
        each.append(total)
    draws = {
        key: np.array([value]) for key, value in zip(("p", "q", "v", "f", "delta"), (p, q, v, f, delta), strict=True)
    }
    assert_allclose(pointwise(draws, orders)[0], each, rtol=1e-10)
    value, _ = kernel(np.array([p, q, v, f]), *Table.of(orders, delta=delta).arrays())
    assert float(value) == pytest.approx(sum(each), rel=1e-10)


@pytest.mark.parametrize("model", [ALONE, FIRST_ORDER, FADING])
def test_the_likelihood_is_the_sum_over_customers_at_any_scale_of_money(model):
    """Products of amounts from 1e-90 to 1e90, whose logarithms the kernel takes, stay within the doubles."""
    orders, rng = draw_customers(600), np.random.default_rng(5)
    orders = replace(orders, count=rng.integers(1, 4, orders.first.size))
    wide = replace(orders, amounts=orders.amounts * 10.0 ** rng.uniform(-90, 90, orders.amounts.size))
    p, q, f = 2.0, 3.0, 1.0 if model == ALONE else 0.9
    delta = 1.0 if model == FIRST_ORDER else 0.7
    for some in (orders, wide, orders.scaled(1e-80), orders.scaled(1e80)):
        some = some.without_first() if model == ALONE else some
        for v in (1e-90, 30.0, 1e90):
            values = {"p": p, "q": q, "v": v, "f": f, "delta": delta}
            draws = {key: np.array([value]) for key, value in values.items()}
            theta = np.array([p, q, v, f])[: 3 if model == ALONE else 4]
            value, gradient = kernel(theta, *Table.of(some, delta=delta).arrays())
            assert float(value) == pytest.approx(some.count @ pointwise(draws, some)[0], rel=1e-9)
            assert np.isfinite(gradient).all()


def test_values_without_the_gradient_are_the_same(calibration):
    orders = CompressedSummary.of(calibration).orders.scaled(30.0)
    for table, size in ((Table.of(orders, delta=0.9), 4), (Table.of(orders.without_first(), delta=1.0), 3)):
        u, values = np.random.default_rng(6).normal(-0.3, 0.8, (20, size)), np.empty(20)
        densities(values, u, *table.arrays())
        assert_array_equal(values, [density(row, *table.arrays())[0] for row in u])


def test_the_order_of_customers_changes_no_bit_of_the_likelihood():
    orders, theta = draw_customers(300), np.array([2.0, 3.0, 30.0, 0.9])
    mixed = orders.take(np.random.default_rng(8).permutation(300))
    one, other = (kernel(theta, *Table.of(some.counted(), delta=0.8).arrays()) for some in (orders, mixed))
    assert float(one[0]) == float(other[0])
    assert_array_equal(one[1], other[1])


def test_customers_with_equal_orders_count_as_often_as_they_are():
    orders = draw_customers(60)
    several = replace(orders, count=np.arange(60) % 4 + 1)
    apart = orders.take(np.repeat(np.arange(60), several.count))
    theta = np.array([2.0, 3.0, 30.0, 0.9])
    one, other = (kernel(theta, *Table.of(some, delta=0.8).arrays()) for some in (several, apart))
    assert_allclose(one[0], other[0], rtol=1e-12)
    assert_allclose(one[1], other[1], rtol=1e-9)


def test_a_density_integrates_to_one():
    """Of a repeat purchase after a first order, over all amounts."""
    z = np.exp(np.linspace(-12, 14, 40_001))
    orders = Orders(np.full(z.size, 25.0), np.arange(z.size + 1), z, np.ones(z.size, np.int64))
    draws = {"p": np.array([2.0]), "q": np.array([3.0]), "v": np.array([30.0]), "f": np.array([0.9])}
    draws["delta"] = np.array([0.7])
    alone = pointwise(draws, orders_of([25.0]))[0]
    density = np.exp(pointwise(draws, orders)[0] - alone)
    assert np.trapezoid(density * z, np.log(z)) == pytest.approx(1.0, abs=1e-6)


# ---- the fit


@pytest.fixture(scope="module")
def by_laplace(fit_settings):
    return replace(fit_settings, method="laplace")


def as_base(orders):
    """Return customers with these orders, for the models of spend."""
    x = orders.repeats
    frame = pd.DataFrame({"customer_id": np.arange(x.size).astype(str), "frequency": x, "recency": x, "T": x + 9})
    sums = np.add.reduceat(np.append(orders.amounts, 0.0), orders.starts[:-1]) * (x > 0)
    frame["monetary_value"] = sums / np.maximum(x, 1)
    return CompressedSummary.of(CustomerSummary.from_frame(frame, orders=orders))


@pytest.mark.parametrize(("model", "delta"), few([(FIRST_ORDER, 1.0), (FADING, 0.8)], 1))
def test_a_fit_recovers_the_process_of_orders(by_laplace, model, delta):
    """By its 99.9% credible intervals; delta within 0.05."""
    fitted = fit_models(as_base(draw_customers(4000, delta=delta)), replace(by_laplace, spend_model=model), seed=1)
    assert (fitted.posterior.spend_model, fitted.methods["spend"]) == (model, "laplace")
    draws = fitted.posterior.draws
    for name, value in {"p": 3.0, "q": 4.0, "v": 20.0, "f": 0.8}.items():
        low, high = np.quantile(draws[name], [0.0005, 0.9995])
        assert low < value < high, name
        assert high < 1.6 * low, name
    assert np.unique(draws["delta"]).size == 1
    assert draws["delta"].flat[0] == pytest.approx(delta, abs=0.05)


def test_without_first_orders_the_fit_recovers_the_process_too(by_laplace):
    """Of customers whose first order precedes the log: nothing is estimated of f."""
    orders = draw_customers(4000, f=1.0)
    repeats = np.insert(orders.amounts, orders.starts[:-1], orders.first)
    starts = orders.starts + np.arange(orders.starts.size)
    base = as_base(Orders(np.zeros(orders.first.size), starts, repeats, orders.count))
    fitted = fit_models(base, replace(by_laplace, spend_model=ALONE), seed=1)
    draws = fitted.posterior.draws
    assert (draws["f"] == 1.0).all()
    for name, value in {"p": 3.0, "q": 4.0, "v": 20.0}.items():
        low, high = np.quantile(draws[name], [0.0005, 0.9995])
        assert low < value < high, name
    assert draws["delta"].flat[0] == pytest.approx(0.8, abs=0.05)


@pytest.mark.slow
def test_without_first_orders_among_the_data_a_first_order_is_no_evidence():
    frame = customers_of()
    one, other = (scorer_of(ALONE, f=1.0).expect(table) for table in (frame, frame.drop(columns="first_order_value")))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_where_nothing_fades_delta_is_near_one(by_laplace):
    fitted = fit_models(as_base(draw_customers(2000, delta=1.0)), replace(by_laplace, spend_model=FADING), seed=1)
    assert fitted.posterior.draws["delta"].flat[0] > 0.95


def test_the_highest_delta_is_found_and_one_where_nothing_is_higher():
    assert highest(lambda delta: -((delta - 0.6) ** 2)) == pytest.approx(0.6, abs=2e-3)
    assert highest(lambda delta: delta) == 1.0
    assert highest(lambda delta: 0.0) == 1.0


def test_maximum_likelihood_of_cdnow(calibration):
    first, fading = (maximum_likelihood(calibration, spend_model=model) for model in (FIRST_ORDER, FADING))
    assert (first["p"], first["f"]) == pytest.approx((3.66, 0.97), abs=0.01)
    assert fading["delta"] == pytest.approx(0.886, abs=0.005)
    assert fading["spend_log_likelihood"] == pytest.approx(first["spend_log_likelihood"] + 3.8, abs=0.1)


def test_a_bare_summary_is_fitted_to_its_means(calibration, by_laplace, caplog):
    bare = CustomerSummary.from_frame(calibration.table, calibration.as_of)
    with caplog.at_level(logging.WARNING, "tenure"):
        fitted = fit_models(bare, replace(by_laplace, spend_model=FIRST_ORDER), seed=1)
    assert fitted.posterior.spend_model == "gamma_gamma"
    assert f"gamma_gamma, fitted to mean spends, instead of {FIRST_ORDER}" in caplog.text


def test_where_nobody_bought_again_the_posterior_is_the_prior(by_laplace):
    settings = replace(by_laplace, no_repeat_buyers="prior", scale=replace(by_laplace.scale, money=20.0))
    for model in (FIRST_ORDER, FADING):
        fitted = fit_models(
            summarize(sales_log(("a", 0, 5.0), ("b", 9, 7.0))), replace(settings, spend_model=model), seed=1
        )
        assert (fitted.posterior.spend_model, fitted.methods["spend"]) == (model, "prior")


# ---- scores


def scorer_of(model, draws=400, **changes):
    spend = {**SPEND, "f": 1.2, "delta": 1.0 if model == FIRST_ORDER else 0.8, **changes}
    if model == "gamma_gamma":
        spend = SPEND
    rng = np.random.default_rng(1)
    spread = np.exp(0.1 * rng.standard_normal((len(PURCHASES) + 4, draws)))
    names = [*PURCHASES, *(name for name in spend if name != "delta")]
    values = {name: ({**PURCHASES, **spend}[name] * spread[at])[None] for at, name in enumerate(names)}
    if "delta" in spend:
        values["delta"] = np.full((1, draws), spend["delta"])
    return Scorer(Posterior(values, "bg_nbd", model))


def customers_of(delta=0.8):
    columns = ["frequency", "recency", "T", "monetary_value", "first_order_value"]
    rows = [(0, 0, 0, 0.0, 0.0), (0, 0, 100, 0.0, 50.0), (1, 20, 150, 30.0, 10.0), (4, 60, 200, 12.0, 0.0),
            (30, 280, 300, 55.0, 20.0), (200, 280, 300, 55.0, 20.0), (3, 30, 90, 0.0, 40.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns).assign(customer_id=[f"c{at}" for at in range(len(rows))])
    n = frame["frequency"] * (frame["monetary_value"] > 0)
    frame["faded_frequency"] = (1 - delta**n) / (1 - delta) if delta < 1 else n * 1.0
    return frame.assign(faded_spend=frame["faded_frequency"] * frame["monetary_value"] * 1.1)


def test_without_first_order_and_fading_the_expected_spend_is_the_gamma_gammas():
    bare = customers_of().drop(columns=["first_order_value", *FADED])
    one, other = (scorer_of(model).expect(bare) for model in (FIRST_ORDER, "gamma_gamma"))
    pd.testing.assert_frame_equal(one, other, rtol=1e-12)


def test_a_one_time_buyer_is_valued_by_what_was_paid():
    frame = customers_of().iloc[[1, 1, 1, 1]].assign(customer_id=list("abcd"))
    frame["first_order_value"] = [0.0, 12.0, 50.0, 500.0]
    spend = scorer_of(FIRST_ORDER).expect(frame)["expected_spend"].to_numpy()
    without = scorer_of(FIRST_ORDER).expect(frame.drop(columns="first_order_value"))["expected_spend"].to_numpy()
    assert spend[1] < without[0] == spend[0] < spend[2] < spend[3]
    values = {**PURCHASES, **SPEND, "f": 1.2, "delta": 1.0}
    scorer = Scorer(Posterior({key: np.full((1, 200), value) for key, value in values.items()}, "bg_nbd", FIRST_ORDER))
    exact = 6.0 * (15.0 + 50.0 / 1.2) / (2.7 + 6.0)
    assert scorer.expect(frame)["expected_spend"].iloc[2] == pytest.approx(exact, rel=1e-12)
    # After repeat purchases it counts for less, and still counts.
    again = customers_of().iloc[[4]]
    low, high = (scorer.expect(again.assign(first_order_value=value))["expected_spend"].iloc[0] for value in (1, 100))
    assert low < high < 1.1 * low


@pytest.mark.parametrize("model", [FIRST_ORDER, FADING])
def test_a_rows_numbers_depend_on_the_row_alone(model):
    scorer, frame = scorer_of(model), customers_of()
    whole = scorer.score(frame).table
    for at in range(len(frame)):
        alone = scorer.score(frame.iloc[[at]]).table
        pd.testing.assert_frame_equal(alone, whole.iloc[[at]].reset_index(drop=True), check_exact=True)
    mirrored = scorer.score(frame.iloc[::-1]).table.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(mirrored, whole, check_exact=True)


@pytest.mark.parametrize("model", [FIRST_ORDER, FADING])
@pytest.mark.parametrize(("days", "rate"), few([(90, 0.0), (1_460, 5.0)], 1))
def test_the_mean_of_simulated_spend_is_the_expectation(model, days, rate):
    values = {**PURCHASES, **SPEND, "f": 1.2, "delta": 0.8 if model == FADING else 1.0}
    draws = {key: np.full((1, 20_000), value) for key, value in values.items()}
    scorer, frame = Scorer(Posterior(draws, "bg_nbd", model)), customers_of()
    futures = scorer.simulate(frame, horizon_days=days, discount_rate=rate).clv
    expected = scorer.expect(frame, horizon_days=days, discount_rate=rate)["clv"]
    error = futures.std(axis=1) / np.sqrt(scorer.draws)
    assert (np.abs(futures.mean(axis=1) - expected) < 4.5 * error).all()


def test_the_process_draws_what_the_scorer_expects():
    """A customer's later orders have the mean of the next, after any orders so far."""
    process, rng = spend_process(FADING, {**SPEND, "f": 1.2, "delta": 0.8}), np.random.default_rng(2)
    state = process.draw_state(200_000, rng)
    first = process.draw_orders(state, np.ones(len(state), np.int64), rng)
    usual = 6.0 * 15.0 / 2.7
    assert first.mean() == pytest.approx(1.2 * usual, rel=0.01)
    expected = process.mean_spends(state)
    for _ in range(3):
        sums = process.draw_sums(state, np.ones(len(state), np.int64), rng)
        dear = expected > np.quantile(expected, 0.9)
        assert sums[dear].mean() == pytest.approx(expected[dear].mean(), rel=0.02)
        assert sums.mean() == pytest.approx(usual, rel=0.02)


def test_bare_repeat_buyers_are_refused_where_evidence_fades():
    scorer, bare = scorer_of(FADING), customers_of().drop(columns=list(FADED))
    message = (
        "^4 of 7 customers paid for repeat purchases, and the summary has no column faded_frequency and no column"
        r" faded_spend: .* by delta = 0\.8 per order\. Score a purchase log"
    )
    with pytest.raises(EvidenceError, match=message) as caught:
        scorer.score(bare)
    assert caught.value.exit_code == 2
    once = bare[bare["frequency"] == 0]
    assert len(scorer.score(once).table) == len(once)  # who did not buy again has nothing that fades


# ---- a summary without the columns


def with_both(model=ALONE, draws=400):
    """Return a posterior of fading evidence with draws for customers without the columns."""
    of_fading = scorer_of(model, draws, **({"f": 1.0} if model == ALONE else {})).posterior
    rng = np.random.default_rng(7)
    without = {name: of_fading.draws[name] * np.exp(0.05 * rng.standard_normal((1, draws))) for name in ("p", "q", "v")}
    return replace(of_fading, without_columns=without)


def means_of(posterior):
    """Return the posterior that scores customers without the columns, built apart."""
    draws = {**{name: posterior.draws[name] for name in PURCHASES}, **posterior.without_columns}
    return Posterior(draws, "bg_nbd", "gamma_gamma")


BOTH = "the summary has no columns faded_frequency and faded_spend, which {} needs: all customers are scored with"


@pytest.mark.parametrize("model", [ALONE, FADING])
def test_without_the_columns_the_model_of_means_scores_and_says_so_once(model, caplog):
    posterior, bare = with_both(model), customers_of().drop(columns=list(FADED))
    scorer, means = Scorer(posterior), Scorer(means_of(posterior))
    scores, expected = scorer.score(bare), means.score(bare)
    pd.testing.assert_frame_equal(scores.table, expected.table, check_exact=True)
    assert_array_equal(scores.totals.clv, expected.totals.clv)
    assert (scores.without_columns, scores.table.attrs["without_columns"]) == (7, 7)
    pd.testing.assert_frame_equal(scorer.expect(bare), means.expect(bare), check_exact=True)
    assert_array_equal(scorer.simulate(bare).clv, means.simulate(bare).clv)
    pd.testing.assert_frame_equal(scorer.residual(bare).table, means.residual(bare).table, check_exact=True)
    assert caplog.text.count(BOTH.format(model)) == 1
    assert "tenure.summarize(log, delta=0.8)" in caplog.text


def test_the_columns_of_the_table_alone_decide_on_the_model():
    """A row has the same scores in any part of a table, one without repeat buyers too."""
    scorer, frame = Scorer(with_both()), customers_of()
    for table in (frame, frame.drop(columns=list(FADED))):
        whole = scorer.score(table).table
        for at in range(len(table)):
            alone = scorer.score(table.iloc[[at]]).table
            pd.testing.assert_frame_equal(alone, whole.iloc[[at]].reset_index(drop=True), check_exact=True)
    assert scorer.score(frame).without_columns == 0


def test_with_the_columns_nothing_is_said_and_the_scores_are_those_of_the_model(caplog):
    posterior, frame = with_both(), customers_of()
    one, other = (Scorer(some).score(frame).table for some in (posterior, replace(posterior, without_columns=None)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert not caplog.text


@pytest.mark.parametrize("lost", FADED)
@pytest.mark.parametrize("rows", [slice(None), slice(0, 2)])
def test_one_of_the_two_columns_is_refused(lost, rows):
    there = next(name for name in FADED if name != lost)
    for scorer in (scorer_of(ALONE), Scorer(with_both())):
        with pytest.raises(EvidenceError, match=f"has the column {there} and no column {lost}: .* needs both"):
            scorer.score(customers_of().iloc[rows].drop(columns=lost))


@pytest.mark.parametrize("rows", [[3], [2, 4, 5]])
def test_columns_with_nulls_in_some_rows_are_refused(rows):
    frame = customers_of()
    frame.loc[rows, list(FADED)] = np.nan
    message = f"{len(rows)} of 7 customers ha(s|ve) faded_frequency and faded_spend that are not both above 0 exactly"
    with pytest.raises(SummaryError, match=message):
        Scorer(with_both()).score(frame)


def test_a_posterior_keeps_both_sets_of_draws_in_its_file_and_thinned(tmp_path):
    posterior = with_both()
    posterior.save(tmp_path / "posterior.npz")
    read = Posterior.load(tmp_path / "posterior.npz")
    thin = read.thin(100)
    for name, array in posterior.without_columns.items():
        assert_array_equal(read.without_columns[name], array)
        assert_array_equal(thin.without_columns[name], array[:, ::4])
    assert_array_equal(thin.draws["r"], posterior.draws["r"][:, ::4])
    assert (tmp_path / "posterior.npz").stat().st_size < 60_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spend_model": "gamma_gamma"}, "gamma_gamma needs no columns"),
        ({"without_columns": {"p": np.full((1, 400), 2.0), "q": np.full((1, 400), 3.0)}}, "without columns it lacks v"),
        ({"without_columns": {name: np.full((1, 9), 2.0) for name in "pqv"}}, "must share one shape"),
        ({"without_columns": {name: np.full((1, 400), 0.5) for name in "pqv"}}, "draws of q are not between 1"),
        ({"without_columns": {name: np.full((1, 400), 2.0) for name in "pqvf"}}, "it holds the unknown f"),
    ],
)
def test_draws_without_columns_that_are_not_the_models_are_refused(changes, message):
    posterior = with_both()
    if "spend_model" in changes:
        changes = {**changes, "draws": means_of(posterior).draws}
    with pytest.raises(PosteriorError, match=message):
        replace(posterior, **changes)


@pytest.mark.parametrize("name", ["gamma_gamma_transactions", "bg_nbd", 7, None])
def test_a_file_of_another_model_for_missing_columns_is_refused(tmp_path, name):
    with_both().save(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as file:
        arrays = dict(file)
    text = json.dumps({**json.loads(str(arrays.pop("about"))), "without_columns": name})
    np.savez(tmp_path / "bad.npz", about=np.array(text), **arrays)
    with pytest.raises(PosteriorError, match=r"its without_columns is .*, not gamma_gamma"):
        Posterior.load(tmp_path / "bad.npz")


def test_a_fit_has_draws_of_the_model_of_means_beside(by_laplace):
    """Those that a fit of that model has, to within their errors."""
    base = as_base(draw_customers(1500))
    fading, means = (
        fit_models(base, replace(by_laplace, spend_model=model), seed=1).posterior for model in (ALONE, "gamma_gamma")
    )
    assert means.without_columns is None
    assert set(fading.without_columns) == {"p", "q", "v"}
    for name, draws in fading.without_columns.items():
        assert draws.shape == fading.draws["r"].shape
        assert draws.mean() == pytest.approx(means.draws[name].mean(), abs=0.15 * means.draws[name].std())
    assert_array_equal(fading.draws["r"], means.draws["r"])


def test_the_default_is_fading_evidence_of_a_log_and_means_of_a_summary(by_laplace, caplog):
    assert FitSettings().models == ("bg_nbd", ALONE)
    assert FitSettings(segments=["country"]).models == ("bg_nbd", "gamma_gamma")
    assert (FitSettings().resolved().spend_model, FitSettings(spend_model="auto").spend_model) == (ALONE, "auto")
    quick, orders = replace(by_laplace, spend_model="auto", draws=200, joint_draws=200), draw_customers(300)
    assert fit_models(as_base(orders), quick, seed=1).posterior.spend_model == ALONE
    bare = replace(as_base(orders), orders=None)
    with caplog.at_level(logging.INFO, "tenure"):
        assert fit_models(bare, quick, seed=1).posterior.spend_model == "gamma_gamma"
    assert "spend: gamma_gamma, fitted to mean spends, instead of gamma_gamma_fading: the amounts of" in caplog.text


@pytest.mark.parametrize("model", [ALONE, FADING])
def test_fading_evidence_that_is_asked_for_is_refused_for_a_summary(by_laplace, model):
    bare = replace(as_base(draw_customers(300)), orders=None)
    message = f"fit.spend_model is {model}, which is fitted to .* 300 customers are a summary without orders: fit the"
    with pytest.raises(FitError, match=message) as caught:
        fit_models(bare, replace(by_laplace, spend_model=model), seed=1)
    assert caught.value.exit_code == 2


def test_summarize_returns_the_columns_at_a_delta(calibration):
    log = pd.DataFrame({"customer_id": ["a"] * 3 + ["b"], "amount": [9.0, 30.0, 20.0, 5.0]})
    log["date"] = pd.to_datetime(["2020-01-01", "2020-01-05", "2020-01-09", "2020-01-02"])
    table = tenure.summarize(log, delta=0.5).set_index("customer_id")
    assert table.loc["a", list(FADED)].tolist() == [1.5, 35.0]
    assert table.loc["b", list(FADED)].tolist() == [0.0, 0.0]
    assert not set(FADED) & set(tenure.summarize(log))
    for delta in (0.0, 1.5, float("nan"), "0.5"):
        with pytest.raises(SettingsError, match="delta must be above 0 and at most 1"):
            tenure.summarize(log, delta=delta)


@pytest.mark.parametrize("delta", [0.79, 0.9, 1.0])
def test_columns_of_another_delta_are_refused(delta):
    with pytest.raises(
        EvidenceError, match=r"no number of purchases up to frequency gives at delta = 0\.8 \(first: 'c3'"
    ):
        scorer_of(FADING).score(customers_of(delta))


def test_a_summary_of_a_log_has_the_columns(calibration):
    scorer = scorer_of(FADING)
    few = calibration.take(np.arange(40))
    one = scorer.expect(few)
    pd.testing.assert_frame_equal(one, scorer.expect(few.with_faded(0.8).table), check_exact=True)
    with pytest.raises(EvidenceError):
        scorer.expect(few.table)


def test_a_summary_of_another_version_of_the_class_is_scored(calibration):
    """A registered model's own code gets summaries of the installed class."""
    scorer, few = scorer_of(FADING), calibration.take(np.arange(40))
    other = SimpleNamespace(table=few.table, with_faded=few.with_faded)
    pd.testing.assert_frame_equal(scorer.expect(other), scorer.expect(few), check_exact=True)


def test_a_new_customers_first_order_is_evidence():
    first_orders = {"mean": 33.0, "sd": 20.0, "customers": 2000}
    values = {**PURCHASES, **SPEND, "f": 1.0, "delta": 0.8}
    draws = {key: np.full((1, 4000), value) for key, value in values.items()}
    scorer = Scorer(Posterior(draws, "bg_nbd", FADING, {"first_orders": first_orders}))
    new = scorer.new_customer(horizon_days=365, futures=40_000)
    error = new.outcomes.std() / np.sqrt(new.outcomes.size)
    assert new.outcomes.mean() == pytest.approx(new.expected.mean(), abs=4.5 * error)


def test_the_signature_of_a_model_lists_the_columns_as_optional():
    inputs = packing.signature_of(scorer_of(FADING).posterior).inputs
    assert {column.name: column.required for column in inputs} == dict.fromkeys(COLUMNS, True) | dict.fromkeys(
        OPTIONAL, False
    )
    example = packing.example_of(scorer_of(FADING).posterior)
    assert len(scorer_of(FADING).score(example).table) == len(example)
    assert list(packing.example_of(scorer_of(ALONE).posterior))[5:] == list(FADED)
    assert list(packing.example_of(scorer_of("gamma_gamma").posterior)) == list(COLUMNS)
