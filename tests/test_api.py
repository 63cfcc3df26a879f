"""The Python API: an estimator and a few functions, with the words and the defaults of the commands."""

import copy
import pickle
import re
import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import arviz as az
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cases import few

import tenure
from tenure import pipeline
from tenure.api import NotFittedError, SavedModelError, UnitWarning
from tenure.api.words import AllWords, FitWords, LogWords, places
from tenure.errors import InputError
from tenure.fit import FitError
from tenure.frames import FrameError
from tenure.jobs.compose import compose_settings
from tenure.output import OutputError
from tenure.scorer import COLUMNS, EXPECTED, ScoreError, Scorer
from tenure.settings import SettingsError, TrainSettings, read_priors
from tenure.summary import CustomerSummary, SummaryError
from tenure.totals import adjusted_totals
from tenure.transactions import TransactionsError, read
from tenure.units import UnitError

ROOT = Path(__file__).parent.parent
QUICK: dict[str, Any] = {"method": "laplace", "draws": 250, "joint_draws": 200}
SPLIT: dict[str, Any] = {"cutoff": "2020-09-07", "baselines": {"names": ["zero"]}}

pytestmark = pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """A log of 150 customers, with ids in no order and a country."""
    rng = np.random.default_rng(4)
    sales: list[tuple[int, int, float]] = [(1000, 0, 20.0), (1000, 365, 20.0)]
    for number in rng.permutation(150):
        day, gap = int(rng.integers(0, 200)), 10 + 60 * rng.random()
        while day <= 365 and rng.random() < 0.9:
            sales.append((int(number), day, round(float(rng.gamma(5.0, 6.0)) + 1, 2)))
            day += 1 + int(rng.exponential(gap))
    rows = pd.DataFrame(sales, columns=["customer_id", "date", "amount"])
    rows["date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rows["date"], unit="D")
    return rows.assign(country=np.where(rows["customer_id"] % 3, "DE", "FR"))


@pytest.fixture(scope="module")
def clv(log: pd.DataFrame) -> tenure.CLV:
    return tenure.CLV(**QUICK).fit(log)


@pytest.fixture(scope="module")
def summary(log: pd.DataFrame, clv: tenure.CLV) -> pd.DataFrame:
    """A summary with the columns that the model needs, in an order and with an index of its own."""
    table = tenure.summarize(log, delta=clv.scorer.delta, segments={"country": "first"})
    return table.sample(frac=1, random_state=1).set_index(np.arange(len(table)) * 7 + 3)


def check_a_few_lines(log: pd.DataFrame, cutoff: str, **settings: Any) -> tenure.Scores:
    """Fit, score, judge, save and load in the working folder; return the scores."""
    clv = tenure.CLV(**settings).fit(log)
    scores = clv.score(horizon_days=365, margin=0.35)
    assert list(scores.frame.columns) == ["customer_id", *COLUMNS]
    assert len(scores.frame) == log["customer_id"].nunique()
    assert scores.frame["customer_id"].dtype == np.int64
    assert scores.totals.loc["clv", "expected"] == pytest.approx(scores.frame["clv"].sum(), rel=1e-9)
    assert scores.params == {"horizon_days": 365, "discount_rate": 0.1, "margin": 0.35, "level": 0.9, "seed": 0}
    check_evaluation(clv.backtest(log, cutoff=cutoff), cutoff)
    clv.save("model/")
    again = tenure.load("model/").score(log, horizon_days=365, margin=0.35)
    pd.testing.assert_frame_equal(again.frame, scores.frame, check_exact=True)
    pd.testing.assert_frame_equal(again.totals, scores.totals, check_exact=True)
    return scores


def check_evaluation(evaluation: pipeline.Evaluation, cutoff: str) -> None:
    assert all(isinstance(finding, str) for finding in evaluation.findings)
    assert len(evaluation.findings) == len(evaluation.review.findings)
    assert str(evaluation).startswith(f"Verdict: {evaluation.verdict}. ")
    assert (
        repr(evaluation)
        == f"<Evaluation: {evaluation.verdict}, findings: {len(evaluation.findings)}; print() shows them>"
    )
    assert evaluation.holdout.metrics["purchases.expected_total"] > 0
    assert str(evaluation.data.split.cutoff) == cutoff


def test_a_log_becomes_scores_in_a_few_lines(
    log: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_a_few_lines(log, "2020-09-07", **QUICK)


@pytest.mark.slow
def test_the_sample_becomes_scores_in_a_few_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sample = pd.read_csv(ROOT / "data/cdnow_sample.csv", parse_dates=["date"])
    scores = check_a_few_lines(sample, "1998-01-31", method="laplace")
    assert len(scores.frame) == 2357
    assert scores.totals.loc["clv", "expected"] == pytest.approx(24_200, rel=0.05)


def test_a_fit_equals_the_refit_of_a_training_and_a_backtest_its_calibration(
    log: pd.DataFrame, clv: tenure.CLV, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_pipeline import passing

    monkeypatch.setattr("tenure.pipeline.training.judge", passing)
    training = tenure.train(log, horizon_days=90, **SPLIT, **QUICK)
    assert training.verdict == "PASS"
    assert training.final is not None
    assert training.clv.about == {"verdict": "PASS", "cutoff": "2020-09-07"}
    for name, draws in clv.scorer.posterior.draws.items():
        np.testing.assert_array_equal(training.clv.scorer.posterior.draws[name], draws)
    trained, fitted = training.clv.score(horizon_days=30), clv.score(horizon_days=30)
    pd.testing.assert_frame_equal(trained.frame, fitted.frame, check_exact=True)
    pd.testing.assert_frame_equal(trained.totals, fitted.totals, check_exact=True)
    evaluation = clv.backtest(log, **SPLIT)
    assert evaluation.holdout.metrics == training.holdout.metrics
    assert {"findings", "review", "holdout"} <= set(dir(evaluation))


@pytest.mark.slow
def test_a_training_equals_that_of_the_command(log: pd.DataFrame, tmp_path: Path) -> None:
    """By the settings that the command composes, and by a file: the same numbers as from the table in memory."""
    log.to_parquet(tmp_path / "log.parquet")
    quick = ["fit.method=laplace", "fit.draws=250", "fit.joint_draws=200", "backtest.baselines.names=[zero]"]
    settings = compose_settings(
        "train", [f"transactions.path={tmp_path / 'log.parquet'}", "rfm.cutoff=2020-09-07", *quick]
    )
    of_command = pipeline.train(read(settings.transactions), settings)
    for given in (log, tmp_path / "log.parquet", str(tmp_path / "log.parquet")):
        training = tenure.train(given, **SPLIT, **QUICK)
        differ = {name for name, value in training.metrics.items() if "seconds" not in name and "second" not in name}
        assert {name: training.metrics[name] for name in differ} == pytest.approx(
            {name: of_command.metrics[name] for name in differ},
            rel=1e-12,
            abs=0,
            nan_ok=True,  # threads sum in any order
        )
        assert training.verdict == of_command.verdict


def test_a_failed_training_has_no_model_and_says_so(log: pd.DataFrame) -> None:
    impossible = {"checks": {"customers": {"review": [100_000, None], "fail": [100_000, None]}}}
    training = tenure.train(log, review=impossible, **SPLIT, **QUICK)
    assert training.verdict == "FAIL"
    assert any("customers" in finding for finding in training.findings)
    with pytest.raises(NotFittedError, match="The verdict is FAIL"):
        training.clv  # noqa: B018


def test_columns_are_named_at_the_model_at_the_fit_or_at_the_function(log: pd.DataFrame, clv: tenure.CLV) -> None:
    other = log.rename(columns={"customer_id": "client", "date": "day", "amount": "total"})
    names = {"customer_id": "client", "date": "day", "amount": "total"}
    expected = clv.expect(horizon_days=30)
    pd.testing.assert_frame_equal(tenure.CLV(**names, **QUICK).fit(other).expect(horizon_days=30), expected)
    named = tenure.CLV(**QUICK).fit(other, **names)
    pd.testing.assert_frame_equal(named.expect(other, horizon_days=30), expected)
    assert named.backtest(other, **SPLIT).metrics["customers"] > 0
    pd.testing.assert_frame_equal(tenure.summarize(other, **names), tenure.summarize(log))
    with pytest.raises(TransactionsError, match=r"data: there is no column 'customer_id' \(transactions.columns"):
        tenure.CLV(**QUICK).fit(other)


KINDS: dict[str, Any] = {
    "polars": pl.from_pandas,
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_every_kind_are_those_of_pandas(kind: str, clv: tenure.CLV, summary: pd.DataFrame) -> None:
    """A summary keeps its order; another kind gets its own kind back, a lazy one Arrow."""
    expected = clv.score(summary, horizon_days=30, by="country", by_month=True)
    scores = clv.score(KINDS[kind](summary), horizon_days=30, by=["country"], by_month=True)
    is_polars = kind == "polars"
    for name in ("frame", "totals", "groups", "months"):
        assert isinstance(getattr(scores, name), pl.DataFrame if is_polars else pa.Table)
    frame = scores.frame.to_pandas()
    pd.testing.assert_frame_equal(frame, expected.frame.reset_index(drop=True), check_exact=True)
    totals = scores.totals.to_pandas().set_index("total")
    pd.testing.assert_frame_equal(totals, expected.totals, check_exact=True, check_index_type=False)
    assert scores.groups.to_pandas()["country"].to_list() == ["DE", "DE", "FR", "FR"]


def test_scores_of_duckdb_and_ibis_are_arrow(clv: tenure.CLV, log: pd.DataFrame, summary: pd.DataFrame) -> None:
    import duckdb
    import ibis

    expected = clv.expect(horizon_days=30)
    for given in (duckdb.sql("from log"), ibis.memtable(log), pl.from_pandas(log).lazy()):
        frame = clv.expect(given, horizon_days=30)
        assert isinstance(frame, pa.Table)
        assert frame.schema.field("customer_id").type == pa.int64()
        pd.testing.assert_frame_equal(frame.to_pandas(), expected, check_exact=True)
    assert isinstance(clv.score(ibis.memtable(summary), horizon_days=30).totals, pa.Table)
    assert isinstance(tenure.summarize(duckdb.sql("from log")), pa.Table)


@pytest.mark.parametrize(
    "kind",
    few(["int64", "int32", "uint16", "Int64", "string", "str", "object", "category", "int64[pyarrow]", "float64"], 3),
)
def test_pandas_keeps_order_index_and_type_of_ids(kind: str, clv: tenure.CLV, log: pd.DataFrame, summary: Any) -> None:
    """Of a log, ids that went through a float are integers again; a summary with floats is refused."""
    typed = log.astype({"customer_id": kind})
    frame = clv.expect(typed, horizon_days=30)
    assert frame["customer_id"].dtype == ("int64" if kind == "float64" else typed["customer_id"].dtype)
    joined = typed[["customer_id"]].drop_duplicates().merge(frame, on="customer_id")
    assert len(joined) == len(frame)
    given = summary.astype({"customer_id": kind})
    if kind == "float64":
        with pytest.raises(SummaryError, match="customer ids are floats"):
            clv.expect(given)
        return
    scored = clv.expect(given, horizon_days=30)
    pd.testing.assert_index_equal(scored.index, given.index)
    pd.testing.assert_series_equal(scored["customer_id"], given["customer_id"])
    np.testing.assert_array_equal(
        scored.set_index("customer_id")["clv"].rename(index=str).sort_index(),
        clv.expect(horizon_days=30).set_index("customer_id")["clv"].rename(index=str).sort_index(),
    )


def test_polars_and_arrow_keep_the_type_of_ids(clv: tenure.CLV, log: pd.DataFrame, summary: pd.DataFrame) -> None:
    for kind in (pl.Int16, pl.UInt64, pl.String, pl.Categorical):
        ids = pl.col("customer_id").cast(pl.String if kind == pl.Categorical else kind)
        cast = pl.from_pandas(log).with_columns(ids.cast(kind))
        assert clv.expect(cast, horizon_days=30).schema["customer_id"] == cast.schema["customer_id"]
        given = pl.from_pandas(summary).with_columns(ids.cast(kind))
        assert clv.expect(given, horizon_days=30)["customer_id"].equals(given["customer_id"])
    table = pa.Table.from_pandas(summary, preserve_index=False)
    large = table.set_column(0, "customer_id", table["customer_id"].cast(pa.large_string()))
    assert clv.expect(large, horizon_days=30).schema.field("customer_id").type == pa.large_string()


def test_customers_of_a_log_are_sorted_by_number(clv: tenure.CLV, log: pd.DataFrame) -> None:
    ids = clv.score(horizon_days=30).frame["customer_id"]
    assert ids.is_monotonic_increasing
    text = clv.score(log.astype({"customer_id": "str"}), horizon_days=30).frame["customer_id"]
    assert text.is_monotonic_increasing
    assert text.to_list() != ids.astype("str").to_list()


def test_a_model_is_fitted_to_a_summary_too(log: pd.DataFrame, summary: pd.DataFrame) -> None:
    of_summary = tenure.CLV(**QUICK).fit(summary, as_of="2020-12-31")
    assert ": bg_nbd and gamma_gamma fitted to" in repr(of_summary)
    for name, draws in tenure.CLV(spend_model="gamma_gamma", **QUICK).fit(log).scorer.posterior.draws.items():
        np.testing.assert_array_equal(of_summary.scorer.posterior.draws[name], draws)
    assert of_summary.posterior["posterior"].attrs["as_of"] == "2020-12-31"
    pd.testing.assert_index_equal(of_summary.score(horizon_days=30).frame.index, summary.index)
    lifetimes = summary.drop(columns="country").set_index("customer_id")  # as lifetimes gives it
    assert len(tenure.CLV(**QUICK).fit(lifetimes).expect(horizon_days=30)) == len(summary)
    assert len(tenure.CLV(**QUICK).fit(CustomerSummary.from_frame(summary)).expect(horizon_days=30)) == len(summary)
    with pytest.raises(ScoreError, match="first orders"):
        of_summary.new_customer()
    with pytest.raises(SettingsError, match="as_of must be a date such as 1997-09-30, or None, got 'June'"):
        of_summary.fit(summary, as_of="June")
    with pytest.raises(FitError, match="gamma_gamma_fading, which is fitted to customers' orders one by one"):
        tenure.CLV(spend_model="gamma_gamma_fading", **QUICK).fit(summary)


def test_a_summary_without_the_columns_is_scored_by_the_model_of_means(
    log: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bare, clv = tenure.summarize(log), tenure.CLV(**QUICK).fit(log)
    assert ": bg_nbd and gamma_gamma_fading fitted to" in repr(clv)
    scores = clv.score(bare, horizon_days=30)
    assert "the summary has no columns faded_frequency and faded_spend" in caplog.text
    assert scores.without_columns == len(bare)
    assert clv.score(log, horizon_days=30).without_columns == 0
    clv.save(tmp_path / "model")
    again = tenure.load(tmp_path / "model").score(bare, horizon_days=30)
    pd.testing.assert_frame_equal(again.frame, scores.frame, check_exact=True)


def test_a_scorer_gets_a_table_which_the_own_code_of_a_model_can_read(clv: tenure.CLV, log: pd.DataFrame) -> None:
    """Its classes are not the installed ones."""
    given: list[object] = []
    state = clv._state
    assert state is not None

    class Own:
        delta = state.scorer.delta

        def score(self, customers: object, **params: Any) -> Any:
            given.append(customers)
            return state.scorer.score(customers, **params)

    own = tenure.CLV.of(replace(state, scorer=cast(Any, Own())))
    expected = state.scorer.score(tenure.summarize(log, delta=Own.delta), horizon_days=30)
    for scores in (own.score(horizon_days=30), own.score(log, horizon_days=30)):
        pd.testing.assert_frame_equal(scores.frame, expected.table, check_exact=True)
    assert [type(table) for table in given] == [pd.DataFrame, pd.DataFrame]
    assert all({"faded_frequency", "faded_spend"} <= set(cast(pd.DataFrame, table)) for table in given)


def test_scores_are_those_of_the_scorer_with_adjusted_totals(clv: tenure.CLV, log: pd.DataFrame) -> None:
    scores = clv.score(horizon_days=60, margin=0.5, seed=3)
    table = tenure.summarize(log, delta=clv.scorer.delta)
    by_hand = Scorer(clv.scorer.posterior).score(table, horizon_days=60, margin=0.5, seed=3)
    pd.testing.assert_frame_equal(scores.frame, by_hand.table, check_exact=True)
    assert clv._state is not None
    assert clv._state.drifts is not None
    adjusted = adjusted_totals(by_hand.totals, clv._state.drifts, by_hand.params)
    expected = by_hand.totals.table(0.9).join(adjusted)
    pd.testing.assert_frame_equal(scores.totals, expected, check_exact=True, check_names=False)
    assert list(clv.expect(horizon_days=60)) == ["customer_id", *EXPECTED]


def test_the_seed_of_the_model_is_that_of_its_scores(log: pd.DataFrame) -> None:
    model = tenure.CLV(seed=5, **QUICK).fit(log)
    assert model.score(horizon_days=30).params["seed"] == 5
    assert model.score(horizon_days=30, seed=6).params["seed"] == 6


def test_residual_and_new_customer(clv: tenure.CLV) -> None:
    residual = clv.residual(margin=0.5)
    assert list(residual.frame)[:2] == ["customer_id", "residual_clv"]
    assert residual.params["horizon_days"] is None
    assert list(residual.totals.index) == ["clv"]
    assert (residual.frame["residual_clv"] >= clv.expect(margin=0.5)["clv"]).all()
    assert clv.new_customer(margin=0.5).table().loc[0, "clv"] > 0
    assert clv.new_customer(to_infinity=True).params["horizon_days"] is None


def test_the_posterior_opens_in_arviz_and_diagnostics_are_those_of_the_review(clv: tenure.CLV) -> None:
    table = az.summary(clv.posterior, kind="stats")
    assert set(table.index) == {"r", "alpha", "a", "b", "p", "q", "v", "f", "delta"}
    assert {"/posterior", "/prior"} <= set(clv.posterior.groups)
    assert clv.diagnostics["purchases.proposal_khat"] < 0.7
    assert {"purchases.loo_elpd", "spend.prior_dominated"} <= set(clv.diagnostics)


@pytest.mark.filterwarnings("ignore")
def test_stock_models_of_pymc_marketing_have_the_draws(clv: tenure.CLV, summary: pd.DataFrame) -> None:
    for models in (clv.to_pymc_marketing(), clv.to_pymc_marketing(summary)):
        draws = models.purchases.idata["posterior"]["alpha"].to_numpy()
        np.testing.assert_array_equal(draws, clv.posterior["posterior"]["alpha"].to_numpy())


def test_a_saved_model_gives_the_same_numbers_and_has_no_customers(
    clv: tenure.CLV, log: pd.DataFrame, summary: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "models" / "may"
    clv.save(path)
    clv.save(path)  # replaces it
    assert sorted(file.name for file in path.iterdir()) == ["drift.npz", "model.json", "posterior.npz"]
    loaded = tenure.load(path)
    assert loaded.diagnostics == clv.diagnostics
    for given in (log, summary):
        one, other = loaded.score(given, horizon_days=30), clv.score(given, horizon_days=30)
        pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
        pd.testing.assert_frame_equal(one.totals, other.totals, check_exact=True)
    loaded.save(tmp_path / "again")
    assert tenure.load(tmp_path / "again").diagnostics == clv.diagnostics
    with pytest.raises(NotFittedError, match="A loaded model has no customers: give it a log"):
        loaded.score()


def test_a_save_does_not_replace_other_files(clv: tenure.CLV, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is a folder with other files \(first: notes.txt\)"):
        clv.save(tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        clv.save(tmp_path / "notes.txt")
    with pytest.raises(OutputError, match="is not on this machine"):
        clv.save("s3://bucket/model")
    clv.save(tmp_path / "model")
    (tmp_path / "model" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="other files"):
        clv.save(tmp_path / "model")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.json").unlink(), "has no saved model: there is no model.json"),
        (lambda folder: (folder / "model.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "model.json").write_text("[1]"), "has the format None, not 1"),
        (lambda folder: (folder / "model.json").write_text('{"format": 2}'), "has the format 2, not 1"),
        (lambda folder: (folder / "model.json").write_text('{"format": 1}'), "cannot be read as a saved model"),
        (lambda folder: (folder / "posterior.npz").write_bytes(b"x"), "is not a posterior file"),
        (lambda folder: (folder / "posterior.npz").unlink(), "posterior"),
        (lambda folder: (folder / "drift.npz").write_bytes(b"x"), "cannot be read as a saved model"),
    ],
)
def test_a_damaged_model_is_one_error(change: Any, message: str, clv: tenure.CLV, tmp_path: Path) -> None:
    clv.save(tmp_path / "model")
    change(tmp_path / "model")
    with pytest.raises(InputError, match=message) as refused:
        tenure.load(tmp_path / "model")
    assert refused.value.exit_code == 4
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("path", ["nowhere/", "clv", "model:/clv@champion", Path("nowhere"), ""])
def test_what_names_no_model_is_refused(path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SavedModelError, match=r"nor a model \(models:/clv@champion|there is no model.json"):
        tenure.load(path)


def words(**given: Any) -> Any:
    """Return words that mypy would refuse."""
    return given


NO_TABLE = "must be a pandas, Polars or Arrow table, a lazy frame, a DuckDB relation or an Ibis table, got "


@pytest.mark.parametrize(
    ("use", "kind", "message"),
    [
        (
            lambda clv, log: tenure.CLV(**words(metod="laplace")),
            SettingsError,
            "CLV has no setting 'metod'. Did you mean method?",
        ),
        (lambda clv, log: tenure.CLV(**words(cutoff="2020-01-01")), SettingsError, "CLV has no setting 'cutoff'"),
        (lambda clv, log: tenure.CLV(**words(horizon_days=3)), SettingsError, "CLV has no setting 'horizon_days'"),
        (lambda clv, log: tenure.CLV(**{"fit.method": "map"}), SettingsError, "Did you mean method?"),
        (lambda clv, log: tenure.CLV(method="magic"), SettingsError, "fit.method must be one of nuts, laplace, map"),
        (lambda clv, log: tenure.CLV(draws="many"), SettingsError, "fit.draws takes a whole number, got 'many'"),
        (lambda clv, log: tenure.CLV(draws=1.5), SettingsError, "fit.draws takes a whole number, got 1.5"),
        (lambda clv, log: tenure.CLV(draws=True), SettingsError, "fit.draws takes a whole number, got True"),
        (lambda clv, log: tenure.CLV(draws=10), SettingsError, "fit.draws must be from 100 to 100,000, got 10"),
        (lambda clv, log: tenure.CLV(priors="strong"), SettingsError, "fit.priors must be one of vague, weak"),
        (lambda clv, log: tenure.CLV(priors="no/such.yaml"), SettingsError, "no/such.yaml cannot be read"),
        (lambda clv, log: tenure.CLV(priors=3), SettingsError, "fit.priors takes settings in braces"),
        (lambda clv, log: tenure.CLV(priors={"bg": {}}), SettingsError, "fit.priors has no setting 'bg'"),
        (lambda clv, log: tenure.CLV(csv={"seperator": ";"}), SettingsError, "Did you mean separator?"),
        (lambda clv, log: tenure.CLV(exclude={"t": {"matches": "x"}}), SettingsError, "exclude.t lacks column"),
        (lambda clv, log: tenure.CLV(placeholders="guest"), SettingsError, "takes a list of texts, got 'guest'"),
        (lambda clv, log: tenure.CLV(seed=-1), SettingsError, "seed must be from 0 to 2"),
        (lambda clv, log: tenure.CLV().score(), NotFittedError, "This CLV is not fitted: call fit"),
        (lambda clv, log: tenure.CLV().posterior, NotFittedError, "not fitted"),
        (lambda clv, log: tenure.CLV().save("x"), NotFittedError, "not fitted"),
        (lambda clv, log: tenure.CLV().fit({"a": [1]}), FrameError, f"data {NO_TABLE}dict: make it a DataFrame"),
        (lambda clv, log: tenure.CLV().fit(None), FrameError, f"data {NO_TABLE}NoneType"),
        (lambda clv, log: tenure.CLV().fit(log["date"]), FrameError, f"data {NO_TABLE}pandas"),
        (lambda clv, log: tenure.CLV().fit(log.to_numpy()), FrameError, f"data {NO_TABLE}numpy.ndarray"),
        (lambda clv, log: tenure.CLV().fit("no.csv"), TransactionsError, "no.csv: there is no such file"),
        (lambda clv, log: tenure.CLV().fit(log.iloc[:0]), TransactionsError, "data: has no rows"),
        (lambda clv, log: tenure.CLV(query="select 1").fit(log), TransactionsError, "transactions.query do not apply"),
        (lambda clv, log: tenure.CLV().fit(log.drop_duplicates("customer_id")), FitError, "bought again"),
        (lambda clv, log: clv.score(5), FrameError, f"customers {NO_TABLE}int 5"),
        (lambda clv, log: clv.score(horizon=5), ScoreError, "Unknown params horizon"),
        (lambda clv, log: clv.score(margin=35), ScoreError, "margin must be above 0 and at most 1, got 35"),
        (lambda clv, log: clv.score(by=["country"]), ScoreError, "country, which the customers do not have"),
        (lambda clv, log: clv.score(by=5), ScoreError, "by must be the name of a column or a list of names"),
        (
            lambda clv, log: clv.expect(pl.from_pandas(log).lazy().select("x")),
            FrameError,
            "customers cannot be collect",
        ),
        (lambda clv, log: clv.backtest(tenure.summarize(log)), FrameError, "log is a customer summary, which has no p"),
        (lambda clv, log: tenure.train(tenure.summarize(log)), FrameError, "give the purchase log, a row per sale"),
        (lambda clv, log: tenure.load(5), SavedModelError, "path must be the path of a saved model, got 5"),
        (lambda clv, log: clv.save(5), OutputError, "path must be the path of a folder, got 5"),
        (lambda clv, log: clv.score(log, end="soon"), SettingsError, "end must be a date such as 1997-09-30"),
        (lambda clv, log: clv.residual(horizon_days=3), ScoreError, "has no horizon_days"),
        (lambda clv, log: clv.backtest(log, cutoff="2031-01-01"), InputError, "rfm.cutoff must lie between"),
        (lambda clv, log: clv.backtest(log, cutoff=5), SettingsError, "rfm.cutoff takes a text or null, got 5"),
        (lambda clv, log: tenure.train(log, **words(cut_off="2020-09-07")), SettingsError, "Did you mean cutoff?"),
        (lambda clv, log: tenure.summarize(log, **words(method="nuts")), SettingsError, "has no setting 'method'"),
        (lambda clv, log: tenure.summarize(5), FrameError, f"log {NO_TABLE}int 5"),
    ],
)
def test_wrong_input_is_one_error_that_names_the_argument(
    use: Any, kind: type, message: str, clv: tenure.CLV, log: pd.DataFrame
) -> None:
    with pytest.raises(kind, match=r".") as refused:
        use(clv, log)
    assert isinstance(refused.value, ValueError)
    assert message in str(refused.value)


def test_a_change_of_units_is_noticed(clv: tenure.CLV, log: pd.DataFrame) -> None:
    with pytest.raises(UnitError, match="Money seems to be in another unit"):
        clv.score(log.assign(amount=log["amount"] * 100), horizon_days=30)
    with pytest.warns(UnitWarning, match="Money seems to be"):
        clv.expect(log.assign(amount=log["amount"] * 100), horizon_days=30, allow_unit_change=True)


def test_settings_are_read_changed_and_copied(log: pd.DataFrame) -> None:
    from sklearn.base import clone

    model = tenure.CLV(method="laplace", priors={"bg_nbd": {"mean_rate": {"parameters": {"mu": 0.0, "sigma": 1.0}}}})
    assert model.get_params() == model.set_params().get_params()
    assert clone(model).get_params() == model.get_params()
    assert repr(tenure.CLV(method="map", draws=300)) == "CLV(method='map', draws=300)"
    with pytest.raises(SettingsError, match=r"fit\.method"):
        model.set_params(method="magic")
    assert model.get_params()["method"] == "laplace"
    priors = model._settings.fit.priors
    assert priors.bg_nbd.mean_rate.parameters == {"mu": 0.0, "sigma": 1.0}
    assert priors.bg_nbd.heterogeneity == read_priors().bg_nbd.heterogeneity


def test_a_fit_is_saved_and_not_pickled(clv: tenure.CLV) -> None:
    with pytest.raises(TypeError, match=r"use save\(path\) and tenure.load\(path\)"):
        pickle.dumps(clv)
    again = pickle.loads(pickle.dumps(tenure.CLV(**QUICK)))
    assert again.get_params() == copy.deepcopy(again).get_params() == QUICK


def test_ids_may_be_the_index_of_a_pandas_log(clv: tenure.CLV, log: pd.DataFrame) -> None:
    frame = clv.expect(log.set_index("customer_id"), horizon_days=30)
    pd.testing.assert_frame_equal(frame, clv.expect(log, horizon_days=30))


def test_params_are_plain_numbers(clv: tenure.CLV) -> None:
    params = clv.score(horizon_days=np.int64(30), margin=np.float64(0.5)).params
    assert [type(value) for value in params.values()] == [int, float, float, float, int]


def test_priors_come_from_a_file_too(tmp_path: Path) -> None:
    own = "gamma_gamma: {mean_spend: {distribution: Gamma, parameters: {alpha: 2, beta: 0.1}}}"
    (tmp_path / "mine.yaml").write_text(own)
    for name in (tmp_path / "mine.yaml", str(tmp_path / "mine.yaml")):
        priors = tenure.CLV(priors=name)._settings.fit.priors
        assert priors.gamma_gamma.mean_spend.parameters == {"alpha": 2.0, "beta": 0.1}
        assert priors.bg_nbd == read_priors("weak").bg_nbd
    assert tenure.CLV(priors="vague")._settings.fit.priors == read_priors("vague")


RATE = {"mean_rate": {"distribution": "Gamma", "parameters": {"alpha": 2.0, "beta": 1.0}}}
SPEND = {"mean_spend": {"distribution": "Gamma", "parameters": {"alpha": 2.0, "beta": 1.0}}}


@pytest.mark.parametrize(
    ("words", "others", "fitted"),
    [
        ({"purchase_model": "mbg_nbd", "priors": {"bg_nbd": RATE}}, "bg_nbd", "mbg_nbd"),
        ({"priors": {"mbg_nbd": RATE, "zi_bg_nbd": RATE}}, "mbg_nbd, zi_bg_nbd", "bg_nbd"),
        ({"priors": {"gamma_gamma_orders": SPEND}}, "gamma_gamma_orders", "gamma_gamma_fading or gamma_gamma"),
        ({"spend_model": "gamma_gamma", "priors": {"gamma_gamma_fading": SPEND}}, "gamma_gamma_fading", "gamma_gamma"),
        ({"segments": ["a"], "priors": {"gamma_gamma_fading": SPEND}}, "gamma_gamma_fading", "gamma_gamma"),
    ],
)
def test_priors_of_models_that_are_not_fitted_are_one_error(words: Any, others: str, fitted: str) -> None:
    message = f"the priors are of {others}; the fit is of {fitted}: name {fitted} in the priors, or set "
    with pytest.raises(SettingsError, match=re.escape(message)):
        tenure.CLV(**words)


def test_priors_of_several_models_are_right_for_a_fit_of_each(tmp_path: Path) -> None:
    priors: Any = {"bg_nbd": RATE, "mbg_nbd": RATE, "gamma_gamma": SPEND}
    for name in ("bg_nbd", "mbg_nbd"):
        assert tenure.CLV(purchase_model=name, priors=priors)._settings.fit.priors.mbg_nbd.mean_rate.parameters["alpha"]
    model = tenure.CLV(priors=priors)
    with pytest.raises(SettingsError, match="the fit is of pareto_nbd: name pareto_nbd"):
        model.set_params(purchase_model="pareto_nbd")
    (tmp_path / "mine.yaml").write_text("bg_nbd: {mean_rate: {distribution: HalfNormal, parameters: {sigma: 1}}}")
    with pytest.raises(SettingsError, match="the priors are of bg_nbd; the fit is of mbg_nbd: name mbg_nbd"):
        tenure.CLV(purchase_model="mbg_nbd", priors=tmp_path / "mine.yaml")


def test_spend_priors_are_of_the_model_that_auto_is_for_the_data(log: pd.DataFrame) -> None:
    model = tenure.CLV(**QUICK, priors={"gamma_gamma": SPEND})
    for use in (model.fit, model.prior, model.backtest, partial(tenure.train, **QUICK, priors={"gamma_gamma": SPEND})):
        with pytest.raises(SettingsError, match="the fit is of gamma_gamma_fading: name gamma_gamma_fading"):
            use(log)
    summary = tenure.summarize(log)
    assert len(model.prior(summary)) == 4
    with pytest.raises(SettingsError, match="the priors are of gamma_gamma_fading; the fit is of gamma_gamma:"):
        tenure.CLV(**QUICK, priors={"gamma_gamma_fading": SPEND}).prior(summary)


def test_words_are_the_last_words_of_the_commands_keys_with_their_types() -> None:
    words = typing.get_type_hints(AllWords)
    assert set(words) == set(places())
    assert set(typing.get_type_hints(LogWords)) < set(typing.get_type_hints(FitWords)) < set(words)
    for word, key in places().items():
        kind: Any = TrainSettings
        for name in key.split("."):
            kind = typing.get_type_hints(kind)[name]
        if word == "segments":  # a list is fitted, a table of rules is carried through
            assert words[word] == Mapping[str, str] | list[str]
            continue
        if kind in (str, int, float, str | None, list[str]) and "Day" not in str(words[word]):
            assert words[word] == kind, word


def test_defaults_are_those_of_the_commands() -> None:
    of_command = TrainSettings()
    ours = tenure.CLV()._settings
    for part in fields(TrainSettings):
        assert getattr(ours, part.name) == getattr(of_command, part.name)


def test_windows_and_days_of_any_kind(log: pd.DataFrame) -> None:
    end = pd.Timestamp("2020-10-31")
    early = tenure.summarize(log, end=end)
    assert (early["T"] <= 304).all()
    late = tenure.summarize(log, acquisition={"first": end.date().replace(month=3, day=1)}, end="2020-10-31")
    assert len(late) < len(early)
    assert (late["T"] <= 244).all()
    windowed = tenure.CLV(burn_in_days=60, **QUICK).fit(log)
    assert windowed._fitted().posterior.origin["customers"] < len(windowed.expect(horizon_days=30))
