"""Scoring in parts: resumed after any stop, equal to the byte, one job at a time, and refused for another job."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from cases import few

from tenure import registry
from tenure.batch import CustomerParts, PartFiles, ScoreFolder, Sums, divide
from tenure.batch.customer_parts import part_numbers
from tenure.batch.part_files import seal, unseal
from tenure.jobs import local_engine, scoring
from tenure.jobs.compose import compose_settings
from tenure.jobs.ending import disk_fault
from tenure.output import OutputError, describe, refuse_input
from tenure.scorer import Scorer
from tenure.settings import SettingsError
from tenure.summary import SummaryError
from tenure.summary_file import SummaryCheck, SummaryFile

PARTS = 7
DISK = OSError(errno.EIO, "Input/output error")
HOLD_AND_WAIT = """
import sys
from tenure.batch import ScoreFolder
with ScoreFolder(sys.argv[1]).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def model(logged_model: str) -> str:
    return logged_model


@pytest.fixture
def customers(tmp_path: Path, summaries: pd.DataFrame) -> Path:
    path = tmp_path / "customers.parquet"
    summaries.assign(country=np.where(summaries["T"] < 300, "DE", None)).to_parquet(path)
    return path


def score(model: str, customers: Path, output: str, *overrides: str) -> Any:
    line = [f"model={model}", f"summary.path={customers}", f"output={output}", "score.part_rows=100", *overrides]
    return scoring.run(compose_settings("score", line), "")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def names(count: int) -> list[str]:
    return [f"part-{number:05d}" for number in range(count)]


def test_a_folder_holds_parts_by_a_hash_of_the_id_and_a_file_is_made_of_the_same(
    model: str, customers: Path, tmp_path: Path, summaries: pd.DataFrame
) -> None:
    request = ["by=[country]", "by_month=true", "residual=true", "score.columns=[model_version]"]
    result = score(model, customers, "folder/", *request)
    files = bytes_of(tmp_path / "folder")
    about = [f"_tenure/{name}{end}" for name in names(PARTS) for end in (".json", ".npz")]
    assert sorted(files) == sorted(
        ["_tenure/job.json", "_tenure/manifest.json", *about, *(f"{name}.parquet" for name in names(PARTS))]
    )
    parts = [pd.read_parquet(tmp_path / "folder" / f"{name}.parquet") for name in names(PARTS)]
    places = part_numbers(summaries["customer_id"], PARTS)
    for number, part in enumerate(parts):  # in the order of the input
        assert list(part["customer_id"]) == list(summaries["customer_id"][places == number])
    again = score(model, customers, "scores.parquet", *request)
    pd.testing.assert_frame_equal(pd.read_parquet("scores.parquet"), pd.concat(parts, ignore_index=True))
    assert pq.ParquetFile("scores.parquet").num_row_groups == PARTS
    assert again.totals == result.totals
    whole = score(model, customers, "whole.parquet", *request, "score.part_rows=1000")
    assert whole.totals == result.totals  # to the bit
    assert list(pd.read_parquet("whole.parquet")["customer_id"]) == list(summaries["customer_id"])
    table = registry.evidence(result.run_id).table("scores/groups")
    pd.testing.assert_frame_equal(table, registry.evidence(whole.run_id).table("scores/groups"))
    assert set(table["customers"]) == {int((summaries["T"] < 300).sum()), int((summaries["T"] >= 300).sum())}
    manifest = json.loads(files["_tenure/manifest.json"])
    assert manifest["customers"] == 700
    assert manifest["totals"] == result.totals
    assert not {name for name in os.listdir() if name.startswith(".")}
    for content in (*files.values(), Path("scores.parquet").read_bytes()):
        assert result.run_id.encode() not in content


@pytest.mark.slow
def test_part_sizes_and_threads_change_no_bit_of_scores_totals_groups_and_months(
    model: str, tmp_path: Path, summaries: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six parts by one thread, by two and by seven, and one part, in other orders of the customers."""
    base = pd.concat([summaries.assign(customer_id=summaries["customer_id"] + f"-{copy}") for copy in range(8)])
    base = base.assign(country=np.where(base["T"] < 300, "DE", None), customer=base["customer_id"].str[-1])
    request = ["by=[country,customer]", "by_month=true", "residual=true", "seed=5"]
    results = []
    for threads, rows, output in ((1, 1_000, "a/"), (2, 1_000, "b.parquet"), (7, 1_000, "c/"), (2, 250_000, "d/")):
        monkeypatch.setattr("tenure.scorer.score._available_cores", lambda threads=threads: threads)
        base.sample(frac=1.0, random_state=threads).to_parquet("customers.parquet")
        result = score(model, Path("customers.parquet"), output, f"score.part_rows={rows}", *request)
        evidence = registry.evidence(result.run_id)
        tables = [evidence.table(f"scores/{name}") for name in ("totals", "groups", "months")]
        rows_of = pd.read_parquet(tmp_path / output).sort_values("customer_id", ignore_index=True)
        results.append((result.totals, [rows_of, *tables]))
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 6
    assert len(list((tmp_path / "d").glob("*.parquet"))) == 1
    assert len(results[0][1][2]) == 2 * 2 * 8  # of purchases and clv, by country and the last digit
    for totals, tables in results[1:]:
        assert totals == results[0][0]
        for table, first in zip(tables, results[0][1], strict=True):
            pd.testing.assert_frame_equal(table, first, check_exact=True)


@pytest.mark.parametrize("output", ["folder/", "scores.parquet"])
@pytest.mark.parametrize("at", few([4, 0, 23, 44], 1))
def test_a_full_disk_at_any_write_is_one_line_and_a_rerun_continues_to_the_same_bytes(
    model: str, customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, at: int
) -> None:
    """Stops in the first write, before the first part is done, in the middle, and in the last write of all."""
    score(model, customers, f"reference/{output}", "by=[country]")
    synced, fsync, calls = f"again/{output}", os.fsync, [0]

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] > at:
            raise OSError(errno.ENOSPC, "No space left on device", "here")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as refused:
            score(model, customers, synced, "by=[country]")
    assert "The disk is full" in str(disk_fault(refused.value))
    assert "\n" not in str(disk_fault(refused.value))
    about = tmp_path / "again" / ("folder" if output == "folder/" else ".scores.parquet.parts") / "_tenure"
    done = {path: path.stat().st_ino for path in about.glob("part-*.json")}
    assert (len(done) > 0) == (at > 7)
    scored = score(model, customers, synced, "by=[country]")
    assert all(path.stat().st_ino == node for path, node in done.items() if path.exists())
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "reference")
    client = mlflow.MlflowClient()
    assert client.get_run(scored.run_id).info.status == "FINISHED"
    assert not client.search_runs(["1"], "attributes.status = 'RUNNING'")


@pytest.mark.parametrize(
    ("owner", "method", "error"),
    few(
        [
            (CustomerParts, "_read_file", DISK),  # reads the fourth part while the third one is scored
            (Scorer, "score", KeyboardInterrupt()),
            pytest.param(PartFiles, "write", DISK, marks=pytest.mark.slow),
            pytest.param(Scorer, "score", DISK, marks=pytest.mark.slow),
            pytest.param(PartFiles, "write", KeyboardInterrupt(), marks=pytest.mark.slow),
        ],
        1,
    ),
)
def test_an_end_in_reading_scoring_or_writing_keeps_the_parts_before_and_a_rerun_continues(
    model: str,
    customers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    error: BaseException,
) -> None:
    call, calls = getattr(owner, method), [0]

    def ending(self: Any, *arguments: Any, **named: Any) -> Any:
        calls[0] += is_scoring[0]
        if calls[0] > 3:
            raise error
        return call(self, *arguments, **named)

    def begun(*arguments: Any) -> Any:  # what is read before are checks
        is_scoring[0] = True
        return score_parts(*arguments)

    is_scoring, score_parts = [False], local_engine.score_parts
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, ending)
        patch.setattr(local_engine, "score_parts", begun)
        with pytest.raises(type(error)):
            score(model, customers, "folder/")
    assert not [one.name for one in threading.enumerate() if one.name.startswith(("read", "write"))]
    assert len(list((tmp_path / "folder").glob("*.parquet"))) == 3
    assert not (tmp_path / "folder" / "_tenure" / "customers").exists()
    written = count_writes(monkeypatch)
    score(model, customers, "folder/")
    assert written == [3, 4, 5, 6]
    score(model, customers, "whole/")
    assert bytes_of(tmp_path / "folder") == bytes_of(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_a_signal_ends_the_command_with_one_line_and_a_rerun_continues(
    model: str, customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, word: str
) -> None:
    line = [f"model={model}", f"summary.path={customers}", "output=folder/", "score.part_rows=10"]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("tenure-score")), *line],
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"},
        stderr=subprocess.PIPE,
        text=True,
    )

    def parts() -> int:
        return len(list((tmp_path / "folder").glob("part-*.parquet")))

    while parts() < 5 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, said
    assert said.splitlines()[-1].startswith(f"{word}: ")
    assert "Traceback" not in said
    done = parts()
    assert done >= 5
    assert not (tmp_path / "folder" / "_tenure" / "customers").exists()
    written = count_writes(monkeypatch)
    score(model, customers, "folder/", "score.part_rows=10")
    assert 0 < len(written) == parts() - done


@pytest.mark.parametrize(
    ("damage", "kind"),
    few(
        [
            ("part-00002.parquet", "flipped"),
            pytest.param("part-00002.parquet", "removed", marks=pytest.mark.slow),
            ("_tenure/part-00002.npz", "flipped"),
            pytest.param("_tenure/part-00002.npz", "cut", marks=pytest.mark.slow),
            ("_tenure/part-00002.json", "flipped"),
            ("_tenure/job.json", "flipped"),
            pytest.param("_tenure/manifest.json", "removed", marks=pytest.mark.slow),
        ],
        1,
    ),
)
def test_a_damaged_file_is_made_again(
    model: str, customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, kind: str
) -> None:
    score(model, customers, "folder/")
    before, path = bytes_of(tmp_path / "folder"), tmp_path / "folder" / damage
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content if kind == "flipped" else content[: len(content) // 2])
    if kind == "removed":
        path.unlink()
    written = count_writes(monkeypatch)
    score(model, customers, "folder/")
    assert bytes_of(tmp_path / "folder") == before
    assert written == ([2] if "part-00002" in damage else [])


def count_writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list to which the numbers of the parts that are written are added."""
    written, write = list[int](), PartFiles.write

    def counted(self: PartFiles, number: int, table: pd.DataFrame, sums: Sums) -> None:
        written.append(number)
        write(self, number, table, sums)

    monkeypatch.setattr(PartFiles, "write", counted)
    return written


def test_a_finished_scoring_is_not_done_again(model: str, customers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = score(model, customers, "folder/", "by=[country]", "by_month=true", "residual=true")
    written = count_writes(monkeypatch)
    second = score(model, customers, "folder/", "by=[country]", "by_month=true", "residual=true")
    assert written == []
    assert second.totals == first.totals
    metrics = [registry.evidence(one.run_id).metrics for one in (first, second)]
    for measured in metrics:
        measured.pop("score.seconds")
    assert metrics[0] == metrics[1]


OTHERS = [
    (["score.horizon_days=180"], r"with another params \(horizon_days 365, now 180\)"),
    (["seed=4", "score.margin=0.5"], r"with another params \(margin 1\.0, now 0\.5; seed 0, now 4\)"),
    (["by=[country]"], r"with another params \(by \[\], now \['country'\]\)"),
    (["score.columns=[model_version]"], "with another params"),
    (["summary.path=fewer.parquet"], r"with another input \(customers 700, now 699\)"),
    (["summary.path=changed.parquet", "seed=1"], "with another params and another input"),
    (["model=OTHER"], "with another model"),
    (["score.part_rows=99"], r"with another part size \(part_rows 100, now 99\)"),
]


@pytest.mark.slow
def test_another_scoring_at_the_same_place_is_refused_and_names_what_differs(
    model: str, customers: Path, tmp_path: Path, summaries: pd.DataFrame
) -> None:
    summaries.iloc[1:].to_parquet("fewer.parquet")
    summaries.assign(monetary_value=summaries["monetary_value"] * 1.5).to_parquet("changed.parquet")
    with mlflow.start_run() as run:
        mlflow.set_tags({"job": "train", "verdict": "PASS"})
        mlflow.log_artifact(str(tmp_path / "calibration.npz"), "posterior")
    score(model, customers, "folder/")
    before = bytes_of(tmp_path / "folder")
    for overrides, why in OTHERS:
        line = [one.replace("OTHER", f"runs:/{run.info.run_id}") for one in overrides]
        with pytest.raises(OutputError, match=why) as refused:
            score(model, customers, "folder/", *line)
        assert refused.value.exit_code == 2
        assert "\n" not in str(refused.value)
        assert bytes_of(tmp_path / "folder") == before
    score(model, customers, "folder/", *overrides, "restart=true")
    other = bytes_of(tmp_path / "folder")
    score(model, customers, "fresh/", *overrides)
    assert other == bytes_of(tmp_path / "fresh")


@pytest.mark.slow
def test_equal_customers_in_another_format_are_the_same_input(
    model: str, customers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(model, customers, "folder/")
    pd.read_parquet(customers).to_csv("customers.csv", index=False)
    written = count_writes(monkeypatch)
    score(model, Path("customers.csv"), "folder/", "transactions.id_type=text")
    assert written == []


@pytest.mark.slow
def test_a_file_is_replaced_by_another_scoring_unless_one_is_unfinished(
    model: str, customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(model, customers, "scores.parquet")
    score(model, customers, "scores.parquet", "seed=1")
    assert describe("scores.parquet")["params"]["seed"] == 1
    before = Path("scores.parquet").read_bytes()
    write = PartFiles.write

    def stop(self: PartFiles, number: int, table: pd.DataFrame, sums: Sums) -> None:
        if number == 3:
            raise KeyboardInterrupt
        write(self, number, table, sums)

    with monkeypatch.context() as patch:
        patch.setattr(PartFiles, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            score(model, customers, "scores.parquet", "seed=2")
    assert Path("scores.parquet").read_bytes() == before
    assert Path(".scores.parquet.parts").stat().st_mode & 0o777 == 0o700
    assert not list(Path(".scores.parquet.parts").rglob("*.arrow"))
    with pytest.raises(OutputError, match=r"parts of an unfinished scoring with another params \(seed 2, now 3\)"):
        score(model, customers, "scores.parquet", "seed=3")
    written = count_writes(monkeypatch)
    score(model, customers, "scores.parquet", "seed=2")
    assert written == [3, 4, 5, 6]
    assert not Path(".scores.parquet.parts").exists()


def test_parts_that_are_in_their_file_already_do_not_refuse_another_scoring(
    model: str, customers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job may be stopped between the last renaming and the removal of its parts."""
    with monkeypatch.context() as patch:
        patch.setattr(ScoreFolder, "discard", lambda self: None)
        score(model, customers, "scores.parquet")
    assert Path(".scores.parquet.parts").is_dir()
    score(model, customers, "scores.parquet", "seed=1")
    assert not Path(".scores.parquet.parts").exists()
    assert describe("scores.parquet")["params"]["seed"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("output", ["folder/", "scores.parquet"])
def test_a_second_job_is_refused_with_host_and_pid_and_a_dead_ones_lock_is_taken_over(
    model: str, customers: Path, tmp_path: Path, output: str
) -> None:
    line = [sys.executable, "-c", HOLD_AND_WAIT, str(tmp_path / output) + "/" * output.endswith("/")]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        holder = rf"is being written by another process \({process.pid} on {os.uname().nodename}\)"
        with pytest.raises(OutputError, match=holder):
            score(model, customers, output)
        with pytest.raises(OutputError, match=holder), ScoreFolder(output).locked():
            pass
    finally:
        process.kill()
        process.communicate()
    score(model, customers, output)
    score(model, customers, f"reference/{output}")
    if output == "folder/":
        assert bytes_of(tmp_path / "folder") == bytes_of(tmp_path / "reference" / "folder")
    assert not list(tmp_path.glob(".scores*"))


def test_what_cannot_be_scored_leaves_nothing(model: str, customers: Path, summaries: pd.DataFrame) -> None:
    pd.concat([summaries, summaries.iloc[[3]]]).to_parquet("twice.parquet")
    summaries.assign(T=-1).to_parquet("bad.parquet")
    summaries.iloc[:0].to_parquet("empty.parquet")
    for name, why in (("twice", "1 customer ids are on"), ("bad", "have a T below 0"), ("empty", "no customers")):
        for output in ("new/folder/", "new/scores.parquet"):
            with pytest.raises((SummaryError, Exception), match=why):
                score(model, Path(f"{name}.parquet"), output)
            assert not Path("new").exists()
    Path("others").mkdir()
    Path("others/mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is a folder with other files, such as 'mine\.txt'"):
        score(model, customers, "others/")
    with pytest.raises(OutputError, match=r"has the input .*customers\.parquet' in it: name another folder"):
        refuse_input("./", [customers])
    with pytest.raises(OutputError, match="is a file; name a folder"):
        score(model, customers, f"{customers}/")
    with pytest.raises(OutputError, match="is not writable"):
        score(model, customers, "/proc/scores/")
    rule = r"output must be a path that ends in \.parquet, that of a folder, which ends in /, or postgres:TABLE"
    with pytest.raises(SettingsError, match=rule):
        score(model, customers, "scores.csv")


def divided(customers: pd.DataFrame, folder: Path, rows: int, suffix: str = "parquet", **more: Any) -> CustomerParts:
    path = folder / f"table.{suffix}"
    (customers.to_parquet if suffix == "parquet" else customers.to_csv)(path, index=False)
    file = SummaryFile(str(path), rows=64, texts=tuple(more.get("by", ()))).with_type(None)
    spilled = folder / f"spilled-{len(list(folder.iterdir()))}"
    spilled.mkdir()
    return divide(file, spilled, rows, SummaryCheck(more.get("by", ())), more.get("further", ()))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("rows", few([1, 3, 100, 699, 700, 5000], 1))
def test_parts_are_a_function_of_the_ids_and_keep_types_and_order(
    tmp_path: Path, summaries: pd.DataFrame, suffix: str, rows: int
) -> None:
    numbers = pd.array([None if at % 9 == 0 else at % 4 for at in range(700)], "Int64")
    base = summaries.assign(customer_id=np.arange(700)[::-1], zone=numbers)
    parts = divided(base, tmp_path, rows, suffix, by=["zone"])
    frames = dict(parts.read(parts.numbers))
    assert sum(map(len, frames.values())) == parts.customers == 700
    assert list(frames) == parts.numbers
    places = part_numbers(base["customer_id"].astype(str), parts.parts)
    for number, frame in frames.items():
        assert frame["customer_id"].tolist() == base["customer_id"][places == number].tolist()
        assert pd.api.types.is_integer_dtype(frame["customer_id"].dtype)
    assert len(parts.groups) == 5
    assert parts.digest == divided(base, tmp_path, 17, suffix, by=["zone"]).digest
    moved = base.assign(customer_id=base["customer_id"].astype(str))
    if suffix == "parquet":
        assert divided(moved, tmp_path, rows, suffix, by=["zone"]).digest != parts.digest


def test_ids_in_two_parts_of_the_file_are_found_in_one_part_of_the_hash(
    tmp_path: Path, summaries: pd.DataFrame
) -> None:
    twice = summaries.copy()
    twice.loc[650, "customer_id"] = twice.loc[2, "customer_id"]
    twice.loc[400, "customer_id"] = twice.loc[3, "customer_id"]
    with pytest.raises(SummaryError, match="2 customer ids are on more than one row"):
        divided(twice, tmp_path, 50)


def test_a_part_is_the_share_of_the_first_bytes_of_the_md5_of_the_id() -> None:
    """As any database computes it, for joins with other tables."""
    ids = pd.Series(["", "7", "customer 8", "é"], dtype="str")
    first = [0xD41D8CD9, 0x8F14E45F, 0x2BA20EA6, 0x8BEEC05A]
    assert [int.from_bytes(__import__("hashlib").md5(one.encode()).digest()[:4]) for one in ids][:2] == first[:2]
    assert part_numbers(ids, 16).tolist()[:2] == [0xD, 0x8]


@pytest.mark.parametrize("change", [lambda text: text.replace("1", "2", 1), lambda text: text + " ", lambda _: "{}"])
def test_a_description_with_any_other_byte_is_none(tmp_path: Path, change: Callable[[str], str]) -> None:
    path = tmp_path / "about.json"
    path.write_text(seal({"rows": 1, "files": {"a": "b"}}))
    assert unseal(path) == {"rows": 1, "files": {"a": "b"}}
    path.write_text(change(path.read_text()))
    assert unseal(path) is None
    assert unseal(tmp_path / "none.json") is None


def script(*arguments: str) -> str:
    path = Path(__file__).parent.parent / "experiments" / "score_parts.py"
    line = [sys.executable, "-W", "ignore", str(path), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_job_killed_at_any_of_100_random_moments_continues_to_the_same_bytes() -> None:
    """The script ends with an error where a rerun fails, writes other bytes or scores two parts twice."""
    last = script("kills", "--points", "100").splitlines()[-1]
    assert last.endswith("100 finished, 100 with the same bytes, 0 with stray files, 0 runs left open")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_customers() -> None:
    rows = [line.split("|") for line in script("sizes", "--customers", "1000000", "4000000").splitlines()]
    peaks = [float(row[3].replace(",", "")) for row in rows[2:]]
    assert len(peaks) == 4
    assert max(peaks) < 1.1 * min(peaks)
    assert max(peaks) < 1000
