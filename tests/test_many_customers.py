"""Many customers: fitted, totalled and forecast share by share, judged on a sample; no table has a row for each."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import ibis
import numpy as np
import pandas as pd
import pytest
from cases import few
from logs import FIRST, log_of, sales_log, settings

import tenure
from tenure import pipeline
from tenure.backtest import Origin, model_forecast, roll_up
from tenure.backtest.base_totals import forecast_totals
from tenure.fit import fit_models
from tenure.jobs import console
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.promote import compare_recipes
from tenure.report import origin
from tenure.review import judge
from tenure.rfm import (
    EVERYONE,
    AcquisitionWindow,
    CompressedSummary,
    LogCustomers,
    RfmError,
    compress,
    merge,
    split_log,
    summarize,
)
from tenure.scorer import Scorer
from tenure.settings import DriftSettings, FitSettings, SettingsError, TrainSettings
from tenure.summary import CustomerSummary, Orders
from tenure.totals import Drift, Drifts, forecast_base
from tenure.transactions import Transactions, read

SIZE, SHARE, MOST, DAYS = 400, 150, 130, 120  # customers, of a share, of the judged, and days: fewer than customers
CUTOFF, END = "2020-03-15", "2020-04-30"
QUICK = FitSettings(method="laplace", draws=100, chains=4, joint_draws=100)
QUICK_SETTINGS = [
    f"rfm.cutoff='{CUTOFF}'", f"rfm.end='{END}'", "fit.method=laplace", "fit.draws=100", "fit.joint_draws=100",
]  # fmt: skip


def rows_of(size: int = SIZE, seed: int = 4, *, free: float = 0.0, refunds: int = 0) -> pd.DataFrame:
    """Simulate a log: customers with rates and spends of their own, some free days, some refunds, three channels."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(size):
        day, gap, mean = int(rng.integers(0, 70)), 4 + 25 * rng.random(), float(rng.gamma(3.0, 10.0))
        channel = "abc"[int(rng.integers(3))]
        while day < DAYS and rng.random() < 0.85:
            amount = 0.0 if rng.random() < free else round(float(rng.gamma(5.0, mean / 5)) + 0.5, 2)
            rows.append((f"c{number:04d}", day, amount, channel))
            if refunds and rng.random() < 0.1:
                rows.append((f"c{number:04d}", day, -round(amount / 2, 2), channel))
            day += 1 + int(rng.exponential(gap))
    rows += [("clock", 0, 20.0, "a"), ("clock", DAYS, 20.0, "a")]
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount", "channel"])
    return frame.assign(date=(pd.Timestamp(FIRST) + pd.to_timedelta(frame.pop("day"), unit="D")).astype("M8[us]"))


def log_with(**changes: Any) -> Transactions:
    return log_of(rows_of(**changes), segments={"channel": "first"})


@pytest.fixture(scope="module")
def log() -> Transactions:
    return log_with()


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenure.rfm.log_customers.SHARE", SHARE)
    monkeypatch.setattr("tenure.rfm.log_customers.PENDING", 2)


def numbers(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and numbers of a compressed summary."""
    for one in fields(part):
        value = getattr(part, one.name)
        if one.name == "parts":
            for inner in value:
                yield from ((f"{inner.values}.{name}", each) for name, each in numbers(inner.base))
        elif hasattr(value, "__dataclass_fields__"):
            yield from ((f"{one.name}.{name}", each) for name, each in numbers(value))
        else:
            yield one.name, value


def assert_same(one: CompressedSummary, other: CompressedSummary) -> None:
    left, right = dict(numbers(one)), dict(numbers(other))
    assert list(left) == list(right)
    for name, value in left.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            np.testing.assert_allclose(value, right[name], rtol=1e-13, err_msg=name)
        elif isinstance(value, float):
            assert value == pytest.approx(right[name], rel=1e-12), name
        else:
            np.testing.assert_array_equal(value, right[name], err_msg=name)


# ---- the fit is of all customers


LATER, EARLIER = AcquisitionWindow(date(2020, 1, 20)), AcquisitionWindow(last=date(2020, 2, 10))
LOGS = [
    ({}, EVERYONE, ()),
    ({"seed": 9, "size": 350}, LATER, ("channel",)),
    ({"free": 0.3, "refunds": 1, "seed": 2}, EARLIER, ("channel",)),
    ({"free": 0.3, "seed": 3}, LATER, ()),
    ({"refunds": 1, "size": 501}, EVERYONE, ("channel",)),
]


@pytest.mark.parametrize(("changes", "window", "segments"), few(LOGS, 2))
def test_the_histories_of_all_shares_are_those_of_one_table(
    changes: dict[str, Any], window: AcquisitionWindow, segments: tuple[str, ...]
) -> None:
    log = log_with(**changes)
    whole = CompressedSummary.of(summarize(log, CUTOFF, window), segments)
    assert whole.customers > SHARE
    assert_same(compress(log, CUTOFF, window, segments, with_orders=True), whole)


def test_negligible_days_are_those_of_the_whole_log_and_not_of_a_share() -> None:
    rows = rows_of()
    rows.loc[rows["customer_id"] < "c0200", "amount"] *= 1000.0  # the median of a share depends on its customers
    log = log_of(rows)
    for amounts in (compress(log).amounts, split_log(log, most=MOST).calibration.amounts):
        assert amounts is not None
        assert amounts.least in (log.least_amount(log.last_day), log.least_amount(split_log(log).cutoff))


def test_few_customers_are_one_table(log: Transactions) -> None:
    customers = LogCustomers(log, date.fromisoformat(END), most=SIZE + 1)
    assert not customers.are_many
    assert customers.sampled is log
    (only,) = customers.shares()
    assert only is customers.summary
    many = replace(customers, most=MOST)
    assert many.are_many
    sizes = [len(one.table) for one in many.shares()]
    assert len(sizes) == 3
    assert sum(sizes) == len(only.table)
    first, again = log.shares(SHARE), log.shares(SHARE)
    assert all(one is other for one, other in zip(first, again, strict=True))  # stored once for all stages
    assert customers.counts == many.counts


def test_orders_are_merged_whatever_the_groups() -> None:
    rng = np.random.default_rng(0)
    lists = [list(np.round(rng.gamma(3.0, 5.0, int(size)) + 0.01, 2)) for size in rng.integers(0, 5, 60)]
    first = np.array([days[0] if days else 0.0 for days in lists])
    whole = Orders.of_lists(first, lists, 1.0).counted()
    for size in (1, 7, 59):
        groups = [Orders.of_lists(first[at : at + size], lists[at : at + size], 1.0) for at in range(0, 60, size)]
        merged = Orders.joined([group.counted() for group in groups]).counted()
        for name in ("first", "starts", "amounts", "count"):
            np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))


def test_faded_evidence_of_a_customer_depends_on_no_other_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    lists = [list(rng.gamma(3.0, 5.0, int(size)) + 0.01) for size in rng.integers(0, 20, 300)]
    orders = Orders.of_lists(np.zeros(300), lists, 0.0)
    together = np.array(orders.faded(0.8))
    for at in range(300):  # alone, and the last of some
        for rows in ([at], [*range(at + 1)]):
            np.testing.assert_array_equal(np.array(orders.take(np.array(rows)).faded(0.8))[:, -1], together[:, at])
    monkeypatch.setattr("tenure.summary.orders.AT_ONCE", 7)
    np.testing.assert_array_equal(orders.faded(0.8), together)


def test_one_group_is_merged_to_itself_and_too_many_segments_are_refused(log: Transactions) -> None:
    base = CompressedSummary.of(summarize(log), ["channel"])
    assert merge([base]) is base
    parts = [
        replace(base, parts=tuple(replace(part, values=(f"{at}{part.values}",)) for part in base.parts))
        for at in range(200)
    ]
    with pytest.raises(RfmError, match=r"fit.segments are channel, which make 600 segments; the most is 500"):
        merge(parts)


@pytest.mark.parametrize("fit", [QUICK, replace(QUICK, spend_model="gamma_gamma_transactions")])
def test_the_posterior_is_that_of_one_table(log: Transactions, fit: FitSettings) -> None:
    one = fit_models(summarize(log), fit, seed=1).posterior
    other = fit_models(compress(log, with_orders=True), fit, seed=1).posterior
    for name, draws in one.draws.items():
        np.testing.assert_allclose(other.draws[name], draws, rtol=1e-9)


# ---- the sample


def test_a_sample_depends_on_the_ids_alone_and_grows_by_customers() -> None:
    log, other = log_with(), log_with(size=SIZE, seed=5)
    samples = {share: ids(log.sample(share)) for share in (0.2, 0.5, 0.9, 1.0)}
    assert samples[0.2] < samples[0.5] < samples[0.9] < samples[1.0] == ids(log)
    for share, chosen in samples.items():
        size = share * len(ids(log))
        assert abs(len(chosen) - size) <= 4 * np.sqrt(size * (1 - share)) + 0.5
    both = ids(log) & ids(other)
    assert samples[0.5] & both == ids(other.sample(0.5)) & both


def test_a_log_that_is_a_sample_by_the_md5_of_its_ids_is_sampled_like_any_other() -> None:
    from hashlib import md5

    names = [name for name in map(str, range(4000)) if md5(name.encode(), usedforsecurity=False).digest()[0] < 26]
    log = sales_log(*((name, at % 50, 1.0) for at, name in enumerate(names)))
    assert 0.35 < len(ids(log.sample(0.5))) / len(names) < 0.65


def ids(log: Transactions) -> set[str]:
    return set(log.purchases()["customer_id"].to_pandas())


def test_a_split_of_many_has_a_sample_and_the_counts_and_totals_of_all(log: Transactions) -> None:
    whole, split = split_log(log, CUTOFF, END), split_log(log, CUTOFF, END, most=MOST)
    assert whole.everyone is None
    assert 90 < len(split.calibration.table) < 175
    assert split.counts == whole.counts
    assert split.totals == pytest.approx(whole.totals, rel=1e-12)
    assert split.acquired_in_holdout == whole.acquired_in_holdout
    both = whole.calibration.table.merge(split.calibration.table, how="inner")
    assert len(both) == len(split.calibration.table)  # each row is that of the whole
    assert len(whole.holdout.merge(split.holdout)) == len(split.holdout)
    customers = f"{len(split.calibration.table)} of {len(whole.calibration.table)} customers"
    assert split.record().tags["judged"] == f"{customers}, a sample by a hash of their ids"
    assert whole.record().tags["judged"] == f"all {len(whole.calibration.table)} customers"
    assert split.record().metrics["window.customers"] == len(whole.calibration.table)
    assert ids(split.judged_log(log)) <= ids(log)
    assert set(split.calibration.table["customer_id"]) <= ids(split.judged_log(log))


def test_a_window_is_sampled_within_itself(log: Transactions) -> None:
    window = AcquisitionWindow(date(2020, 1, 20))
    whole, split = (split_log(log, CUTOFF, END, window, most=most) for most in (None, 100))
    assert 60 < len(split.calibration.table) < 140 < len(whole.calibration.table)
    assert split.totals == pytest.approx(whole.totals, rel=1e-12)
    assert split.left_out == whole.left_out


# ---- totals and the base forecast are of all customers


def posterior_of(log: Transactions) -> Posterior:
    return fit_models(summarize(log, CUTOFF), QUICK, seed=1).posterior


def test_totals_of_the_holdout_are_those_of_all_customers(log: Transactions) -> None:
    scorer = Scorer(posterior_of(log).thin(100))
    whole, split = split_log(log, CUTOFF, END), split_log(log, CUTOFF, END, most=MOST)
    samples = [
        part
        for _, part in model_forecast(
            scorer, whole.calibration, horizon_days=whole.horizon_days, level=0.9, seed=3
        ).blocks()
    ]
    totals = forecast_totals(scorer, split, level=0.9, seed=3)
    for name, total in totals.items():
        draws = sum(getattr(part, name).sum(axis=0, dtype=float) for part in samples)
        expected = np.concatenate([getattr(part, f"expected_{name}") for part in samples])
        np.testing.assert_allclose(total.draws, draws, rtol=1e-9)
        assert total.expected == pytest.approx(expected.sum(), rel=1e-9)
        assert total.largest == pytest.approx(expected.max(), rel=1e-9)
        assert total.actual == pytest.approx(whole.holdout[name].sum(), rel=1e-12)
    with pytest.raises(ValueError, match="All customers of the split are measured"):
        forecast_totals(scorer, whole, level=0.9, seed=3)


def test_the_base_forecast_does_not_depend_on_the_parts(log: Transactions) -> None:
    scorer, drifts = Scorer(posterior_of(log).thin(100)), Drifts(Drift(np.zeros(3), "assumed", 0.0))
    whole = LogCustomers(log, date.fromisoformat(END), with_orders=True)

    def forecast(customers: LogCustomers) -> dict[str, float]:
        parts = ((scorer.score(one, horizon_days=300, seed=2), one.table["frequency"]) for one in customers.shares())
        return forecast_base(parts, drifts)

    assert forecast(replace(whole, most=MOST)) == pytest.approx(forecast(whole), rel=1e-9)
    with pytest.raises(ValueError, match="no customers to forecast"):
        forecast_base([], drifts)


# ---- a training of many


def train(log: Transactions, *changes: str) -> pipeline.Training:
    used: TrainSettings = compose_settings("train", [*QUICK_SETTINGS, *changes])
    return pipeline.train(log, used)


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """List the rows of every table that is read from the log or made a customer summary."""
    rows, to_pandas, from_frame = list[int](), ibis.Table.to_pandas, CustomerSummary.from_frame

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        table = to_pandas(self, *arguments, **named)
        rows.append(len(table))
        return table

    def counted_summary(frame: pd.DataFrame, *arguments: Any, **named: Any) -> CustomerSummary:
        rows.append(len(frame))
        return from_frame(frame, *arguments, **named)

    monkeypatch.setattr("ibis.Table.to_pandas", counted)
    monkeypatch.setattr("tenure.summary.CustomerSummary.from_frame", counted_summary)
    monkeypatch.setattr("tenure.pipeline.training.judge", without_failures)
    return rows


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_a_training_of_many_makes_no_table_of_all(
    log: Transactions, lengths: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    training = train(log, f"backtest.judge_customers={MOST}", "backtest.baselines.names=[last_period]")
    assert training.forecasts is not None
    assert training.forecasts.base["customers"] > 300
    assert len(lengths) > 10
    assert max(lengths) < 220  # a sample, a share, or the days of the log
    assert_named(training, capsys)


def assert_named(training: pipeline.Training, capsys: pytest.CaptureFixture[str]) -> None:
    """Check that what is printed of a training, a backtest and a report names the sample and the customers."""
    split, holdout = training.data.split, training.holdout.holdout
    judged, customers = len(split.calibration.table), split.counts.customers
    rolling = roll_up({Origin(split.cutoff, split.horizon_days): holdout}, DriftSettings(), level=0.9, seed=0)
    assert set(rolling.totals["judged"]) == {judged}
    assert set(rolling.totals["customers"]) == {customers}
    console.print_backtest(rolling, "0" * 32, 0.9, "mlflow ui")
    assert f"judged on samples of {judged} customers, by a hash of their ids; totals are of all" in printed(capsys)
    console.print_window(split, training.data.window, None)
    assert f"{customers} customers to {CUTOFF}" in printed(capsys)
    evidence = cast(Any, SimpleNamespace(metrics=training.metrics, tags={}, params={}))
    card = dict(origin.card(evidence))["customers judged"]
    assert card.startswith(f"{judged}, a sample of {customers} by a hash of their ids, of whom ")


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
def test_a_training_of_many_has_the_fits_and_totals_of_all(log: Transactions, lengths: list[int]) -> None:
    whole = train(log)
    assert max(lengths) > 300
    lengths.clear()
    many = train(log, f"backtest.judge_customers={MOST}")
    assert max(lengths) < 220
    assert whole.final is not None
    assert many.final is not None
    for stage in ("calibration", "final"):
        one, other = getattr(whole, stage), getattr(many, stage)
        assert other.base.customers == one.base.customers > len(other.summary.table)
        for name, draws in one.posterior.draws.items():
            np.testing.assert_allclose(other.posterior.draws[name], draws, rtol=1e-9)
    assert whole.forecasts is not None
    assert many.forecasts is not None
    assert many.forecasts.base == pytest.approx(whole.forecasts.base, rel=1e-9)
    same = ["customers", "repeat_buyers", "one_time_share", "regularity.k", "acquired_in_holdout"]
    totals = ("actual_total", "expected_total", "total_low", "total_high", "bias", "bias_se", "adjusted_total")
    same += [f"{outcome}.{name}" for outcome in ("purchases", "spend") for name in totals]
    same += ["spend.largest_share", "spend_per_purchase.bias", "final.purchases.refit_drift"]
    for name in same:
        assert many.metrics[name] == pytest.approx(whole.metrics[name], rel=1e-9), name
    judged = many.metrics["judged_customers"]
    assert judged == len(many.data.split.calibration.table) < 180
    assert whole.metrics["judged_customers"] == whole.metrics["customers"] > judged
    error = 5 * many.metrics["purchases.crps_se"]
    assert 0 < abs(many.metrics["purchases.crps"] - whole.metrics["purchases.crps"]) < error


def without_failures(*arguments: Any, **named: Any) -> Any:
    """Return the review of a run without the checks that fail, so that the model is refitted."""
    review = judge(*arguments, **named)
    return replace(review, checks=tuple(check for check in review.checks if check.verdict != "FAIL"))


def test_the_findings_name_the_sample() -> None:
    checks = TrainSettings().review.checks
    fits = {"calibration.purchases": "laplace"}
    notes = judge({"customers": 10_000_000.0, "judged_customers": 200_113.0}, checks, fits=fits).notes
    assert notes[0] == (
        "The holdout was judged on 200,113 of 10,000,000 customers, a sample by a hash of their ids "
        "(backtest.judge_customers); the fit and the totals are of all customers."
    )
    assert judge({"customers": 10.0, "judged_customers": 10.0}, checks, fits=fits).notes == ()


def test_a_promotion_names_the_sample(log: Transactions) -> None:
    posterior = posterior_of(log)
    comparison = compare_recipes(split_log(log, CUTOFF, END, most=MOST), posterior, posterior, seed=1)
    assert comparison.sampled_from == split_log(log, CUTOFF, END).counts.customers
    assert f"over {comparison.customers} of {comparison.sampled_from} customers, a sample" in comparison.finding
    assert "sample" not in compare_recipes(split_log(log, CUTOFF, END), posterior, posterior, seed=1).finding


@pytest.mark.parametrize("number", few(["99", "0", "-5"], 1))
def test_too_small_a_sample_is_refused(number: str) -> None:
    with pytest.raises(SettingsError, match=r"backtest.judge_customers must be from 100 up, or null, got"):
        compose_settings("train", [f"backtest.judge_customers={number}"])


def test_without_a_number_all_are_judged(log: Transactions) -> None:
    used = compose_settings("train", ["backtest.judge_customers=null"]).backtest.judge_customers
    assert used is None
    assert split_log(log, most=used).everyone is None


# ---- the Python API


def test_a_fit_in_python_is_that_of_one_table_which_is_made_when_it_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    words: dict[str, Any] = {"method": "laplace", "draws": 100, "joint_draws": 100, "seed": 1}
    rows = rows_of()
    one = tenure.CLV(**words).fit(rows)
    many = tenure.CLV(**words, judge_customers=MOST).fit(rows)
    for name, draws in one.scorer.posterior.draws.items():
        np.testing.assert_allclose(many.scorer.posterior.draws[name], draws, rtol=1e-9)
    left, right = (clv.score(horizon_days=30).frame for clv in (one, many))
    assert list(left["customer_id"]) == list(right["customer_id"])
    np.testing.assert_allclose(right["clv"], left["clv"], rtol=1e-6)


# ---- at size


@pytest.mark.slow
def test_the_posterior_of_100_000_customers_is_that_of_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenure.rfm.log_customers.SHARE", 15_000)
    log = read(settings(simulated(tmp_path, 100_000)))
    fit = replace(QUICK, draws=1000)
    one = fit_models(summarize(log), fit, seed=1).posterior
    other = fit_models(compress(log, with_orders=True), fit, seed=1).posterior
    for name, draws in one.draws.items():
        np.testing.assert_allclose(other.draws[name], draws, rtol=1e-9)


MEASURED = """
import json, resource, sys
from tenure import pipeline
from tenure.jobs.compose import compose_settings
from tenure.transactions import read
settings = compose_settings("train", sys.argv[1:])
training = pipeline.train(read(settings.transactions), settings)
print(json.dumps({
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "customers": training.metrics["customers"], "judged": training.metrics["judged_customers"],
    "forecast": training.forecasts.base["customers"],
}))
"""


@pytest.mark.slow
def test_memory_grows_with_distinct_histories_and_orders_alone(tmp_path: Path) -> None:
    """700,000 customers more are at most 350 MB: their orders, histories and clv; rows in pandas would be 1 GB."""
    peaks = {}
    for size in (300_000, 1_000_000):
        done = measured(simulated(tmp_path, size))
        assert done["forecast"] == size
        assert done["judged"] < 22_000 < done["customers"]
        peaks[size] = done["peak"]
    assert peaks[1_000_000] < peaks[300_000] + 350
    assert peaks[1_000_000] < 1_600


def measured(path: Path) -> dict[str, float]:
    arguments = [
        f"transactions.path={path}", "transactions.engine.memory_limit=400MB", "transactions.engine.threads=2",
        "fit.method=laplace", "fit.draws=100", "fit.joint_draws=100", "backtest.judge_customers=20000",
        "backtest.baselines.names=[zero]",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURED, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def simulated(folder: Path, size: int) -> Path:
    from tenure.simulate import write_log

    path = folder / f"{size}.parquet"
    of_log = compose_settings("simulate", [f"simulate.customers={size}"]).simulate
    write_log(of_log, str(path), seed=size)
    return path
