"""A good citizen of MLflow: served over HTTP, and in an environment of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from job_runs import Ran, in_process
from stores import put_store

from tenure import registry
from tenure.posterior import Posterior
from tenure.scorer import COLUMNS, Scorer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, posterior: Posterior) -> Iterator[tuple[str, str]]:
    """Register a version in a store of its own; give its URI and the store's."""
    folder, before = tmp_path_factory.mktemp("served"), mlflow.get_tracking_uri()
    store = put_store(folder)
    registry.use(store)
    mlflow.create_experiment("served", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("served")
    with mlflow.start_run() as run:
        model = registry.register(
            posterior, "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags={}
        )
    yield model.uri, store
    registry.use(before)


@pytest.fixture(scope="module")
def server(registered: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve it by `mlflow models serve` and give the address for requests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model, store = registered
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "-p", str(port), "--env-manager=local"]
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_REGISTRY_URI": store,
        # Its command line finds the server's own programs on the path.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = tmp_path_factory.mktemp("log") / "server.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{address}/ping", timeout=1):
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.5)
        else:
            pytest.fail(log.read_text())
        yield f"{address}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def ask(address: str, frame: pd.DataFrame, **params: object) -> tuple[int, dict[str, object]]:
    body = {"dataframe_split": frame.to_dict("split", index=False), "params": params}
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
def test_a_served_model_answers_as_the_scorer_does(server: str, posterior: Posterior) -> None:
    status, answer = ask(server, registry.EXAMPLE, horizon_days=180, margin=0.4)
    assert status == 200
    found = pd.DataFrame(answer["predictions"])
    right = Scorer(posterior).score(registry.EXAMPLE, horizon_days=180, margin=0.4).table
    assert found["customer_id"].tolist() == right["customer_id"].tolist()
    np.testing.assert_allclose(found[list(COLUMNS)].astype(float), right[list(COLUMNS)], rtol=1e-12)


def test_one_customer_of_a_request_is_scored_as_in_company(server: str) -> None:
    _, whole = ask(server, registry.EXAMPLE)
    status, alone = ask(server, registry.EXAMPLE.iloc[[2]])
    assert status == 200
    assert alone["predictions"] == whole["predictions"][2:3]  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "params", "said"),
    [
        ({"frequency": [400, 1, 1, 1]}, {}, "frequency"),
        ({"customer_id": ["a", "a", "b", "c"]}, {}, "one row per customer"),
        ({}, {"horizon_days": 0}, "horizon_days must be a whole number of days from 1 to 10,950"),
        ({}, {"margin": 2.0}, "margin must be above 0 and at most 1"),
    ],
    ids=["broken summary", "twice", "horizon", "margin"],
)
def test_a_bad_request_is_refused_in_words(server: str, change: dict, params: dict, said: str) -> None:
    status, answer = ask(server, registry.EXAMPLE.assign(**change), **params)
    assert status == 400
    assert said in str(answer)
    assert ask(server, registry.EXAMPLE)[0] == 200  # and the server goes on


def test_a_model_is_small_and_carries_nothing_of_the_project_around_it(registered: tuple[str, str]) -> None:
    """MLflow would pack the uv project that it is called from, lock file and all, and later build that instead."""
    assert Path("uv.lock").exists()  # as it is here
    folder = Path(mlflow.artifacts.download_artifacts(registered[0]))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1e6
    assert not {"uv.lock", "pyproject.toml", ".python-version"} & {path.name for path in files}
    wanted = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().split()}
    assert wanted == {"mlflow", "numba", "numpy", "pandas"}


def score(registered: tuple[str, str], folder: Path, *overrides: str) -> Ran:
    model, store = registered
    asked = [f"model={model}", f"output={folder / 'out.parquet'}", *overrides]
    return in_process("score", *asked, folder=Path(store.removeprefix("sqlite:///")).parent)


def test_totals_by_group_are_printed_and_logged(registered: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    registry.EXAMPLE.assign(country=["DE", "FR", "DE", "FR"]).to_csv(path, index=False)
    done = score(registered, tmp_path, f"summary.path={path}", "by=[country]")
    assert done.code == 0, done.err
    assert "clv by country" in done.out
    registry.use(done.store)
    run = registry.evidence(done.out.split("Run ")[1].split(".")[0])
    groups = run.table("scores/groups")
    assert groups["country"].tolist() == ["DE", "DE", "FR", "FR"]
    assert groups["customers"].tolist() == [2, 2, 2, 2]
    clv = pd.read_parquet(tmp_path / "out.parquet")["clv"]
    assert groups.loc[groups["total"] == "clv", "expected"].tolist() == pytest.approx(
        [clv[0] + clv[2], clv[1] + clv[3]]
    )


def test_totals_by_what_is_not_there_are_refused_before_anything_is_done(
    registered: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "summary.csv"
    registry.EXAMPLE.to_csv(path, index=False)
    refused = score(registered, tmp_path, f"summary.path={path}", "by=[country]")
    assert (refused.code, refused.out) == (2, "")
    assert "by country, which the customers do not have" in refused.err
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.slow
def test_the_model_scores_in_an_environment_of_its_own(
    registered: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what its requirements name is installed there: neither PyMC nor Tenure."""
    if "UV" in os.environ:  # the program behind `uv run`; MLflow finds it on the path alone, in a folder of its own
        monkeypatch.setenv("PATH", f"{Path(os.environ['UV']).parent}{os.pathsep}{os.environ['PATH']}")
    out = tmp_path / "scores.json"
    mlflow.models.predict(registered[0], input_data=registry.EXAMPLE, env_manager="uv", output_path=str(out))
    found = pd.DataFrame(json.loads(out.read_text())["predictions"])
    assert found["customer_id"].tolist() == registry.EXAMPLE["customer_id"].tolist()
    assert np.isfinite(found[list(COLUMNS)].astype(float)).all(axis=None)


@pytest.mark.slow
def test_the_packages_of_scoring_alone_give_the_same_scores(
    registered: tuple[str, str], posterior: Posterior, tmp_path: Path
) -> None:
    """As in the container of docs/operating.md: the group `scoring`, and Tenure without its dependencies."""
    uv, python = os.environ.get("UV", "uv"), tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True)
    for packages in (["--group", "scoring"], ["--no-deps", "."]):
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], cwd=ROOT, check=True)
    summary, output = tmp_path / "summary.parquet", tmp_path / "scores.parquet"
    registry.EXAMPLE.to_parquet(summary)
    environment = {**os.environ, "MLFLOW_TRACKING_URI": registered[1]}

    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = [str(python.parent / command), *arguments]
        return subprocess.run(program, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)

    scored = run(
        "tenure-score",
        f"model={registered[0]}",
        f"summary.path={summary}",
        f"output={output}",
        "score.horizon_days=180",
        "by_month=true",
    )
    assert scored.returncode == 0, scored.stderr
    right = Scorer(posterior).score(registry.EXAMPLE, horizon_days=180).table
    pd.testing.assert_frame_equal(pd.read_parquet(output)[list(COLUMNS)], right[list(COLUMNS)])
    trained = run("tenure-train", "fit.method=laplace")
    assert trained.returncode == 2
    assert "is not installed. Install Tenure with all its packages" in trained.stderr
