"""The sweep of models, priors and splits: which runs it is, that all land, and how they are set side by side."""

import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

import compare
import mlflow
import pytest
from cases import few

from tenure import registry
from tenure.jobs.compose import compose_settings
from tenure.simulate import write_log

MODELS, PRIORS, CUTOFFS = ("bg_nbd", "mbg_nbd"), ("weak", "vague"), ("1997-09-30", "1997-12-31")
IN_A_SWEEP = "a run of a sweep does not register a model unless registry.register=true"
FAILING = 200  # days held out: fewer than the earlier split has, more than the later


class Swept(NamedTuple):
    folder: Path
    done: subprocess.CompletedProcess[str]
    priors: tuple[str, ...] = PRIORS

    def runs(self) -> dict[str, registry.Evidence]:
        """Give the training runs by name, in the order in which they ran."""
        registry.use(f"sqlite:///{self.folder / 'mlflow.db'}")
        found = mlflow.search_runs(experiment_names=["compare"], order_by=["start_time ASC"], output_format="list")
        named = [(run.info.run_name, registry.evidence(run.info.run_id)) for run in found]
        return {name: evidence for name, evidence in named if evidence.tags["job"] == "train"}


def train(*arguments: str, folder: Path) -> Swept:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    asked = [str(Path(sys.executable).with_name("tenure-train")), *arguments]
    return Swept(
        folder, subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    )


@pytest.fixture(scope="module", params=[pytest.param(PRIORS, marks=pytest.mark.slow)], ids=["8"])
def swept(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Swept:
    """Sweep a small simulated log on a fresh store, by a review that fails the earlier split for its long holdout.

    Whether to register is left to the rule for sweeps. Half of the sweep has both models and both splits.
    """
    priors: tuple[str, ...] = request.param
    folder, log = tmp_path_factory.mktemp("swept"), tmp_path_factory.mktemp("log") / "log.parquet"
    write_log(compose_settings("simulate", ["simulate.customers=1500"]).simulate, str(log), seed=3)
    days = [f"review.checks.customers.{key}" for key in ("metrics", "review", "fail")]
    done = train(
        "experiment=compare", f"fit/priors={','.join(priors)}", f"transactions.path={log}", f"{days[0]}=[horizon_days]",
        f"{days[1]}=[null,{FAILING}]", f"{days[2]}=[null,{FAILING}]",
        "fit.draws=300", "fit.joint_draws=300", "backtest.baselines.names=[zero]",
        "registry.register=null", folder=folder,
    )  # fmt: skip
    return done._replace(priors=priors)


def asked(swept: Swept) -> list[str]:
    """Read from what Hydra says which runs it launches."""
    return re.findall(r"#\d+ : (.*)", swept.done.stderr)


WRONG = "score.level=1.5"  # refused run by run, before anything heavy is imported


@pytest.mark.slow
def test_the_sweep_is_eight_runs_and_one_that_is_refused_stops_no_other(tmp_path: Path) -> None:
    refused = train("experiment=compare", WRONG, folder=tmp_path)
    assert asked(refused) == [
        f"fit.purchase_model={model} fit/priors={prior} rfm.cutoff={cutoff} experiment=compare {WRONG}"
        for model, prior, cutoff in product(MODELS, PRIORS, CUTOFFS)
    ]
    assert refused.done.stderr.count("error: score.level must be above 0 and below 1, got 1.5") == 8
    assert refused.done.returncode == 2
    headings = [line for line in refused.done.stdout.splitlines() if line.startswith("===")]
    assert headings[-1] == "=== Run #7: fit.purchase_model=mbg_nbd fit/priors=vague rfm.cutoff=1997-12-31"
    assert len(headings) == 8
    assert refused.done.stdout.rstrip().splitlines()[-1].split()[-1] == "2"  # the exit code, in the table
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_line_has_the_last_word_on_what_is_swept(tmp_path: Path) -> None:
    changed = train(
        "experiment=compare", "fit.purchase_model=mbg_nbd", "rfm.cutoff=2024-01-31,2024-02-29,2024-03-31",
        "fit/priors=weak", WRONG, folder=tmp_path,
    )  # fmt: skip
    assert asked(changed) == [
        f"fit.purchase_model=mbg_nbd fit/priors=weak rfm.cutoff={cutoff} experiment=compare {WRONG}"
        for cutoff in ("2024-01-31", "2024-02-29", "2024-03-31")
    ]
    alone = train("experiment=compare", "hydra.mode=RUN", WRONG, folder=tmp_path)
    assert asked(alone) == []
    assert alone.done.stderr.count("error: score.level") == 1


@pytest.mark.parametrize(("model", "prior"), few(list(product(MODELS, PRIORS)), 1))
def test_a_run_of_the_sweep_is_named_after_what_it_is_and_registers_nothing(model: str, prior: str) -> None:
    settings = compose_settings("train", ["experiment=compare", f"fit.purchase_model={model}", f"fit/priors={prior}"])
    assert settings.fit.priors == compose_settings("train", [f"fit/priors={prior}"]).fit.priors
    logged = settings.registry
    assert (logged.experiment, logged.run_name, logged.tags) == (
        "compare",
        f"{model} {prior} 1997-09-30",
        {"priors": prior},
    )
    assert logged.register is False


def test_a_sweep_on_a_fresh_store_lands_all_its_runs_and_registers_nothing(swept: Swept) -> None:
    """The first of them, and others, fail their review: the others still run, and the exit code tells."""
    assert swept.done.returncode == 3, swept.done.stderr
    runs = swept.runs()
    assert list(runs) == [" ".join(names) for names in product(MODELS, swept.priors, CUTOFFS)]
    client = mlflow.MlflowClient()
    assert {client.get_run(run.run_id).info.status for run in runs.values()} == {"FINISHED"}
    assert not client.search_registered_models()
    assert not list(swept.folder.rglob("MLmodel"))
    assert swept.done.stdout.count(f"Nothing was registered: {IN_A_SWEEP}.") == len(runs) / 2
    assert swept.done.stdout.count("Nothing was registered: the review failed it.") == len(runs) / 2
    for name, run in runs.items():
        model, prior, cutoff = name.split()
        assert run.params["fit.purchase_model"] == model
        model = run.params["fit.purchase_model"]
        assert run.params[f"fit.priors.{model}.mean_rate.parameters.sigma"] == {"weak": "2.0", "vague": "4.0"}[prior]
        assert (run.tags["priors"], run.tags["cutoff"]) == (prior, cutoff)
        assert (run.tags["verdict"] == "FAIL") == (cutoff == "1997-09-30")
        assert run.tags["calibration.purchases.method"] == run.tags["calibration.spend.method"] == "laplace"
        assert run.metrics["calibration.purchases.proposal_khat"] < 0.7
        assert "calibration.purchases.rhat_max" not in run.metrics  # a sampler's, and so is a trace
        assert not run.holds("diagnostics/calibration/purchases_trace.png")


def test_the_command_that_a_run_holds_repeats_it_alone(swept: Swept) -> None:
    (first, *_) = swept.runs().values()
    words = first.command().split()
    assert words[0] == "tenure-train"
    assert {"fit.purchase_model=bg_nbd", "fit/priors=weak", "rfm.cutoff=1997-09-30", "experiment=compare"} < set(words)
    assert words[-1] == "hydra.mode=RUN"


def test_the_runs_are_set_side_by_side_split_by_split_and_kept_in_a_run_of_their_own(
    swept: Swept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{swept.folder / 'mlflow.db'}")
    compare.main()
    said = capsys.readouterr().out
    runs = swept.runs()
    assert all(f"`{run.run_id}`" in said for run in runs.values())
    assert said.count("| less the reference |") == said.count("| bg_nbd weak itself |") == 2
    (kept,) = re.findall(r"Logged in run (\w+)", said)
    evidence = registry.evidence(kept)
    assert evidence.file("compare.md").read_text() in said
    assert evidence.file("differences.png").stat().st_size > 10_000
    assert "priors" not in evidence.tags


def test_a_difference_is_paired_over_the_customers_of_one_split_and_nothing_from_oneself(
    swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(swept.folder)
    assert swept.runs()
    splits = compare.find_runs("compare")
    assert [[*runs] for runs in splits.values()] == [[" ".join(names) for names in product(MODELS, swept.priors)]] * 2
    runs = next(iter(splits.values()))
    own, differences = compare.compare_runs({**runs, "again": runs["bg_nbd weak"]}, "bg_nbd weak")
    assert own["elpd of purchases"] == runs["bg_nbd weak"].metrics["calibration.purchases.loo_elpd"]
    assert own["CRPS of spend"] == pytest.approx(runs["bg_nbd weak"].metrics["spend.crps"], rel=0.03)
    assert set(differences["again"].values()) == {(0.0, 0.0)}
    gain, error = differences["mbg_nbd weak"]["elpd of purchases"]
    assert gain == pytest.approx(
        runs["mbg_nbd weak"].metrics["calibration.purchases.loo_elpd"] - own["elpd of purchases"]
    )
    assert 0 < error < runs["mbg_nbd weak"].metrics["calibration.purchases.loo_se"] / 4
    assert differences["mbg_nbd weak"]["elpd of spend"] == (0.0, 0.0)


def test_the_help_of_the_comparison_has_its_usage_and_the_runs_that_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.read_arguments(["--help"])
    page = capsys.readouterr().out
    assert ended.value.code == 0
    assert "[EXPERIMENT]" in page.splitlines()[0]
    assert "It takes the finished runs of `tenure-train experiment=compare`" in page
    assert compare.read_arguments([]) == "compare"
    assert compare.read_arguments(["mine"]) == "mine"
    with pytest.raises(SystemExit, match="2"):
        compare.read_arguments(["one", "two"])


def test_a_row_names_its_outcome_and_the_reading_the_better_direction() -> None:
    assert all("purchase" in label or "spend" in label for label, _, _ in compare.ROWS)
    assert "elpd is a sum over customers: higher is better" in compare.READING
    assert "CRPS is a mean over customers: lower is better" in compare.READING


@pytest.mark.parametrize(
    ("measure", "difference", "error", "is_clear"),
    [
        ("CRPS of spend", -0.5, 0.2, True),
        ("CRPS of spend", 0.5, 0.3, False),
        ("elpd of purchases", 3.9, 0.1, False),
        ("elpd of purchases", 9.0, 4.0, True),
        ("elpd of purchases", -9.0, 5.0, False),
    ],
)
def test_a_difference_is_clear_beyond_two_standard_errors_and_of_elpd_beyond_four(
    measure: str, difference: float, error: float, is_clear: bool
) -> None:
    assert compare.as_cell(measure, difference, error).startswith("**") == is_clear
