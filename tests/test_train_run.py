"""Training on the sample: what is printed, logged, drawn and kept."""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import mlflow
import numpy as np
import pandas as pd
import pytest
from job_runs import MARK, Ran, command, in_process
from stores import put_store

from tenure import invocation, pipeline, registry
from tenure.errors import InputError
from tenure.jobs import training
from tenure.jobs.compose import compose_settings
from tenure.jobs.results import Trained
from tenure.jobs.sweeps import Result
from tenure.review import Check, Review, Verdict
from tenure.simulate import write_log

ROOT = Path(__file__).parent.parent


def test_training_says_what_it_found_on_stdout_and_how_it_went_on_stderr(trained: Ran) -> None:
    assert trained.code == 0, trained.err
    for said in (
        "Population, fitted to the whole log",
        "Holdout, 273 days",
        "Verdict: REVIEW",
        "Registered clv version 1",
    ):
        assert said in trained.out
    assert "tenure-score model=models:/clv/1\n" in trained.out
    assert "tenure-promote model=models:/clv/1 reason=...\n" in trained.out
    assert "mlflow ui --backend-store-uri" in trained.out
    report = re.search(r"^Report: (.*)$", trained.out, re.MULTILINE)
    assert report is not None
    assert Path(report[1]).read_text().startswith("<!")
    assert "days ahead by default (score.horizon_days): the last 92 days are untested.\n" in trained.out
    assert "fit calibration" in trained.err
    assert "fit calibration" not in trained.out


def test_training_leaves_the_store_and_nothing_else(trained: Ran) -> None:
    assert trained.left == ["mlflow.db", "mlflow.db.lock", "mlruns"]


def test_every_row_and_cent_of_the_log_is_accounted_for_in_print_and_in_the_run(
    trained: Ran, evidence: registry.Evidence
) -> None:
    assert "The log, to 1998-06-30: every row and every cent" in trained.out
    assert "6,696 purchases, one per customer and day, of 244,091.94 after refunds" in trained.out
    kept = json.loads(evidence.file("data/reconciliation.json").read_text())
    assert kept["lines"] == [{"fate": "sales", "rows": 6919, "amount": "244091.940000", "unread": 0}]
    assert (kept["rows"], kept["amount"]) == (6919, "244091.940000")
    assert evidence.metrics["data.purchases"] == 6696
    assert evidence.metrics["data.unmatched_refunds_share"] == 0


def test_training_says_from_whom_it_learns_and_a_cohort_is_not_suspected(trained: Ran) -> None:
    assert "\n2,357 customers to 1997-09-30.\n" in trained.out
    assert "Left-truncated customers: not looked for, in fewer than 16 weeks of first purchases." in trained.out


class Before(NamedTuple):
    """A log in which some customers are older than it, and whom a training up to a cut-off should find."""

    log: Path
    seen: set[str]
    older: set[str]

    def overrides(self, *columns: str) -> list[str]:
        chosen = f"transactions.columns.acquired={','.join(columns)}"
        quick = ["fit.method=laplace", "backtest.baselines.names=[zero]"]
        return [f"transactions.path={self.log}", *quick, "rfm.cutoff=2024-06-30", chosen]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Simulate customers who arrive in three years, and a log of the last of these."""
    folder = tmp_path_factory.mktemp("before")
    settings = compose_settings(
        "simulate",
        [
            "simulate.customers=3000", "simulate.start='2024-01-01'", "simulate.end='2024-12-31'",
            "simulate.acquisition={since: '2022-01-01', until: '2024-12-31', growth: 0}",
        ],
    )  # fmt: skip
    write_log(settings.simulate, str(folder / "log.parquet"), truth=str(folder / "truth.parquet"), seed=0)
    acquired = pd.read_parquet(folder / "truth.parquet").set_index("customer_id")["acquired"].dt.normalize()
    log = pd.read_parquet(folder / "log.parquet")
    log.assign(won=log["customer_id"].map(acquired)).to_parquet(folder / "log.parquet")
    older = set(acquired.index[acquired < pd.Timestamp("2024-01-01")])
    seen = set(log.loc[pd.to_datetime(log["date"]) <= "2024-06-30", "customer_id"])
    return Before(folder / "log.parquet", seen, older)


def assert_found(before: Before, outs: Sequence[str], run_ids: Sequence[str]) -> None:
    """Assert what is printed and logged of a run that keeps the customers from before, and of one that does not."""
    seen, older = before.seen, before.older & before.seen
    plain, dated = (line for out in outs for line in out.splitlines() if "customers to 2024-06-30" in line)
    assert plain.startswith(f"{len(seen):,} customers to 2024-06-30; ")
    assert f"{len(seen - older):,} customers to 2024-06-30; {len(older):,} left out, acquired before" in dated
    assert sum(out.count("The likely cause is left-truncated customers") for out in outs) == 1
    runs = [registry.evidence(run_id) for run_id in run_ids]
    assert [run.metrics["window.left_truncated"] for run in runs] == [0, len(older)]
    assert runs[0].metrics["truncation.p_value"] < 1e-6 < runs[1].metrics["truncation.p_value"]
    for run in runs:
        assert run.file("data/acquisitions.png").stat().st_size > 10_000
        assert run.metrics["window.customers"] == len(seen) - run.metrics["window.left_truncated"]


@pytest.mark.slow
def test_customers_from_before_the_log_are_found_left_out_of_training_and_counted(
    before: Before, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fits themselves are left out: whom they are fitted to is known before."""
    customers: list[int] = []

    def stop(data: pipeline.TrainingData, *_: Any, **__: Any) -> NoReturn:
        customers.append(len(data.split.calibration.table))
        raise InputError("before the fit")

    monkeypatch.setattr(training, "_train", stop)
    put_store(tmp_path)
    ran = [in_process("train", *before.overrides(column), folder=tmp_path) for column in ("null", "won")]
    assert [one.err for one in ran] == ["before the fit"] * 2
    assert customers == [len(before.seen), len(before.seen - before.older)]
    registry.use(ran[0].store)
    runs = mlflow.search_runs(search_all_experiments=True, order_by=["start_time ASC"], output_format="list")
    assert_found(before, [one.out for one in ran], [run.info.run_id for run in runs])


@pytest.mark.slow
def test_a_sweep_finds_customers_from_before_the_log(before: Before, tmp_path: Path) -> None:
    ran = command("train", "-m", *before.overrides("null", "won"), folder=tmp_path)
    assert ran.code in (0, 3), ran.err
    registry.use(ran.store)
    assert_found(before, [ran.out], ran.run_ids)


def test_one_run_holds_both_models_diagnostics_of_both_fits(evidence: registry.Evidence) -> None:
    for stage in ("calibration", "final"):
        for model in ("purchases", "spend"):
            for name in (
                "rhat_max", "ess_bulk_min", "ess_tail_min", "divergences", "bfmi_min", "mcse_over_sd_max",
                "sampling_seconds", "ess_per_second", "loo_elpd", "loo_se", "khat_max",
            ):  # fmt: skip
                assert np.isfinite(evidence.metrics[f"{stage}.{model}.{name}"])
    assert evidence.tags["verdict"] == evidence.review().verdict == "REVIEW"
    assert evidence.params["fit.draws"] == "400"
    assert evidence.mapping("config/versions.json")["pymc"]
    assert len(evidence.tags["data.digest"]) == 64
    assert "draws: 400" in evidence.file("config/resolved.yaml").read_text()


def test_the_holdout_of_cdnow_is_as_calibrated_as_it_should_be(evidence: registry.Evidence) -> None:
    numbers = evidence.metrics
    assert 0.86 <= numbers["purchases.pit_coverage"] <= 0.92
    for tail in ("pit_low_tail", "pit_high_tail"):
        assert 0.03 <= numbers[f"purchases.{tail}"] <= 0.08
    assert numbers["purchases.actual_total"] == 1882
    assert numbers["purchases.correlation"] == pytest.approx(0.626, abs=0.002)
    assert numbers["purchases.bias"] == pytest.approx(-0.12, abs=0.02)
    assert "spend.pit_coverage" in numbers
    assert numbers["purchases.total_low"] < numbers["purchases.expected_total"] < numbers["purchases.total_high"]
    holds = numbers["purchases.total_low"] <= 1882 <= numbers["purchases.total_high"]
    assert numbers["purchases.total_covers_actual"] == holds


def test_pictures_and_tables_are_logged(evidence: registry.Evidence) -> None:
    from PIL import Image

    names = [
        f"{model}_{kind}"
        for model in ("purchases", "spend")
        for kind in ("trace", "rank", "energy", "prior_posterior", "check")
    ]
    names.append("prior_consequences")
    pictures = [f"diagnostics/{stage}/{name}.png" for stage in ("calibration", "final") for name in names]
    pictures += [f"backtest/{name}.png" for name in ("tracking", "pit", "by_frequency", "deciles")]
    for picture in pictures:
        pixels = np.asarray(Image.open(evidence.file(picture)).convert("L"))
        assert pixels.std() > 5, picture
    assert {"r", "alpha", "a", "b"} <= set(evidence.table("diagnostics/final/purchases_summary").iloc[:, 0])
    assert list(evidence.table("diagnostics/final/spend_sensitivity")["parameter"]) == ["p", "q", "v"]
    consequences = evidence.table("diagnostics/calibration/prior_consequences").set_index("quantity")
    assert (
        consequences.loc["mean spend per purchase", "posterior_low"]
        < 36
        < consequences.loc["mean spend per purchase", "posterior_high"]
    )


def test_no_artifact_holds_an_id_of_the_log(trained: Ran, failed: Ran) -> None:
    """T-44. The database, every file of the runs and models, and what is packed inside them."""
    assert {trained.code, failed.code} == {0, 3}
    kept = [path for path in (trained.folder / "mlruns").rglob("*") if path.is_file()]
    files = [*trained.folder.glob("mlflow.db*[!l]"), *kept]  # no journal: other workers use the store
    assert len(files) > 40
    for path in files:
        content = path.read_bytes()
        assert MARK.encode() not in content, path
        if path.suffix == ".npz":
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                assert all(MARK.encode() not in packed.read(name) for name in packed.namelist()), path
        if path.suffix == ".nc":
            tree = str({name: list(node.variables) for name, node in _open(path).children.items()})
            assert "customer" not in tree, path


def _open(path: Path) -> Any:
    import xarray as xr

    return xr.open_datatree(path, engine="h5netcdf").load()


def test_training_values_a_new_customer(trained: Ran, evidence: registry.Evidence) -> None:
    assert "A new customer, from the first order on, over 365 days at margin 1" in trained.out
    log, metrics = pd.read_csv(ROOT / "data" / "cdnow_sample.csv"), evidence.metrics
    first = log.groupby(["customer_id", "date"])["amount"].sum().groupby("customer_id").first()
    assert metrics["new_customer.first_order"] == pytest.approx(first.mean(), rel=0.01)
    assert metrics["new_customer.clv_low"] < metrics["new_customer.clv_mean_low"] < metrics["new_customer.clv"]


def test_a_failed_review_is_logged_and_not_registered(trained: Ran, failed: Ran) -> None:
    assert failed.code == 3, failed.err
    assert "Verdict: FAIL" in failed.out
    assert "FAIL: Only 2,357 customers are in the calibration window" in failed.out
    assert "The verdict is FAIL all the same" in failed.out
    assert "Nothing was registered: the review failed it." in failed.out
    assert "fitted to the calibration days by map: a point estimate, without intervals" in failed.out
    assert "calibration.spend.point_estimate is 1" in failed.out
    run_id = failed.run_id
    (review,) = trained.folder.rglob(f"{run_id}/artifacts/review/review.json")
    assert json.loads(review.read_text())["verdict"] == "FAIL"
    registry.use(trained.store)
    assert "model" not in registry.evidence(run_id).tags
    with pytest.raises(registry.NoModelError):
        registry.find_version("models:/clv/2")


def test_a_wrong_log_is_refused_before_any_run_is_opened(tmp_path: Path) -> None:
    refused = in_process("train", "transactions.path=missing.csv", folder=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "missing.csv" in refused.err
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_written_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The fit itself is left out: the test is of what becomes of the run after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENURE_STRICT")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", put_store(tmp_path))

    def fail(_: registry.Evidence) -> str:
        raise ZeroDivisionError("no page today")

    passed = Check("a", "m", 0.0, Verdict.PASS, "", "", "m is 0", "", "")
    trained = Trained("", None, Review((passed,)))  # type: ignore[arg-type]
    monkeypatch.setattr(training, "_result", lambda *_: Result())
    monkeypatch.setattr(training, "_train", lambda *_, **__: trained)
    monkeypatch.setattr(training.console, "print_training", lambda *_: None)
    monkeypatch.setattr(training.report, "render", fail)
    settings = compose_settings("train", [f"registry.tracking_uri=sqlite:///{tmp_path / 'mlflow.db'}"])
    assert training.run(settings, "seed: 0", is_sweep=False) == Result()
    registry.use(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.info.status == "FINISHED"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        "report failed and is left out: ZeroDivisionError: no page today",
        f"To write the report again: {invocation.command('report', f'model={run.info.run_id}')}",
    ]
    logged = registry.evidence(run.info.run_id)
    (concern,) = logged.review().concerns
    assert concern.verdict is Verdict.REVIEW
    assert concern.finding == "report failed and is left out: ZeroDivisionError: no page today."
    assert "test_train_run.py" in logged.file("failures/report.txt").read_text()
