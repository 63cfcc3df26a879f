"""Scorings that are killed while they write to a server: slow, and skipped where the servers are missing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_servers
import pyarrow.fs as pafs
import pytest
from job_runs import command, without_uv
from test_places_servers import SAMPLE, bucket, psql, pytestmark, server  # noqa: F401 (fixtures, marks of the module)

MANIFEST, UNFINISHED = "_tenure/manifest.json", "_tenure/unfinished"
WAITS = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
SUM = "select count(*), md5(string_agg(s::text, '|' order by customer_id)) from {} s"
SLEEP = """
create function sleep_in_the_middle() returns trigger language plpgsql
as 'begin if new.customer_id = 1000 then perform pg_sleep(300); end if; return new; end';
create trigger sleeps before insert on marketing.scores for each row execute function sleep_in_the_middle()
"""


@pytest.fixture
def request_of(logged_model: str) -> list[str]:
    """Return what all scorings of a test have in common: 24 parts."""
    last = "rfm.end=1998-06-30"
    return [f"model={logged_model}", last, "score.allow_unit_change=true", "score.part_rows=100"]


def kill_when(is_reached: Callable[[], bool], request: list[str], folder: Path) -> None:
    """Start a scoring, and end it without warning once a condition holds."""
    asked = [str(Path(sys.executable).with_name("tenure-score")), *request]
    job = subprocess.Popen(asked, cwd=folder, env=without_uv(), stderr=subprocess.PIPE, text=True)
    while not is_reached():
        assert job.poll() is None, job.stderr and job.stderr.read()
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGKILL)
    job.communicate()


def objects_of(store: Any, folder: str) -> dict[str, bytes]:
    """Return the objects of a folder by their names within it."""
    infos = store.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
    files = [info.path for info in infos if info.type == pafs.FileType.File]
    return {path.removeprefix(f"{folder}/"): store.open_input_file(path).read() for path in files}


def test_a_scoring_that_is_killed_while_it_writes_to_s3_has_no_manifest_and_continues_to_the_same_bytes(
    bucket: Any,  # noqa: F811
    request_of: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = [*request_of, f"transactions.path={SAMPLE}"]
    whole = command("score", *request, "output=s3://lake/whole/", folder=tmp_path)
    assert whole.code == 0, whole.err
    expected = objects_of(bucket, "lake/whole")
    assert len(expected) == 25
    with data_servers.gate(os.environ["AWS_ENDPOINT_URL"]) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.address)
        for output, at in {"first": "first/part-00003", "last": f"last/{MANIFEST}"}.items():
            gate.kept = at
            gate.reached.clear()
            kill_when(gate.reached.is_set, [*request, f"output=s3://lake/{output}/"], tmp_path)
            left = objects_of(bucket, f"lake/{output}")
            assert left.pop(UNFINISHED) == b""
            assert MANIFEST not in left
            assert len(left) == {"first": 3, "last": 24}[output]
            assert left.items() <= expected.items()
            gate.kept = ""
            again = command("score", *request, f"output=s3://lake/{output}/", folder=tmp_path)
            assert again.code == 0, again.err
            assert objects_of(bucket, f"lake/{output}") == expected
            assert not [name for name in again.left if name.startswith(".tenure")]


def test_scores_in_s3_that_a_killed_scoring_was_replacing_have_no_manifest_until_it_is_repeated(
    bucket: Any,  # noqa: F811
    request_of: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = [*request_of, f"transactions.path={SAMPLE}", "output=s3://lake/replaced/"]
    other = [*request, "score.horizon_days=30", "restart=true"]
    with data_servers.gate(os.environ["AWS_ENDPOINT_URL"]) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.address)
        assert command("score", *request, folder=tmp_path).code == 0
        before = objects_of(bucket, "lake/replaced")
        gate.kept = "replaced/part-00003"
        kill_when(gate.reached.is_set, other, tmp_path)
        gate.kept = ""
        mixed = objects_of(bucket, "lake/replaced")
        assert mixed.pop(UNFINISHED) == b""
        assert MANIFEST not in mixed
        assert sum(before[name] != content for name, content in mixed.items()) == 3
        again = command("score", *other, folder=tmp_path)
        assert again.code == 0, again.err
        expected = command("score", *other, "output=s3://lake/alone/", folder=tmp_path)
        assert expected.code == 0, expected.err
    assert objects_of(bucket, "lake/replaced") == objects_of(bucket, "lake/alone")


def test_a_scoring_that_is_killed_among_the_rows_of_a_table_leaves_the_old_ones_and_is_repeated(
    server: dict[str, str],  # noqa: F811
    request_of: list[str],
    tmp_path: Path,
) -> None:
    psql("create schema marketing")
    request = [*request_of, "transactions.path=postgres:sales"]
    outputs = ["output=postgres:marketing.scores", "output=postgres:marketing.alone"]
    old = command("score", *request, outputs[0], "score.horizon_days=30", folder=tmp_path)
    assert old.code == 0, old.err
    before = psql(SUM.format("marketing.scores"))
    psql(SLEEP)
    kill_when(lambda: psql(WAITS) != "0", [*request, outputs[0]], tmp_path)
    assert psql(SUM.format("marketing.scores")) == before
    psql("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
    psql("drop trigger sleeps on marketing.scores")
    assert psql(SUM.format("marketing.scores")) == before
    for output in outputs:
        again = command("score", *request, output, folder=tmp_path)
        assert again.code == 0, again.err
        assert not [name for name in again.left if name.startswith(".tenure")]
    after = psql(SUM.format("marketing.scores"))
    assert after == psql(SUM.format("marketing.alone")) != before


def test_a_service_file_names_the_server_of_a_log_and_of_scores(
    server: dict[str, str],  # noqa: F811
    request_of: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    psql("create database elsewhere")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    psql("create table sales (customer_id bigint, date date, quantity bigint, amount double precision)")
    psql(f"\\copy sales from '{SAMPLE}' with (format csv, header)")
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    lines = [f"{name}={os.environ[variable]}" for name, variable in names.items()]
    service = tmp_path / "services.conf"
    service.write_text("\n".join(["[shop]", *lines, ""]))
    for variable in names.values():
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGSERVICE", "shop")
    request = [*request_of, "transactions.path=postgres:sales", "output=postgres:served"]
    ran = command("score", *request, folder=tmp_path)
    assert ran.code == 0, ran.err
    assert psql("select count(*), current_database() from served") == "2357|elsewhere"
    monkeypatch.setenv("PGSERVICE", "nothing")
    lost = command("score", *request, folder=tmp_path)
    assert lost.code == 2
    assert len(lost.err.strip().splitlines()) == 1
    assert "nothing" in lost.err
