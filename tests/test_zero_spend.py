"""Repeat buyers whose repeat purchases were all free: counted, left out of the spend fit, valued all the same."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from logs import FIRST, sales_log

from tenure.backtest import evaluate_holdout, measure_forecast, model_forecast
from tenure.backtest.baselines import BASELINES, BaselineInputs
from tenure.fit import FitError, check_fit, fit_models, library_model, predictive
from tenure.posterior import Posterior
from tenure.rfm import CompressedSummary, compress, split_log, summarize
from tenure.scorer import Scorer
from tenure.settings import FitSettings, TrainSettings
from tenure.spend.gamma_gamma.scoring import mean_spend
from tenure.summary import CustomerSummary
from tenure.summary_file import SummaryFile, check_summaries

PARAMS = {"horizon_days": 200, "discount_rate": 0.1, "margin": 0.5}
HISTORIES = [(1, 30, 400), (4, 200, 250), (60, 390, 400)]


def table(monetary_value: float, **changes: object) -> pd.DataFrame:
    x, recency, T = (list(column) for column in zip(*HISTORIES, strict=True))
    ids = [f"c{at}" for at in range(len(x))]
    columns = {"customer_id": ids, "frequency": x, "recency": recency, "T": T, "monetary_value": monetary_value}
    return pd.DataFrame(columns | changes)


def one_time() -> pd.DataFrame:
    return pd.DataFrame({"customer_id": ["new"], "frequency": 0, "recency": 0, "T": 9, "monetary_value": 0.0})


def free_shop(*free: tuple[int, ...], customers: int = 150) -> list[tuple[str, int, float]]:
    """Simulate paying customers, beside some who pay on their first day alone."""
    rng = np.random.default_rng(8)
    sales = [("clock", day, 20.0) for day in (0, 400)]
    for at in range(customers):
        days = np.flatnonzero(rng.random(400) < rng.gamma(1.0, 0.02))
        sales += [(f"c{at}", int(day), float(np.round(rng.gamma(4.0, 8.0), 2) + 0.01)) for day in days]
    for at, days_of in enumerate(free):
        sales += [(f"free{at}", day, 15.0 if day == days_of[0] else 0.0) for day in days_of]
    return sales


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_expected_spend_is_the_populations_and_purchases_are_the_customers_own(
    posterior: Posterior, zero: float
) -> None:
    scorer = Scorer(posterior)
    free, paid = (scorer.score(table(spend), **PARAMS).table for spend in (zero, 30.0))
    population = scorer.score(one_time(), **PARAMS).table["expected_spend"].iloc[0]
    assert free["expected_spend"].to_numpy() == pytest.approx([population] * 3, rel=1e-12)
    joint = posterior.joint()
    assert population == pytest.approx(np.mean(joint["p"] * joint["v"] / (joint["q"] - 1)), rel=1e-12)
    counted = ["p_alive", "p_purchase", "expected_purchases"]
    pd.testing.assert_frame_equal(free[counted], paid[counted], check_exact=True)
    assert (free["clv"] > 0).all()


def test_simulated_value_agrees_with_the_expectation(posterior: Posterior) -> None:
    scorer = Scorer(posterior)
    many = pd.concat([table(0.0, customer_id=[f"{at}-{row}" for row in range(3)]) for at in range(400)])
    futures, expected = scorer.simulate(many, **PARAMS), scorer.expect(many, **PARAMS)
    for row in range(3):
        values = futures.clv[row::3].mean(axis=1)
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - expected["clv"].iloc[row]) < 4 * error


def test_every_answer_is_finite_and_the_same_to_the_bit_with_integers(posterior: Posterior) -> None:
    scorer = Scorer(posterior)
    whole = scorer.score(table(0), by_month=True, **PARAMS)
    floats = scorer.score(table(0.0), by_month=True, **PARAMS)
    pd.testing.assert_frame_equal(whole.table, floats.table, check_exact=True)
    residual = scorer.residual(table(0.0), discount_rate=0.1, margin=0.5)
    for answer in (floats.table, residual.table, scorer.expect(table(0.0), **PARAMS)):
        numbers = answer.drop(columns="customer_id").to_numpy(np.float64)
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
    assert floats.months is not None
    value = sum(month.expected_clv.mean() for month in floats.months.totals)
    assert value == pytest.approx(floats.totals.expected_clv.mean(), rel=1e-9)


def test_a_customer_who_paid_is_scored_as_before_beside_one_who_did_not(posterior: Posterior) -> None:
    scorer = Scorer(posterior)
    alone = scorer.score(table(30.0), **PARAMS).table
    both = pd.concat([table(0.0, customer_id=["x", "y", "z"]), table(30.0)], ignore_index=True)
    pd.testing.assert_frame_equal(scorer.score(both, **PARAMS).table.iloc[3:].reset_index(drop=True), alone)


def test_a_nearly_free_customer_is_another_one() -> None:
    """The mean of partly free purchases is evidence; only a mean of 0 is none."""
    p, q, v = 6.25, 3.74, 15.44
    assert mean_spend(3.0, 0.0, p, q, v) == pytest.approx(p * v / (q - 1))
    assert mean_spend(3.0, 0.01, p, q, v) == pytest.approx(p * (v + 3 * 0.01) / (p * 3 + q - 1))
    assert mean_spend(0.0, 0.0, p, q, v) == pytest.approx(p * v / (q - 1))


@pytest.fixture
def quick(fit_settings: FitSettings) -> FitSettings:
    return replace(fit_settings, method="laplace", draws=200, joint_draws=200)


def test_the_spend_fit_is_that_without_them_and_the_purchase_fit_counts_them(quick: FitSettings) -> None:
    free = ((10, 20), (10, 40, 80), (130, 140), (5, 399))
    without, with_free = (sales_log(*free_shop(*shown)) for shown in ((), free))
    fits = [fit_models(compress(log), quick, seed=3).posterior for log in (without, with_free)]
    for name in ("p", "q", "v"):
        np.testing.assert_array_equal(fits[0].draws[name], fits[1].draws[name])
    assert not np.array_equal(fits[0].draws["r"], fits[1].draws["r"])
    grouped = CompressedSummary.of(summarize(with_free))
    assert grouped.repeat_buyers - grouped.paying_repeat_buyers == len(free)
    checked = check_fit(fit_models(grouped, quick, seed=3), grouped, seed=3)
    assert checked.loos["spend"].count.sum() == grouped.paying_repeat_buyers
    assert checked.loos["purchases"].count.sum() == grouped.customers


@pytest.mark.slow
@pytest.mark.parametrize("free", [((10, 20),), ((130, 140),), ((10, 20, 140, 300), (240, 241), (5, 260))])
def test_every_baseline_meets_them_before_and_after_the_inner_cutoff(
    free: tuple[tuple[int, ...], ...], posterior: Posterior
) -> None:
    log = sales_log(*free_shop(*free))
    parts = split_log(log, FIRST + timedelta(250), FIRST + timedelta(400))
    shipped = TrainSettings().backtest
    boosting = replace(shipped.baselines.boosting, trees=5, quantiles=[0.05, 0.5, 0.95])
    settings = replace(shipped, baselines=replace(shipped.baselines, boosting=boosting))
    _, holdout = evaluate_holdout(log, parts, Scorer(posterior), settings, level=0.9, seed=1)
    assert set(holdout.baselines) == {"zero", "last_period", "own_rate", "textbook", "nbd", "boosting"}
    known = sum(days[0] <= 250 and any(day <= 250 for day in days[1:]) for days in free)
    assert holdout.metrics["free_repeat_buyers"] == known
    assert holdout.metrics["free_repeat_share"] == pytest.approx(known / holdout.metrics["repeat_buyers"])
    assert np.isfinite([holdout.metrics[f"{name}.crps"] for name in ("purchases", "spend")]).all()


def test_the_nbd_expects_the_populations_spend_of_them(posterior: Posterior) -> None:
    log = sales_log(*free_shop((10, 20)))
    parts = split_log(log, FIRST + timedelta(250))
    known = BaselineInputs(log, parts.calibration, 91, posterior, 100, 0, TrainSettings().backtest.baselines)
    at = int(np.flatnonzero(parts.calibration.table["customer_id"] == "free0")[0])
    samples = BASELINES["nbd"](known).sample(slice(at, at + 1))
    joint = posterior.joint(100)
    population = np.mean(joint["p"] * joint["v"] / (joint["q"] - 1))
    assert samples.expected_spend[0] / samples.expected_purchases[0] == pytest.approx(population, rel=0.02)


def test_the_correlation_of_spend_and_frequency_is_of_those_who_paid(posterior: Posterior) -> None:
    def facts(*free: tuple[int, ...]) -> dict[str, float]:
        parts = split_log(sales_log(*free_shop(*free)), FIRST + timedelta(250), FIRST + timedelta(400))
        forecast = model_forecast(Scorer(posterior), parts.calibration, horizon_days=150, level=0.9, seed=0)
        return measure_forecast(parts, forecast, level=0.9, rng=np.random.default_rng(0)).metrics

    without, with_free = facts(), facts((10, 20), (30, 40, 50, 60, 70))
    for name in ("", "_se"):
        assert without[f"spend_frequency_correlation{name}"] == with_free[f"spend_frequency_correlation{name}"]
    assert with_free["repeat_buyers"] == without["repeat_buyers"] + 2


def test_stock_models_of_the_library_take_the_customers(posterior: Posterior) -> None:
    summary = summarize(sales_log(*free_shop((10, 20), (30, 50))))
    models = library_model(posterior, summary)
    assert len(models.purchases.data) == len(summary.table)
    assert (models.spend.data["monetary_value"] > 0).all()


def test_replicated_spends_are_asked_of_those_who_paid(posterior: Posterior) -> None:
    summary = summarize(sales_log(*free_shop((10, 20), (30, 50))))
    paid = summary.table.query("monetary_value > 0")
    drawn = predictive.replicate_spends(posterior, paid["frequency"].to_numpy(), np.random.default_rng(0), 3)
    assert drawn.shape == (3, len(paid))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_of_summaries_may_hold_them(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"summaries.{ending}"
    frame = pd.concat([table(0.0), one_time()])
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    assert check_summaries(SummaryFile(str(path))) == 4
    assert CustomerSummary.from_frame(frame).table["monetary_value"].tolist() == [0.0] * 4


@pytest.mark.parametrize("first", [0.0, 25.0])
def test_where_all_repeats_were_free_the_remedy_is_named(first: float, quick: FitSettings) -> None:
    """Gift cards: sold once, redeemed at an amount of 0."""
    log = sales_log(*[(f"g{at}", day, first if day == 0 else 0.0) for at in range(30) for day in (0, 9, 40 + at)])
    with pytest.raises(FitError) as caught:
        fit_models(compress(log), quick, seed=0)
    assert str(caught.value) == (
        "None of 30 repeat buyers paid for a repeat purchase: the amounts of all repeat purchases are 0, so there"
        " are no data on spend. If they were paid otherwise, such as by gift cards or credits, name the column with"
        " the value of the goods in transactions.columns.amount, or fill in that value by transactions.query; or use"
        " the prior for the spend with fit.no_repeat_buyers=prior and a typical purchase value in fit.scale.money."
    )
    asked = replace(quick, no_repeat_buyers="prior", scale=replace(quick.scale, money=20.0))
    fitted = fit_models(compress(log), asked, seed=0)
    assert fitted.methods["spend"] == "prior"
