"""The purchase log: it is read as written, or refused in words that say what to do."""

import gzip
import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenure.transactions import DROPPED, MERGED, PURCHASE, Transactions, TransactionsError, read

CDNOW = Path(__file__).parent.parent / "data" / "cdnow_sample.csv"


def settings(path: Path, **changes: Any) -> Any:
    columns = {"customer_id": "customer_id", "date": "date", "amount": "amount", "order_id": None}
    csv = {
        "separator": ",",
        "decimal": ".",
        "thousands": None,
        "encoding": "utf-8",
        "date_format": None,
        "day_first": False,
    }
    top = {"path": str(path), "format": "auto", "zero_amounts": "count"}
    for group in (columns, csv, top):
        group.update({key: changes.pop(key) for key in list(changes) if key in group})
    assert not changes
    return SimpleNamespace(**top, columns=SimpleNamespace(**columns), csv=SimpleNamespace(**csv))


def written(folder: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_text(folder: Path, text: str | bytes, **changes: Any) -> Transactions:
    return read(settings(written(folder, text), **changes))


def read_table(folder: Path, columns: dict[str, Any], **changes: Any) -> Transactions:
    pq.write_table(pa.table(columns), folder / "log.parquet")
    return read(settings(folder / "log.parquet", **changes))


def rows(log: Transactions) -> list[tuple[str, str, float]]:
    return [(row.customer_id, str(row.date.date()), row.amount) for row in log.purchases.itertuples()]


def days(log: Transactions) -> list[str]:
    return [str(day.date()) for day in log.purchases["date"]]


def faults(folder: Path, text: str | bytes, **changes: Any) -> tuple[str, ...]:
    with pytest.raises(TransactionsError) as caught:
        read_text(folder, text, **changes)
    assert str(caught.value) == "\n".join(f"{folder / 'log.csv'}: {fault}" for fault in caught.value.faults)
    return caught.value.faults


def date_faults(folder: Path, *dates: str, **changes: Any) -> tuple[str, ...]:
    return faults(folder, "customer_id,date,amount\n" + "".join(f"a,{day},1\n" for day in dates), **changes)


def read_dates(folder: Path, *dates: str, **changes: Any) -> list[str]:
    return days(read_text(folder, "customer_id,date,amount\n" + "".join(f"a,{day},1\n" for day in dates), **changes))


def read_amounts(folder: Path, *amounts: str, **changes: Any) -> list[float]:
    lines = "".join(f"{i};2020-01-01;{amount}\n" for i, amount in enumerate(amounts))
    log = read_text(folder, "customer_id;date;amount\n" + lines, separator=";", **changes)
    return list(log.purchases["amount"])


# ---- correct


def test_the_shipped_example_is_the_published_sample() -> None:
    log = read(settings(CDNOW))
    assert log.rows == 6919
    assert log.fates == {PURCHASE: 6696, MERGED: 223, DROPPED: 0}
    assert log.purchases["customer_id"].nunique() == 2357
    assert (log.first_day, log.last_day) == (date(1997, 1, 1), date(1998, 6, 30))
    assert log.purchases["amount"].sum() == pytest.approx(244_091.94, abs=1e-6)
    assert log.digest == "084d0b58c21710bb2a0e78dbc3ac4fbeb4ce6506b5cf513f5403ecffb6f657e7"
    assert log.digest == hashlib.sha256(CDNOW.read_bytes()).hexdigest()


def test_the_shipped_example_has_unix_line_ends_and_its_columns() -> None:
    text = CDNOW.read_bytes()
    assert text.startswith(b"customer_id,date,quantity,amount\n1,1997-01-01,2,29.33\n")
    assert b"\r" not in text


def test_eight_orders_of_the_example_are_of_amount_zero_and_can_be_dropped() -> None:
    log = read(settings(CDNOW, zero_amounts="drop"))
    assert log.fates == {PURCHASE: 6688, MERGED: 223, DROPPED: 8}
    assert (log.purchases["amount"] > 0).all()


def test_the_rows_of_one_customer_and_day_are_one_purchase(tmp_path: Path) -> None:
    text = "customer_id,date,amount\nb,2020-01-02 23:59,3\na,2020-01-02,1.5\n"
    text += "b,2020-01-02T00:00:00,4\nb,2020-01-01,0\n"
    log = read_text(tmp_path, text)
    assert rows(log) == [("a", "2020-01-02", 1.5), ("b", "2020-01-01", 0.0), ("b", "2020-01-02", 7.0)]
    assert log.fates == {PURCHASE: 3, MERGED: 1, DROPPED: 0}
    assert log.source == str(tmp_path / "log.csv")


def test_a_zero_row_is_dropped_before_its_day_is_summed(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,0\na,2020-01-01,5\na,2020-01-02,0.00\na,2020-01-02,-0\n"
    log = read_text(tmp_path, text, zero_amounts="drop")
    assert rows(log) == [("a", "2020-01-01", 5.0)]
    assert log.fates == {PURCHASE: 1, MERGED: 0, DROPPED: 3}


def test_ids_in_a_csv_stay_text_with_their_leading_zeros(tmp_path: Path) -> None:
    log = read_text(tmp_path, "customer_id,date,amount\n007,2020-01-01,1\n7,2020-01-01,1\n12e5,2020-01-01,1\n")
    assert list(log.purchases["customer_id"]) == ["007", "12e5", "7"]


def test_columns_separators_and_numbers_are_read_as_the_settings_say(tmp_path: Path) -> None:
    text = 'Kunde;Datum;Betrag;Beleg\n"Müller";31.12.2020;1.234,50;R1\nMüller ;1.2.2021; 7 ;R2\n'.encode("cp1252")
    names = {"customer_id": "Kunde", "date": "Datum", "amount": "Betrag", "order_id": "Beleg"}
    how = {"separator": ";", "decimal": ",", "thousands": ".", "encoding": "cp1252", "day_first": True}
    log = read_text(tmp_path, text, **names, **how)
    assert rows(log) == [("Müller", "2020-12-31", 1234.5), ("Müller", "2021-02-01", 7.0)]


@pytest.mark.parametrize(
    ("text", "changes", "amount"),
    [
        ("1234.5", {}, 1234.5),
        ("+1e3", {}, 1000.0),
        (".5", {}, 0.5),
        ("1,234,567.5", {"thousands": ","}, 1_234_567.5),
        ("12,34,567", {"thousands": ","}, 1_234_567.0),
        ("1234567", {"thousands": ","}, 1_234_567.0),
        ("1 234,5", {"thousands": " ", "decimal": ","}, 1234.5),
        ("29,33", {"decimal": ","}, 29.33),
    ],
)
def test_an_amount_is_read(tmp_path: Path, text: str, changes: dict[str, Any], amount: float) -> None:
    assert read_amounts(tmp_path, text, **changes) == [amount]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("2020-02-29", {}),
        ("2020-02-29T23:59:59.999", {}),
        ("29/02/2020", {"day_first": True}),
        ("29-2-2020 23:59", {"day_first": True}),
        ("20200229", {"date_format": "%Y%m%d"}),
        ("02/29/20", {"date_format": "%m/%d/%y"}),
        ("Feb 29 2020 11:59PM", {"date_format": "%b %d %Y %I:%M%p"}),
    ],
)
def test_a_date_is_the_day_as_written(tmp_path: Path, text: str, changes: dict[str, Any]) -> None:
    assert read_dates(tmp_path, text, **changes) == ["2020-02-29"]


@pytest.mark.parametrize("name", ["log.csv", "log.TXT", "log.tsv", "log.csv.gz"])
def test_the_format_follows_from_the_suffix(tmp_path: Path, name: str) -> None:
    text = b"customer_id,date,amount\na,2020-01-01,1\n"
    path = written(tmp_path, gzip.compress(text) if name.endswith("gz") else text, name)
    assert len(read(settings(path)).purchases) == 1


def test_a_format_that_is_set_overrides_the_suffix(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", "log.dat")
    assert len(read(settings(path, format="csv")).purchases) == 1


# ---- consistent


def test_csv_and_parquet_give_the_same_purchases(tmp_path: Path) -> None:
    frame = pd.read_csv(CDNOW, dtype={"customer_id": str})
    path = tmp_path / "log.parquet"
    frame.assign(date=pd.to_datetime(frame["date"])).set_index("customer_id").to_parquet(path)
    pd.testing.assert_frame_equal(read(settings(path)).purchases, read(settings(CDNOW)).purchases)


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    pd.read_csv(CDNOW, dtype=str).sample(frac=1, random_state=1).to_csv(path, index=False)
    pd.testing.assert_frame_equal(read(settings(path)).purchases, read(settings(CDNOW)).purchases)


@pytest.mark.parametrize(
    "dates",
    [
        pa.array(["2020-01-31", "2020-02-01"]),
        pa.array(["2020-01-31", "2020-02-01"]).dictionary_encode(),
        pa.array([date(2020, 1, 31), date(2020, 2, 1)]),
        pa.array(pd.to_datetime(["2020-01-31 23:59:59", "2020-02-01 00:00:00"]), pa.timestamp("ns")),
        pa.array(pd.to_datetime(["2020-01-31", "2020-02-01"]), pa.timestamp("s")),
    ],
)
@pytest.mark.parametrize("amounts", [[1.0, 2.0], [1, 2], ["1.00", "2"], [Decimal("1.00"), Decimal("2.00")]])
@pytest.mark.parametrize("ids", [[7, 8], ["7", "8"], pa.array(["7", "8"]).dictionary_encode()])
def test_a_parquet_file_may_use_any_fitting_type(tmp_path: Path, ids: Any, dates: Any, amounts: Any) -> None:
    log = read_table(tmp_path, {"customer_id": ids, "date": dates, "amount": amounts})
    assert rows(log) == [("7", "2020-01-31", 1.0), ("8", "2020-02-01", 2.0)]


def test_whole_number_dates_are_read_by_their_format(tmp_path: Path) -> None:
    columns = {"customer_id": [1], "date": [20200131], "amount": [1.0]}
    assert days(read_table(tmp_path, columns, date_format="%Y%m%d")) == ["2020-01-31"]


def test_a_byte_order_mark_windows_line_ends_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfcustomer_id, date,amount\r\n\r\na,2020-01-01,1\r\n\r\n\r\n"
    assert read_text(tmp_path, text).rows == 1


# ---- refuses: rows


def test_negative_amounts_wait_for_refunds(tmp_path: Path) -> None:
    text = "customer_id,date,amount\n" + "a,2020-01-01,5\n" * 3 + "a,2020-01-02,-5\n" * 4
    assert faults(tmp_path, text) == (
        "4 of 7 rows have a negative amount (first: line 5: '-5', line 6: '-5', line 7: '-5')."
        " Refunds are not netted yet: leave them out, or net each against its sale first.",
    )


def test_ids_that_are_missing_are_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,5\n,2020-01-02,5\n  ,2020-01-02,5\nnan,2020-01-02,5\n"
    assert faults(tmp_path, text)[0] == (
        "2 of 4 rows have a customer id that is null or blank (first: line 3: '', line 4: '')."
        " Every row needs its customer: leave guest orders out, or give each its own id."
    )
    assert faults(tmp_path, text)[1] == (
        "1 of 4 rows has a word for 'missing' as customer id (first: line 5: 'nan')."
        " Every row needs its customer: leave guest orders out, or give each its own id."
    )


def test_ids_that_went_through_a_float_are_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\n" + "".join(
        f"{name},2020-01-01,5\n" for name in ("12346.0", "1.23E+12", "1e+15", "1.5.0")
    )
    assert faults(tmp_path, text)[0].startswith(
        "3 of 4 rows have a customer id that is a float (first: line 2: '12346.0', line 3: '1.23E+12',"
    )


@pytest.mark.parametrize(
    "amount", ["", "abc", "nan", "inf", "-inf", "1e999", "$5", "1,5", "1 000", "0x1", "1_000", "(5)"]
)
def test_an_amount_that_is_no_finite_number_is_refused(tmp_path: Path, amount: str) -> None:
    with pytest.raises(TransactionsError) as caught:
        read_amounts(tmp_path, "1", amount)
    assert caught.value.faults == (
        f"1 of 2 rows has an amount that is not a finite number (first: line 3: {amount!r})."
        " Amounts are written 1234.50 (transactions.csv.decimal, transactions.csv.thousands),"
        " without a currency.",
    )


@pytest.mark.parametrize(
    ("amount", "changes"),
    [
        ("1.234", {"decimal": ","}),
        ("1,23", {"thousands": ","}),
        ("1,2345", {"thousands": ","}),
        ("1.234,5", {"thousands": ","}),
        ("1,234.5", {"decimal": ",", "thousands": "."}),
    ],
)
def test_an_amount_is_not_read_by_another_rule_than_the_one_set(
    tmp_path: Path, amount: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(TransactionsError, match="an amount that is not a finite number"):
        read_amounts(tmp_path, amount, **changes)


@pytest.mark.parametrize(
    ("dates", "changes", "fault"),
    [
        (
            ["2020-01-01", "2020-02-30", "01/02/2020"],
            {},
            "2 of 3 rows have a date that cannot be read (first: line 3: '2020-02-30', line 4: '01/02/2020')."
            " Dates are ISO 8601 (1997-12-31)"
            " unless transactions.csv.date_format or day_first says otherwise.",
        ),
        (
            ["19970101", "19970131"],
            {},
            "2 of 2 rows have a date that cannot be read (first: line 2: '19970101', line 3: '19970131')."
            " Dates written as whole numbers need transactions.csv.date_format ('%Y%m%d').",
        ),
        (
            ["31/01/2020", "01/31/2020", "2020-01-31", "31/01-2020", "31/01/20"],
            {"day_first": True},
            "4 of 5 rows have a date that cannot be read"
            " (first: line 3: '01/31/2020', line 4: '2020-01-31', line 5: '31/01-2020')."
            " With transactions.csv.day_first dates are 31/12/1997; else set transactions.csv.date_format.",
        ),
        (
            ["19970101", "199711", "1997111", "2020-01-01"],
            {"date_format": "%Y%m%d"},
            "3 of 4 rows have a date that cannot be read"
            " (first: line 3: '199711', line 4: '1997111', line 5: '2020-01-01')."
            " Every date has to fit transactions.csv.date_format, '%Y%m%d'.",
        ),
        (
            ["2020-01-01", "", "2020-01-01"],
            {},
            "1 of 3 rows has no date (first: line 3: ''). Every row needs its day.",
        ),
        (
            ["0200-01-01", "2020-01-01", "2201-01-01"],
            {},
            "2 of 3 rows have a date out of range (first: line 2: '0200-01-01', line 4: '2201-01-01')."
            " Dates lie in 1900 to 2200; is transactions.csv.date_format right?",
        ),
        (
            ["2020-01-01T10:00:00Z", "2020-01-01", "2020-01-01 10:00+02:00"],
            {},
            "2 of 3 rows have a time stamp with a zone, which is not handled yet"
            " (first: line 2: '2020-01-01T10:00:00Z', line 4: '2020-01-01 10:00+02:00')."
            " Convert to the shop's local time first and leave out the zone:"
            " it decides which day a sale belongs to.",
        ),
    ],
)
def test_a_date_is_never_guessed(tmp_path: Path, dates: list[str], changes: dict[str, Any], fault: str) -> None:
    assert date_faults(tmp_path, *dates, **changes) == (fault,)


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-01 25:00",
        "2020-01-01 10",
        "2020-13-01",
        "\uff12\uff10\uff12\uff10-01-01",
        "2020-1-1",
        "today",
    ],
)
def test_what_is_not_iso_8601_is_not_read(tmp_path: Path, text: str) -> None:
    assert "a date that cannot be read" in date_faults(tmp_path, text)[0]


def test_a_date_format_with_a_zone_is_refused(tmp_path: Path) -> None:
    found = date_faults(tmp_path, "2020-01-01 10:00 +0100", date_format="%Y-%m-%d %H:%M %z")
    assert "a time stamp with a zone, which is not handled yet" in found[0]


@pytest.mark.parametrize("wrong", ["mixed", "%Q", "ISO8601"])
def test_a_date_format_that_is_none_is_refused(tmp_path: Path, wrong: str) -> None:
    assert date_faults(tmp_path, "2020-01-01", date_format=wrong)[0].startswith(
        f"transactions.csv.date_format is {wrong!r}, which is no format with a year, a month and a day."
    )


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        (
            "customer_id",
            [1.0, 2.0],
            "2 of 2 rows have a customer id that is a float (first: row 1: 1.0, row 2: 2.0).",
        ),
        (
            "customer_id",
            [1, None],
            "1 of 2 rows has a customer id that is null or blank (first: row 2: <NA>).",
        ),
        (
            "customer_id",
            [True, False],
            "2 of 2 rows have a customer id that is true or false (first: row 1: True,",
        ),
        (
            "customer_id",
            [Decimal(1), Decimal(2)],
            "2 of 2 rows have a customer id that is neither text nor an integer",
        ),
        ("date", [20200101, 20200102], "2 of 2 rows have a date of the type int64"),
        ("date", [2020.5, 2021.0], "2 of 2 rows have a date of the type double"),
        ("date", [date(2020, 1, 1), None], "1 of 2 rows has no date (first: row 2: NaT)."),
        ("date", ["2020-01-01", None], "1 of 2 rows has no date (first: row 2: <NA>)."),
        (
            "amount",
            [True, False],
            "2 of 2 rows have an amount that is not a finite number (first: row 1: True,",
        ),
        (
            "amount",
            [1.0, None],
            "1 of 2 rows has an amount that is not a finite number (first: row 2: <NA>).",
        ),
        ("amount", [float("nan"), float("inf")], "2 of 2 rows have an amount that is not a finite number"),
        ("amount", [5, -5], "1 of 2 rows has a negative amount (first: row 2: -5)."),
    ],
)
def test_a_parquet_column_that_does_not_fit_is_refused(tmp_path: Path, column: str, values: Any, fault: str) -> None:
    columns = {
        "customer_id": ["a", "b"],
        "date": ["2020-01-01", "2020-01-01"],
        "amount": [1.0, 2.0],
        column: values,
    }
    with pytest.raises(TransactionsError) as caught:
        read_table(tmp_path, columns)
    (found,) = caught.value.faults
    assert found.startswith(fault)


def test_parquet_time_stamps_with_a_zone_are_refused(tmp_path: Path) -> None:
    stamps = pa.array(pd.to_datetime(["2020-01-01 10:00"]), pa.timestamp("us", "UTC"))
    with pytest.raises(TransactionsError, match="1 of 1 rows has a time stamp with a zone, which is not handled yet"):
        read_table(tmp_path, {"customer_id": ["a"], "date": stamps, "amount": [1.0]})


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "customer_id,date,amount\n,2020-01-01,1\na,01.02.2020,-1\nb,,x\nc,2020-01-01,1\n"
    assert [fault.split(" (first")[0] for fault in faults(tmp_path, text)] == [
        "1 of 4 rows has a customer id that is null or blank",
        "1 of 4 rows has a date that cannot be read",
        "1 of 4 rows has no date",
        "1 of 4 rows has an amount that is not a finite number",
        "1 of 4 rows has a negative amount",
    ]


def test_line_numbers_count_empty_lines_and_line_breaks_in_quotes(tmp_path: Path) -> None:
    text = 'customer_id,date,amount,note\n\na,2020-01-01,1,"two\nlines"\n\nb,2020-01-01,-1,\n'
    assert "(first: line 6: '-1')" in faults(tmp_path, text)[0]


def test_a_row_of_empty_cells_is_not_an_empty_line(tmp_path: Path) -> None:
    found = faults(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n\n,,\n\n")
    assert found[0].startswith("1 of 2 rows has a customer id that is null or blank (first: line 4: '').")


# ---- refuses: files


@pytest.mark.parametrize(
    "text", ["customer_id,date,amount\n", "customer_id,date,amount\n\n\n", "customer_id,date,amount"]
)
def test_a_log_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text) == ("has no rows.",)


def test_a_log_of_nothing_but_dropped_rows_is_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,0\n"
    assert faults(tmp_path, text, zero_amounts="drop") == ("there is no purchase in it.",)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "") == ("is empty: the first line holds the names of the columns.",)


def test_a_file_that_is_not_there_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TransactionsError, match=r"no\.csv: there is no such file \(transactions\.path\)"):
        read(settings(tmp_path / "no.csv"))
    with pytest.raises(
        TransactionsError, match=r"this is a directory; transactions\.path names one CSV or Parquet file"
    ):
        read(settings(tmp_path))


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    text = "CustomerID,order_date,amount\na,2020-01-01,1\n"
    assert faults(tmp_path, text, order_id="invoice") == (
        "there is no column 'customer_id' (transactions.columns.customer_id)."
        " The file has 'CustomerID', 'order_date', 'amount'. Did you mean 'CustomerID'?",
        "there is no column 'date' (transactions.columns.date)."
        " The file has 'CustomerID', 'order_date', 'amount'. Did you mean 'order_date'?",
        "there is no column 'invoice' (transactions.columns.order_id)."
        " The file has 'CustomerID', 'order_date', 'amount'.",
    )


def test_a_wrong_separator_is_suspected_when_there_is_one_column(tmp_path: Path) -> None:
    assert faults(tmp_path, "customer_id;date;amount\na;2020-01-01;1\n")[0] == (
        "there is no column 'customer_id' (transactions.columns.customer_id)."
        " The only column is 'customer_id;date;amount': is transactions.csv.separator right?"
    )


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount,amount,note,note\na,2020-01-01,1,2,x,x\n"
    assert faults(tmp_path, text) == ("the column 'amount' is there 2 times.",)


def test_one_column_does_not_serve_twice(tmp_path: Path) -> None:
    found = faults(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", amount="date")
    assert found[0].startswith("transactions.columns uses a column twice:")


@pytest.mark.parametrize(
    "text",
    [
        "customer_id,date,amount\na,2020-01-01,29,33\n",
        "customer_id,date,amount\na,2020-01-01,1\nb,2020-01-01,29,33\n",
    ],
)
def test_a_line_with_too_many_cells_is_not_cut(tmp_path: Path, text: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("cannot be read as CSV: Expected 3 fields in line ")
    assert fault.endswith("Look at the quotes, at commas within numbers, and at transactions.csv.separator.")


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "customer_id,date,amount\nMüller,2020-01-01,1\n".encode("cp1252"))
    assert fault.startswith("is not utf-8 text (")
    assert fault.endswith("Set transactions.csv.encoding.")
    (fault,) = faults(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", encoding="utf-9")
    assert fault == "unknown encoding: utf-9 (transactions.csv.encoding)."


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", "log.parquet")
    with pytest.raises(TransactionsError, match="cannot be read as Parquet: "):
        read(settings(path))
    with pytest.raises(TransactionsError, match=r"the suffix does not tell the format \(\.csv, "):
        read(settings(written(tmp_path, "x", "log.xlsx")))
    with pytest.raises(TransactionsError, match=r"log\.csv\.gz: cannot be read: "):
        read(settings(written(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", "log.csv.gz")))


@pytest.mark.parametrize(("key", "choices"), [("format", "auto, csv or parquet"), ("zero_amounts", "count or drop")])
def test_a_setting_out_of_its_choices_is_refused(tmp_path: Path, key: str, choices: str) -> None:
    found = faults(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", **{key: "maybe"})
    assert found == (f"transactions.{key} is {choices}, not 'maybe'.",)


def test_amounts_that_add_up_to_infinity_are_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,1e308\na,2020-01-01,1e308\n"
    assert faults(tmp_path, text) == ("the amounts of one day add up to more than a number can hold.",)


def test_rows_that_do_not_add_up_to_their_fates_are_refused() -> None:
    log = read(settings(CDNOW))
    with pytest.raises(TransactionsError, match="7 rows do not add up to their fates"):
        Transactions(log.purchases, "here", log.digest, 7, log.fates)


# ---- runs


def test_one_row_is_a_log(tmp_path: Path) -> None:
    log = read_text(tmp_path, "customer_id,date,amount\na,2020-01-01,1")
    assert rows(log) == [("a", "2020-01-01", 1.0)]
    assert log.first_day == log.last_day == date(2020, 1, 1)
