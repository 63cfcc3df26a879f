"""How commands end: signals, disks, names that MLflow would refuse, texts from data."""

import errno
import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import mlflow
import pytest
from cases import few
from mlflow.exceptions import MlflowException
from stores import put_store

from tenure import registry
from tenure.errors import InputError
from tenure.jobs.console import terminal
from tenure.jobs.ending import disk_fault, memory_fault, missing_package
from tenure.registry import manifest
from tenure.settings import TrainSettings


@pytest.mark.parametrize(
    "name", few(["clv.v2", "shop/clv", "a:b", "50%", "it's", 'a"b', "", " ", "x" * 251, "a\nb"], 2)
)
def test_a_name_that_mlflow_refuses_is_refused_before_any_work(name: str) -> None:
    settings = TrainSettings().registry
    with pytest.raises(InputError, match=r"registry\.name must be"):
        replace(settings, name=name)
    replace(settings, name="clv v2_x-y")


@pytest.mark.parametrize(
    ("key", "value"),
    few([("experiment", ""), ("experiment", "a\x1bb"), ("run_name", " "), ("run_name", "x" * 251),
         ("tags", {"a(b)": "c"}), ("tags", {"a": "x" * 5001}), ("tags", {"/a": "b"})], 1),
)  # fmt: skip
def test_experiments_run_names_and_tags_are_checked(key: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"registry\.{key}"):
        replace(TrainSettings().registry, **{key: value})


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "scores.parquet"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EIO, "Input/output error"),
        RuntimeError("IO Error: Could not write file: No space left on device"),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_a_disk_that_takes_no_more_is_found_wherever_it_surfaces(error: Exception) -> None:
    assert str(disk_fault(error)).startswith("The disk ")
    outer = ValueError("what a library makes of it")
    outer.__cause__ = error
    assert disk_fault(outer) == disk_fault(error)
    assert disk_fault(ValueError("no such thing")) is None


def test_a_log_beyond_the_memory_of_its_engine_is_found_wherever_it_surfaces() -> None:
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '1MB'; SET temp_directory = ''")
    with pytest.raises(duckdb.OutOfMemoryException) as error:
        connection.execute("SELECT list(range) FROM range(1_000_000)")
    outer = ValueError("what a library makes of it")
    outer.__cause__ = error.value
    for each in (error.value, outer):
        assert memory_fault(each) == "The log needs more memory than transactions.engine.memory_limit: raise it."
    assert memory_fault(ValueError("no such thing")) is None


def test_a_package_that_is_not_installed_is_named_wherever_it_is_missed() -> None:
    with pytest.raises(ModuleNotFoundError) as error:
        importlib.import_module("no_such_package.at_all")
    outer = ValueError("what a library makes of it")
    outer.__cause__ = error.value
    for each in (error.value, outer):
        assert str(missing_package(each)).startswith("The package 'no_such_package' is not installed. ")
    with pytest.raises(ModuleNotFoundError) as own:
        importlib.import_module("tenure.no_such_module")
    assert missing_package(own.value) is None  # an internal error
    assert missing_package(ValueError("no such thing")) is None


def test_a_model_that_downloads_to_a_full_disk_is_not_called_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise MlflowException("##### File code/summary/__init__.py ##### [Errno 28] No space left on device: '/tmp/x'")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", fail)
    with pytest.raises(MlflowException) as error:
        manifest._download("models:/clv/1")
    assert str(disk_fault(error.value)).startswith("The disk is full")


@pytest.mark.parametrize(("number", "code", "word"), [(15, 143, "terminated"), (2, 130, "interrupted")])
@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.slow
def test_a_signal_ends_a_command_in_a_line_and_its_run_is_killed(
    tmp_path: Path, number: int, code: int, word: str, *, swallows: bool
) -> None:
    body = f"os.kill(os.getpid(), {number}); time.sleep(9)"
    job = f"try: {body}\n        except BaseException: raise RuntimeError('Query interrupted')" if swallows else body
    script = (
        "import os, sys, time\nfrom tenure import registry\nfrom tenure.jobs import app\n"
        "def job(settings, config, **_):\n"
        "    registry.connect(settings.registry)\n"
        f"    with registry.open_run(settings.registry, 'score', config):\n        {job}\n"
        "app._score = job; sys.argv = ['tenure-score']; app.score()"
    )
    uri = put_store(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"{word}: ")
    assert "Traceback" not in done.stderr
    (run,) = mlflow.MlflowClient(uri).search_runs(
        [each.experiment_id for each in mlflow.MlflowClient(uri).search_experiments()]
    )
    assert run.info.status == ("FAILED" if swallows else "KILLED")


def test_mlflow_run_id_names_a_running_run_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(TrainSettings().registry, tracking_uri=put_store(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    registry.connect(settings)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with pytest.raises(InputError, match="MLFLOW_RUN_ID"), registry.open_run(settings, "train", "seed: 0"):
        pass
    client = mlflow.MlflowClient()
    free = client.create_run(client.get_experiment_by_name("tenure").experiment_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", free.info.run_id)
    with registry.open_run(settings, "train", "seed: 0") as run:
        assert run.info.run_id == free.info.run_id
        assert run.info.run_name == free.info.run_name
    monkeypatch.setenv("MLFLOW_RUN_ID", free.info.run_id)
    with pytest.raises(InputError, match="MLFLOW_RUN_ID"), registry.open_run(settings, "train", "seed: 0"):
        pass


@pytest.mark.parametrize("text", ["shoes [/sale]", "[red]a", "[link=http://evil]x", "\x1b[2Jforged\nline", "a\\"])
def test_texts_from_data_are_printed_as_they_are(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = terminal.new_table("groups", "group")
    table.add_row(terminal.plain(text))
    terminal.stdout().print(table)
    terminal.print_line(text.replace("\n", " "))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert text.replace("\x1b", "\\x1b").replace("\n", "\\n") in out


@pytest.mark.parametrize("sweep", few([[], ["-m", "seed=1,2"]], 1))
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
