"""The file of `result.path`: how a command ended."""

import importlib.util
import json
import logging
import os
import pkgutil
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cases import few

import tenure
from tenure import opened
from tenure.errors import InputError, Reason
from tenure.jobs import app
from tenure.jobs.result_file import ResultFile, typed_path
from tenure.jobs.sweeps import Result

RUN = "0a1b" * 8
type Run = Callable[..., int]


def done(*_: object, **__: object) -> Result:
    opened.RUNS.append(RUN)
    totals = {"clv": {"expected": 2.5, "low": float("nan")}}
    version = {"model": "models:/clv/7", "alias": "challenger"}
    paths = {"output": "/x/scores.parquet"}
    of_review = {"reason": Reason.REVIEW_FAILED, "model_verdict": "REVIEW"}
    of_log = {"as_of": "1998-06-30", "customers": 12, "not_scored": {"refunded": 2}}
    return Result(3, "a run", "FAIL", run_id=RUN, totals=totals, paths=paths, **version, **of_review, **of_log)


def refused(*_: object, **__: object) -> Result:
    opened.RUNS.append(RUN)
    raise InputError("3 rows are wrong")


def broken(*_: object, **__: object) -> Result:
    raise RuntimeError("no such thing")


def interrupted(*_: object, **__: object) -> Result:
    opened.RUNS.append(RUN)
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("the signal was not taken")


def full(*_: object, **__: object) -> Result:
    raise OSError(28, "No space left on device", "s.parquet")


def without_champion(*_: object, **__: object) -> Result:
    from tenure.registry import NoChampionError

    raise NoChampionError("none of them")


def closed(*_: object, **__: object) -> Result:
    sys.exit(141)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command in this process, with another job in the place of its own."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # the command wraps it
    monkeypatch.setattr(opened, "RUNS", opened.RUNS)

    def command(job: Any, *arguments: str) -> int:
        monkeypatch.setattr(app, "_simulate", job)
        monkeypatch.setattr(sys, "argv", ["tenure-simulate", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.simulate()
        return int(ended.value.code or 0)

    yield command
    for each, handler in before.items():
        signal.signal(each, handler)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_a_result_has_the_run_the_verdict_the_version_totals_paths_and_the_exit_code(run: Run, tmp_path: Path) -> None:
    assert run(done, "result.path=new/run.json", "simulate.customers=10") == 3
    result = read(tmp_path / "new" / "run.json")
    assert result.pop("seconds") >= 0
    assert result.pop("started").endswith("+00:00")
    assert result.pop("tenure_version").startswith("0.")
    assert result == {
        "command": "simulate", "arguments": ["result.path=new/run.json", "simulate.customers=10"], "exit_code": 3,
        "reason": "review_failed", "error": None, "warnings": [], "model_verdict": "REVIEW", "as_of": "1998-06-30",
        "customers": 12, "not_scored": {"refunded": 2},
        "run_id": RUN, "run_name": "a run", "verdict": "FAIL", "model": "models:/clv/7", "version": 7,
        "alias": "challenger", "totals": {"clv": {"expected": 2.5, "low": None}},
        "paths": {"output": "/x/scores.parquet"},
    }  # fmt: skip
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("job", "code", "reason", "error", "run_id"),
    few([
        (refused, 2, "bad_setting", "3 rows are wrong", RUN),
        (broken, 1, "internal", "internal error: RuntimeError: no such thing", None),
        (full, 2, "disk_full", "The disk is full: s.parquet. Free some space, or use another disk", None),
        (without_champion, 4, "no_champion", "none of them", None),
        (closed, 141, "output_closed", "the reader of the output closed it", None),
        (
            interrupted, 143, "terminated",
            "terminated: a run that was open is marked KILLED, and nothing is registered by it", RUN,
        ),
    ], 3),
)  # fmt: skip
def test_a_command_that_fails_has_a_result_too(
    run: Run, tmp_path: Path, job: Any, code: int, reason: str, error: str, run_id: str | None
) -> None:
    assert run(job, "result.path=run.json") == code
    result = read(tmp_path / "run.json")
    assert (result["exit_code"], result["reason"], result["run_id"]) == (code, reason, run_id)
    assert result["error"].startswith(error)
    assert result["totals"] == result["paths"] == {}


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("simulate.custmers=1", "there is no setting simulate.custmers. Did you mean simulate.customers?"),
        ("simulate.customers=many", "simulate.customers takes a whole number, got 'many'"),
        ("simulate.customers=0", "simulate.customers must be from 1 to 1,000,000,000, got 0."),
        ("simulate=big", "there is no simulate=big. The options of simulate are: cdnow, heavy, loyal"),
        ("simulate.end=${nowhere.to}", "nowhere"),
        ("--foo", "unrecognized arguments: --foo"),
    ],
)
def test_a_wrong_setting_has_a_result_as_its_path_is_known(run: Run, tmp_path: Path, argument: str, error: str) -> None:
    assert run(done, "result.path='run.json'", argument) == 2
    result = read(tmp_path / "run.json")
    assert (result["exit_code"], result["run_id"], result["verdict"]) == (2, None, None)
    assert result["reason"] == "bad_setting"
    assert error in result["error"]


def test_each_run_of_a_sweep_has_a_result_of_its_own(run: Run, tmp_path: Path) -> None:
    def job(settings: Any, *_: object, **__: object) -> Result:
        opened.RUNS.append(f"{settings.seed}" * 32)
        if settings.seed == 2:
            raise InputError("wrong")
        return Result(run_id=opened.RUNS[-1])

    assert run(job, "-m", "seed=1,2,3", "result.path=out/run.json") == 2
    runs = [read(tmp_path / "out" / f"run-{number}.json") for number in range(3)]
    assert [one["run_id"] for one in runs] == ["1" * 32, "2" * 32, "3" * 32]
    assert [(one["exit_code"], one["error"]) for one in runs] == [(0, None), (2, "wrong"), (0, None)]
    assert [one["reason"] for one in runs] == [None, "bad_setting", None]
    assert runs[1]["overrides"] == ["seed=2", "result.path=out/run.json"]
    whole = read(tmp_path / "out" / "run.json")
    assert (whole["exit_code"], whole["reason"], whole["error"]) == (2, "bad_setting", None)
    assert whole["runs"] == [f"out/run-{number}.json" for number in range(3)]


def test_an_interrupted_sweep_has_the_results_of_the_runs_that_began(run: Run, tmp_path: Path) -> None:
    assert run(interrupted, "-m", "seed=1,2", "result.path=run.json") == 143
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["run-0.json", "run.json"]
    assert read(tmp_path / "run-0.json")["exit_code"] == read(tmp_path / "run.json")["exit_code"] == 143


@pytest.mark.parametrize("content", ["{}", "[1]", "not JSON", '{"command": "train"}'])
def test_a_file_that_is_no_result_is_not_replaced(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.json").write_text(content)
    assert run(broken, "result.path=mine.json") == 2
    assert (tmp_path / "mine.json").read_text() == content
    assert run(broken, "result.path=mine.json", "sed=1") == 2
    assert (tmp_path / "mine.json").read_text() == content


def test_an_earlier_result_is_removed_at_the_start(run: Run, tmp_path: Path) -> None:
    assert run(done, "result.path=run.json") == 3

    def job(*_: object, **__: object) -> Result:
        assert not (tmp_path / "run.json").exists()  # what a killed command leaves
        return Result()

    assert run(job, "result.path=run.json") == 0
    assert read(tmp_path / "run.json")["exit_code"] == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("run.txt", "result.path must be a path that ends in .json, or null, got 'run.txt'."),
        ("a_file/run.json", "which is a file and not a folder"),
        ("s3://bucket/run.json", "result.path"),
        ("folder.json", "is a folder; name a file"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_work(
    run: Run, tmp_path: Path, path: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a_file").touch()
    (tmp_path / "folder.json").mkdir()
    assert run(broken, f"result.path={path}") == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_result_that_cannot_be_written_in_the_end_is_an_error(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def job(*_: object, **__: object) -> Result:
        (tmp_path / "out").write_text("a file took the folder's place")
        return Result()

    assert run(job, "result.path=out/run.json") == 2
    assert "error: result.path 'out/run.json' cannot be written" in capsys.readouterr().err


def test_passwords_are_masked(tmp_path: Path) -> None:
    path = str(tmp_path / "run.json")
    file = ResultFile("train", [f"result.path={path}", "registry.tracking_uri=postgresql://ann:secret@h/d"])
    file.finish(0)
    assert "secret" not in Path(path).read_text()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["result.path=a.json"], "a.json"),
        (["result.path=a.json", "result.path=b.json"], "b.json"),
        (['+result.path="a b.json"'], "a b.json"),
        (["result.path=${oc.env:X}.json"], None),
        (["result.path=a.txt"], None),
        (["result.path=null"], None),
        (["seed=1"], None),
    ],
)
def test_the_path_is_read_from_the_command_line(arguments: list[str], path: str | None) -> None:
    assert typed_path(arguments) == path


def test_the_warnings_that_were_logged_are_in_the_result_of_their_run(run: Run, tmp_path: Path) -> None:
    def job(settings: Any, *_: object, **__: object) -> Result:
        logging.getLogger("tenure").warning("%s rows of run %s", 3, settings.seed)
        logging.getLogger("tenure").info("no warning")
        # as Python's warnings are logged
        logging.getLogger("py.warnings").warning("%s", f"warning: heavy tail of run {settings.seed}\n")
        return Result()

    assert run(job, "-m", "seed=1,2", "result.path=run.json") == 0
    for number, seed in enumerate((1, 2)):
        lines = [f"3 rows of run {seed}", f"heavy tail of run {seed}"]
        assert read(tmp_path / f"run-{number}.json")["warnings"] == lines
    assert read(tmp_path / "run.json")["warnings"] == []


HAS_SPARK = importlib.util.find_spec("pyspark") is not None
OF_SPARK = ("tenure.spark", "tenure.jobs.spark_engine")


def errors() -> Iterator[type[InputError]]:
    """Yield every class of an error in the input."""
    for module in pkgutil.walk_packages(tenure.__path__, "tenure."):
        if not module.name.endswith(("__main__", "model_code")) and (HAS_SPARK or not module.name.startswith(OF_SPARK)):
            importlib.import_module(module.name)
    left = [InputError]
    while left:
        error = left.pop()
        yield error
        left.extend(one for one in error.__subclasses__() if one.__module__.startswith("tenure."))


OF_CODE = {
    2: {"bad_log", "bad_setting", "fit_failed", "disk_full", "package_missing"},
    3: {"review_failed", "promotion_refused"},
    4: {"no_model", "no_champion", "files_changed"},
    5: {"store_unreachable", "store_missing", "store_damaged", "data_unreachable"},
}


def test_the_reason_of_each_error_belongs_to_its_exit_code() -> None:
    seen = {(error.exit_code, str(error.reason)) for error in errors()}
    assert seen == {(code, reason) for code, reasons in OF_CODE.items() for reason in reasons}


PAGE = (Path(__file__).parent.parent / "docs" / "exit_codes.md").read_text()


def test_the_page_lists_every_reason_with_its_exit_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d, ]+) \|", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [str(reason) for reason in Reason]
    for code, reasons in OF_CODE.items():
        assert reasons <= {name for name, codes in rows if str(code) in codes}


def test_the_samples_of_the_page_have_the_keys_of_a_result(run: Run, tmp_path: Path) -> None:
    assert run(done, "result.path=run.json") == 3
    samples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert [sample["command"] for sample in samples] == ["train", "score", "backtest", "promote", "report", "simulate"]
    for sample in samples:
        assert list(sample) == list(read(tmp_path / "run.json"))
