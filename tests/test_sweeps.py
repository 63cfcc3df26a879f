"""The runs of a sweep: announced before each result, compared in a table at the end."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tenure.fit import Loo
from tenure.jobs import sweeps
from tenure.jobs.compose import compose_settings
from tenure.jobs.console import why_unregistered
from tenure.jobs.sweeps import Result, Run
from tenure.review import Verdict
from tenure.simulate import write_log

COUNT = np.array([2.0, 3.0])


def loo(*pointwise: float, count: np.ndarray = COUNT) -> Loo:
    values = np.array(pointwise)
    return Loo(float(count @ values), 1.5, 2.0, 0.1, 0, 0.0, values, count)


def run(number: int, *overrides: str, **result: object) -> Run:
    return Run(number, overrides, Result(**result))  # type: ignore[arg-type]


def lines(runs: list[Run], capsys: pytest.CaptureFixture[str]) -> list[str]:
    sweeps.print_table(runs)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_the_table_shows_what_differs_the_verdict_the_numbers_and_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = {"purchases.bias": -0.116, "spend.bias": 0.2, "spend.crps": 20.394, "spend.crps_se": 1.23}
    first = {"verdict": "PASS", "metrics": metrics, "loos": {"purchases": loo(-1.0, -2.0)}, "fitted_to": ("a",)}
    runs = [
        run(0, "seed=1", "fit.method=laplace", exit_code=0, name="kind-owl", **first),
        run(1, "seed=2", "fit.method=laplace", exit_code=3, verdict="FAIL", fitted_to=("a",),
            loos={"purchases": loo(-1.5, -2.0)}),
        run(2, "seed=3", "fit.method=laplace", exit_code=2),
        run(3, "seed=4", "fit.method=laplace", exit_code=1),
    ]  # fmt: skip
    title, head, *rows, caption = lines(runs, capsys)
    assert title == "The sweep: 4 runs"
    for column in ("run", "what differs", "verdict", "bias of purchases", "CRPS of spend", "elpd of purchases"):
        assert column in head
    assert "CRPS of purchases" not in head  # nowhere known
    assert "elpd of spend" not in head
    assert [row.split()[-1] for row in rows] == ["0", "3", "2", "1"]
    assert "fit.method" not in "".join(rows)  # common to all
    for text in ("#0 kind-owl", "seed=1", "PASS", "-11.6%", "+20.0%", "20.39 ± 1.2", "-8.0 ± 1.5"):
        assert text in rows[0], text
    # 2 customers each lose half a point: -1 in all; its error over 5 customers is sqrt(5/4 x 0.3).
    assert "-1.0 ± 0.6 (to #0)" in rows[1]
    assert rows[2].split() == ["#2", "seed=3", "-", "-", "-", "-", "-", "-", "2"]
    assert caption == sweeps.CAPTION


@pytest.mark.parametrize("other", [{"fitted_to": ("b",)}, {"loos": {"purchases": loo(-1.0, count=COUNT[:1])}}])
def test_elpd_of_other_data_is_not_subtracted(other: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    alike = {"loos": {"purchases": loo(-1.0, -2.0)}, "fitted_to": ("a",)}
    shown = lines([run(0, "a=1", **alike), run(1, "a=2", **{**alike, **other})], capsys)
    assert "(to #" not in "\n".join(shown)


def test_markup_and_control_characters_of_overrides_and_names_stay_text(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [run(0, "x=[red]\x1b[2J", name="[bold]\nname"), run(1, "x=[]")]
    sweeps.print_heading(0, runs[0].overrides)
    shown = "\n".join(lines(runs, capsys))
    assert r"[red]\x1b[2J" in shown
    assert r"[bold]\nname" in shown
    assert "\x1b" not in shown


def test_a_heading_leaves_out_what_the_command_says_of_all_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenure-train", "-m", "seed=1,2", "fit.method=map"])
    sweeps.print_heading(1, ["seed=2", "fit.method=map"])
    sweeps.print_heading(0, ["fit.method=map"])
    assert capsys.readouterr().out == "\n=== Run #1: seed=2\n\n=== Run #0: fit.method=map\n"


@pytest.mark.parametrize(
    ("verdict", "register", "words"),
    [
        (Verdict.FAIL, True, "the review failed it"),
        (Verdict.FAIL, False, "the review failed it"),
        (Verdict.PASS, False, "registry.register=false"),
        (Verdict.REVIEW, None, "a run of a sweep does not register a model unless registry.register=true"),
    ],
)
def test_the_reason_why_nothing_was_registered_is_the_right_one(
    verdict: Verdict, register: bool | None, words: str
) -> None:
    assert why_unregistered(verdict, register) == words


@pytest.mark.slow
def test_a_sweep_announces_each_run_and_ends_with_a_table_that_holds_the_refused_one(tmp_path: Path) -> None:
    log = tmp_path / "log.parquet"
    write_log(compose_settings("simulate", ["simulate.customers=600"]).simulate, str(log), seed=3)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    asked = [
        str(Path(sys.executable).with_name("tenure-train")), "-m", f"transactions.path={log}", "score.level=0.9,1.5",
        "fit.method=laplace", "fit.draws=200", "fit.joint_draws=200", "backtest.baselines.names=[zero]",
    ]  # fmt: skip
    done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 3), done.stderr  # the worst of the two
    out = done.stdout
    assert out.index("=== Run #0: score.level=0.9") < out.index("Verdict:") < out.index("=== Run #1: score.level=1.5")
    table = out[out.index("The sweep: 2 runs") :].splitlines()
    first, second = (line for line in table if line.startswith("#"))
    assert "score.level=0.9" in first
    assert "bias of purchases" in table[1]
    assert " ± " in first
    assert second.split()[:2] == ["#1", "score.level=1.5"]
    assert second.split()[-1] == "2"
