"""Common exports are read as they are; what is not read is refused with the one right remedy."""

import gzip
import json
import os
import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import purchases, settings

from tenure.output import OutputError, require_new_folder, require_writable
from tenure.settings import SettingsError
from tenure.summary_file import SummaryFile, SummaryFileError
from tenure.transactions import Transactions, TransactionsError, read
from tenure.transactions.engine import in_words

HEAD = "customer_id,date,amount\n"


def written(folder: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_text(folder: Path, text: str | bytes, name: str = "log.csv", **changes: Any) -> Transactions:
    return read(settings(written(folder, text, name), **changes))


def rows(log: Transactions) -> list[tuple[str, str, float]]:
    bought: Any = purchases(log)
    return [(row.customer_id, str(row.date.date()), row.amount) for row in bought.itertuples()]


def faults(path: Path | str, **changes: Any) -> str:
    with pytest.raises(TransactionsError) as caught:
        read(settings(path, **changes))
    assert caught.value.exit_code == 2
    for fault in caught.value.faults:
        assert "\n" not in fault
        for word in ("Error:", "struct", "Parser", "pyarrow", "Ibis", "Candidate"):
            assert word not in fault
    return "\n".join(caught.value.faults)


# ---- dates


@pytest.mark.parametrize(
    ("stamp", "day"),
    few(
        [
            ("2024-03-10 01:30:00 -0500", "2024-03-10"),
            ("2024-01-15 23:30:00 -05:00", "2024-01-15"),
            ("2024-01-15 23:30:00.123456789 -05", "2024-01-15"),
            ("2024-01-16 04:30:00 UTC", "2024-01-15"),
            ("2024-01-16 04:30 utc", "2024-01-15"),
            ("2024-01-16 04:30:00,5 Z", "2024-01-15"),
            ("2024-01-16t04:30:00z", "2024-01-15"),
            ("2024-01-16T04:30:00.25 GMT", "2024-01-15"),
            ("2024-01-16T06:30 +02:00", "2024-01-15"),
            ("2024-01-16 10:00:00 +0530", "2024-01-15"),
            ("2024-01-16t23:59:59.999", "2024-01-16"),
        ],
        4,
    ),
)
def test_an_offset_may_follow_a_space(tmp_path: Path, stamp: str, day: str) -> None:
    text = f"customer_id;date;amount\na;{stamp};1\n"
    assert rows(read_text(tmp_path, text, separator=";", timezone="America/New_York")) == [("a", day, 1.0)]


def test_an_offset_follows_a_day_first_date_too(tmp_path: Path) -> None:
    text = HEAD + "a,31/12/2023 23:30 -0500,1\n"
    assert rows(read_text(tmp_path, text, timezone="UTC", day_first=True)) == [("a", "2024-01-01", 1.0)]


@pytest.mark.parametrize(
    "stamp", ["2024-01-01 10:00 EST", "2024-01-01 -0500", "2024-01-01 10:00  -0500", "2024-01-01 Z"]
)
def test_what_is_no_offset_is_not_read(tmp_path: Path, stamp: str) -> None:
    assert "a date that cannot be read" in faults(written(tmp_path, HEAD + f"a,{stamp},1\n"), timezone="UTC")


def test_an_export_of_orders_with_offsets_and_line_breaks_is_read(tmp_path: Path) -> None:
    text = (
        "Name,Email,Total,Created at,Note\n"
        "#1003,ann@example.com,65.00,2024-03-10 01:30:00 -0500,\n"
        "#1003,ann@example.com,,2024-03-10 01:30:00 -0500,\n"
        '#1001,ann@example.com,30.00,2024-01-15 23:30:00 -0500,"Bowl\nlarge"\n'
    )
    names = {"customer_id": "Email", "date": "Created at", "amount": "Total", "timezone": "America/New_York"}
    log = read_text(tmp_path, text, **names, query="select * from log where Total is not null")
    assert rows(log) == [("ann@example.com", "2024-01-15", 30.0), ("ann@example.com", "2024-03-10", 65.0)]


# ---- names of columns


@pytest.mark.parametrize(
    "text",
    few(
        [
            ",customer_id,date,amount\n0,a,2024-01-01,10\n",
            "customer_id,date,amount,\na,2024-01-01,10,\n",
            "customer_id,date,amount,\na,2024-01-01,10\n",
            "customer_id,date,amount\na,2024-01-01,10,\n",
            "customer_id,date,amount,,\na,2024-01-01,10,,\n",
            'customer_id,date," ","",amount\na,2024-01-01,x,y,10\n',
            "note,Note,NOTE,customer_id,date,amount\n1,2,3,a,2024-01-01,10\n",
            "note,note,note (1),customer_id,date,amount\n1,2,3,a,2024-01-01,10\n",
            "(column 1),,customer_id,date,amount\n1,2,a,2024-01-01,10\n",
            "tenure_days,customer_id,date,amount\n1,a,2024-01-01,10\n",
        ],
        2,
    ),
)
def test_names_of_columns_that_are_not_used_do_not_matter(tmp_path: Path, text: str) -> None:
    assert rows(read_text(tmp_path, text)) == [("a", "2024-01-01", 10.0)]
    with pytest.raises(TransactionsError, match=r"has an amount that .*line 2"):
        read_text(tmp_path, text.replace(",10", ",x"))


def test_rows_with_and_without_a_trailing_separator_are_read(tmp_path: Path) -> None:
    text = "customer_id,date,amount,\na,2024-01-01,10\nb,2024-01-01,20,\nc,2024-01-01,5,,,\n"
    assert [row[2] for row in rows(read_text(tmp_path, text))] == [10.0, 20.0, 5.0]


def parquet(folder: Path, names: list[str], *values: Any) -> Path:
    pq.write_table(pa.table([pa.array([value]) for value in values], names=names), folder / "log.parquet")
    return folder / "log.parquet"


@pytest.mark.parametrize("names", few([["Id", "ID"], ["note", "note"], ["", "x"]], 1))
def test_names_of_unused_columns_of_parquet_do_not_matter(tmp_path: Path, names: list[str]) -> None:
    path = parquet(tmp_path, [*names, "customer_id", "date", "amount"], 1, 2, "a", "2024-01-01", 10.0)
    assert rows(read(settings(path))) == [("a", "2024-01-01", 10.0)]


def test_a_column_of_the_settings_is_there_once_whatever_its_case(tmp_path: Path) -> None:
    csv = written(tmp_path, "ID,Id,date,amount\n1,2,2024-01-01,10\n")
    table = parquet(tmp_path, ["ID", "Id", "date", "amount"], "1", "2", "2024-01-01", 10.0)
    for path in (csv, table):
        fault = faults(path, customer_id="ID")
        assert fault.startswith(
            "the columns 'ID', 'Id' differ by case alone. Choose one in a query: transactions.query="
        )
        log = read(settings(path, customer_id="who", query='select *, "Id (2)" as who from log'))
        assert rows(log) == [("2", "2024-01-01", 10.0)]
    assert "the column 'note' is there 2 times" in faults(
        written(tmp_path, "customer_id,date,amount,note,note\na,2024-01-01,1,x,y\n"), segments={"note": "first"}
    )


@pytest.mark.parametrize("name", ["tenure_file", "TENURE_ROW", "tenure_date", "tenure_fault_0"])
def test_a_column_named_as_ours_is_refused(tmp_path: Path, name: str) -> None:
    csv = written(tmp_path, f"customer_id,date,amount,{name}\na,2024-01-01,1,x\n")
    table = parquet(tmp_path, ["customer_id", "date", "amount", name], "a", "2024-01-01", 1.0, "x")
    for path in (csv, table):
        assert f"named as Tenure names its own ('{name}'): rename them." in faults(path)


# ---- lines


@pytest.mark.parametrize(
    ("text", "name", "changes"),
    few(
        [
            ("sep=;\r\ncustomer_id;date;amount\r\na;2024-01-01;10\r\n", "log.csv", {}),
            ('"sep=;"\ncustomer_id;date;amount\na;2024-01-01;10\n', "log.csv", {"separator": ","}),
            ("\ufeffsep=\t\ncustomer_id\tdate\tamount\na\t2024-01-01\t10\n", "log.csv", {}),
            ("customer_id\tdate\tamount\na\t2024-01-01\t10\n", "log.tsv", {}),
            ("customer_id\tdate\tamount\na\t2024-01-01\t10\n", "log.TAB", {}),
            ("customer_id\tdate\tamount\na\t2024-01-01\t10\n", "log.csv", {"separator": "\\t"}),
            ("customer_id\tdate\tamount\na\t2024-01-01\t10\n", "log.txt", {"separator": "tab"}),
            ("customer_id\tdate\tamount\na\t2024-01-01\t10\n", "log.txt", {"separator": "\\\\t"}),
            ("customer_id,date,amount\na,2024-01-01,10\n", "log.tsv", {"separator": ","}),
            ("\n\ncustomer_id,date,amount\na,2024-01-01,10\n", "log.csv", {}),
            (",,\ncustomer_id,date,amount\na,2024-01-01,10\n", "log.csv", {}),
        ],
        4,
    ),
)
def test_the_separator_and_the_lines_before_the_header_are_found(
    tmp_path: Path, text: str, name: str, changes: dict[str, Any]
) -> None:
    assert rows(read_text(tmp_path, text, name, **changes)) == [("a", "2024-01-01", 10.0)]
    line = text.rstrip().count("\n") + 1
    with pytest.raises(TransactionsError, match=rf"line {line}: 'x'"):
        read_text(tmp_path, text.replace("10", "x"), name, **changes)


def test_packed_and_recoded_files_are_laid_out_alike(tmp_path: Path) -> None:
    text = "sep=;\ncustomer_id;date;amount\na;2024-01-01;10\n"
    assert rows(read_text(tmp_path, gzip.compress(text.encode()), "log.csv.gz")) == [("a", "2024-01-01", 10.0)]
    assert rows(read_text(tmp_path, text.encode("utf-16"), encoding="utf-16")) == [("a", "2024-01-01", 10.0)]
    tabs = gzip.compress(b"customer_id\tdate\tamount\na\t2024-01-01\t10\n", mtime=0)
    assert rows(read_text(tmp_path, tabs, "log.tsv.gz")) == [("a", "2024-01-01", 10.0)]


def test_files_of_other_separators_are_one_log_and_a_fault_names_its_line(tmp_path: Path) -> None:
    written(tmp_path, HEAD + "a,2024-01-01,10\n", "1.csv")
    written(tmp_path, "sep=;\ncustomer_id;date;amount\nb;2024-01-02;20\n", "2.csv")
    assert [row[2] for row in rows(read(settings(tmp_path / "*.csv")))] == [10.0, 20.0]
    written(tmp_path, "sep=;\ncustomer_id;date;amount\nb;2024-01-02;x\n", "2.csv")
    assert "(first: 2.csv, line 3: 'x')" in faults(tmp_path / "*.csv")


@pytest.mark.parametrize(
    "ends",
    few(
        [
            ["\r\n", "\n"],
            ["\n", "\r\n"],
            ["\n", "\r"],
            ["\r", "\r\n"],
            ["\r\n", "\n\n", "\r"],
            ["\r"],
            ["\n", "\n", "\r\n"],
        ],
        3,
    ),
)
def test_line_ends_may_be_mixed(tmp_path: Path, ends: list[str]) -> None:
    lines = ["customer_id,date,amount", *(f"c{day},2024-01-0{day},{day}" for day in range(1, 6))]
    text = "".join(line + ends[at % len(ends)] for at, line in enumerate(lines))
    assert [row[2] for row in rows(read_text(tmp_path, text))] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_crlf_and_lf_in_one_file_keep_line_breaks_in_cells(tmp_path: Path) -> None:
    text = 'customer_id,date,amount,note\r\na,2024-01-01,10,"two\nlines"\nb,2024-02-01,10,x\r\n'
    assert read_text(tmp_path, text).reconcile().revenue == 20
    assert "(first: line 4: 'x')" in faults(written(tmp_path, text.replace("10,x", "x,x")))


def test_blank_lines_are_counted_and_are_no_customers(tmp_path: Path) -> None:
    text = HEAD + "a,2024-01-01,10\n,,\n  \n;\n, ,\nb,2024-02-01,20\n,,,,,\n"
    log = read_text(tmp_path, text.replace(";\n", ""), guests="refuse")
    assert {line.label: line.rows for line in log.reconcile().lines} == {"blank rows": 4, "sales": 2}
    table = {"customer_id": ["a", None, " "], "date": ["2024-01-01", None, ""], "amount": [1.0, None, None]}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    log = read(settings(tmp_path / "log.parquet", guests="refuse"))
    assert {line.label: line.rows for line in log.reconcile().lines} == {"blank rows": 2, "sales": 1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,2024-01-01,"5\nb,2024-01-01,6\n', 2),
        ('a,2024-01-01,5\nb,"2024-01-01,6\nc,2024-01-01,7\n', 3),
        ('a,2024-01-01,5\nb,2024-01-01,"6\nc,2024-01-01,"7"\n', 3),
        ('"a\n\nx",2024-01-01,"5\nb,2024-01-01,6\n', 4),
        ('a,2024-01-01,"say ""5"\nb,2024-01-01,"5" x\n', 3),
    ],
)
def test_an_open_quote_is_named_by_the_line_where_it_opens(tmp_path: Path, text: str, line: int) -> None:
    fault = faults(written(tmp_path, HEAD + text))
    assert f"the quote that opens in line {line} is not closed" in fault


def test_lines_of_other_lengths_are_counted(tmp_path: Path) -> None:
    fault = faults(written(tmp_path, HEAD + "a,2024-01-01,1,2\nb,2024-01-01\nc,2024-01-01,5\nd\n,2\n"))
    assert "4 lines have another number of cells than the header, which has 3" in fault
    assert "(first: line 2 with 4, line 3 with 2, line 5 with 1)" in fault


# ---- amounts


@pytest.mark.parametrize(
    ("text", "changes", "amounts"),
    few(
        [
            (HEAD + 'a,2024-01-01,"1,234.50"\nb,2024-02-01,10.00\n', {"thousands": ","}, [1234.5, 10.0]),
            (HEAD + "a,2024-01-01,1\u202f234.50\nb,2024-02-01,1\u00a0234\n", {"thousands": " "}, [1234.5, 1234.0]),
            (HEAD + "a,2024-01-01,1\u2019234.50\nb,2024-02-01,1'234\n", {"thousands": "'"}, [1234.5, 1234.0]),
            (HEAD + 'a,2024-01-01,"1,234,567"\nb,2024-02-01,999\n', {"thousands": ","}, [1_234_567.0, 999.0]),
            (
                HEAD + 'a,2024-01-01,"1,50"\nb,2024-02-01,"1.050,00"\n',
                {"decimal": ",", "thousands": "."},
                [1.5, 1050.0],
            ),
        ],
        2,
    ),
)
def test_a_mark_that_is_the_separator_too_stands_in_quotes(
    tmp_path: Path, text: str, changes: dict[str, Any], amounts: list[float]
) -> None:
    assert [row[2] for row in rows(read_text(tmp_path, text, **changes))] == amounts


def test_the_marks_differ_from_each_other() -> None:
    with pytest.raises(
        SettingsError, match=r"transactions\.csv\.decimal must be different from transactions\.csv\.thousands"
    ):
        settings(thousands=".")
    with pytest.raises(SettingsError, match=r"transactions\.csv\.separator must be one character, tab, or null"):
        settings(separator=";;")


AMOUNTS_WITH_SIGNS = [
    ("29.33 €", 29.33),
    ("€29.33", 29.33),
    ("29.33\u00a0€", 29.33),
    ("$1,234.50", 1234.5),
    ("US$ 5", 5.0),
    ("EUR 12", 12.0),
    ("12EUR", 12.0),
    ("5 kr", 5.0),
    ("5.20 zł", 5.2),
    ("Rs. 100", 100.0),
    ("₹12,34,567", 1_234_567.0),
    ("1e3", 1000.0),
    ("0", 0.0),
    ("-€5", -5.0),
    ("€-5", -5.0),
    ("-5 €", -5.0),
    ("\u22125 €", -5.0),
    ("($5.00)", -5.0),
    ("(5.00)", -5.0),
    ("5.00-", -5.0),
    ("1,234.50 -", -1234.5),
    ("5.00\u2212", -5.0),
    ("$5.00-", -5.0),
    ("5.00- €", -5.0),
    ("5.00 EUR-", -5.0),
]


def with_signs(texts: list[str]) -> str:
    """Write a log in which every customer pays 100 and, the same day, one of the texts."""
    lines = [f"c{i};2024-01-01;100\nc{i};2024-01-01;{text}\n" for i, text in enumerate(texts)]
    return "customer_id;date;amount\n" + "".join(lines)


@pytest.mark.parametrize(("text", "amount"), few(AMOUNTS_WITH_SIGNS, 3))
def test_a_currency_s_sign_is_read_where_the_settings_say_so(tmp_path: Path, text: str, amount: float) -> None:
    log = read_text(tmp_path, with_signs([text]), separator=";", thousands=",", currency_signs=True)
    assert log.reconcile().amount == Decimal("100") + Decimal(str(amount))


def test_no_currency_s_sign_is_read_unless_the_settings_say_so(tmp_path: Path) -> None:
    texts = [text for text, _ in AMOUNTS_WITH_SIGNS if text not in ("1e3", "0")]
    fault = faults(written(tmp_path, with_signs(texts), "log.csv"), separator=";", thousands=",")
    assert f"{len(texts)} of {2 * len(texts)} rows have an amount that is not a finite number" in fault
    assert "need transactions.csv.currency_signs=true." in fault


@pytest.mark.parametrize(
    "text",
    few(
        [
            "5 oops",
            "5 usd",
            "5 5 €",
            "€5€€",
            "€",
            "(5",
            "--5 €",
            "e5",
            "5 € x",
            "5--",
            "-5-",
            "(5-)",
            "12,-",
            "€ 12,-",
            "12.-",
            "5+",
        ],
        5,
    ),
)
def test_what_is_no_sign_is_not_read(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, f"customer_id;date;amount\na;2024-01-01;{text}\n")
    assert "an amount that is not a finite number" in faults(path, separator=";", currency_signs=True)


def test_signs_of_several_currencies_are_refused_with_their_counts(tmp_path: Path) -> None:
    text = HEAD + "a,2024-01-01,$5\nb,2024-01-01,5 €\nc,2024-01-01,€7\n"
    fault = faults(written(tmp_path, text), currency_signs=True)
    assert fault.startswith(
        "the amounts are of 2 currencies, by their signs (2 with '€', 1 with '$'). Keep one in a query:"
    )
    minus = HEAD + "a,2024-01-01,$5\na,2024-01-02,5 €-\n"
    assert "2 currencies, by their signs" in faults(written(tmp_path, minus), currency_signs=True)
    guest = HEAD + "a,2024-01-01,$5\n,2024-01-01,5 €\n"
    assert rows(read_text(tmp_path, guest, currency_signs=True)) == [("a", "2024-01-01", 5.0)]


# ---- types of Parquet

MOST = 2**63 - 1


def stamps(unit: str, value: int, zone: str | None = None) -> Any:
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    return pa.array([value, 1_577_836_800 * second], pa.timestamp(unit, zone))


@pytest.mark.parametrize("zone", few([None, "UTC"], 1))
@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("s", 300_000 * 365 * 86_400),
        ("ms", 300_000 * 365 * 86_400_000),
        ("ms", MOST),
        ("us", 10**17),
        ("us", MOST),
        ("us", -MOST - 1),
        ("ns", MOST),
        ("ns", -MOST),
        ("ns", -MOST - 1),
    ],
)
def test_a_time_stamp_out_of_range_is_a_fault_in_a_line(
    tmp_path: Path, unit: str, value: int, zone: str | None
) -> None:
    table = {"customer_id": ["a", "b"], "date": stamps(unit, value, zone), "amount": [1.0, 2.0]}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    fault = faults(tmp_path / "log.parquet", timezone="Europe/Paris" if zone else None)
    assert "out of range" in fault
    assert "in 1900 to 2200" in fault


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    few(
        [
            (
                "date",
                pa.array([2**31 - 1, -(2**31)], pa.int32()).cast(pa.date32()),
                "2 of 2 rows have a date out of range",
            ),
            ("date", pa.array([5, 5], pa.time64("us")), "2 of 2 rows have a date of the type time"),
            ("date", pa.array([5, 5], pa.time32("s")), "2 of 2 rows have a date of the type time"),
            ("date", pa.array([5, 5], pa.duration("us")), "2 of 2 rows have a date of the type int64"),
            ("amount", pa.array([5, 5], pa.time64("us")), "2 of 2 rows have an amount of the type time"),
            ("amount", stamps("us", MOST), "2 of 2 rows have an amount of the type timestamp"),
            ("customer_id", stamps("us", MOST), "2 of 2 rows have a customer id of the type timestamp"),
            (
                "amount",
                pa.array([Decimal("1e30")] * 2, pa.decimal128(38, 0)),
                "2 of 2 rows have an amount of 1,000,000,000,000",
            ),
        ],
        3,
    ),
)
def test_a_type_that_does_not_fit_is_a_fault_in_a_line(tmp_path: Path, column: str, values: Any, fault: str) -> None:
    table = {"customer_id": ["a", "b"], "date": [date(2024, 1, 1)] * 2, "amount": [1.0, 2.0]} | {column: values}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    assert faults(tmp_path / "log.parquet").startswith(fault)


@pytest.mark.parametrize("scale", [38, 30, 26, 25, 0])
def test_a_decimal_of_any_scale_is_an_amount(tmp_path: Path, scale: int) -> None:
    amounts = pa.array([Decimal(0), Decimal(5) if scale < 38 else Decimal("0.5")], pa.decimal128(38, scale))
    table = {"customer_id": ["a", "b"], "date": pa.array([86_400_000 * 18_262] * 2, pa.date64()), "amount": amounts}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    assert rows(read(settings(tmp_path / "log.parquet")))[1] == ("b", "2020-01-01", 0.5 if scale == 38 else 5.0)


# ---- what is not read


def sqlite(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("create table orders (customer_id text)")
    connection.close()
    return path


@pytest.mark.parametrize(
    ("name", "content", "remedy", "changes"),
    [
        ("x.xlsx", b"PK\x03\x04stub", "save the sheet as CSV UTF-8", {}),
        ("x.xlsx", b"PK\x03\x04stub", "save the sheet as CSV UTF-8", {"format": "csv"}),
        ("x.csv", b"PK\x03\x04stub", "save the sheet as CSV UTF-8", {}),
        ("x.xls", b"\xd0\xcf\x11\xe0", "save the sheet as CSV UTF-8", {}),
        ("x.ods", b"PK", "save the sheet as CSV UTF-8", {}),
        ("x.json", b"{}", "is JSON, which is not read: write it as Parquet or CSV", {}),
        ("x.jsonl", b'{"customer_id":"a"}', "is JSON, which is not read", {"format": "csv"}),
        ("x.csv", b'[\n{"customer_id":"a"}]', "is JSON, which is not read", {}),
        ("x.sqlite", b"SQLite format 3\x00", "sqlite3 -header -csv", {}),
        ("x.csv.zip", b"PK\x03\x04", "unpack it", {}),
        ("x.csv.zst", b"\x28\xb5\x2f\xfd", "unpack it", {}),
        ("x.csv", gzip.compress(b"x", mtime=0), "is packed with gzip: end its name in .csv.gz", {}),
        ("x.feather", b"ARROW1", "write it as CSV or Parquet", {}),
        ("x.csv", b"ARROW1", "write it as CSV or Parquet", {}),
    ],
)
def test_another_format_is_refused_with_its_remedy(
    tmp_path: Path, name: str, content: bytes, remedy: str, changes: dict[str, Any]
) -> None:
    fault = faults(written(tmp_path, content, name), **changes)
    assert remedy in fault
    assert "transactions.format" not in fault
    assert len(fault.splitlines()) == 1


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    shop = sqlite(tmp_path / "shop.db")
    for changes in ({}, {"table": "orders"}):
        assert "sqlite3 -header -csv" in faults(shop, **changes)
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute("create table orders as select 1 as customer_id")
    os.rename(tmp_path / "shop.duckdb", tmp_path / "shop.csv")
    assert "is a DuckDB file: set transactions.format=duckdb" in faults(tmp_path / "shop.csv")


@pytest.mark.parametrize(
    ("address", "shown", "remedy"),
    [
        ("s3a://bucket/x.csv", "s3a://bucket/x.csv", "Copy it here first (aws s3 cp)"),
        ("gs://bucket/*.parquet", "gs://bucket/*.parquet", "Copy it here first (gcloud storage cp)"),
        ("https://ann:S3CRET@host/x.csv", "https://ann:***@host/x.csv", "Copy it here first (curl -O)"),
        ("https://host/x.csv?token=S3CRET", "https://host/x.csv?token=***", "Copy it here first (curl -O)"),
        ("postgresql://host/shop", "postgresql://host/shop", "export the table"),  # with a password: test_places
        ("mysql+pymysql://ann:S3CRET@host/shop", "mysql+pymysql://ann:***@host/shop", "export the table"),
        ("jdbc:mysql://host/shop?password=S3CRET", "jdbc:mysql://host/shop?password=***", "export the table"),
        ("dbfs:/sales/x.parquet", "dbfs:/sales/x.parquet", "Copy it here first (databricks fs cp)"),
        ("file:///sales.csv", "file:///sales.csv", "write the path without 'file://'"),
    ],
)
def test_an_address_is_refused_and_its_password_masked(address: str, shown: str, remedy: str) -> None:
    with pytest.raises(TransactionsError) as caught:
        read(settings(address))
    assert str(caught.value).startswith(f"{shown}: ")
    assert remedy in str(caught.value)
    with pytest.raises(SummaryFileError) as refused:
        SummaryFile(address)
    assert str(refused.value).startswith(f"summary.path {shown} ")
    for require in (require_writable, require_new_folder):
        with pytest.raises(OutputError) as unwritable:
            require(address)
        assert str(unwritable.value).startswith(f"output {shown} is ")
        assert "S3CRET" not in str(unwritable.value)


def test_devices_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.csv")
    for path in ("/dev/zero", "/dev/null", tmp_path / "log.csv", tmp_path / "*.csv"):
        assert "is a device or a pipe" in faults(path)
    os.mkfifo(tmp_path / "summary.csv")
    for path in (tmp_path / "summary.csv", tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(SummaryFileError, match="is a folder, a device or a pipe"):
            SummaryFile(str(path))


def test_a_pattern_that_cannot_be_used_is_a_fault_in_a_line(tmp_path: Path) -> None:
    from tenure.settings import ExcludeSettings

    path = written(tmp_path, HEAD + "a,2024-01-01,1\n")
    assert "look-around and back-references" in faults(
        path, exclude={"x": ExcludeSettings("customer_id", matches="(?=a)")}
    )


@pytest.mark.parametrize("error", [duckdb.InterruptException("Interrupted!"), RuntimeError("Query interrupted")])
def test_an_interruption_is_no_fault_of_the_log(error: Exception) -> None:
    with pytest.raises(KeyboardInterrupt), in_words("log", settings()):
        raise error


def test_accounts_keep_the_count_of_amounts_that_were_not_read(tmp_path: Path) -> None:
    log = read_text(tmp_path, HEAD + "a,2024-01-01,1\n,,x\n")
    lines = json.loads(json.dumps(log.reconcile().as_dict()))["lines"]
    assert lines[0] == {"fate": "no customer", "rows": 1, "amount": "0", "unread": 1}


# ---- encodings


WIDE = HEAD + "ann,2024-01-05,3.00\nbob,2024-01-06,4.50\n"


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("given", few(["utf-8", "cp1252", "utf-16"], 1))
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"])
def test_a_wide_text_is_read_by_the_encoding_that_the_message_names(
    tmp_path: Path, encoding: str, given: str, suffix: str
) -> None:
    content = WIDE.replace("bob", "Zoë").encode(encoding)
    path = written(tmp_path, gzip.compress(content) if suffix else content, f"log.csv{suffix}")
    if given == encoding:
        assert read(settings(path, encoding=given)).reconcile().revenue == Decimal("7.5")
        return
    fault = faults(path, encoding=given)
    assert fault == f"is {encoding.upper()} text, and not {given}. Set transactions.csv.encoding={encoding}."
    assert read(settings(path, encoding=encoding)).reconcile().revenue == Decimal("7.5")


@pytest.mark.parametrize("name", ["utf_16_le", "UTF-16LE", "utf-16-le"])
def test_every_name_of_an_encoding_reads_a_wide_text(tmp_path: Path, name: str) -> None:
    assert read_text(tmp_path, WIDE.encode("utf-16-le"), encoding=name).reconcile().rows == 2


def test_zeros_within_a_text_are_no_other_encoding(tmp_path: Path) -> None:
    assert read_text(tmp_path, HEAD + "a\0b\0,2024-01-05,3.00\n").reconcile().rows == 1
