"""Commands that run at once, and commands that are killed: what is left is whole, and the next one closes the rest."""

import os
import signal
import subprocess
import sys
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from commands import begin
from mlflow import MlflowClient

from tenure import registry
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior

CUSTOMERS, DAYS, KILLS = 300, 300, 40
QUICK = ("fit.method=laplace", "fit.draws=200", "fit.joint_draws=200", "backtest.baselines.names=[zero]")


@pytest.fixture(scope="module")
def purchase_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a log of customers who buy at a rate of their own until they leave."""
    rng = np.random.default_rng(3)
    rows = []
    for customer in range(CUSTOMERS):
        first, rate, life = rng.integers(0, 90), rng.gamma(0.8, 0.05), rng.exponential(250.0)
        days = first + np.cumsum(rng.exponential(1 / rate, 40))
        mean = rng.gamma(6.0, 5.0)
        for day in [first, *days[days < min(first + life, DAYS)].astype(int)]:
            rows.append((f"c{customer}", f"{pd.Timestamp(2020, 1, 1) + pd.Timedelta(day, 'D'):%Y-%m-%d}", mean))
    path = tmp_path_factory.mktemp("log") / "log.csv"
    pd.DataFrame(rows, columns=["customer_id", "date", "amount"]).round(2).to_csv(path, index=False)
    return path


def start(name: str, folder: Path, store: str, *changes: str) -> subprocess.Popen[str]:
    """Start a command in a folder and with a temporary folder of its own."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    environment |= {"MLFLOW_TRACKING_URI": store, "TMPDIR": str(folder / "tmp"), "MPLBACKEND": "agg"}
    script = f"import sys; from tenure.jobs.app import {name}; sys.argv[0] = 'tenure-{name}'; {name}()"
    return subprocess.Popen(
        [sys.executable, "-c", script, *changes],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def start_training(folder: Path, store: str, log: Path, *changes: str) -> subprocess.Popen[str]:
    return start("train", folder, store, f"transactions.path={log}", *QUICK, *changes)


def train_four(folder: Path, store: str, log: Path) -> None:
    started = [start_training(folder / f"job{number}", store, log, f"seed={number}") for number in range(4)]
    ended = [(*process.communicate(timeout=1500), process.returncode) for process in started]
    others = "\n".join(f"exit code {code}: {err[-2000:]}" for _, err, code in ended if code not in {0, 3})
    assert not others, others
    registry.use(store)
    client = MlflowClient()
    wanted = client.get_experiment_by_name("tenure").experiment_id
    runs = list(mlflow.search_runs(search_all_experiments=True, output_format="list"))
    trainings = [run for run in runs if run.data.tags.get("job") == "train"]
    assert len(trainings) == 4
    assert {(run.info.experiment_id, run.info.status) for run in runs} == {(wanted, "FINISHED")}
    versions = client.search_model_versions("name = 'clv'")
    assert len(versions) == sum(code == 0 for *_, code in ended)
    assert all(version.tags["complete"] == "true" and "abandoned" not in version.tags for version in versions)
    aliases = client.get_registered_model("clv").aliases if versions else {}
    said = "".join(out + err for out, err, _ in ended)
    if "champion" in aliases:
        champions = Counter(run.data.tags.get("alias") for run in trainings)
        assert champions["champion"] >= 1
    assert "Traceback" not in said
    assert not [file for file in folder.glob("job*/tmp/*") if file.name.startswith("tmp")]


@pytest.mark.slow
def test_four_trainings_at_once_on_a_fresh_file(tmp_path: Path, purchase_log: Path) -> None:
    before = mlflow.get_tracking_uri()
    try:
        train_four(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", purchase_log)
    finally:
        registry.use(before)


@pytest.mark.slow
def test_four_trainings_at_once_on_a_fresh_server(tmp_path: Path, purchase_log: Path, server: str) -> None:
    before = mlflow.get_tracking_uri()
    try:
        train_four(tmp_path, server, purchase_log)
    finally:
        registry.use(before)


def kill_one(process: BaseProcess, after: float, number: signal.Signals) -> int:
    process.join(after)
    if process.is_alive():
        assert process.pid is not None
        os.kill(process.pid, number)
    process.join(300)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.slow
def test_killed_commands_leave_nothing_half_done(
    tmp_path: Path, purchase_log: Path, posterior: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill trainings and scorings at random moments; the next command of each kind finds and leaves a sound store."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before, store = mlflow.get_tracking_uri(), f"sqlite:///{tmp_path / 'mlflow.db'}"
    folder, output = tmp_path / "job", tmp_path / "job" / "scores.parquet"
    rng = np.random.default_rng(7)

    def score() -> BaseProcess:
        model = "model=models:/clv@challenger"
        return begin("score", folder, store, f"transactions.path={purchase_log}", model, f"output={output}")

    def train() -> BaseProcess:
        return begin("train", folder, store, f"transactions.path={purchase_log}", *QUICK)

    try:
        settings = compose_settings("train", [f"registry.tracking_uri={store}"]).registry
        registry.connect(settings)
        with registry.open_run(settings, "train", "seed: 0") as run:
            registry.register(
                posterior, "clv", run_id=run.info.run_id, verdict="REVIEW", validated_horizon_days=365, tags={}
            )
        for kill in range(KILLS):
            number = (signal.SIGKILL, signal.SIGTERM)[kill % 2]
            is_score = kill % 4 < 2
            code = kill_one(
                score() if is_score else train(), float(rng.uniform(0.2, 4.0 if is_score else 12.0)), number
            )
            said = (folder / "err.txt").read_text() if (folder / "err.txt").exists() else ""
            assert code in {0, 3, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM}, said
            assert "Traceback" not in said
            if output.exists():
                assert len(pd.read_parquet(output)) == CUSTOMERS
        for last in (train(), score()):
            assert kill_one(last, 900.0, signal.SIGKILL) in {0, 3}, (folder / "err.txt").read_text()
        assert len(pd.read_parquet(output)) == CUSTOMERS
        registry.connect(settings)
        runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
        assert "RUNNING" not in {run.info.status for run in runs}
        for version in MlflowClient().search_model_versions("name = 'clv'"):
            assert (version.tags["complete"] == "true") != ("abandoned" in version.tags)
        for number in MlflowClient().get_registered_model("clv").aliases.values():
            assert registry.find_version(f"models:/clv/{number}")
        assert not list(folder.glob(".*parquet*"))
    finally:
        registry.use(before)
