"""Broken input: each kind a real file, each refused in a line that says where, how many, the first few, the remedy."""

import gzip
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import purchases, settings

from tenure.errors import InputError
from tenure.transactions import read

HEAD = "customer_id,date,amount\n"
GOOD = "a,2020-01-01,5\n"
TABLE: dict[str, Any] = {"customer_id": ["a", "b"], "date": [date(2020, 1, 1)] * 2, "amount": [1.0, 2.0]}

type Made = Callable[[Path], Path]


class Bad(NamedTuple):
    """A kind of broken input: what it is, how it is made, how it is read, and what is said of it."""

    kind: str
    make: Made
    said: str
    how: dict[str, Any]


def text(content: str | bytes, name: str = "log.csv") -> Made:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def parquet(name: str = "log.parquet", **columns: Any) -> Made:
    def make(folder: Path) -> Path:
        pq.write_table(pa.table({**TABLE, **columns}), folder / name)
        return folder / name

    return make


def lines(*rows: str) -> Made:
    return text(HEAD + "".join(f"{row}\n" for row in rows))


def truncated(folder: Path) -> Path:
    path = parquet()(folder)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def corrupted(folder: Path) -> Path:
    """A Parquet whose pages are overwritten and whose footer is whole."""
    path = folder / "log.parquet"
    many = {"customer_id": [f"{i}" for i in range(5000)], "date": ["2020-01-01"] * 5000, "amount": [1.0] * 5000}
    pq.write_table(pa.table(many), path, compression="zstd")
    content = path.read_bytes()
    path.write_bytes(content[:50] + b"\x00" * 400 + content[450:])
    return path


def doubled(folder: Path) -> Path:
    table = pa.table([pa.array(["a"]), pa.array(["2020-01-01"]), pa.array([1.0]), pa.array([2.0])],
                     names=["customer_id", "date", "amount", "amount"])  # fmt: skip
    pq.write_table(table, folder / "log.parquet")
    return folder / "log.parquet"


def stray(folder: Path) -> Path:
    parquet("1.parquet")(folder)
    parquet("2.parquet")(folder)
    (folder / "readme.md").write_text("what this is")
    return folder


def mixed_formats(folder: Path) -> Path:
    parquet("1.parquet")(folder)
    lines("a,2020-01-01,5")(folder)
    return folder


def mixed_types(folder: Path) -> Path:
    parquet("1.parquet")(folder)
    parquet("2.parquet", amount=["one", "two"])(folder)
    return folder / "*.parquet"


def mixed_columns(folder: Path) -> Path:
    parquet("1.parquet")(folder)
    pq.write_table(pa.table({"customer_id": ["a"], "day": ["2020-01-01"], "amount": [1.0]}), folder / "2.parquet")
    return folder / "*.parquet"


def locked(folder: Path) -> Path:
    path = lines("a,2020-01-01,5")(folder)
    path.unlink()
    os.symlink(path, path)  # a link to itself: even root cannot open it
    return path


def database(folder: Path) -> Path:
    with duckdb.connect(folder / "shop.duckdb") as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'a' AS customer_id, DATE '2020-01-01' AS date, 5.0 AS amount")
    return folder / "shop.duckdb"


def cut_short(folder: Path) -> Path:
    path = folder / "log.csv.gz"
    path.write_bytes(gzip.compress((HEAD + GOOD * 1000).encode())[:-30])
    return path


LONG = "x" * 5_000
KINDS = [
    Bad("no file", lambda folder: folder / "log.csv", "there is no such file (transactions.path).", {}),
    Bad("a pattern of nothing", lambda folder: folder / "*.csv", "there is no such file (transactions.path).", {}),
    Bad("an empty folder", lambda folder: folder, "this folder has no file in it", {}),
    Bad("a stray file in the folder", stray, "1 of 3 files are of another kind", {}),
    Bad("CSV and Parquet in one folder", mixed_formats, "1 of 2 files are of another kind", {}),
    Bad("a link to itself", locked, "cannot be read", {}),
    Bad("an unknown suffix", text(HEAD + GOOD, "log.dat"), "the suffix is none of a known format (.csv, .txt,", {}),
    Bad("an empty CSV", text(""), "is empty: the first line holds the names of the columns.", {}),
    Bad("an empty Parquet file", text(b"", "log.parquet"), "cannot be read as Parquet: ", {}),
    Bad("a header alone", text(HEAD), "has no rows.", {}),
    Bad("a Parquet without rows", parquet(customer_id=pa.array([], pa.string()), date=pa.array([], pa.date32()), amount=pa.array([], pa.float64())), "has no rows.", {}),
    Bad("a truncated Parquet", truncated, "cannot be read as Parquet: ", {}),
    Bad("a corrupted Parquet", corrupted, "cannot be read: it is damaged, or of another format (transactions.format).", {}),
    Bad("CSV called Parquet", text(HEAD + GOOD, "log.parquet"), "cannot be read as Parquet: ", {}),
    Bad("Parquet called CSV", lambda folder: parquet()(folder).rename(folder / "log.csv"), "is a Parquet file: set transactions.format=parquet.", {}),
    Bad("plain text called gzip", text(HEAD + GOOD, "log.csv.gz"), "cannot be read: it is not packed with gzip, though its name says so.", {}),
    Bad("a gzip cut short", cut_short, "cannot be read: the compressed file ends too early, or is damaged. Is it whole?", {}),
    Bad("another encoding", text((HEAD + "Müller,2020-01-01,5\n").encode("cp1252")), "is not utf-8 text", {}),
    Bad("an encoding that is none", text(HEAD + GOOD), "unknown encoding: utf-9 (transactions.csv.encoding).", {"encoding": "utf-9"}),
    Bad("UTF-16 read as UTF-8", text((HEAD + GOOD).encode("utf-16")), "is UTF-16 text, and not utf-8. Set transactions.csv.encoding=utf-16.", {}),
    Bad("another separator", text("customer_id;date;amount\na;2020-01-01;1\n"), "the only column is 'customer_id;date;amount'. Set 'transactions.csv.separator=;'.", {}),
    Bad("a missing column", text("customer,date,amount\na,2020-01-01,1\n"), "there is no column 'customer_id' (transactions.columns.customer_id). The log has 'customer', 'date', 'amount'. Did you mean 'customer'?", {}),
    Bad("a missing column of Parquet", parquet(), "there is no column 'paid' (transactions.columns.amount).", {"amount": "paid"}),
    Bad("a missing segment", parquet(), "there is no column 'country' (transactions.segments.country).", {"segments": {"country": "first"}}),
    Bad("a column twice", text("customer_id,date,amount,amount\na,2020-01-01,1,2\n"), "the column 'amount' is there 2 times.", {}),
    Bad("a column twice in Parquet", doubled, "the column 'amount' is there 2 times.", {}),
    Bad("a line too long", lines("a,2020-01-01,29,33"), "cannot be read as CSV: 1 line has another number of cells than the header, which has 3 (first: line 2 with 4). Look at the quotes", {}),
    Bad("a line too short", lines("a,2020-01-01,5", "b,2020-01-01"), "cannot be read as CSV: 1 line has another number of cells than the header, which has 3 (first: line 3 with 2).", {}),
    Bad("a quote without an end", lines('a,2020-01-01,"5'), "cannot be read as CSV: the quote that opens in line 2 is not closed, or text follows the one that closes it.", {}),
    Bad("files of other types", mixed_types, "2.parquet: cannot be read: its column 'amount' has the type string, that of 1.parquet double. Write both alike.", {}),
    Bad("files of other columns", mixed_columns, "2.parquet: cannot be read: it lacks columns of 1.parquet: 'date'.", {}),
    Bad("mixed date formats", lines("a,2020-01-01,5", "b,01/02/2020,5", "c,2020-02-30,5"), "2 of 3 rows have a date that cannot be read (first: line 3: '01/02/2020', line 4: '2020-02-30'). Dates are ISO 8601", {}),
    Bad("days first and months first", lines("a,13/02/2020,5", "b,02/13/2020,5"), "1 of 2 rows has a date that cannot be read (first: line 3: '02/13/2020'). With transactions.csv.day_first", {"day_first": True}),
    Bad("dates as whole numbers", parquet(date=[20200101, 20200102]), "2 of 2 rows have a date of the type int64 (first: row 1: 20200101, row 2: 20200102). They fit transactions.csv.date_format=%Y%m%d.", {}),
    Bad("no date", lines("a,2020-01-01,5", "b,,5"), "1 of 2 rows has no date (first: line 3: nothing). Every row needs its day.", {}),
    Bad("a date of 1970", lines("a,2020-01-01,5", "b,1970-01-01,5"), "no row is dated between 1970-01-01 and 2020-01-01, and 1 lies on the lesser side of that gap. Correct the dates,", {}),
    Bad("a date of 2099", lines("a,2020-01-01,5", "b,2099-01-01,5", "c,2020-02-01,5"), "1 row is dated after today, ", {}),
    Bad("a date of the year 202", lines("a,0202-01-01,5"), "1 of 1 rows has a date out of range (first: line 2: '0202-01-01'). Dates lie in 1900 to 2200", {}),
    Bad("zones without the shop's", lines("a,2020-01-01T10:00:00Z,5"), "1 of 1 rows has a time stamp with a zone (first: line 2: '2020-01-01T10:00:00Z'). Set transactions.timezone", {}),
    Bad("a date format that is none", lines("a,2020-01-01,5"), "transactions.csv.date_format is '%Q', which is no format", {"date_format": "%Q"}),
    Bad("a date format without a day", lines("a,2020-01,5"), "transactions.csv.date_format is '%Y-%m', which is no format with a year, a month and a day.", {"date_format": "%Y-%m"}),
    Bad("text for an amount", lines("a,2020-01-01,five", "b,2020-01-01,5"), "1 of 2 rows has an amount that is not a finite number (first: line 2: 'five'). Amounts are written 1234.50", {}),
    Bad("a currency", lines("a,2020-01-01,€5"), "1 of 1 rows has an amount that is not a finite number (first: line 2: '€5')", {}),
    Bad("a decimal comma", text("customer_id;date;amount\na;2020-01-01;1,50\n"), "1 of 1 rows has an amount that is not a finite number (first: line 2: '1,50')", {"separator": ";"}),
    Bad("no amount", lines("a,2020-01-01,"), "1 of 1 rows has no amount (first: line 2: nothing). Give every row its amount, or leave such rows out: ", {}),
    Bad("amounts that are no numbers", parquet(amount=[float("nan"), float("inf")]), "2 of 2 rows have an amount that is not a finite number (first: row 1: nan, row 2: inf). Give every row its amount.", {}),
    Bad("an amount of 1e308", lines("a,2020-01-01,1e308"), "1 of 1 rows has an amount of 1,000,000,000,000 or more (first: line 2: '1e308'). Amounts lie below", {}),
    Bad("an amount of -1e308", parquet(amount=[-1e308, 5.0]), "1 of 2 rows has an amount of 1,000,000,000,000 or more (first: row 1: -1e+308).", {}),
    Bad("an amount of 1e-300", parquet(amount=[1e-300, 5.0]), "1 of 2 rows has an amount that is not 0 and below a millionth (first: row 1: 1e-300).", {}),
    Bad("true for an amount", parquet(amount=[True, False]), "2 of 2 rows have an amount of the type boolean (first: row 1: True, row 2: False). Give numbers.", {}),
    Bad("ids that are no whole numbers", parquet(customer_id=[1.5, 2.0]), "1 of 2 rows has a customer id that is a float and no whole number below 2^53 (first: row 1: 1.5).", {}),
    Bad("ids of Excel", lines("1.23E+12,2020-01-01,5"), "1 of 1 rows has a customer id that is a float (first: line 2: '1.23E+12'). They went through a float", {}),
    Bad("ids beyond what a float can tell apart", parquet(customer_id=[2.0**53, 1.0]), "1 of 2 rows has a customer id that is a float and no whole number below 2^53", {}),
    Bad("true for an id", parquet(customer_id=[True, False]), "2 of 2 rows have a customer id of the type boolean", {}),
    Bad("a list for an id", parquet(customer_id=[["a"], ["b"]]), "2 of 2 rows have a customer id of the type array<string> (first: row 1: ['a'], row 2: ['b']). An id is text or an integer.", {}),
    Bad("a very long id, shown short", lines(f"{LONG},2020-01-01,x"), "1 of 1 rows has an amount that is not a finite number (first: line 2: 'x')", {}),
    Bad("nobody at all", lines(",2020-01-01,5", "nan,2020-01-02,5"), "there is no sale in it.", {}),
    Bad("guests, where they are refused", lines(",2020-01-01,5", "a,2020-01-02,5"), "1 of 2 rows has no customer id (first: line 2: nothing). transactions.guests=drop", {"guests": "refuse"}),
    Bad("refunds alone", lines("a,2020-01-01,-5"), "there is no sale in it.", {}),
    Bad("refunds, where they are refused", lines("a,2020-01-01,5", "a,2020-01-02,-5"), "1 of 2 rows has a negative amount (first: line 3: '-5'). transactions.negative_amounts=refund", {"negative_amounts": "refuse"}),
    Bad("an acquisition after the purchase", text("customer_id,date,amount,won\na,2020-01-01,5,2020-01-02\n"), "1 of 1 rows has an acquisition after the purchase (first: line 2: '2020-01-02').", {"acquired": "won"}),
    Bad("a query that is no SQL", parquet(), "transactions.query cannot be run: it is no SQL from 'selec' on.", {"query": "selec * from log"}),
    Bad("a query of a column that is not there", parquet(), "transactions.query cannot be run: there is no column 'nothing'.", {"query": "select nothing from log"}),
    Bad("a query that fails on a row", lines("a,2020-01-01,five"), "transactions.query cannot be run: the text 'five' is no DOUBLE: write try_cast(... as DOUBLE).", {"query": "select customer_id, date, amount::double as amount from log"}),
    Bad("a query that is several", parquet(), "transactions.query holds 2 statements; give one SELECT.", {"query": "select 1; drop table log"}),
    Bad("a query without the columns", parquet(), "there is no column 'amount' (transactions.columns.amount). The log has 'customer_id', 'date'.", {"query": "select customer_id, date from log"}),
    Bad("a database without a table named", database, "is a database: name its table in transactions.table, or a query.", {}),
    Bad("a table that is not there", database, "there is no table 'lines' (transactions.table). It has 'orders'.", {"table": "lines"}),
    Bad("a table of a file that has none", parquet(), "has no tables, it is parquet: transactions.table must be null.", {"table": "orders"}),
    Bad("text called a database", text("no database", "shop.duckdb"), "cannot be read: it is not a DuckDB file.", {"table": "orders"}),
    Bad("a working folder that is not there", parquet(), "No such file or directory", {"temp_directory": "/nowhere/at/all"}),
]  # fmt: skip


@pytest.mark.parametrize("bad", few(KINDS, 16), ids=[bad.kind for bad in KINDS])
def test_it_is_refused_in_a_line(tmp_path: Path, bad: Bad) -> None:
    path = bad.make(tmp_path)
    with pytest.raises(InputError) as caught:
        read(settings(path, **bad.how))
    assert bad.said in str(caught.value)
    assert caught.value.exit_code == 2
    assert all(len(line) < 1000 for line in str(caught.value).splitlines())
    assert len(str(caught.value).splitlines()) <= 3  # one of each fault


def test_there_are_forty_kinds_and_no_two_are_the_same() -> None:
    assert len({bad.kind for bad in KINDS}) == len(KINDS) >= 40


@pytest.mark.parametrize(
    "customer",
    few(["Zoë Łęcki 日本 😀", "Robert'); DROP TABLE log;--", LONG, "'quoted\"", "a\tb", "%s{}\\", "0", "-1"], 3),
)
def test_a_strange_id_is_a_customer_like_any_other(tmp_path: Path, customer: str) -> None:
    frame = pd.DataFrame({"customer_id": [customer, "a"], "date": "2020-01-01", "amount": 5.0})
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert set(purchases(read(settings(tmp_path / "log.csv")))["customer_id"]) == {customer, "a"}
