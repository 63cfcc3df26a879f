"""What reaches a terminal: log messages and ids without control characters, and an end when nobody reads."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import mlflow
import numpy as np
import pandas as pd
import pytest
from cases import few
from omegaconf import OmegaConf

from tenure import batch
from tenure.batch import Scored
from tenure.jobs import app
from tenure.jobs.compose import compose_settings
from tenure.jobs.console.scores import print_groups
from tenure.jobs.console.terminal import stdout
from tenure.posterior import Posterior
from tenure.scorer import Scorer
from tenure.summary import CustomerSummary, SummaryError
from tenure.text import LogFormatter

ROOT = Path(__file__).parent.parent
GONE = 141  # 128 + SIGPIPE


def formatted(message: str, *values: object) -> str:
    return LogFormatter("%(message)s").format(logging.LogRecord("tenure", logging.INFO, "", 0, message, values, None))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\x1b[2Jb.csv", r"read a\x1b[2Jb.csv"),
        ("a\rb\u202e", r"read a\rb\u202e"),
        ("postgresql://ann:secret@h/d", "read postgresql://ann:***@h/d"),
        ("a\n12:00:00  forged", "read a\n          12:00:00  forged"),
    ],
)
def test_a_log_message_holds_no_control_characters_and_no_password(value: str, text: str) -> None:
    assert formatted("read %s", value) == text


@pytest.mark.parametrize("name", ["job_logging", "hydra_logging"])
def test_every_command_logs_through_the_formatter(name: str) -> None:
    found = OmegaConf.load(ROOT / "conf" / "hydra" / name / "stderr.yaml")
    assert {one["class"] for one in found.formatters.values()} == {f"tenure.text.{LogFormatter.__name__}"}


@pytest.mark.parametrize("sign", ["\n", "\x1b[2J", "\u202e", "\r"])
def test_an_id_does_not_break_the_line_of_a_message(summaries: pd.DataFrame, sign: str) -> None:
    table = summaries.head(4).assign(T=-1)
    table["customer_id"] = [f"a{sign}b", "x", f"twice{sign}", f"twice{sign}"]
    with pytest.raises(SummaryError) as caught:
        CustomerSummary.from_frame(table)
    message = str(caught.value)
    assert (
        sign not in message.replace("\n", "") if sign != "\n" else message.count("\n") == len(caught.value.faults) - 1
    )
    assert repr(f"a{sign}b") in message
    assert f"(first: {f'twice{sign}'!r})" in message


def test_rows_without_an_id_are_named_by_their_number(summaries: pd.DataFrame) -> None:
    table = summaries.head(3).assign(T=-1).astype({"customer_id": object})
    table.loc[1, "customer_id"] = None
    with pytest.raises(SummaryError, match="first: row 1, row 2, row 3"):
        CustomerSummary.from_frame(table)


@pytest.mark.parametrize(("groups", "is_shown"), few([(700, False), (351, False), (350, True), (3, True)], 1))
def test_groups_that_are_nearly_customers_are_not_printed(
    posterior: Posterior, summaries: pd.DataFrame, capsys: pytest.CaptureFixture[str], groups: int, is_shown: bool
) -> None:
    base = summaries.assign(street=[f"s{number % groups}" for number in range(700)])
    scores = batch.merge(None, Scorer(posterior).score(base, by=["street"]))
    print_groups(stdout(), Scored(scores, None, "m", None, "r"), "90%")
    shown = capsys.readouterr().out
    assert ("expected" in shown) == is_shown
    if not is_shown:
        assert f"clv by street: {groups:,} groups of 700 customers" in shown
        assert "neither printed nor logged" in shown
        assert len(shown.strip().splitlines()) == 1


def unread(*command: str, folder: Path) -> tuple[int, str]:
    """Run a command whose output has no reader."""
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(command, cwd=folder, stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        _, said = process.communicate(timeout=300)
    return process.returncode, said


@pytest.mark.parametrize("arguments", few([["--help"], ["--version"], ["--cfg", "job"], ["-m", "seed=1,2"], []], 2))
def test_a_command_whose_output_nobody_reads_ends_without_a_trace(tmp_path: Path, arguments: list[str]) -> None:
    script = (
        "import sys; from tenure import commands; from tenure.jobs import app\n"
        "def job(*_, **__):\n    print('a result'); print('begun', file=sys.stderr)\n"
        "    return app.Result()\n"
        f"app._simulate = job; sys.argv = ['tenure-simulate', *{arguments}]; commands.simulate()"
    )
    code, said = unread(sys.executable, "-c", script, folder=tmp_path)
    assert code == GONE, said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert said.count("begun") <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code", "word"), [(15, 143, "terminated"), (2, 130, "interrupted")])
def test_a_signal_during_sampling_ends_the_command_and_its_run_is_killed(
    tmp_path: Path, number: int, code: int, word: str
) -> None:
    script = (
        "import os, sys, threading, time\nfrom types import SimpleNamespace\nimport numpy as np, nutpie\n"
        "from tenure import registry\nfrom tenure.fit import nuts\nfrom tenure.jobs import app\n"
        "from tenure.jobs.compose import compose_settings\n"
        "fit = compose_settings('train', ['fit.draws=25000', 'fit.joint_draws=1000']).fit\n"
        "def density(u):\n    time.sleep(1e-3)\n    return -0.5 * float(u @ u), -u\n"
        "target = SimpleNamespace(density=density, restore=lambda u: u)\n"
        "mode = SimpleNamespace(point=np.zeros(2), factor=np.eye(2), log_density=0.0)\n"
        "def job(settings, config, **_):\n"
        "    registry.connect(settings.registry)\n"
        "    with registry.open_run(settings.registry, 'train', config):\n"
        f"        threading.Timer(2, lambda: os.kill(os.getpid(), {number})).start()\n"
        "        nuts.sample(target, mode, fit, seed=1)\n"
        "        print('went on')\n"
        "app._score = job; sys.argv = ['tenure-score']; app.score()"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"{word}: ")
    assert "Traceback" not in done.stderr
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert run.info.status == "KILLED"


@pytest.mark.parametrize(("number", "code", "word"), few([(15, 143, "terminated"), (2, 130, "interrupted")], 1))
def test_a_signal_in_a_callback_of_the_interpreter_ends_the_command(
    tmp_path: Path, number: int, code: int, word: str
) -> None:
    """Python ignores what is raised in such a callback."""
    script = (
        "import os, sys, time, weakref\nfrom tenure.jobs import app\n"
        "class Thing: pass\n"
        "def callback(_):\n"
        f"    os.kill(os.getpid(), {number})\n"
        "    for _ in range(1000): time.sleep(0)\n"
        "def job(*_, **__):\n"
        "    thing = Thing()\n    kept = weakref.ref(thing, callback)\n    del thing\n"
        "    time.sleep(60)\n    print('went on')\n"
        "app._simulate = job; sys.argv = ['tenure-simulate']; app.simulate()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"{word}: ")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_command_line_is_read_ends_the_command(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(*_: object) -> NoReturn:
        os.kill(os.getpid(), number)
        raise AssertionError("the signal was not taken")

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(sys, "argv", ["tenure-train"])
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # the command wraps it
    monkeypatch.setattr(app, "read_arguments", read)
    try:
        with pytest.raises(SystemExit) as ended:
            app.train()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert ended.value.code == 128 + number
    word = "terminated" if number == signal.SIGTERM else "interrupted"
    assert capsys.readouterr().err.startswith(f"{word}: ")


def test_pymc_that_is_interrupted_returns_no_part_of_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyMC catches the interruption and returns the draws so far."""
    import contextlib

    import pymc
    import xarray as xr

    from tenure.fit import nuts

    fit = compose_settings("train", ["fit.sampler=pymc"]).fit
    part = {"posterior": xr.Dataset({"r": (("chain", "draw"), np.ones((2, 3)))})}
    monkeypatch.setattr(pymc, "sample", lambda **_: part)
    monkeypatch.setattr("tenure.fit.pymc_model.pymc_model", lambda _: contextlib.nullcontext())
    with pytest.raises(KeyboardInterrupt):
        nuts.sample(None, None, fit, seed=1)  # type: ignore[arg-type]
