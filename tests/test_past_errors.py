"""From a rolling backtest to the totals that a batch job prints: the drift travels with the registered model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from job_runs import Ran, command, in_process

from tenure import registry
from tenure.errors import InputError
from tenure.jobs.compose import compose_settings
from tenure.jobs.past_errors import read_past_errors
from tenure.posterior import Posterior
from tenure.totals import PastError
from tenure.transactions import read

DATA = Path(__file__).parent.parent / "data" / "cdnow_sample.csv"
QUICK = ["fit.method=laplace", "fit.joint_draws=400", "backtest.baselines.names=[zero]"]

pytestmark = pytest.mark.slow  # of a rolling backtest


class Backtested(NamedTuple):
    """A folder with a backtest of six weeks at a time, and a model with its drift."""

    folder: Path
    backtest: Ran
    train: Ran

    @property
    def backtest_id(self) -> str:
        return self.backtest.run_id

    def use(self) -> None:
        registry.use(self.backtest.store)


@pytest.fixture(scope="module")
def past(rolled: Ran) -> Backtested:
    assert rolled.code == 0, rolled.err
    train = in_process("train", f"backtest.drift.source_run={rolled.run_id}", *QUICK, folder=rolled.folder)
    assert train.code == 0, train.err
    return Backtested(rolled.folder, rolled, train)


def scored(
    past: Backtested, output: Path, *arguments: str, run: Callable[..., Ran] = in_process
) -> tuple[str, registry.Evidence]:
    asked = [f"output={output}", *(arguments or ["model=models:/clv@challenger"])]
    done = run("score", *asked, folder=past.folder)
    assert done.code == 0, done.err
    past.use()
    return done.out, registry.evidence(done.run_id)


def test_a_backtest_prints_how_to_register_its_drift(past: Backtested) -> None:
    settings = "'backtest.baselines.names=[zero,own_rate]' fit.draws=400 fit.tune=400 fit.joint_draws=400"
    assert f"tenure-train {settings} backtest.drift.source_run={past.backtest_id}\n" in past.backtest.out


def test_a_version_says_what_its_totals_are_adjusted_by(past: Backtested) -> None:
    past.use()
    tags = registry.find_version("models:/clv@challenger").tags
    assert tags["totals.source_run"] == past.backtest_id
    assert tags["totals.adjusted"] == "assumed by default, not measured on this log (estimated over 42 days only)"
    drifts = registry.load("models:/clv@challenger").drifts
    assert drifts is not None
    assert drifts.source(42) == "estimated over 42 days, 5.0 periods"


def test_the_holdout_is_not_adjusted_by_the_drift_of_other_horizons(past: Backtested) -> None:
    """It has 273 days, the origins 42; and of those only what had ended by the cut-off could count."""
    assert "widened for drift; the drift is assumed by default, not measured on this log" in past.train.out


def test_totals_are_adjusted_by_the_drift_of_their_horizon(past: Backtested, tmp_path: Path) -> None:
    said, run = scored(past, tmp_path / "s.parquet", "model=models:/clv@challenger", "score.horizon_days=42")
    assert "90% adjusted*" in said
    assert "common to all customers, estimated over 42 days, 5.0 periods: purchases" in said
    assert run.tags["totals.adjusted"] == "estimated over 42 days, 5.0 periods"
    rolled = registry.evidence(past.backtest_id).table("rolling/drifts").set_index("outcome")
    for outcome, total in (("purchases", "purchases"), ("spend", "clv")):
        number = {end: run.metrics[f"total.{total}.{end}"] for end in ("expected", "low", "high")}
        low, high = (run.metrics[f"total.{total}.adjusted_{end}"] for end in ("low", "high"))
        assert low < number["low"] < number["expected"] < number["high"] < high
        assert rolled.loc[outcome, "low"] * number["high"] > low
        assert rolled.loc[outcome, "high"] * number["low"] < high


def test_a_batch_job_has_the_totals_of_the_training(past: Backtested, tmp_path: Path) -> None:
    """Another process, the file of the registered model, the same customers and params: the same numbers."""
    said, run = scored(past, tmp_path / "s.parquet", run=command)
    assert "assumed by default, not measured on this log (estimated over 42 days only): purchases" in said
    past.use()
    trained = registry.evidence("models:/clv@challenger")
    assert trained.tags["base.adjusted"] == run.tags["totals.adjusted"]
    for total in ("purchases", "clv"):
        for end in ("expected", "low", "high", "mean_low", "mean_high", "adjusted_low", "adjusted_high"):
            assert run.metrics[f"total.{total}.{end}"] == pytest.approx(
                trained.metrics[f"base.{total}.{end}"], rel=1e-12
            )


def test_groups_are_adjusted_and_customers_and_infinity_are_not(past: Backtested, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    customers = pd.DataFrame({"customer_id": [f"c{at}" for at in range(300)], "T": rng.integers(300, 540, 300)})
    customers["frequency"] = rng.integers(0, 9, 300)
    customers["recency"] = np.where(customers["frequency"] > 0, customers["T"] - 30, 0)
    customers["monetary_value"] = np.where(customers["frequency"] > 0, 30.0, 0.0)
    customers["country"] = np.where(np.arange(300) < 200, "DE", "FR")
    customers.to_parquet(tmp_path / "customers.parquet")
    said, run = scored(
        past, tmp_path / "s.parquet", "model=models:/clv@challenger", "by=[country]", "residual=true",
        "score.horizon_days=200",
        f"summary.path={tmp_path / 'customers.parquet'}",
    )  # fmt: skip
    groups = run.table("scores/groups")
    assert len(groups) == 4
    assert (groups["adjusted_low"] < groups["low"]).all()
    assert (groups["adjusted_high"] > groups["high"]).all()
    totals = run.table("scores/totals").set_index("total")
    assert np.isnan(totals.loc["residual_clv", "adjusted_low"])
    assert "total.residual_clv.adjusted_low" not in run.metrics
    (line,) = (line for line in said.splitlines() if line.startswith("residual clv"))
    assert line.split()[-4] == "-"
    import mlflow

    model = mlflow.pyfunc.load_model("models:/clv@challenger")
    alone = model.predict(customers.drop(columns="country"), params={"horizon_days": 200})
    table = pd.read_parquet(tmp_path / "s.parquet")
    pd.testing.assert_frame_equal(table[list(alone.columns)], alone, check_exact=True)
    assert not [name for name in table if "adjusted" in name]


def test_a_version_without_a_drift_has_raw_totals_and_says_so(
    past: Backtested, tmp_path: Path, posterior: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As versions are that were registered before there were any."""
    import mlflow

    monkeypatch.chdir(past.folder)
    past.use()
    with mlflow.start_run(experiment_id=mlflow.create_experiment("old")) as run:  # others read the jobs of "tenure"
        registry.register(
            posterior, "old", run_id=run.info.run_id, verdict="REVIEW", validated_horizon_days=365, tags={}
        )
    assert registry.load("models:/old@challenger").drifts is None
    said, found = scored(past, tmp_path / "s.parquet", "model=models:/old@challenger")
    assert "No totals adjusted for drift: this model was trained without it" in said
    assert "adjusted*" not in said
    assert found.tags["totals.adjusted"] == "none"
    assert "total.clv.low" in found.metrics
    assert "total.clv.adjusted_low" not in found.metrics


def _another_log(tmp_path: Path, past: Backtested) -> list[str]:
    rows = DATA.read_text().splitlines()
    (tmp_path / "log.csv").write_text("\n".join(rows[:-1]) + "\n")
    return [f"transactions.path={tmp_path / 'log.csv'}", f"backtest.drift.source_run={past.backtest_id}"]


def _another_recipe(tmp_path: Path, past: Backtested) -> list[str]:
    changes = ["fit.purchase_model=mbg_nbd", "rfm.burn_in_days=7", "transactions.zero_amounts=drop", "fit.method=map"]
    return [*changes, f"backtest.drift.source_run={past.backtest_id}"]


def _a_training(tmp_path: Path, past: Backtested) -> list[str]:
    return [f"backtest.drift.source_run={past.train.run_id}"]


def _nothing(tmp_path: Path, past: Backtested) -> list[str]:
    return [f"backtest.drift.source_run={'0' * 32}"]


def past_errors_of(*arguments: str) -> Mapping[str, Sequence[PastError]]:
    settings = compose_settings("train", arguments)
    return read_past_errors(settings, read(settings.transactions))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_another_log, "its log is another, of digest"),
        (_another_recipe, r"4 of its settings differ \(first: fit.purchase_model \(bg_nbd there, mbg_nbd here\)"),
        (_a_training, "it is of the job train, not backtest"),
        (_nothing, f"There is no run {'0' * 32}"),
    ],
)
def test_a_run_of_another_log_or_recipe_is_refused(
    past: Backtested, tmp_path: Path, make: Callable[[Path, Backtested], list[str]], said: str
) -> None:
    past.use()
    with pytest.raises(InputError, match=said):
        past_errors_of(*make(tmp_path, past))


def test_past_errors_are_those_of_the_origins_whatever_the_draws_and_the_place_of_the_log(
    past: Backtested, tmp_path: Path
) -> None:
    (tmp_path / "moved.csv").write_bytes(DATA.read_bytes())
    past.use()
    past_errors = past_errors_of(
        f"backtest.drift.source_run={past.backtest_id}", f"transactions.path={tmp_path / 'moved.csv'}",
        "fit.method=nuts", "fit.draws=500", "transactions.engine.threads=1",
    )  # fmt: skip
    totals = registry.evidence(past.backtest_id).table("rolling/totals")
    for outcome, part in totals.groupby("outcome"):
        assert [str(one.cutoff) for one in past_errors[str(outcome)]] == list(part["cutoff"])
        ratios = np.log(part["actual"] / part["expected"])
        np.testing.assert_allclose([one.log_ratio for one in past_errors[str(outcome)]], ratios, rtol=1e-9)
    assert past_errors_of() == {}


def test_what_cannot_be_a_run_is_refused_and_a_backtest_uses_its_own_origins() -> None:
    with pytest.raises(InputError, match=r"backtest\.drift\.source_run must be the id of a run"):
        compose_settings("train", ["backtest.drift.source_run=last"])
    with pytest.raises(InputError, match=r"backtest\.drift\.source_run must be null in a backtest"):
        compose_settings("backtest", [f"backtest.drift.source_run={'0' * 32}"])
