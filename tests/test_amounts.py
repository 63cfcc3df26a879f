"""Amounts of single repeat purchase days: from the log to the fit of spend on transactions."""

import logging
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sbc
from cases import few
from logs import CDNOW, FIRST, log_of, sales_log
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import gamma

from tenure.fit import check_fit, fit_models, maximum_likelihood
from tenure.rfm import AcquisitionWindow, CompressedSummary, compress, split_log, summarize
from tenure.settings import SettingsError
from tenure.simulate import spend_process
from tenure.spend.gamma_gamma.likelihood import Table, kernel, pointwise
from tenure.summary import Amounts, CustomerSummary, SummaryError

ON_TRANSACTIONS = "gamma_gamma_transactions"


def columns_of(amounts):
    return amounts.frequency, amounts.mean, amounts.log_ratio, amounts.count


def both_ways(log, end=None, window=None):
    """Return the amounts of a log, which are the same in memory and grouped by the engine."""
    named = {} if window is None else {"window": window}
    one, other = summarize(log, end, **named).amounts, compress(log, end, **named).amounts
    for mine, grouped in zip(columns_of(one), columns_of(other), strict=True):
        assert_allclose(mine, grouped, rtol=1e-15, atol=2e-12)
    assert (one.least, one.days) == (other.least, other.days)
    return one


# ---- from the log


def test_amounts_are_of_repeat_purchase_days_and_their_logs_relative_to_the_customers_mean():
    log = sales_log(("a", 0, 500.0), ("a", 3, 10.0), ("a", 9, 30.0), ("b", 1, 7.0), ("b", 2, 20.0), ("c", 5, 40.0))
    amounts = both_ways(log)
    assert amounts.frequency.tolist() == [1, 2]
    assert amounts.mean.tolist() == [20.0, 20.0]
    assert_allclose(amounts.log_ratio, [0.0, np.log(10 / 20) + np.log(30 / 20)], atol=1e-11)
    assert (amounts.days, amounts.left_out) == (3, 0)


def test_customers_with_the_same_mean_share_a_pair_and_their_mean_sum_of_logs():
    log = sales_log(*((name, day, paid) for name, spends in (("a", (5, 10, 30)), ("b", (5, 20, 20)))
                      for day, paid in enumerate(spends)))  # fmt: skip
    amounts = both_ways(log)
    assert (amounts.frequency.tolist(), amounts.count.tolist()) == ([2], [2])
    assert_allclose(amounts.log_ratio, [(np.log(0.5) + np.log(1.5)) / 2], atol=1e-11)


def test_later_days_do_not_change_the_amounts():
    rows = [("a", 0, 5.0), ("a", 3, 10.0), ("a", 4, 12.0)]
    later = sales_log(*rows, ("a", 9, 10_000.0), ("b", 9, 90_000.0), ("b", 10, 90_000.0))
    one, other = both_ways(sales_log(*rows)), both_ways(later, "2020-01-05")
    assert one.least == other.least == pytest.approx(0.1)
    for mine, cut in zip(columns_of(one), columns_of(other), strict=True):
        assert_array_equal(mine, cut)


def test_free_and_negligible_days_are_left_out_and_counted():
    log = sales_log(("a", 0, 20.0), ("a", 1, 10.0), ("a", 2, 0.0), ("a", 3, 0.05), ("a", 4, 30.0), ("b", 0, 20.0))
    amounts = both_ways(log)
    assert amounts.least == pytest.approx(0.2)  # a hundredth of the median of the paid days
    assert (amounts.frequency.tolist(), amounts.mean.tolist()) == ([2], [20.0])
    assert (amounts.days, amounts.left_out) == (4, 2)
    # The summary counts them: they are purchases.
    assert summarize(log).table["frequency"].tolist() == [4, 0]


def test_a_negligible_first_order_takes_no_day_off_the_repeats():
    amounts = both_ways(sales_log(("a", 0, 0.01), ("a", 1, 10.0), ("a", 2, 30.0), ("b", 0, 0.0), ("b", 7, 12.0)))
    assert sorted(zip(amounts.frequency.tolist(), amounts.mean.tolist(), strict=True)) == [(1, 12.0), (2, 20.0)]
    assert (amounts.days, amounts.left_out) == (3, 0)


def test_what_refunds_leave_of_a_day_is_its_amount():
    log = sales_log(("a", 0, 9.0), ("a", 2, 20.1), ("a", 2, -0.1), ("a", 5, 30.3), ("a", 5, -30.29), ("b", 1, 20.0))
    amounts = both_ways(log)  # netted in decimals: a cent is left, not 0.00999999999999801
    assert (amounts.frequency.tolist(), amounts.mean.tolist()) == ([1], [20.0])
    assert (amounts.days, amounts.left_out) == (2, 1)
    assert both_ways(sales_log(("a", 0, 9.0), ("a", 5, 30.3), ("a", 5, -30.29), negligible_amount=0.0)).mean == [0.01]


def test_all_days_of_left_truncated_customers_are_repeats():
    rows = pd.DataFrame({"customer_id": ["old", "old", "new", "new"], "day": [0, 9, 1, 4], "amount": [8.0, 2.0, 5, 6]})
    rows["acquired"] = pd.to_datetime(["2019-12-01", "2019-12-01", "2020-01-02", "2020-01-02"]).astype("datetime64[us]")
    rows["date"] = pd.to_datetime([FIRST + pd.Timedelta(days=day) for day in rows.pop("day")]).astype("datetime64[us]")
    log = log_of(rows, acquired="acquired", end="2020-01-10")
    amounts = both_ways(log)
    assert sorted(zip(amounts.frequency.tolist(), amounts.mean.tolist(), strict=True)) == [(1, 6.0), (2, 5.0)]
    assert amounts.days == 3
    assert both_ways(log, window=AcquisitionWindow(include_left_truncated=False)).mean.tolist() == [6.0]


def test_sums_of_logs_do_not_depend_on_the_order_of_the_rows(cdnow_split):
    rows = pd.read_csv(CDNOW).assign(customer_id=lambda table: table["customer_id"].astype(str))
    rows["date"] = pd.to_datetime(rows["date"].astype(str)).astype("datetime64[us]")
    one, other = (summarize(log_of(table), "1997-09-30").amounts for table in (rows, rows.iloc[::-1]))
    for mine, mirrored in zip(columns_of(one), columns_of(other), strict=True):
        assert_array_equal(mine, mirrored)
    assert one.count.sum() == cdnow_split.calibration.amounts.count.sum()


def test_the_share_is_a_setting():
    log = sales_log(("a", 0, 20.0), ("a", 1, 1.0), ("a", 2, 20.0), negligible_amount=0.1)
    assert (log.least_amount(log.last_day), both_ways(log).left_out) == (2.0, 1)
    for wrong in (-0.01, 0.51, float("nan")):
        with pytest.raises(SettingsError, match=r"transactions.negligible_amount must be from 0 to 0.5"):
            sales_log(("a", 0, 1.0), negligible_amount=wrong)


def test_amounts_that_are_none_are_refused():
    one, real = np.ones(1, np.int64), np.ones(1)
    with pytest.raises(SummaryError, match="are not of one length"):
        Amounts(one, np.ones(2), -real, one, 0.0, 1)
    with pytest.raises(SummaryError, match="1 amounts have no purchase"):
        Amounts(one, real, real, one, 0.0, 1)


# ---- the likelihood


def make_amounts(size=300, seed=3, p=3.0, q=4.0, v=20.0):
    """Return repeat purchases, customer by customer, and their numbers."""
    rng = np.random.default_rng(seed)
    counts = rng.geometric(0.4, size)
    return spend_process(ON_TRANSACTIONS, {"p": p, "q": q, "v": v}).draw_amounts(counts, rng), counts


def in_pairs(amounts, counts):
    starts = np.append(0, counts.cumsum()[:-1])
    mean = np.add.reduceat(amounts, starts) / counts
    return counts.astype(float), mean, np.add.reduceat(np.log(amounts / np.repeat(mean, counts)), starts)


def test_the_likelihood_on_transactions_is_the_librarys():
    """pymc-marketing's model of single transactions, which takes 0, 1, ... for ids and nothing else.

    It does not integrate nu out: log p(z) = log p(z, nu) - log p(nu | z), whatever nu is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymc_marketing.clv.models.gamma_gamma import GammaGammaModelIndividual
    amounts, counts = make_amounts()
    library = GammaGammaModelIndividual()
    ids = np.repeat(np.arange(counts.size), counts)
    library.build_model(pd.DataFrame({"customer_id": ids, "individual_transaction_value": amounts}))
    model = library.model
    theirs = model.compile_logp(vars=[model["nu"], *model.observed_RVs], jacobian=False)
    x, mean, log_ratio = in_pairs(amounts, counts)
    table = Table.of(x, mean, np.ones(x.size), log_ratio)
    for p, q, v in [(3.0, 4.0, 20.0), (0.5, 1.2, 3.0), (60.0, 9.0, 1.0)]:
        nu = (q + p * x) / (v + x * mean)
        values = {"p": p, "q": q, "v": v, "nu": nu}
        point = {variable.name: np.log(values[name]) if variable.name != name else np.asarray(values[name])
                 for variable in model.value_vars for name in [variable.name.removesuffix("_log__")]}  # fmt: skip
        given_amounts = gamma.logpdf(nu, q + p * x, scale=1 / (v + x * mean)).sum()
        expected = float(theirs(point)) - given_amounts
        assert float(kernel(np.array([p, q, v]), *table.arrays())[0]) == pytest.approx(expected, rel=1e-9)
        draws = {name: np.array([value]) for name, value in (("p", p), ("q", q), ("v", v))}
        assert pointwise(draws, x, mean, log_ratio).sum() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("p", [1e-3, 0.4, 19.9, 20.1, 1e6])
def test_amounts_given_their_mean_do_not_cancel(p):
    """Against 60 digits, where the textbook's gamma functions are 1e7 each."""
    import mpmath as mp

    amounts, counts = make_amounts(20, p=max(p, 0.3))
    x, mean, log_ratio = in_pairs(amounts, counts)
    one = np.ones(x.size)
    theta = np.array([p, 3.0, 2.0 / max(p, 1.0)])
    both, means = (kernel(theta, *Table.of(*data).arrays()) for data in ((x, mean, one, log_ratio), (x, mean, one)))
    with mp.workdps(60):
        exact = mp.mpf(0)
        for k, m, e in zip(x, mean, log_ratio, strict=True):
            exact += mp.loggamma(p * k) - k * mp.loggamma(p) - p * k * mp.log(k) + (p - 1) * e + (1 - k) * mp.log(m)
    assert both[0] - means[0] == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


# ---- the fit


@pytest.fixture(scope="module")
def on_transactions(fit_settings):
    return replace(fit_settings, method="laplace", spend_model=ON_TRANSACTIONS)


@pytest.fixture(scope="module")
def fitted_amounts(calibration, on_transactions):
    return fit_models(calibration, on_transactions, seed=1)


def test_the_shape_of_cdnow_on_transactions(calibration):
    """Purchases of one customer vary more than their means let appear: p = 6.25 from these."""
    estimates = maximum_likelihood(calibration, spend_model=ON_TRANSACTIONS)
    assert estimates["p"] == pytest.approx(3.61, abs=0.01)
    # The density of 2,457 amounts in dollars; in cents that of each is a hundredth.
    table, amounts = calibration.table, calibration.amounts
    cents = CustomerSummary.from_frame(
        table.assign(monetary_value=table["monetary_value"] * 100), amounts=replace(amounts, mean=amounts.mean * 100)
    )
    other = maximum_likelihood(cents, spend_model=ON_TRANSACTIONS)
    assert other["p"] == pytest.approx(estimates["p"], rel=1e-5)
    assert other["v"] == pytest.approx(estimates["v"] * 100, rel=1e-5)
    fewer = (amounts.frequency @ amounts.count) * np.log(100)
    assert other["spend_log_likelihood"] == pytest.approx(estimates["spend_log_likelihood"] - fewer, rel=1e-9)


def test_a_fit_recovers_the_process_of_amounts(on_transactions):
    """By its 99.9% credible intervals."""
    truth = {"p": 3.0, "q": 4.0, "v": 20.0}
    amounts, counts = make_amounts(4000, **truth)
    customers = np.repeat(np.arange(counts.size), counts)
    repeats = pd.DataFrame({"customer_id": customers, "day": 1, "amount": np.round(amounts, 2)})
    repeats["day"] = repeats.groupby("customer_id").cumcount() * 3 + 5
    first = pd.DataFrame({"customer_id": np.arange(counts.size), "day": 0, "amount": 30.0})
    rows = pd.concat([first, repeats], ignore_index=True).assign(customer_id=lambda t: t["customer_id"].astype(str))
    rows["date"] = (pd.Timestamp(FIRST) + pd.to_timedelta(rows.pop("day"), unit="D")).astype("datetime64[us]")
    fitted = fit_models(summarize(log_of(rows)), on_transactions, seed=2)
    assert fitted.posterior.spend_model == ON_TRANSACTIONS
    for name, value in truth.items():
        low, high = np.quantile(fitted.posterior.draws[name], [0.0005, 0.9995])
        assert low < value < high, name
        assert high < 1.5 * low, name


def shape_of(rows, **changes):
    log = log_of(rows, **changes)
    return maximum_likelihood(summarize(log, "1997-09-30"), spend_model=ON_TRANSACTIONS)["p"]


@pytest.mark.parametrize("left", few([0.01, 0.1], 1))
def test_a_hundredth_of_days_that_refunds_leave_a_cent_of_does_not_move_the_shape(left):
    rows = pd.read_csv(CDNOW)[["customer_id", "date", "amount"]]
    rows = rows.assign(customer_id=rows["customer_id"].astype(str))
    rows["date"] = pd.to_datetime(rows["date"].astype(str)).astype("datetime64[us]")
    rng = np.random.default_rng(5)
    repeat = rows[rows["date"] > rows.groupby("customer_id")["date"].transform("min")]
    days = repeat.sample(len(rows) // 100, random_state=5)
    sold = days.assign(date=days["date"] - pd.to_timedelta(1, unit="D"), amount=20.0)
    refunds = sold.assign(amount=left - 20.0)
    spoilt = pd.concat([rows, sold, refunds], ignore_index=True).iloc[rng.permutation(len(rows) + 2 * len(days))]
    clean = shape_of(rows)
    assert shape_of(spoilt) == pytest.approx(clean, rel=0.05)
    assert shape_of(spoilt, negligible_amount=0.0) < 0.8 * clean


def test_a_summary_has_no_amounts_and_is_fitted_to_its_means(calibration, on_transactions, caplog):
    bare = CustomerSummary.from_frame(calibration.table, calibration.as_of)
    with caplog.at_level(logging.WARNING, "tenure"):
        fitted = fit_models(bare, on_transactions, seed=1)
    said = (
        "gamma_gamma, fitted to mean spends, instead of gamma_gamma_transactions: the amounts of single purchases are "
        "not at hand"
    )
    assert fitted.posterior.spend_model == "gamma_gamma"
    assert fitted.models["spend"].note == said
    assert f"spend: {said}" in caplog.text
    report = check_fit(fitted, CompressedSummary.of(bare), seed=1)
    assert f"spend: {said}" in report.warnings
    plain = fit_models(bare, replace(on_transactions, spend_model="gamma_gamma"), seed=1)
    assert_array_equal(plain.posterior.draws["p"], fitted.posterior.draws["p"])
    assert plain.models["spend"].note == ""


def test_where_all_repeats_are_negligible_means_are_fitted(on_transactions, caplog):
    sales = [(f"c{at}", day, 100.0 if day == 0 else 0.2 + at / 100) for at in range(30) for day in (0, 9)]
    sales += [(f"d{at}", 0, 100.0) for at in range(30)]
    fitted = fit_models(summarize(sales_log(*sales)), on_transactions, seed=1)
    assert fitted.posterior.spend_model == "gamma_gamma"
    assert "no repeat purchase day has an amount of 1 or more" in caplog.text


def shop(amount, customers=60, days=(0, 9, 30, 31)):
    """Return customers who buy on the same days, each day for `amount(generator)`."""
    rng = np.random.default_rng(6)
    return [(f"c{at}", day, amount(rng)) for at in range(customers) for day in days]


HARD = {
    "all amounts equal": (shop(lambda rng: 20.0), (19.9, 20.1)),
    "one repeat purchase each": (shop(lambda rng: round(rng.gamma(3.0, 7.0) + 0.01, 2), days=(0, 9)), (15.0, 30.0)),
    "one repeat buyer": ([("a", 0, 5.0), ("a", 3, 20.0), ("a", 9, 30.0), ("b", 1, 9.0)], (3.0, 300.0)),
    "amounts over eight orders": (shop(lambda rng: round(10 ** rng.uniform(-2, 6), 2), 200), (1e4, 1e7)),
    "a wholesaler": ([*shop(lambda rng: round(rng.gamma(3.0, 7.0) + 0.01, 2)), ("w", 0, 9e8), ("w", 5, 9e8)], None),
    "customers alike, purchases not": (shop(lambda rng: round(rng.gamma(0.5, 40.0) + 0.5, 2), 100), (15.0, 27.0)),
}


@pytest.mark.parametrize("method", ["laplace", pytest.param("nuts", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", few(HARD, 3))
def test_a_hard_log_fits_on_its_amounts(name, method, on_transactions):
    sales, mean = HARD[name]
    base = CompressedSummary.of(summarize(sales_log(*sales)))
    fitted = fit_models(base, replace(on_transactions, method=method), seed=1)
    assert fitted.posterior.spend_model == ON_TRANSACTIONS
    draws = fitted.posterior.joint()
    spend = draws["v"] * draws["p"] / (draws["q"] - 1.0)
    assert np.isfinite(spend).all()
    if mean is not None:
        low, high = np.quantile(spend, [0.05, 0.95])
        assert mean[0] < low < high < mean[1]
    assert all(np.isfinite(value) for value in check_fit(fitted, base, seed=1).metrics.values())


def test_where_nobody_bought_again_the_posterior_is_the_prior(on_transactions):
    scale = replace(on_transactions.scale, money=20.0)
    settings = replace(on_transactions, no_repeat_buyers="prior", scale=scale)
    fitted = fit_models(summarize(sales_log(("a", 0, 5.0), ("b", 9, 7.0))), settings, seed=1)
    assert (fitted.posterior.spend_model, fitted.methods["spend"]) == (ON_TRANSACTIONS, "prior")


def test_what_is_left_out_is_a_number_of_the_fit(on_transactions, fitted_amounts):
    assert fitted_amounts.diagnostics["spend.left_out_share"] == 0.0
    rng = np.random.default_rng(1)
    sales = [(f"c{at}", day, 0.0 if day == 9 and at < 20 else 20 * rng.gamma(3.0))
             for at in range(100) for day in (0, 9, 12)]  # fmt: skip
    summary = summarize(sales_log(*sales))
    assert fit_models(summary, on_transactions, seed=1).diagnostics["spend.left_out_share"] == 0.1
    means = fit_models(summary, replace(on_transactions, spend_model="gamma_gamma"), seed=1)
    assert means.diagnostics["spend.left_out_share"] == 0.0


def test_leave_one_out_is_of_all_amounts_of_a_customer(calibration, fitted_amounts):
    loo = check_fit(fitted_amounts, CompressedSummary.of(calibration), seed=1).loos["spend"]
    assert loo.count.sum() == calibration.amounts.count.sum()
    assert loo.khat_max < 0.7
    draws = fitted_amounts.posterior.joint()
    amounts = calibration.amounts
    each = pointwise(draws, amounts.frequency.astype(float), amounts.mean, amounts.log_ratio)
    posterior_mean = float(each.mean(axis=0) @ amounts.count)
    assert loo.elpd == pytest.approx(posterior_mean, rel=2e-3)
    assert 1.0 < loo.p_loo < 8.0


def test_a_backtest_and_a_refit_of_a_log_are_on_its_amounts(on_transactions):
    rng = np.random.default_rng(2)
    sales = [(f"c{at}", day, round(20 * rng.gamma(3.0), 2)) for at in range(60) for day in (at % 7, 20 + at, 100 + at)]
    parts = split_log(sales_log(*sales), "2020-03-20")
    assert fit_models(parts.calibration, on_transactions, seed=1).posterior.spend_model == ON_TRANSACTIONS
    assert ON_TRANSACTIONS in sbc.MODELS
