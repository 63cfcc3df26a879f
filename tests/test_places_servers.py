"""Logs and scores in a PostgreSQL and in an S3 server that tests start: slow, and skipped where they are missing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import data_servers
import pandas as pd
import pyarrow.fs as pafs
import pytest
from job_runs import command

from tenure.places import PlaceError, UnreachablePlaceError, objects, place_of, postgres
from tenure.settings import TransactionsSettings, shipped
from tenure.transactions import LogUnreachableError, Transactions, TransactionsError, read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(data_servers.missing_postgres() is not None, reason=str(data_servers.missing_postgres())),
]
SAMPLE = shipped("data/cdnow_sample.csv")
NEEDED = ("customer_id", "clv")
PUBLISH = """
import sys
from pathlib import Path
from tenure.places import place_of, postgres
postgres.PostgresTable(place_of(sys.argv[1]), ()).publish([Path(sys.argv[2])], Path())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with data_servers.postgres() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        psql("create table sales (customer_id bigint, date date, quantity bigint, amount double precision)")
        psql(f"\\copy sales from '{SAMPLE}' with (format csv, header)")
        psql(
            "create table texts as select customer_id::text, to_char(date, 'DD.MM.YYYY') date, amount::text from sales"
        )
        psql("create role reader login; grant select on sales, texts to reader")
        psql("revoke temp on database postgres from public")
        psql("create role lacking login; create role guarded login password 'right'; grant select on sales to guarded")
        yield variables


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with data_servers.s3() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        host = variables["AWS_ENDPOINT_URL"].removeprefix("http://")
        store = pafs.S3FileSystem(endpoint_override=host, scheme="http", region="us-east-1", allow_bucket_creation=True)
        store.create_dir("lake")
        yield store


def psql(statement: str) -> str:
    asked = ["psql", "-v", "ON_ERROR_STOP=1", "-qAtc", statement]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def log(path: str, **changes: Any) -> Transactions:
    return read(TransactionsSettings(path=path, **changes))


def purchases(transactions: Transactions) -> pd.DataFrame:
    frame = transactions.purchases().to_pandas().astype({"customer_id": str, "date": str, "amount": str})
    return frame.sort_values(["customer_id", "date"], ignore_index=True)


def require_equal(one: Transactions, other: Transactions) -> None:
    pd.testing.assert_frame_equal(purchases(one), purchases(other))
    assert one.reconcile() == other.reconcile()
    assert one.duplicates == other.duplicates


def test_a_user_who_may_only_read_gets_the_summaries_of_the_file(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenure.settings import CsvSettings

    monkeypatch.setenv("PGUSER", "reader")
    here = log(SAMPLE)
    there = log("postgres:sales")
    require_equal(here, there)
    assert there.source == "postgres:sales"
    require_equal(here, log("postgres:public.texts", csv=CsvSettings(date_format="%d.%m.%Y")))
    query = "select * from log where date < date '1998-01-01'"
    assert log("postgres:sales", query=query).rows < there.rows
    with pytest.raises(TransactionsError, match=r"transactions\.query"):  # the server is out of a query's reach
        log("postgres:sales", query="select * from postgres_scan('', 'public', 'texts')")


def test_the_digest_is_that_of_the_rows_in_any_order(server: dict[str, str]) -> None:
    digest = log("postgres:sales").digest
    psql("create table shuffled as select * from sales order by md5(customer_id::text || date || amount)")
    assert log("postgres:shuffled").digest == digest
    psql("update shuffled set amount = amount + 0.01 where ctid = (select min(ctid) from shuffled)")
    assert log("postgres:shuffled").digest != digest
    assert log("postgres:sales", query="select * from log").digest != digest


def test_wrong_rows_are_refused_as_those_of_a_file(server: dict[str, str], tmp_path: Path) -> None:
    frame = pd.read_csv(SAMPLE).astype({"amount": "object", "date": str})
    frame.loc[4, "amount"], frame["amount"] = "much", frame["amount"].astype(str).where(frame.index != 4, "much")
    frame.to_parquet(tmp_path / "wrong.parquet")
    frame.to_csv(tmp_path / "wrong.csv", index=False)
    psql("create table wrong (customer_id bigint, date text, quantity bigint, amount text)")
    psql(f"\\copy wrong from '{tmp_path / 'wrong.csv'}' with (format csv, header)")
    faults = []
    for path in (str(tmp_path / "wrong.parquet"), "postgres:wrong"):
        with pytest.raises(TransactionsError) as caught:
            log(path)
        faults.append(str(caught.value).replace(path, ""))
    assert faults[0] == faults[1]
    assert "row 5: 'much'" in faults[0]


@pytest.mark.parametrize(
    ("path", "variables", "fault", "kind"),
    [
        ("postgres:nothing", {}, "no such table", TransactionsError),
        ("postgres:nowhere.sales", {}, "no such table", TransactionsError),
        ("postgres:sales", {"PGUSER": "lacking"}, "GRANT SELECT", TransactionsError),
        ("postgres:sales", {"PGDATABASE": "nothing"}, "no database 'nothing'", TransactionsError),
        ("postgres:sales", {"PGUSER": "guarded", "PGPASSWORD": "S3CRET"}, "refuses", LogUnreachableError),
        ("postgres:sales", {"PGUSER": "guarded"}, "refuses", LogUnreachableError),
        ("postgres:sales", {"PGPORT": "1"}, "cannot be reached", LogUnreachableError),
        ("postgres:sales", {"PGHOST": "nowhere.invalid"}, "cannot be reached", LogUnreachableError),
    ],
)
def test_what_postgresql_refuses_is_one_line(
    server: dict[str, str],
    path: str,
    variables: dict[str, str],
    fault: str,
    kind: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TransactionsError, match=fault) as caught:
        log(path)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_a_password_in_the_environment_is_used(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "guarded")
    monkeypatch.setenv("PGPASSWORD", "right")
    assert log("postgres:sales").rows == 6919


def test_a_server_that_is_lost_while_it_is_read(server: dict[str, str]) -> None:
    psql("create view slow as select sales.*, pg_sleep(0.002)::text from sales")
    ended = threading.Event()

    def end_reader() -> None:
        while not ended.wait(0.2):
            psql(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query ilike '%slow%' and pid <> pg_backend_pid()"
            )

    thread = threading.Thread(target=end_reader)
    thread.start()
    try:
        with pytest.raises(LogUnreachableError, match="was lost") as caught:
            log("postgres:slow")
    finally:
        ended.set()
        thread.join()
    assert "\n" not in str(caught.value)


def test_a_log_is_read_at_one_moment(server: dict[str, str]) -> None:
    """A writer moves rows between customers all the time, in transactions that keep the sum."""
    psql("create table moving as select i % 1000 as customer_id, date '2024-01-01' + i % 300 as date, 1.0 as amount"
         " from generate_series(1, 400000) i")  # fmt: skip
    ended = threading.Event()

    def move() -> None:
        while not ended.is_set():
            psql("begin; update moving set amount = amount + 1 where ctid in (select ctid from moving limit 2000);"
                 " update moving set amount = amount - 1 where ctid in"
                 " (select ctid from moving order by ctid desc limit 2000); commit")  # fmt: skip

    thread = threading.Thread(target=move)
    thread.start()
    try:
        sums = [float(log("postgres:moving", negative_amounts="drop").amount) for _ in range(3)]
    finally:
        ended.set()
        thread.join()
    assert sums == [400000.0] * 3


def scores(path: Path, rows: int, clv: float) -> Path:
    pd.DataFrame({"customer_id": range(rows), "clv": [clv] * rows}).to_parquet(path, index=False)
    return path


def test_a_table_is_replaced_whole_and_keeps_its_view_and_rights(
    server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = postgres.PostgresTable(place_of("postgres:scores"), NEEDED)
    table.require_writable()
    table.publish([scores(tmp_path / "1.parquet", 20_000, 1.0), scores(tmp_path / "2.parquet", 20_000, 1.0)], Path())
    psql("create view sums as select count(*) n, min(clv) low, max(clv) high from scores")
    psql("create role writer login; grant insert, delete on scores to writer")
    monkeypatch.setenv("PGUSER", "writer")
    seen, ended = set[str](), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            asked = ["psql", "-U", "postgres", "-qAtc", "select * from sums"]
            seen.add(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for clv in (2.0, 3.0):
            table.require_writable()
            table.publish([scores(tmp_path / "3.parquet", 30_000, clv)], Path())
        time.sleep(0.5)
    finally:
        ended.set()
        thread.join()
    assert "30000|3|3" in seen
    assert seen <= {"40000|1|1", "30000|2|2", "30000|3|3"}
    monkeypatch.setenv("PGUSER", "reader")
    with pytest.raises(PlaceError, match="GRANT INSERT, DELETE"):
        table.require_writable()


def test_a_job_that_is_killed_leaves_the_old_table_and_another_one_waits_for_nobody(
    server: dict[str, str], tmp_path: Path
) -> None:
    table = postgres.PostgresTable(place_of("postgres:killed"), NEEDED)
    table.publish([scores(tmp_path / "old.parquet", 1_000, 1.0)], Path())
    psql("create function wait() returns trigger language plpgsql as 'begin perform pg_sleep(60); return null; end'")
    psql("create trigger waits after insert on killed for each statement execute function wait()")
    new = str(scores(tmp_path / "new.parquet", 2_000, 2.0))
    job = subprocess.Popen([sys.executable, "-c", PUBLISH, "postgres:killed", new])
    waiting = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    while psql(waiting) == "0":
        assert job.poll() is None
        time.sleep(0.1)
    assert psql("select count(*), sum(clv) from killed") == "1000|1000"
    with pytest.raises(PlaceError, match="another process is writing it"):
        table.publish([tmp_path / "new.parquet"], Path())
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    psql("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
    assert psql("select count(*), sum(clv) from killed") == "1000|1000"
    psql("drop trigger waits on killed")
    table.publish([tmp_path / "new.parquet"], Path())
    assert psql("select count(*), sum(clv) from killed") == "2000|4000"


def test_a_table_with_other_columns_is_left_as_it_is(server: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="other columns"):
        postgres.PostgresTable(place_of("postgres:sales"), NEEDED).require_writable()
    psql("create table typed (customer_id text, clv double precision)")
    with pytest.raises(PlaceError, match=r"other columns .*'customer_id'"):
        postgres.PostgresTable(place_of("postgres:typed"), NEEDED).publish([scores(tmp_path / "1", 10, 1.0)], Path())
    with pytest.raises(PlaceError, match="no schema 'nowhere'"):
        postgres.PostgresTable(place_of("postgres:nowhere.x"), NEEDED).require_writable()


def put(store: Any, path: str, content: bytes) -> None:
    with store.open_output_stream(path) as stream:
        stream.write(content)


def test_a_log_in_s3_is_the_log_of_the_file(server: dict[str, str], bucket: Any, tmp_path: Path) -> None:
    content, here = Path(SAMPLE).read_bytes(), log(SAMPLE)
    put(bucket, "lake/sales.csv", content)
    pd.read_csv(SAMPLE).to_parquet(tmp_path / "sales.parquet")
    put(bucket, "lake/sales.parquet", (tmp_path / "sales.parquet").read_bytes())
    there = log("s3://lake/sales.csv")
    require_equal(here, there)
    assert there.digest == here.digest
    require_equal(here, log("s3://lake/sales.parquet"))
    lines = content.splitlines(keepends=True)
    put(bucket, "lake/days/1.csv", b"".join(lines[:3000]))
    put(bucket, "lake/days/2.csv", b"".join([lines[0], *lines[3000:]]))
    put(bucket, "lake/days/_ignored", b"x")
    for path in ("s3://lake/days/*.csv", "s3://lake/days/", "s3://lake/days"):
        require_equal(here, log(path))
    put(bucket, "lake/bad/2.csv", lines[0] + b"1,1997-01-01,1,much\n")
    put(bucket, "lake/bad/1.csv", content)
    with pytest.raises(TransactionsError) as caught:
        log("s3://lake/bad/")
    assert "2.csv, line 2: 'much'" in str(caught.value)
    assert "/tmp" not in str(caught.value)


def test_what_s3_refuses_is_one_line(server: dict[str, str], bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, fault in {
        "s3://lake/nothing.csv": "no such object",
        "s3://lake/nothing/*.csv": "no such object",
        "s3://nothing/a.csv": "no such bucket",
        "s3://lake/*/a.csv": "only the last part",
    }.items():
        with pytest.raises(TransactionsError, match=fault) as caught:
            log(path)
        assert caught.value.exit_code == 2
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(LogUnreachableError, match="cannot be reached"):
        log("s3://lake/sales.csv")
    with pytest.raises(UnreachablePlaceError, match="cannot be reached"):
        objects.ObjectFolder(place_of("s3://lake/out/"), "_tenure", "manifest.json").require_writable()


def test_commands_read_and_write_where_data_live_and_log_no_secret(
    server: dict[str, str], bucket: Any, logged_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "S3CRETWORD")
    request = [f"model={logged_model}", "rfm.end=1998-06-30", "score.allow_unit_change=true", "score.part_rows=1000"]
    for output in ("here.parquet", "postgres:commanded", "s3://lake/commanded/"):
        ran = command("score", *request, "transactions.path=postgres:sales", f"output={output}", folder=tmp_path)
        assert ran.code == 0, ran.err
        assert not [name for name in ran.left if name.startswith(".tenure")]
    here = pd.read_parquet(tmp_path / "here.parquet")
    expected = f"{len(here)}|{here['clv'].max()!r}".replace("np.float64(", "").replace(")", "")
    assert psql("select count(*), max(clv) from commanded") == expected
    infos = bucket.get_file_info(pafs.FileSelector("lake/commanded", recursive=True))
    names = sorted(info.path for info in infos if info.type == pafs.FileType.File)
    assert names[0] == "lake/commanded/_tenure/manifest.json"
    parts = [pd.read_parquet(bucket.open_input_file(name)) for name in names[1:]]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), here)
    refused = command(
        "score", *request, "transactions.path=postgres:ann:S3CRETWORD@h/x", "result.path=r.json", folder=tmp_path
    )
    assert refused.code == 2
    lost = command(
        "score", *request, "transactions.path=s3://nothing/x.csv", "output=postgres:nowhere.x", folder=tmp_path
    )
    assert lost.code == 2
    monkeypatch.setenv("PGPORT", "1")
    lost = command(
        "score", *request, "transactions.path=postgres:sales", "output=x.parquet", "result.path=l.json", folder=tmp_path
    )
    assert lost.code == 5
    assert '"reason": "data_unreachable"' in (tmp_path / "l.json").read_text()
    assert "x.parquet" not in lost.left
    for secret in (b"S3CRETWORD", b"AKIATEST"):
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret not in path.read_bytes(), path
        assert secret.decode() not in f"{ran.out}{ran.err}{refused.out}{refused.err}{lost.out}{lost.err}"
