"""The commands end to end: one training on the sample under other ids, then everything that reads from it."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from tenure import batch, registry, report
from tenure import settings as settings_module
from tenure.errors import InputError
from tenure.jobs import reporting, training
from tenure.jobs.compose import compose_settings
from tenure.jobs.outcomes import Trained
from tenure.jobs.sweeps import Result
from tenure.output import describe, written_whole
from tenure.report.pictures import PICTURES
from tenure.review import Check, Review, Verdict
from tenure.scorer import COLUMNS, Params
from tenure.scorer import params as scorer_params
from tenure.simulate import write_log

ROOT = Path(__file__).parent.parent
QUICK = ["fit.draws=400", "fit.tune=400", "fit.joint_draws=400"]
COMMANDS = ("train", "score", "simulate", "promote", "report")
MARK = "zq7f3a9c-"  # found in nothing but an id


class Ran(NamedTuple):
    folder: Path
    code: int
    out: str
    err: str

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"


def command(name: str, *arguments: str, folder: Path) -> Ran:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name(name)), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(folder, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Train on the sample, its ids marked, from another folder than the checkout."""
    folder, data = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("data")
    log = pd.read_csv(ROOT / "data" / "cdnow_sample.csv")
    log["customer_id"] = MARK + log["customer_id"].astype("str")
    log.to_csv(data / "log.csv", index=False)
    return command("tenure-train", f"transactions.path={data / 'log.csv'}", *QUICK, folder=folder)


@pytest.fixture(scope="session")
def failed(trained: Ran) -> Ran:
    """Train what the review fails, beside what it does not."""
    asked = ["fit.method=map", "review.checks.customers.review=[3000,null]", "review.checks.customers.fail=[3000,null]"]
    log = next(trained.folder.parent.glob("data*/log.csv"))
    return command("tenure-train", f"transactions.path={log}", *asked, *QUICK, folder=trained.folder)


@pytest.fixture
def evidence(trained: Ran) -> registry.Evidence:
    """Read the training anew for each test: others point MLflow at stores of their own."""
    assert trained.code == 0, trained.err
    registry.use(trained.store)
    return registry.evidence("models:/clv@challenger")


def test_training_says_what_it_found_on_stdout_and_how_it_went_on_stderr(trained: Ran) -> None:
    assert trained.code == 0, trained.err
    for said in (
        "Population, fitted to the whole log",
        "Holdout, 273 days",
        "Verdict: REVIEW",
        "Registered clv version 1",
    ):
        assert said in trained.out
    assert "uv run tenure-score model=models:/clv@challenger" in trained.out
    assert "mlflow ui --backend-store-uri" in trained.out
    assert "fit calibration" in trained.err
    assert "fit calibration" not in trained.out


def test_training_leaves_the_store_and_nothing_else(trained: Ran) -> None:
    assert {path.name for path in trained.folder.iterdir()} - {"scores.parquet"} == {
        "mlflow.db",
        "mlflow.db.lock",
        "mlruns",
    }


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
    assert "Births before the log began: not looked for, in fewer than 16 weeks of births." in trained.out


def test_customers_from_before_the_log_are_found_left_out_of_training_and_counted(tmp_path: Path) -> None:
    made_up = compose_settings(
        "simulate",
        [
            "simulate.customers=3000", "simulate.start='2024-01-01'", "simulate.end='2024-12-31'",
            "simulate.births={since: '2022-01-01', until: '2024-12-31', growth: 0}",
        ],
    )  # fmt: skip
    write_log(made_up.simulate, str(tmp_path / "log.parquet"), truth=str(tmp_path / "truth.parquet"), seed=0)
    born = pd.read_parquet(tmp_path / "truth.parquet").set_index("customer_id")["born"].dt.normalize()
    log = pd.read_parquet(tmp_path / "log.parquet")
    log.assign(won=log["customer_id"].map(born)).to_parquet(tmp_path / "log.parquet")
    ran = command(
        "tenure-train", "-m", f"transactions.path={tmp_path / 'log.parquet'}", "fit.method=laplace",
        "backtest.baselines.names=[zero]", "rfm.cutoff=2024-06-30", "transactions.columns.acquired=null,won",
        folder=tmp_path,
    )  # fmt: skip
    assert ran.code in (0, 3), ran.err
    before = set(born.index[born < pd.Timestamp("2024-01-01")])
    seen = set(log.loc[pd.to_datetime(log["date"]) <= "2024-06-30", "customer_id"])
    plain, dated = (line for line in ran.out.splitlines() if "customers to 2024-06-30" in line)
    assert plain.startswith(f"{len(seen):,} customers to 2024-06-30; ")
    assert f"{len(seen - before):,} customers to 2024-06-30; {len(seen & before):,} left out, acquired before" in dated
    assert ran.out.count("Customers from before the log would look like that") == 1
    registry.use(ran.store)
    runs = [registry.evidence(run) for run in re.findall(r"Run (\w{32})", ran.out)]
    assert [run.metrics["window.left_out_since_before"] for run in runs] == [0, len(seen & before)]
    assert runs[0].metrics["truncation.p_value"] < 1e-6 < runs[1].metrics["truncation.p_value"]
    for run in runs:
        assert run.file("data/births.png").stat().st_size > 10_000
        assert run.metrics["window.customers"] == len(seen) - run.metrics["window.left_out_since_before"]


def test_a_log_is_scored_by_a_column_that_rides_along(
    trained: Ran, evidence: registry.Evidence, tmp_path: Path
) -> None:
    assert evidence.run_id
    log = pd.read_csv(ROOT / "data" / "cdnow_sample.csv").query("customer_id <= 200")
    log["country"] = np.where(log["customer_id"] % 2, "FR", "DE")
    log.to_parquet(tmp_path / "log.parquet")
    ran = command(
        "tenure-score",
        "model=models:/clv@challenger",
        f"transactions.path={tmp_path / 'log.parquet'}",
        "+transactions.segments.country=first",
        "by=[country]",
        f"output={tmp_path / 'scores.parquet'}",
        folder=trained.folder,
    )
    assert ran.code == 0, ran.err
    assert "clv by country" in ran.out
    assert [line.split()[:2] for line in ran.out.splitlines() if line.startswith(("DE ", "FR "))] in (
        [["DE", "100"], ["FR", "100"]],
        [["FR", "100"], ["DE", "100"]],
    )
    assert "every row and every cent" in ran.out


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
    assert evidence.tags["version.pymc"]
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
    assert "value.pit_coverage" in numbers
    assert numbers["purchases.total_low"] < numbers["purchases.expected_total"] < numbers["purchases.total_high"]
    holds = numbers["purchases.total_low"] <= 1882 <= numbers["purchases.total_high"]
    assert numbers["purchases.total_holds_actual"] == holds


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
    told = evidence.table("diagnostics/calibration/prior_consequences").set_index("quantity")
    assert (
        told.loc["mean spend per purchase", "posterior_low"]
        < 36
        < told.loc["mean spend per purchase", "posterior_high"]
    )


def test_the_run_holds_its_report_and_it_can_be_made_again_from_the_run_alone(evidence: registry.Evidence) -> None:
    page = evidence.file("report.html").read_text()
    assert report.render(evidence) == page
    assert 500_000 < len(page) < 3_000_000
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert "Not logged" not in page
    assert "Not told" not in page
    assert "://" not in page
    command = re.search(r"<pre>(.*)</pre>", page)
    assert command is not None
    assert command.group(1).endswith(" ".join(QUICK))
    for said in ("1,882", "6,696 purchases", evidence.run_id, evidence.tags["data.digest"], "1997-01-01 to 1998-06-30"):
        assert said in page
    base = {key.removeprefix("base."): value for key, value in evidence.metrics.items() if key.startswith("base.")}
    assert base["customers"] == 2357
    for outcome in ("purchases", "value"):
        found = {end: base[f"{outcome}.{end}"] for end in ("adjusted_low", "low", "mean_low", "expected")}
        assert sorted(found, key=found.__getitem__) == list(found)
        assert base[f"{outcome}.mean_high"] < base[f"{outcome}.high"] < base[f"{outcome}.adjusted_high"]


def test_no_artifact_holds_an_id_of_the_log(trained: Ran, evidence: registry.Evidence) -> None:
    """T-44. The database, every file of the runs and models, and what is packed inside them."""
    assert evidence.run_id
    files = [path for path in trained.folder.rglob("*") if path.is_file() and path.suffix != ".parquet"]
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


SUMMARIES = pd.DataFrame(
    {
        "customer_id": [1, 2, 3],
        "frequency": [0, 3, 12],
        "recency": [0, 90, 300],
        "T": [200, 120, 320],
        "monetary_value": [0, 20, 35],
    }
)


def test_the_registered_model_answers_as_the_contract_says(evidence: registry.Evidence) -> None:
    import mlflow

    import tenure

    model = mlflow.pyfunc.load_model("models:/clv@challenger")
    params = {param.name: param.default for param in model.metadata.signature.params}
    assert params == {name: getattr(Params(), name) for name in params}
    assert set(params) == {"horizon_days", "discount_rate", "margin", "level", "seed"}
    asked = {"horizon_days": 90, "margin": 0.5}
    answer = model.predict(SUMMARIES, params=asked)
    assert list(answer.columns) == ["customer_id", *COLUMNS]
    for uri in ("models:/clv/1", evidence.run_id):
        loaded = tenure.load(uri)
        if uri.startswith("models:/"):
            pd.testing.assert_frame_equal(loaded.scorer.score(SUMMARIES, **asked).table, answer, check_exact=True)
        assert loaded.posterior.draws["alpha"].mean() > 20


def test_the_model_loads_and_scores_with_pymc_and_tenure_hidden_and_no_pickle(
    trained: Ran, evidence: registry.Evidence
) -> None:
    script = """
import pickle, sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"pymc", "pymc_marketing", "pymc_extras", "pytensor", "nutpie", "arviz", "tenure"}:
            raise ImportError("hidden: " + name)
sys.meta_path.insert(0, Hide())
import cloudpickle, mlflow, pandas as pd
def refuse(*_, **__): raise AssertionError("a pickle was loaded")
kept = pickle.load  # Numba reads its own compile cache with it, later
pickle.load = cloudpickle.load = refuse
mlflow.set_tracking_uri(sys.argv[1]); mlflow.set_registry_uri(sys.argv[1])
rows = [["a", 0, 0, 200, 0.0], ["b", 3, 90, 120, 20.0]]
frame = pd.DataFrame(rows, columns=["customer_id", "frequency", "recency", "T", "monetary_value"])
model = mlflow.pyfunc.load_model("models:/clv@challenger")
pickle.load = kept
print(model.predict(frame, params={"horizon_days": 90})["clv"].gt(0).all())
"""
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(
        [sys.executable, "-c", script, trained.store],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=trained.folder,
    )
    assert done.stdout.strip() == "True", done.stderr


def test_the_models_folder_is_small_pinned_and_untouched_by_loading(trained: Ran, evidence: registry.Evidence) -> None:
    (folder,) = (path.parent for path in trained.folder.rglob("MLmodel"))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_000_000
    requirements = (folder / "requirements.txt").read_text().split()
    assert sorted(line.split("==")[0] for line in requirements) == ["mlflow", "numba", "numpy", "pandas"]
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pyc", ".nbi", ".nbc"}]


def test_scoring_without_a_champion_names_the_challenger_and_the_command(
    trained: Ran, evidence: registry.Evidence
) -> None:
    refused = command("tenure-score", folder=trained.folder)
    assert refused.code == 4
    assert "no champion in the registry at sqlite:///mlflow.db" in refused.err
    assert "tenure-score model=models:/clv@challenger" in refused.err
    missing = command("tenure-score", "model=models:/other@champion", folder=trained.folder)
    assert missing.code == 4
    assert "There is no model other" in missing.err


def test_scoring_writes_a_table_that_describes_itself_and_logs_totals(
    trained: Ran, evidence: registry.Evidence
) -> None:
    summary = trained.folder.parent / "summary.csv"
    SUMMARIES.to_csv(summary, index=False)
    asked = ["model=models:/clv@challenger", f"summary.path={summary}", "score.horizon_days=90"]
    scored = command("tenure-score", *asked, folder=trained.folder)
    assert scored.code == 0, scored.err
    assert "90% predictive" in scored.out
    about = describe(str(trained.folder / "scores.parquet"))
    assert about["model"] == "models:/clv/1"
    assert about["params"]["horizon_days"] == 90
    assert about["customers"] == 3
    table = pd.read_parquet(trained.folder / "scores.parquet")
    assert list(table["customer_id"]) == ["1", "2", "3"]
    metrics = registry.evidence(about["run_id"]).metrics
    assert metrics["total.clv.expected"] == pytest.approx(table["clv"].sum())
    assert metrics["score.customers"] == 3


def test_scoring_tells_the_way_there_and_the_value_to_infinity(trained: Ran, evidence: registry.Evidence) -> None:
    asked = ["model=models:/clv@challenger", "by_month=true", "residual=true", "output=long.parquet"]
    scored = command("tenure-score", *asked, "score.horizon_days=730", folder=trained.folder)
    assert scored.code == 0, scored.err
    assert "month by month" in scored.out
    assert "residual value" in scored.out
    assert "of the value lies farther ahead than any customer was observed" in scored.out
    table = pd.read_parquet(trained.folder / "long.parquet")
    (trained.folder / "long.parquet").unlink()
    assert len(table) == 2357
    assert set(map(len, table["clv_by_month"])) == {24}
    np.testing.assert_allclose(table["clv_by_month"].map(sum), table["clv"], rtol=1e-9)
    assert (table["residual_value"] > table["clv"]).all()
    run = registry.evidence(re.findall(r"Run (\w+)", scored.out)[0])
    assert run.metrics["total.residual_value.expected"] == pytest.approx(table["residual_value"].sum())
    assert 0 < run.metrics["score.share_beyond"] < run.metrics["score.residual_share_beyond"] < 1
    assert len(run.table("scores/months")) == 48
    assert run.file("scores/months.png").stat().st_size > 10_000


def test_training_values_a_new_customer(trained: Ran, evidence: registry.Evidence) -> None:
    assert "A new customer, from the first order on, over 365 days at margin 1" in trained.out
    log, metrics = pd.read_csv(ROOT / "data" / "cdnow_sample.csv"), evidence.metrics
    first = log.groupby(["customer_id", "date"])["amount"].sum().groupby("customer_id").first()
    assert metrics["new_customer.first_order"] == pytest.approx(first.mean(), rel=0.01)
    assert metrics["new_customer.clv_low"] < metrics["new_customer.clv_mean_low"] < metrics["new_customer.clv"]


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "scores.parquet"
    target.write_text("old")

    def write(table: pd.DataFrame, about: dict[str, Any]) -> None:
        with written_whole(str(target)) as path:
            output = batch.ScoreFile(path)
            output.write(SUMMARIES)
            output.write(table)
            output.close(about)

    with pytest.raises(TypeError):
        write(SUMMARIES, {"unwritable": object()})
    with pytest.raises(Exception, match=r"object"):
        write(SUMMARIES.assign(customer_id=[object()] * 3), {})
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]
    assert target.read_text() == "old"


def test_a_failed_review_is_logged_and_not_registered(trained: Ran, failed: Ran) -> None:
    assert failed.code == 3, failed.err
    assert "Verdict: FAIL" in failed.out
    assert "FAIL customers is 2357" in failed.out
    assert "Nothing was registered: the review failed it." in failed.out
    assert "fitted to the calibration days by map: a point estimate, without intervals" in failed.out
    assert "FAIL calibration.spend.point_estimate is 1" in failed.out
    (run_id,) = re.findall(r"Run (\w{32})", failed.out)
    (review,) = trained.folder.rglob(f"{run_id}/artifacts/review/review.json")
    assert json.loads(review.read_text())["verdict"] == "FAIL"
    registry.use(trained.store)
    assert "model" not in registry.evidence(run_id).tags
    with pytest.raises(registry.NoModelError):
        registry.find_version("models:/clv/2")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("fit.chainz=3", "fit.chainz"),
        ("fit.draws=abc", "fit.draws"),
        ("score.level=1.5", "score.level must be above 0 and below 1, got 1.5"),
        ("experiment=nope", "there is no experiment=nope. The options of experiment are: cdnow, compare"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_data_is_read(tmp_path: Path, override: str, said: str) -> None:
    refused = command("tenure-train", "transactions.path=missing.csv", override, folder=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert "missing.csv" not in refused.err
    assert not list(tmp_path.iterdir())


def test_a_wrong_log_is_refused_before_any_run_is_opened(tmp_path: Path) -> None:
    refused = command("tenure-train", "transactions.path=missing.csv", folder=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "missing.csv" in refused.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("score.horizon_days=0", "score.horizon_days"),
        ("score.horizon_days=10951", "score.horizon_days"),
        ("score.discount_rate=10", "score.discount_rate"),
        ("score.margin=0", "score.margin"),
        ("rfm.cutoff=19970930", "rfm.cutoff"),
        ("rfm.end=1997-13-01", "rfm.end"),
        ("fit.method=magic", "fit.method"),
        ("fit.purchases=pareto", "fit.purchases"),
        ("fit.sampler=stan", "fit.sampler"),
        ("fit.no_repeat_buyers=guess", "fit.no_repeat_buyers"),
        ("fit.chains=1", "fit.chains"),
        ("fit.joint_draws=5000", "fit.joint_draws"),
        ("fit.target_accept=1.0", "fit.target_accept"),
        ("fit.scale.money=-1", "fit.scale.money"),
        ("fit.priors.spend.mean_spend.distribution=Normal", "fit.priors.spend.mean_spend.distribution"),
        ("fit.priors.purchases.mean_rate.parameters.sigma=0", "fit.priors.purchases.mean_rate.parameters.sigma"),
        ("transactions.zero_amounts=maybe", "transactions.zero_amounts"),
        ("seed=-1", "seed"),
        ("review.checks.rhat.review=[2,1]", "review.checks.rhat.review"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_full_key(override: str, key: str) -> None:
    with pytest.raises(InputError, match=key):
        compose_settings("train", [override])


def test_the_settings_defaults_are_the_scorers() -> None:
    score, params = compose_settings("score").score, Params()
    for name in ("horizon_days", "discount_rate", "margin", "level"):
        assert getattr(score, name) == getattr(params, name)
    assert settings_module.HORIZON_LIMIT_DAYS == scorer_params.HORIZON_LIMIT_DAYS
    assert settings_module.LEAST_RATE == scorer_params.LEAST_RATE


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_composes(path: Path) -> None:
    compose_settings("train", [f"experiment={path.stem}"])


@pytest.mark.parametrize("source", ["README.md", *(f"conf/hydra/help/{name}.yaml" for name in COMMANDS)])
def test_every_documented_command_line_composes(source: str) -> None:
    """What a shell makes of each documented line of a command, quotes and all, is taken by Hydra."""
    text = (ROOT / source).read_text().replace("\\\n", " ")
    setting = r""" +[^\s#"=]+=(?:"[^"\n]*"|[^\s#"]+)"""
    lines = re.findall(rf"^ +(?:uv run )?tenure-({'|'.join(COMMANDS)})((?:{setting})+)", text, re.MULTILINE)
    assert lines
    for name, overrides in lines:
        compose_settings(name, shlex.split(overrides))


@pytest.mark.parametrize("sweep", [[], ["-m", "seed=1,2"]])
def test_an_interruption_ends_a_command_and_a_sweep_in_one_line(tmp_path: Path, sweep: list[str]) -> None:
    script = (
        "import sys; from tenure.jobs import app\n"
        "def interrupted(*_, **__): print('begun'); raise KeyboardInterrupt\n"
        f"app._simulate = interrupted; sys.argv = ['tenure-simulate', *{sweep}]; app.simulate()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("begun")) == (130, 1)
    assert done.stderr.splitlines()[-1].startswith("interrupted: ")
    assert "Traceback" not in done.stderr


NOTEBOOKS = [ROOT / "notebooks" / f"{name}.ipynb" for name in ("model_review", "compare_runs")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_and_fit_nothing(path: Path) -> None:
    import nbformat

    book = nbformat.read(path, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any("fit(" in cell.source for cell in code)


def execute(name: str, asked: dict[str, str], ran: Ran, monkeypatch: pytest.MonkeyPatch) -> str:
    """Execute a notebook as `jupyter execute` does, and return it as text: what it shows names no customer."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # the store is found beside the kernel
    for key, value in asked.items():
        monkeypatch.setenv(key, value)
    book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    NotebookClient(book, timeout=240, kernel_name="python3").execute(cwd=str(ran.folder))
    shown = "\n".join(json.dumps(cell.get("outputs", [])) for cell in book.cells)
    assert MARK not in shown
    return shown


def test_the_review_is_read_from_a_model_uri(trained: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = execute("model_review", {"TENURE_REVIEW": "models:/clv@challenger"}, trained, monkeypatch)
    for said in (
        "## Verdict: REVIEW", "models:/clv/1 was never promoted", "6,696 purchases", "births cover fewer than 16 weeks",
        "assumed, not learnt", "boosting", "one-time buyers", "of the fit to the whole log", "moved by",
        "a new customer", "slipping", "tenure-train transactions.path=",
    ):  # fmt: skip
        assert said in shown, said
    assert "Not logged" not in shown
    assert shown.count('"image/png"') == 6  # weeks, places, probabilities, deciles, frequencies, made-up customers


def test_a_failed_run_without_weeks_is_reviewed_and_set_beside_a_model(
    trained: Ran, failed: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run_id,) = re.findall(r"Run (\w{32})", failed.out)
    for weeks in trained.folder.rglob(f"{run_id}/artifacts/backtest/tracking.*"):
        weeks.unlink()
    shown = execute("model_review", {"TENURE_REVIEW": run_id}, trained, monkeypatch)
    for said in (
        "## Verdict: FAIL", "the run registered no model", "did not log its weeks",
        "There is no refit to the whole log", "of the fit to the days up to the cut-off",
        "Not told: the review failed the model", "Not scored",
    ):  # fmt: skip
        assert said in shown, said
    assert shown.count('"image/png"') == 4
    shown = execute("compare_runs", {"TENURE_COMPARE": f"models:/clv@challenger {run_id}"}, trained, monkeypatch)
    for said in (
        "clv@challenger", "fit.method", "FAIL 1", "All judged the same customers on the same days",
        "Did not log their weeks", "no leave-one-out was logged by one of them", "Of the fit to the days up to",
    ):  # fmt: skip
        assert said in shown, said
    assert shown.count('"image/png"') == 4


def test_the_report_is_written_again_by_a_command_of_a_model_and_of_a_failed_run(
    trained: Ran, failed: Ran, evidence: registry.Evidence, tmp_path: Path
) -> None:
    asked = ["model=models:/clv@challenger", f"output={tmp_path / 'again.html'}"]
    ran = command("tenure-report", *asked, folder=trained.folder)
    assert ran.code == 0, ran.err
    assert (tmp_path / "again.html").read_text() == evidence.file("report.html").read_text()
    assert f"Run {evidence.run_id}, verdict REVIEW" in ran.out
    (run_id,) = re.findall(r"Run (\w{32})", failed.out)
    settings = compose_settings("report", [f"model={run_id}", f"output={tmp_path / 'failed.html'}"])
    assert reporting.run(replace(settings, registry=replace(settings.registry, tracking_uri=trained.store))) == 0
    assert '<span class="badge FAIL">' in (tmp_path / "failed.html").read_text()


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["model=models:/other@champion"], 4, "There is no model other"),
        (["model=models:/clv/77"], 4, "There is no models:/clv/77"),
        ([f"model={'f' * 32}"], 4, f"There is no run {'f' * 32}"),
        (["output=taken/report.html", "model=models:/clv/77"], 2, "which is a file and no folder"),
    ],
)
def test_a_report_of_no_model_or_to_no_place_is_refused(
    evidence: registry.Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], code: int, said: str
) -> None:
    store = mlflow_uri()
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    settings = compose_settings("report", asked)
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        reporting.run(replace(settings, registry=replace(settings.registry, tracking_uri=store)))
    assert refused.value.exit_code == code
    assert [found.name for found in tmp_path.iterdir()] == ["taken"]


def mlflow_uri() -> str:
    import mlflow

    return str(mlflow.get_tracking_uri())


def test_a_report_of_a_run_that_is_no_training_is_refused_in_words(
    evidence: registry.Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evidence.run_id
    settings = compose_settings("report").registry
    with registry.open_run(settings, "score", "seed: 0") as opened:
        pass
    with pytest.raises(registry.NoModelError, match=rf"Run {opened.info.run_id} \(job: score\) holds no review"):
        report.render(registry.evidence(opened.info.run_id))


def test_a_report_that_cannot_be_written_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The fit itself is left out: the test is of what becomes of the run after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENURE_STRICT")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")

    def fail(_: registry.Evidence) -> str:
        raise ZeroDivisionError("no page today")

    passed = Check("a", "m", 0.0, Verdict.PASS, "m is 0", "", "", "")
    trained = Trained("", *[None] * 4, Review((passed,)), *[None] * 3)  # type: ignore[arg-type]
    monkeypatch.setattr(training, "_result", lambda *_: Result())
    monkeypatch.setattr(training, "_train", lambda *_, **__: trained)
    monkeypatch.setattr(training.console, "print_training", lambda *_: None)
    monkeypatch.setattr(training.report, "render", fail)
    settings = compose_settings("train")
    assert training.run(settings, "seed: 0", is_sweep=False) == Result()
    registry.use(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = search_runs()
    assert run.info.status == "FINISHED"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        "report failed and is left out: ZeroDivisionError: no page today",
        f"To write the report again: tenure-report model={run.info.run_id}",
    ]
    logged = registry.evidence(run.info.run_id)
    (concern,) = logged.review().concerns
    assert concern.verdict is Verdict.REVIEW
    assert concern.finding == "report failed and is left out: ZeroDivisionError: no page today"
    assert "test_train.py" in logged.file("failures/report.txt").read_text()


def search_runs() -> list[Any]:
    import mlflow

    return list(mlflow.search_runs(search_all_experiments=True, output_format="list"))
