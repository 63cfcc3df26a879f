"""Training from Python: the log in, the judged model out, no store, no output, no figures."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest
from logs import sales_log

from tenure import pipeline
from tenure.backtest import BASELINES, BacktestError
from tenure.failures import STRICT, Failures
from tenure.fit import FitError
from tenure.jobs.compose import compose_settings
from tenure.review import Check, Review, Verdict
from tenure.settings import SettingsError, TrainSettings
from tenure.totals import Drifts
from tenure.transactions import Transactions

CUTOFF, DAYS = 250, 365


@pytest.fixture(scope="module")
def log() -> Transactions:
    rng = np.random.default_rng(4)
    sales = [("clock", day, 20.0) for day in (0, DAYS)]
    for number in range(150):
        day, gap = int(rng.integers(0, 200)), 10 + 60 * rng.random()
        while day <= DAYS and rng.random() < 0.9:
            sales.append((f"c{number}", day, round(float(rng.gamma(5.0, 6.0)) + 1, 2)))
            day += 1 + int(rng.exponential(gap))
    return sales_log(*sales)


def settings_of(*changes: str) -> TrainSettings:
    quick = ["fit.method=laplace", "fit.draws=200", "fit.joint_draws=100", "backtest.baselines.names=[zero]"]
    settings: TrainSettings = compose_settings("train", ["rfm.cutoff='2020-09-07'", *quick, *changes])
    return settings


OTHER_MODELS = [*(pytest.param(name, marks=pytest.mark.slow) for name in ("mbg_nbd", "zi_bg_nbd")), "pareto_nbd"]


class Listener(pipeline.Observer):
    """An observer that lists what it receives."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def stage(self, name: str) -> AbstractContextManager[None]:
        self.received.append(name.split(maxsplit=1)[0])
        return nullcontext()

    def on_fit(self, fitted: pipeline.StageFit) -> None:
        self.received.append(f"on_fit {fitted.stage}")

    def on_holdout(self, holdout: pipeline.HoldoutReport) -> None:
        self.received.append("on_holdout")

    def on_refit_drift(self, numbers: Any) -> None:
        self.received.append("on_refit_drift")

    def on_drifts(self, drifts: Drifts) -> None:
        self.received.append("on_drifts")

    def on_new_customer(self, new_customer: Any) -> None:
        self.received.append("on_new_customer")

    def on_base_forecast(self, numbers: Any, drifts: Drifts) -> None:
        self.received.append("on_base_forecast")


def passing(*_: Any, **__: Any) -> Review:
    return Review((Check("a", "m", 0.0, Verdict.PASS, "", "", "m is 0", "", ""),))


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_a_training_prints_nothing_and_hands_over_every_result_in_order(
    log: Transactions, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tenure.pipeline.training.judge", passing)
    listener = Listener()
    training = pipeline.train(log, settings_of(), observer=listener)
    assert listener.received == [
        "fit", "check", "on_fit calibration", "backtest", "on_holdout", "fit", "check", "on_fit final",
        "on_refit_drift", "on_drifts", "on_new_customer", "forecast", "on_base_forecast",
    ]  # fmt: skip
    assert capfd.readouterr() == ("", "")
    assert training.final is not None
    assert training.forecasts is not None
    assert training.forecasts.base["customers"] >= len(training.data.split.calibration.table)
    assert training.metrics["final.purchases.refit_drift"] == training.refit_drift["purchases.refit_drift"]
    assert training.metrics["customers"] == len(training.data.split.calibration.table)
    again = pipeline.train(log, settings_of())
    for name, draws in training.final.posterior.draws.items():
        assert again.final is not None
        np.testing.assert_array_equal(again.final.posterior.draws[name], draws)
    for model in training.final.report.fit.models.values():  # the largest arrays of many customers
        with pytest.raises(RuntimeError, match="data of this fit were released after its diagnostics"):
            model.target.density(np.zeros(len(model.target.names)))


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
@pytest.mark.parametrize("model", OTHER_MODELS)
def test_a_training_of_any_purchase_model_has_every_part(log: Transactions, model: str) -> None:
    training = pipeline.train(log, settings_of(f"fit.purchase_model={model}"))
    assert training.holdout.tracking["expected"].iloc[-1] > 0
    assert training.final is not None
    assert training.forecasts is not None
    assert training.forecasts.base["purchases.expected"] > 0


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_a_calibration_that_fails_is_not_refitted(log: Transactions) -> None:
    impossible = [f"review.checks.customers.{band}=[100000,null]" for band in ("review", "fail")]
    training = pipeline.train(log, settings_of(*impossible))
    assert training.review.verdict is Verdict.FAIL
    assert training.final is None
    assert training.forecasts is None
    assert training.refit_drift == {}


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_what_was_found_before_a_stage_fails_has_been_handed_over(
    log: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tenure.pipeline.training.judge", passing)
    monkeypatch.setattr("tenure.pipeline.training.LogCustomers.compress", interrupt)
    listener = Listener()
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(log, settings_of(), observer=listener)
    assert listener.received[-1] == "on_holdout"


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_a_part_that_fails_is_a_finding(log: Transactions, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError("no forecast today")

    monkeypatch.delenv(STRICT)
    monkeypatch.setitem(BASELINES, "zero", fail)
    failures = Failures()
    training = pipeline.train(log, settings_of(), failures=failures)
    assert [failure.part for failure in failures.failures] == ["baseline zero"]
    findings = [check.finding for check in training.review.concerns]
    assert "baseline zero failed and is left out: ZeroDivisionError: no forecast today." in findings


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_two_evaluations_of_one_holdout_are_compared_and_others_refused(log: Transactions) -> None:
    one, other = (pipeline.evaluate(log, settings_of(f"fit.purchase_model={name}")) for name in ("bg_nbd", "mbg_nbd"))
    table = one.compare(other)
    for name in ("purchases.crps", "spend.crps", "p_purchase.brier"):
        assert table.loc[name, ["this", "other"]].tolist() == [of.metrics[name] for of in (one, other)]
        assert 0 < table.loc[name, "difference_se"] < one.metrics[f"{name}_se"]  # paired
    later = pipeline.evaluate(log, settings_of("rfm.cutoff='2020-10-07'"))
    longer = pipeline.evaluate(log, settings_of("rfm.end='2020-12-01'"))
    fewer = pipeline.evaluate(log, settings_of("rfm.burn_in_days=30"))
    for different in (later, longer, fewer):
        with pytest.raises(BacktestError, match=r"different holdouts: 115 days after 2020-09-07, to 2020-12-31, with"):
            one.compare(different)
    described = "; 85 days after 2020-10-07, to 2020-12-31, with .* with one cutoff, end and acquisition window"
    with pytest.raises(BacktestError, match=described):
        one.compare(later)


def test_a_source_run_without_its_past_errors_is_refused(log: Transactions) -> None:
    settings = settings_of(f"backtest.drift.source_run={'0' * 32}")
    with pytest.raises(SettingsError, match="no past errors were given"):
        pipeline.train(log, settings)


def test_a_log_in_which_nobody_paid_again_is_refused_before_the_fit() -> None:
    sales = [(f"g{at}", day, 25.0 if day == at else 0.0) for at in range(60) for day in (at, 100 + at, 300 + at)]
    free, listener = sales_log(*sales), Listener()
    with pytest.raises(FitError, match="repeat buyers paid for a repeat purchase"):
        pipeline.train(free, settings_of(), observer=listener)
    assert listener.received == []
