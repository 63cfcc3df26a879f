"""A query reads the log and nothing else, and says what is wrong with it in plain words."""

import gzip
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from hydra.core.override_parser.overrides_parser import OverridesParser
from logs import purchases, settings

from tenure.transactions import TransactionsError, read
from tenure.transactions.fault import paste

TEXT = "customer_id,date,amount\na,2020-01-01,5\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(TEXT)
    (tmp_path / "other.csv").write_text(TEXT)
    return path


def refused(path: Path, query: str, **changes: Any) -> str:
    with pytest.raises(TransactionsError) as caught:
        read(settings(path, query=query, **changes))
    (fault,) = caught.value.faults
    for word in ("DuckDB", "duckdb", "Error", "Candidate", "configuration", "LINE 1"):
        assert word not in fault.replace("DuckDB file", "")
    return fault


CONFINED = "transactions.query reads the log alone, and nothing else on this machine or the network"


@pytest.mark.parametrize(
    "query",
    [
        "select content as customer_id from read_text('/etc/passwd')",
        "select * from read_blob('/etc/hosts')",
        "select * from read_csv('{folder}/other.csv')",
        "select * from read_csv('{folder}/*.csv')",
        "select * from '{folder}/other.csv'",
        "select * from glob('/etc/*')",
        "select * from 'https://example.invalid/x.parquet'",
        "select * from log where exists (select 1 from read_text('/etc/passwd'))",
        "select Delimiter as customer_id, '2020-01-01' as date, 1 as amount from sniff_csv('/etc/passwd')",
    ],
)
def test_a_query_reads_no_other_file(log: Path, query: str) -> None:
    assert CONFINED in refused(log, query.format(folder=log.parent))


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("copy (select 1) to '{folder}/stolen.csv'", "COPY"),
        ("attach '{folder}/other.db'", "ATTACH"),
        ("install httpfs", "LOAD"),
        ("load httpfs", "LOAD"),
        ("set memory_limit = '1GB'", "SET"),
        ("create table t as select 1", "CREATE"),
        ("drop view log", "DROP"),
        ("insert into log values (1)", "INSERT"),
    ],
)
def test_a_query_is_a_select(log: Path, query: str, what: str) -> None:
    assert refused(log, query.format(folder=log.parent)) == f"transactions.query is a SELECT, not {what}."
    assert sorted(path.name for path in log.parent.iterdir()) == ["log.csv", "other.csv"]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("selec * from log", "it is no SQL from 'selec' on."),
        ("select * from log limit", "it ends too early."),
        ("select nothing from log", "there is no column 'nothing'. A text stands in single quotes."),
        ("select * from lines", "there is no table 'lines': the file is `log`, a database's are shop.NAME."),
        ("select getenv('HOME') from log", "there is no function 'getenv'."),
        ("select * replace (amount || 'x' as amount) from log", None),
        ("select * replace (date || 'x' as date) from log where date::int > 1", "the text '2020-01-01' is no INT"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_in_plain_words(log: Path, query: str, fault: str | None) -> None:
    found = refused(log, query)
    assert fault is None or f"transactions.query cannot be run: {fault}" in found


def test_variables_of_the_program_are_no_tables(log: Path) -> None:
    frame = pa.table({"customer_id": ["a"]})
    assert "there is no table 'frame'" in refused(log, "select * from frame")
    assert frame.num_rows == 1


def test_a_query_that_returns_a_column_twice_is_refused(log: Path) -> None:
    fault = refused(log, "select *, amount::int * 2 as amount from log")
    assert fault.startswith("transactions.query returns the column 'amount' 2 times. Write: select * exclude")
    doubled = "select * exclude (amount), amount::int * 2 as amount from log"
    assert list(purchases(read(settings(log, query=doubled)))["amount"]) == [10.0]


def test_more_files_and_folders_can_be_allowed(log: Path) -> None:
    query = f"select * from log union all select * from read_csv('{log.parent}/other.csv', all_varchar = true)"
    for allowed in ("other.csv", "o*.csv", ""):
        asked = settings(log, query=query, allow_paths=[f"{log.parent}/{allowed}"])
        assert list(purchases(read(asked))["amount"]) == [10.0]
    assert "there is no such file or folder" in refused(log, query, allow_paths=["/nowhere"])


@pytest.mark.parametrize(
    "kind", few(["glob", "partitions", "gz", "utf-16", "odd name", "relative", "mixed line ends", "database"], 3)
)
def test_a_query_reads_every_kind_of_log(log: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, query, changes = log.parent, "select * from log", {}
    path: Path | str = folder / f"{kind}.csv"
    if kind == "glob":
        path = folder / "l*.csv"
    elif kind == "partitions":
        path = folder / "sales"
        (path / "country=FR").mkdir(parents=True)
        table = pa.table({"customer_id": ["a"], "date": ["2020-01-01"], "amount": [5.0]})
        pq.write_table(table, path / "country=FR" / "0.parquet")
    elif kind == "gz":
        path = folder / "x.csv.gz"
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif kind == "utf-16":
        (folder / f"{kind}.csv").write_bytes(TEXT.encode("utf-16"))
        changes = {"encoding": "utf-16"}
    elif kind == "odd name":
        path = folder / "it's [1]*.csv"
        path.write_text(TEXT)
    elif kind == "relative":
        monkeypatch.chdir(folder)
        path = "log.csv"
    elif kind == "mixed line ends":
        (folder / f"{kind}.csv").write_bytes(b"customer_id,date,amount\r\na,2020-01-01,3\na,2020-01-01,2\r\n")
    else:
        path, query = folder / "shop.duckdb", "select * from shop.orders"
        with duckdb.connect(path) as connection:
            connection.execute(
                "create table orders as select 'a' as customer_id, date '2020-01-01' as date, 5 as amount"
            )
    log_read = read(settings(path, query=query, **changes))
    assert list(purchases(log_read)["amount"]) == [5.0]


@pytest.mark.slow
def test_a_confined_query_still_works_beyond_its_memory(tmp_path: Path) -> None:
    size = 1_000_000
    ids = pa.array(range(size)).cast(pa.string())
    table = pa.table({"customer_id": ids, "date": ["2020-01-01"] * size, "amount": pa.array([1.0] * size)})
    pq.write_table(table, tmp_path / "log.parquet")
    how = {"memory_limit": "100MB", "threads": 2, "query": "select customer_id || 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' as"
           " customer_id, date, amount from log"}  # fmt: skip
    assert read(settings(tmp_path / "log.parquet", **how)).reconcile().purchases == size


@pytest.mark.parametrize("sql", ["""select *, "a b" as x from log where y = 'it''s $5'""", "select 1", "select `x`"])
def test_a_query_to_paste_comes_through_the_shell_and_hydra(sql: str) -> None:
    word = subprocess.run(["sh", "-c", f"printf %s {paste(sql)}"], capture_output=True, text=True, check=True).stdout
    (override,) = OverridesParser.create().parse_overrides([word])
    assert override.value() == sql
