"""What is written: whole, by one process at a time, never over its own input, and nothing is left of the dead."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from logs import CDNOW, settings

from tenure.batch import ScoreFile
from tenure.jobs.scoring import kept_if_lost
from tenure.output import (
    OutputError,
    atomic_file,
    atomic_folder,
    refuse_input,
    require_new_folder,
    require_writable,
)
from tenure.summary_file import SummaryFile, SummaryFileError
from tenure.transactions import read

WRITE_AND_WAIT = """
import sys
from tenure.output import atomic_file
with atomic_file(sys.argv[1]) as path:
    path.write_text("half")
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def umask() -> int:
    before = os.umask(0o027)
    os.umask(before)
    return before


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_follows_the_umask_and_an_old_one_keeps_its_mode(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "scores.parquet"
    try:
        os.umask(0o027)
        with atomic_file(str(path)) as scratch:
            assert mode(scratch) == 0o600  # nobody else reads it while it is written
        assert mode(path) == 0o640
        for kept in (0o600, 0o664):
            path.chmod(kept)
            with atomic_file(str(path)):
                pass
            assert mode(path) == kept
        with atomic_folder(str(tmp_path / "folder")):
            pass
        assert mode(tmp_path / "folder") == 0o750
    finally:
        os.umask(umask)


def writer(path: Path) -> subprocess.Popen[str]:
    asked = [sys.executable, "-c", WRITE_AND_WAIT, str(path)]
    process = subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip()
    return process


def test_a_second_writer_is_refused_and_what_a_dead_one_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "scores [1].parquet"
    process = writer(path)
    try:
        with pytest.raises(OutputError, match=rf"is being written by another process \({process.pid} on "):
            require_writable(str(path))
        with pytest.raises(OutputError, match="Wait for it to end"), atomic_file(str(path)):
            pass
        require_writable(str(tmp_path / "scores [2].parquet"))
        assert len(list(tmp_path.iterdir())) == 1  # the first one's
    finally:
        process.kill()
        process.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    require_writable(str(path))
    assert not list(tmp_path.iterdir())
    with atomic_file(str(path)) as scratch:
        scratch.write_text("whole")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_of_two_that_begin_the_first_goes_on(tmp_path: Path) -> None:
    path = str(tmp_path / "scores.parquet")
    with atomic_file(path) as first:
        with pytest.raises(OutputError, match="is being written"), atomic_file(path):
            pass
        first.write_text("first")
    assert Path(path).read_text() == "first"


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, make = str(tmp_path / "scores.parquet"), tempfile.mkstemp
    made = []

    def looked_at(**asked: Any) -> tuple[int, str]:
        made.append(make(**asked))
        if len(made) == 1:
            require_writable(path)
        return made[-1]

    monkeypatch.setattr(tempfile, "mkstemp", looked_at)
    with atomic_file(path) as partial:
        partial.write_text("whole")
    assert len(made) == 2
    assert [found.name for found in tmp_path.iterdir()] == ["scores.parquet"]


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    source, link, hard = tmp_path / "log.parquet", tmp_path / "link.parquet", tmp_path / "hard.parquet"
    source.write_text("rows")
    link.symlink_to(source)
    hard.hardlink_to(source)
    for path in (source, link, hard, tmp_path / "folder" / ".." / "log.parquet"):
        with pytest.raises(OutputError, match=r"is the input .* name another file"):
            refuse_input(str(path), [source])
    with pytest.raises(OutputError, match="or is in it"):
        refuse_input(str(tmp_path / "month=1" / "scores.parquet"), [tmp_path])
    refuse_input(str(tmp_path / "scores.parquet"), [source, tmp_path / "nowhere.csv"])
    assert source.read_text() == "rows"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("x" * 260 + ".parquet", "has a name that is too long ('xxxx"),
        ("é" * 120 + ".parquet", "has a name that is too long ('éééé"),
        ("y" * 260 + "/scores.parquet", "keep to 255 bytes"),
        ("/".join(["z" * 100] * 50) + "/scores.parquet", "is too long: keep to"),
        ("/proc/scores.parquet", "cannot be written: /proc is not writable."),
        ("/proc/new/scores.parquet", "cannot be written: /proc is not writable."),
    ],
)
def test_an_output_that_no_file_can_have_is_refused_before_any_work(tmp_path: Path, path: str, why: str) -> None:
    before = list(tmp_path.iterdir())
    for require in (require_writable, require_new_folder):
        with pytest.raises(OutputError) as refused:
            require(str(tmp_path / path))
        assert why in str(refused.value)
        assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == before


def test_the_longest_name_that_is_accepted_can_be_written(tmp_path: Path) -> None:
    accepted = 0
    for length in range(100, 256):
        path = str(tmp_path / ("x" * length))
        try:
            require_writable(path)
        except OutputError:
            break
        accepted = length
    with atomic_file(str(tmp_path / ("x" * accepted))) as partial:
        partial.write_text("whole")
    assert 140 < accepted < 255
    assert [file.read_text() for file in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("kind", ["link", "dangling"])
def test_an_output_that_is_a_link_writes_what_it_points_to(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "there" / "scores.parquet"
    if kind == "link":
        target.parent.mkdir()
        target.write_text("old")
    (tmp_path / "link.parquet").symlink_to(target)
    require_writable(str(tmp_path / "link.parquet"))
    with atomic_file(str(tmp_path / "link.parquet")) as partial:
        partial.write_text("new")
    assert (tmp_path / "link.parquet").is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_summary_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, summaries: pd.DataFrame, suffix: str
) -> None:
    path = tmp_path / f"summary.{suffix}"
    write = summaries.to_csv if suffix == "csv" else summaries.to_parquet
    write(path, index=False)
    file = SummaryFile(str(path)).with_type(None)
    assert sum(len(part) for part in file.parts()) == 700
    other = summaries.iloc[:600]
    (other.to_csv if suffix == "csv" else other.to_parquet)(path, index=False)
    with pytest.raises(SummaryFileError, match="was changed while it was read"):
        list(file.parts())


def lose_the_store(path: Path, summaries: pd.DataFrame, *, is_complete: bool) -> None:
    with atomic_file(str(path)) as scratch, kept_if_lost(scratch, str(path)):
        output = ScoreFile(scratch)
        output.write(summaries)
        if is_complete:
            output.close({"model": "models:/clv/1"})
        raise ConnectionError


def test_scores_are_kept_where_the_store_is_lost(
    tmp_path: Path, summaries: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    path, kept = tmp_path / "scores.parquet", tmp_path / "scores.kept.parquet"
    path.write_text("before")
    with pytest.raises(ConnectionError):
        lose_the_store(path, summaries, is_complete=False)
    assert [found.name for found in tmp_path.iterdir()] == ["scores.parquet"]
    with pytest.raises(ConnectionError):
        lose_the_store(path, summaries, is_complete=True)
    assert path.read_text() == "before"
    pd.testing.assert_frame_equal(pd.read_parquet(kept), summaries)
    assert str(kept) in caplog.text
    assert len(list(tmp_path.iterdir())) == 2


def test_a_dead_ones_copy_of_a_log_is_removed_and_a_living_ones_stays(tmp_path: Path) -> None:
    host = os.uname().nodename
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f"tenure-log-{host}-{dead.pid}-x"
    others = [tmp_path / f"tenure-log-{host}-{os.getpid()}-x", tmp_path / "tenure-log-elsewhere-1-x", tmp_path / "mine"]
    for folder in (left, *others):
        folder.mkdir()
    read(settings(CDNOW, temp_directory=str(tmp_path)))
    assert not left.exists()
    assert all(folder.exists() for folder in others)
