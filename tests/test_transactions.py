"""The purchase log: it is read as written, or refused in words that say what to do."""

import gc
import gzip
import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import CDNOW, purchases, settings

from tenure.rfm import compress, split_log
from tenure.settings import ExcludeSettings, SettingsError
from tenure.transactions import Line, Transactions, TransactionsError, read, rules
from tenure.transactions.fault import paste


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
    bought: Any = purchases(log)
    return [(row.customer_id, str(row.date.date()), row.amount) for row in bought.itertuples()]


def days(log: Transactions) -> list[str]:
    return [str(day.date()) for day in purchases(log)["date"]]


def fates(log: Transactions) -> dict[str, tuple[int, float]]:
    return {line.fate: (line.rows, float(line.amount)) for line in log.reconcile().lines}


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
    return list(purchases(log)["amount"])


# ---- correct


def test_the_shipped_example_is_the_published_sample() -> None:
    log = read(settings())
    accounts = log.reconcile()
    assert accounts.lines == (Line("sales", 6919, Decimal("244091.94")),)
    assert (accounts.rows, accounts.amount, accounts.purchases) == (6919, Decimal("244091.94"), 6696)
    assert purchases(log)["customer_id"].nunique() == 2357
    assert (log.first_day, log.last_day) == (date(1997, 1, 1), date(1998, 6, 30))
    assert log.digest == "084d0b58c21710bb2a0e78dbc3ac4fbeb4ce6506b5cf513f5403ecffb6f657e7"
    assert log.digest == hashlib.sha256(CDNOW.read_bytes()).hexdigest()


def test_the_shipped_example_has_unix_line_ends_and_its_columns() -> None:
    text = CDNOW.read_bytes()
    assert text.startswith(b"customer_id,date,quantity,amount\n1,1997-01-01,2,29.33\n")
    assert b"\r" not in text


def test_eight_orders_of_the_example_are_of_amount_zero_and_can_be_dropped() -> None:
    log = read(settings(zero_amounts="drop"))
    assert fates(log) == {"sales": (6911, 244_091.94), "sales of nothing, dropped": (8, 0.0)}
    assert log.reconcile().purchases == 6688
    assert (purchases(log)["amount"] > 0).all()


def test_the_rows_of_one_customer_and_day_are_one_purchase(tmp_path: Path) -> None:
    text = "customer_id,date,amount\nb,2020-01-02 23:59,3\na,2020-01-02,1.5\n"
    text += "b,2020-01-02T00:00:00,4\nb,2020-01-01,0\n"
    log = read_text(tmp_path, text)
    assert rows(log) == [("a", "2020-01-02", 1.5), ("b", "2020-01-01", 0.0), ("b", "2020-01-02", 7.0)]
    assert (log.reconcile().rows, log.reconcile().purchases) == (4, 3)
    assert log.source == str(tmp_path / "log.csv")


def test_a_zero_row_is_dropped_before_its_day_is_summed(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,0\na,2020-01-01,5\na,2020-01-02,0.00\na,2020-01-02,-0\n"
    log = read_text(tmp_path, text, zero_amounts="drop")
    assert rows(log) == [("a", "2020-01-01", 5.0)]
    assert fates(log) == {"sales": (1, 5.0), "sales of nothing, dropped": (3, 0.0)}


def test_ids_in_a_csv_stay_text_with_their_leading_zeros(tmp_path: Path) -> None:
    log = read_text(tmp_path, "customer_id,date,amount\n007,2020-01-01,1\n7,2020-01-01,1\n12e5,2020-01-01,1\n")
    assert list(purchases(log)["customer_id"]) == ["007", "12e5", "7"]


def test_columns_separators_and_numbers_are_read_as_the_settings_say(tmp_path: Path) -> None:
    text = 'Kunde;Datum;Betrag;Beleg\n"Müller";31.12.2020;1.234,50;R1\nMüller ;1.2.2021; 7 ;R2\n'.encode("cp1252")
    names = {"customer_id": "Kunde", "date": "Datum", "amount": "Betrag", "order_id": "Beleg"}
    how = {"separator": ";", "decimal": ",", "thousands": ".", "encoding": "cp1252", "day_first": True}
    log = read_text(tmp_path, text, **names, **how)
    assert rows(log) == [("Müller", "2020-12-31", 1234.5), ("Müller", "2021-02-01", 7.0)]


@pytest.mark.parametrize(
    ("text", "changes", "amount"),
    few(
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
        3,
    ),
)
def test_an_amount_is_read(tmp_path: Path, text: str, changes: dict[str, Any], amount: float) -> None:
    assert read_amounts(tmp_path, text, **changes) == [amount]


@pytest.mark.parametrize(
    ("text", "changes"),
    few(
        [
            ("2020-02-29", {}),
            ("2020-02-29T23:59:59.999", {}),
            ("29/02/2020", {"day_first": True}),
            ("29-2-2020 23:59", {"day_first": True}),
            ("20200229", {"date_format": "%Y%m%d"}),
            ("02/29/20", {"date_format": "%m/%d/%y"}),
            ("Feb 29 2020 11:59PM", {"date_format": "%b %d %Y %I:%M%p"}),
        ],
        3,
    ),
)
def test_a_date_is_the_day_as_written(tmp_path: Path, text: str, changes: dict[str, Any]) -> None:
    assert read_dates(tmp_path, text, **changes) == ["2020-02-29"]


@pytest.mark.parametrize("name", ["log.csv", "log.TXT", "log.tsv", "log.csv.gz", "log.tsv.gz"])
def test_the_format_follows_from_the_suffix(tmp_path: Path, name: str) -> None:
    text = b"customer_id,date,amount\na,2020-01-01,1\n"
    text = text.replace(b",", b"\t") if "tsv" in name else text
    path = written(tmp_path, gzip.compress(text) if name.endswith("gz") else text, name)
    assert read(settings(path)).reconcile().purchases == 1


def test_a_format_that_is_set_overrides_the_suffix(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", "log.dat")
    assert read(settings(path, format="csv")).reconcile().purchases == 1


# ---- the shop's day: T-37 to T-39


@pytest.mark.parametrize(
    ("stamp", "timezone", "day"),
    few(
        [
            ("2020-01-01T23:30:00Z", "Europe/Paris", "2020-01-02"),
            ("2020-01-01T23:30:00Z", "America/New_York", "2020-01-01"),
            ("2020-07-01 22:30:00+00:00", "Europe/Paris", "2020-07-02"),
            ("2020-07-01 21:30 UTC", "Europe/Paris", "2020-07-01"),
            ("2020-01-01 00:30:00.5+0200", "UTC", "2019-12-31"),
            ("2020-01-01T00:30:00,5+02", "UTC", "2019-12-31"),
            ("2020-01-01 23:59:59", "Pacific/Auckland", "2020-01-01"),
            ("2020-01-01", "Pacific/Auckland", "2020-01-01"),
            ("2020-03-29T01:30:00Z", "Europe/Paris", "2020-03-29"),  # the hour that the clock leaves out
            ("2020-10-24T22:30:00Z", "Europe/Paris", "2020-10-25"),
        ],
        4,
    ),
)
def test_a_stamp_with_a_zone_falls_on_the_shop_s_day(tmp_path: Path, stamp: str, timezone: str, day: str) -> None:
    text = f"customer_id;date;amount\na;{stamp};1\n"
    assert days(read_text(tmp_path, text, separator=";", timezone=timezone)) == [day]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_zoned_column_falls_on_the_shop_s_day(tmp_path: Path, unit: str) -> None:
    """T-37: two sales of one evening in New York are two days in UTC, and one there."""
    stamps = pa.array(pd.to_datetime(["2020-01-01 20:00", "2020-01-02 02:00"]).astype(f"datetime64[{unit}]"))
    columns = {"customer_id": ["a", "a"], "date": stamps.cast(pa.timestamp(unit, "UTC")), "amount": [1.0, 2.0]}
    assert rows(read_table(tmp_path, columns, timezone="America/New_York")) == [("a", "2020-01-01", 3.0)]
    assert days(read_table(tmp_path, columns, timezone="UTC")) == ["2020-01-01", "2020-01-02"]
    with pytest.raises(
        TransactionsError, match=r"2 of 2 rows have a time stamp with a zone .* Set transactions.timezone"
    ):
        read_table(tmp_path, columns)


def test_stamps_without_a_zone_may_be_those_of_a_server_elsewhere(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01 23:30,1\nb,2020-01-01,1\n"
    server = {"stamped_in": "UTC", "timezone": "Europe/Paris"}
    assert days(read_text(tmp_path, text, **server)) == ["2020-01-02", "2020-01-01"]
    assert days(read_text(tmp_path, text)) == ["2020-01-01", "2020-01-01"]
    stamps = {"customer_id": ["a"], "date": pa.array(pd.to_datetime(["2020-01-01 23:30"])), "amount": [1.0]}
    assert days(read_table(tmp_path, stamps, **server)) == ["2020-01-02"]
    formatted = "customer_id,date,amount\na,20200101 2330,1\n"
    assert days(read_text(tmp_path, formatted, date_format="%Y%m%d %H%M", **server)) == ["2020-01-02"]


def test_the_last_day_of_calibration_ends_at_the_shop_s_midnight(tmp_path: Path) -> None:
    """T-38, T-39: no hour belongs to both sides of a cut-off, whatever the zone of the stamps."""
    text = "customer_id,date,amount\na,2019-12-01T12:00Z,1\na,2020-01-01T22:59:59Z,2\na,2020-01-01T23:00:00Z,4\n"
    parts = split_log(read_text(tmp_path, text, timezone="Europe/Paris"), "2020-01-01", "2020-01-02")
    (known,), (later,) = parts.calibration.table.to_dict("records"), parts.holdout.to_dict("records")
    assert (known["frequency"], known["monetary_value"]) == (1, 2.0)
    assert (later["purchases"], later["spend"]) == (1, 4.0)


# ---- sources


def parquet(path: Path, customer: str, day: str, amount: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"customer_id": [customer], "date": [day], "amount": [amount]}), path)
    return path


def test_a_glob_and_a_folder_are_one_log(tmp_path: Path) -> None:
    for number in (1, 2):
        parquet(tmp_path / "sales" / f"{number}.parquet", "a", f"2020-01-0{number}")
    (tmp_path / "sales" / "_SUCCESS").touch()
    glob, folder = read(settings(tmp_path / "sales" / "*.parquet")), read(settings(tmp_path / "sales"))
    assert days(glob) == days(folder) == ["2020-01-01", "2020-01-02"]
    assert glob.digest == folder.digest
    parquet(tmp_path / "sales" / "2.parquet", "a", "2020-01-03")
    assert read(settings(tmp_path / "sales")).digest != folder.digest


def test_the_names_of_partitions_are_columns(tmp_path: Path) -> None:
    for country in ("FR", "DE"):
        parquet(tmp_path / f"country={country}" / "0.parquet", country.lower(), "2020-01-01")
    log = read(settings(tmp_path, segments={"country": "first"}))
    assert sorted(log.segment_values(log.last_day).to_pandas()["country"]) == ["DE", "FR"]


def test_csv_files_are_one_log_and_a_fault_names_its_own(tmp_path: Path) -> None:
    for number, amount in ((1, "1"), (2, "x"), (3, "2")):
        written(tmp_path, f"customer_id,date,amount\na,2020-01-0{number},5\na,2020-01-01,{amount}\n", f"{number}.csv")
    with pytest.raises(TransactionsError, match=r"1 of 6 rows has an amount .* \(first: 2\.csv, line 3: 'x'\)"):
        read(settings(tmp_path / "*.csv"))
    written(tmp_path, "customer,date,amount\na,2020-01-01,5\n", "4.csv")
    with pytest.raises(TransactionsError, match=r"4\.csv: has other columns than 1\.csv: \['customer', "):
        read(settings(tmp_path / "*.csv"))


def test_a_name_that_looks_like_a_pattern_or_holds_a_quote_is_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,date,amount\na,2020-01-01,5\n", "it's [1]*.csv")
    written(tmp_path, "customer_id,date,amount\na,2020-01-01,7\n", "it's 1x.csv")
    assert rows(read(settings(path))) == [("a", "2020-01-01", 5.0)]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    import duckdb

    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT 7 AS who, DATE '2020-01-01' AS day, 3 AS pieces, 2.5 AS price"
        )
    return tmp_path / "shop.duckdb"


def test_a_table_of_a_database_is_a_log(database: Path) -> None:
    log = read(settings(database, table="orders", customer_id="who", date="day", amount="price"))
    assert rows(log) == [("7", "2020-01-01", 2.5)]


def test_a_query_makes_what_the_log_lacks(tmp_path: Path, database: Path) -> None:
    query = "SELECT who AS customer_id, day AS date, pieces * price AS amount FROM shop.orders;"
    assert rows(read(settings(database, query=query))) == [("7", "2020-01-01", 7.5)]
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"customer_id": [1], "date": [date(2020, 1, 1)], "n": [3], "price": [0.1]}), path)
    log = read(settings(path, query="SELECT *, n * price AS amount FROM log"))
    assert log.reconcile().amount == Decimal("0.3")
    assert log.digest != hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(TransactionsError, match=r"there is no column 'amount' \(transactions\.columns\.amount\)"):
        read(settings(path))


def test_floats_that_are_whole_are_the_integers_they_were(tmp_path: Path) -> None:
    columns = {"customer_id": [7.0, None, float("nan"), 2.0**53 - 1], "date": ["2020-01-01"] * 4, "amount": [1] * 4}
    log = read_table(tmp_path, columns)
    assert [row[0] for row in rows(log)] == ["7", "9007199254740991"]
    assert fates(log) == {"no customer": (2, 2.0), "sales": (2, 2.0)}
    exact = {**columns, "customer_id": pa.array([7, None, None, 10**20], pa.decimal128(38, 0))}
    assert [row[0] for row in rows(read_table(tmp_path, exact))] == ["100000000000000000000", "7"]


@pytest.mark.slow
def test_a_log_larger_than_its_memory_is_read(tmp_path: Path) -> None:
    size = 3_000_000
    ids = pa.array(range(size)).cast(pa.string())
    day = pa.array([date(2020, 1, 1)], pa.date32()).take(pa.array([0] * size))
    pq.write_table(
        pa.table({"customer_id": ids, "date": day, "amount": pa.array([1.0] * size)}), tmp_path / "log.parquet"
    )
    log = read(settings(tmp_path / "log.parquet", memory_limit="200MB", threads=2))
    assert log.reconcile().purchases == size
    assert compress(log).customers == size


@pytest.mark.slow
def test_nothing_is_left_behind_once_a_log_is_forgotten(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,date,amount\na,2020-01-01,5\n")
    work = tmp_path / "work"
    work.mkdir()
    table = read(settings(path, temp_directory=str(work))).purchases()
    gc.collect()
    assert len(list(work.iterdir())) == 1  # the table still needs it
    assert len(table.to_pandas()) == 1
    del table
    gc.collect()
    assert list(work.iterdir()) == []


# ---- rows that repeat


def test_exact_duplicates_are_counted_and_kept_or_dropped(tmp_path: Path) -> None:
    text = "customer_id,date,amount,note\n" + "a,2020-01-01,5,x\n" * 3 + "a,2020-01-01,5,y\n,2020-01-01,1,x\n"
    log = read_text(tmp_path, text)
    assert (log.reconcile().duplicates, rows(log)) == (2, [("a", "2020-01-01", 20.0)])
    dropped = read_text(tmp_path, text, duplicates="drop")
    assert (dropped.reconcile().duplicates, rows(dropped)) == (0, [("a", "2020-01-01", 10.0)])
    assert fates(dropped)["exact duplicates, dropped"] == (2, 10.0)


# ---- consistent


def test_csv_and_parquet_give_the_same_purchases(tmp_path: Path) -> None:
    frame = pd.read_csv(CDNOW, dtype={"customer_id": str})
    path = tmp_path / "log.parquet"
    frame.assign(date=pd.to_datetime(frame["date"])).set_index("customer_id").to_parquet(path)
    pd.testing.assert_frame_equal(purchases(read(settings(path))), purchases(read(settings())))


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    pd.read_csv(CDNOW, dtype=str).sample(frac=1, random_state=1).to_csv(path, index=False)
    pd.testing.assert_frame_equal(purchases(read(settings(path))), purchases(read(settings())))


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
@pytest.mark.parametrize("amounts", few([[1.0, 2.0], [1, 2], ["1.00", "2"], [Decimal("1.00"), Decimal("2.00")]], 1))
@pytest.mark.parametrize("ids", [[7, 8], ["7", "8"], pa.array(["7", "8"]).dictionary_encode()])
def test_a_parquet_file_may_use_any_fitting_type(tmp_path: Path, ids: Any, dates: Any, amounts: Any) -> None:
    log = read_table(tmp_path, {"customer_id": ids, "date": dates, "amount": amounts})
    assert rows(log) == [("7", "2020-01-31", 1.0), ("8", "2020-02-01", 2.0)]


def test_whole_number_dates_are_read_by_their_format(tmp_path: Path) -> None:
    columns = {"customer_id": [1], "date": [20200131], "amount": [1.0]}
    assert days(read_table(tmp_path, columns, date_format="%Y%m%d")) == ["2020-01-31"]


def test_a_byte_order_mark_windows_line_ends_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfcustomer_id, date,amount\r\n\r\na,2020-01-01,1\r\n\r\n\r\n"
    assert read_text(tmp_path, text).reconcile().rows == 1


# ---- refuses: rows


def test_negative_amounts_can_be_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\n" + "a,2020-01-01,5\n" * 3 + "a,2020-01-02,-5\n" * 4
    assert faults(tmp_path, text, negative_amounts="refuse") == (
        "4 of 7 rows have a negative amount (first: line 5: '-5', line 6: '-5', line 7: '-5')."
        " transactions.negative_amounts=refund nets them against sales, drop leaves them out.",
    )


def test_guests_are_dropped_and_counted_or_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,5\n,2020-01-02,6\n  ,2020-01-02,7\nnan,2020-01-02,8\n"
    log = read_text(tmp_path, text)
    assert fates(log) == {"no customer": (3, 21.0), "sales": (1, 5.0)}
    assert faults(tmp_path, text, guests="refuse") == (
        "3 of 4 rows have no customer id (first: line 3: nothing, line 4: '  ', line 5: 'nan')."
        " transactions.guests=drop leaves such rows out and counts them; or give each customer an id.",
    )
    known = read_text(tmp_path, text, not_placeholders=["nan"])
    assert [row[0] for row in rows(known)] == ["a", "nan"]


@pytest.mark.parametrize("ids", few([["-1", "1", "(?)", " (?)"], [-1, 1, -1, -1], [-1.0, 1.0, -1.0, None]], 1))
def test_a_placeholder_stands_for_nobody_whatever_the_type_of_the_ids(tmp_path: Path, ids: list[Any]) -> None:
    columns = {"customer_id": ids, "date": [date(2020, 1, 1)] * 4, "amount": [1.0] * 4}
    log = read_table(tmp_path, columns, placeholders=["-1", "(?)"])
    assert fates(log) == {"no customer": (3, 3.0), "sales": (1, 1.0)}
    assert [row[0] for row in rows(log)] == ["1"]


@pytest.mark.parametrize("space", few([" ", "\t", "\v", "\f", "\r", "\n"], 3))
def test_space_around_an_id_is_no_part_of_it(tmp_path: Path, space: str) -> None:
    ids = ["a", f"{space}a", f"a{space}"]
    log = read_table(tmp_path, {"customer_id": ids, "date": [date(2020, 1, 1)] * 3, "amount": [1.0] * 3})
    assert rows(log) == [("a", "2020-01-01", 3.0)]


def test_ids_that_went_through_a_float_are_read_where_nothing_was_lost(tmp_path: Path) -> None:
    log = read_text(tmp_path, "customer_id,date,amount\n12346.0,2020-01-01,5\n12346,2020-01-01,1\n1.5.0,2020-01-01,2\n")
    assert rows(log) == [("1.5.0", "2020-01-01", 2.0), ("12346", "2020-01-01", 6.0)]
    lost = ("9007199254740993.0", "1.23E+12", "1e+15")
    text = "customer_id,date,amount\n" + "".join(f"{name},2020-01-01,5\n" for name in lost)
    assert faults(tmp_path, text) == (
        "3 of 3 rows have a customer id that is a float"
        " (first: line 2: '9007199254740993.0', line 3: '1.23E+12', line 4: '1e+15')."
        " They went through a float, which may have merged customers: export ids as text or integers.",
    )


@pytest.mark.parametrize("amount", ["", "  "])
def test_a_row_without_an_amount_is_refused_with_a_query_that_leaves_it_out(tmp_path: Path, amount: str) -> None:
    with pytest.raises(TransactionsError) as caught:
        read_amounts(tmp_path, "1", amount)
    query = paste("""select * from log where nullif(trim("amount"), '') is not null""")
    shown = repr(amount) if amount else "nothing"
    assert caught.value.faults == (
        f"1 of 2 rows has no amount (first: line 3: {shown})."
        f" Give every row its amount, or leave such rows out: {query}.",
    )


@pytest.mark.parametrize(
    "amount", few(["abc", "nan", "inf", "-inf", "$5", "1,5", "1 000", "0x1", "1_000", "(5)", "5-"], 4)
)
def test_an_amount_that_is_no_finite_number_is_refused(tmp_path: Path, amount: str) -> None:
    with pytest.raises(TransactionsError) as caught:
        read_amounts(tmp_path, "1", amount)
    assert caught.value.faults == (
        f"1 of 2 rows has an amount that is not a finite number (first: line 3: {amount!r})."
        " Amounts are written 1234.50 (transactions.csv.decimal, transactions.csv.thousands);"
        " $1234.50, (1234.50) and 1234.50- need transactions.csv.currency_signs=true.",
    )


@pytest.mark.parametrize(
    ("amount", "changes"),
    few(
        [
            ("1.234", {"decimal": ","}),
            ("1,23", {"thousands": ","}),
            ("1,2345", {"thousands": ","}),
            ("1.234,5", {"thousands": ","}),
            ("1,234.5", {"decimal": ",", "thousands": "."}),
        ],
        3,
    ),
)
def test_an_amount_is_not_read_by_another_rule_than_the_one_set(
    tmp_path: Path, amount: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(TransactionsError, match="an amount that is not a finite number"):
        read_amounts(tmp_path, amount, **changes)


@pytest.mark.parametrize(
    ("dates", "changes", "fault"),
    few(
        [
            (
                ["2020-01-01", "2020-02-30", "01/02/2020"],
                {},
                "2 of 3 rows have a date that cannot be read (first: line 3: '2020-02-30', line 4: '01/02/2020')."
                " Dates are ISO 8601 (1997-12-31) unless transactions.csv.date_format or day_first says otherwise;"
                " 19971231 needs '%Y%m%d', 12/31/1997 '%m/%d/%Y'.",
            ),
            (
                ["19970101", "19970131"],
                {},
                "2 of 2 rows have a date that cannot be read (first: line 2: '19970101', line 3: '19970131')."
                " They fit transactions.csv.date_format=%Y%m%d.",
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
                "1 of 3 rows has no date (first: line 3: nothing). Every row needs its day.",
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
                "2 of 3 rows have a time stamp with a zone"
                " (first: line 2: '2020-01-01T10:00:00Z', line 4: '2020-01-01 10:00+02:00')."
                " Set transactions.timezone to the shop's (such as Europe/Paris):"
                " it decides which day a sale belongs to.",
            ),
        ],
        3,
    ),
)
def test_a_date_is_never_guessed(tmp_path: Path, dates: list[str], changes: dict[str, Any], fault: str) -> None:
    assert date_faults(tmp_path, *dates, **changes) == (fault,)


@pytest.mark.parametrize(
    "text",
    few(
        [
            "2020-01-01 25:00",
            "2020-01-01 10",
            "2020-13-01",
            "\uff12\uff10\uff12\uff10-01-01",
            "2020-1-1",
            "today",
        ],
        3,
    ),
)
def test_what_is_not_iso_8601_is_not_read(tmp_path: Path, text: str) -> None:
    assert "a date that cannot be read" in date_faults(tmp_path, text)[0]


def test_a_date_format_with_a_zone_is_refused(tmp_path: Path) -> None:
    (found,) = date_faults(tmp_path, "2020-01-01 10:00 +0100", date_format="%Y-%m-%d %H:%M %z")
    assert "A zone in it is not read here but in a query: transactions.query=" in found
    assert r"""select * replace (strptime(\"date\", \'%Y-%m-%d %H:%M %z\') as \"date\") from log""" in found


@pytest.mark.parametrize("wrong", ["mixed", "%Q", "ISO8601"])
def test_a_date_format_that_is_none_is_refused(tmp_path: Path, wrong: str) -> None:
    assert date_faults(tmp_path, "2020-01-01", date_format=wrong)[0].startswith(
        f"transactions.csv.date_format is {wrong!r}, which is no format with a year, a month and a day."
    )


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    few(
        [
            (
                "customer_id",
                [1.5, 2.0**53],
                "2 of 2 rows have a customer id that is a float and no whole number below 2^53 "
                "(first: row 1: 1.5, row 2:",
            ),
            (
                "customer_id",
                [True, False],
                "2 of 2 rows have a customer id of the type boolean (first: row 1: True,",
            ),
            (
                "customer_id",
                [Decimal("1.5"), Decimal("2.5")],
                "2 of 2 rows have a customer id of the type decimal(2, 1)",
            ),
            ("date", [20200101, 20200102], "2 of 2 rows have a date of the type int64"),
            ("date", [2020.5, 2021.0], "2 of 2 rows have a date of the type float64"),
            ("date", [date(2020, 1, 1), None], "1 of 2 rows has no date (first: row 2: nothing)."),
            ("date", ["2020-01-01", None], "1 of 2 rows has no date (first: row 2: nothing)."),
            (
                "amount",
                [True, False],
                "2 of 2 rows have an amount of the type boolean (first: row 1: True,",
            ),
            (
                "amount",
                [1.0, None],
                "1 of 2 rows has no amount (first: row 2: nothing). Give every row its amount, or leave such rows out:",
            ),
            ("amount", [float("nan"), float("inf")], "2 of 2 rows have an amount that is not a finite number"),
            (
                "amount",
                [5.0, 1e12],
                "1 of 2 rows has an amount of 1,000,000,000,000 or more (first: row 2: 1000000000000.0).",
            ),
            (
                "amount",
                [5.0, 1e-9],
                "1 of 2 rows has an amount that is not 0 and below a millionth (first: row 2: 1e-09).",
            ),
        ],
        4,
    ),
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


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "customer_id,date,amount\n,2020-01-01,1\na,01.02.2020,-1\nb,,x\nc,2020-01-01,1e12\n"
    found = faults(tmp_path, text, guests="refuse", negative_amounts="refuse")
    assert [fault.split(" (first")[0] for fault in found] == [
        "1 of 4 rows has a date that cannot be read",
        "1 of 4 rows has no date",
        "1 of 4 rows has an amount that is not a finite number",
        "1 of 4 rows has an amount of 1,000,000,000,000 or more",
        "1 of 4 rows has no customer id",
        "1 of 4 rows has a negative amount",
    ]


def test_line_numbers_count_empty_lines_and_line_breaks_in_quotes(tmp_path: Path) -> None:
    text = 'customer_id,date,amount,note\n\na,2020-01-01,1,"two\nlines"\n\nb,2020-01-01,x,\n'
    assert "(first: line 6: 'x')" in faults(tmp_path, text)[0]


def test_rows_are_numbered_in_their_order_however_many_threads_read_them(tmp_path: Path) -> None:
    count, wrong = 700_000, 654_321
    amounts = np.ones(count)
    amounts[wrong] = np.nan
    ids = np.arange(count) // 2
    frame = pd.DataFrame({"customer_id": ids, "date": pd.Timestamp("2020-01-01"), "amount": amounts})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "log.parquet", row_group_size=50_000)
    for query in (None, "select * from log"):
        with pytest.raises(TransactionsError, match=f"row {wrong + 1:,}: nothing"):
            read(settings(tmp_path / "log.parquet", query=query, threads=4))


def test_a_row_of_empty_cells_is_a_blank_row_and_an_empty_line_is_none(tmp_path: Path) -> None:
    log = read_text(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n\n,,\n\n")
    assert fates(log) == {"blank rows": (1, 0.0), "sales": (1, 1.0)}


# ---- refuses: files


@pytest.mark.parametrize(
    "text", ["customer_id,date,amount\n", "customer_id,date,amount\n\n\n", "customer_id,date,amount"]
)
def test_a_log_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text) == ("has no rows.",)


def test_a_log_of_nothing_but_dropped_rows_is_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount\na,2020-01-01,0\n"
    assert faults(tmp_path, text, zero_amounts="drop") == ("there is no sale in it.",)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "") == ("is empty: the first line holds the names of the columns.",)


def test_a_file_that_is_not_there_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TransactionsError, match=r"no\.csv: there is no such file \(transactions\.path\)"):
        read(settings(tmp_path / "no.csv"))
    with pytest.raises(TransactionsError, match="this folder has no file in it"):
        read(settings(tmp_path))


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    text = "CustomerID,order_date,amount\na,2020-01-01,1\n"
    assert faults(tmp_path, text, order_id="invoice") == (
        "there is no column 'customer_id' (transactions.columns.customer_id)."
        " The log has 'CustomerID', 'order_date', 'amount'. Did you mean 'CustomerID'?",
        "there is no column 'date' (transactions.columns.date)."
        " The log has 'CustomerID', 'order_date', 'amount'. Did you mean 'order_date'?",
        "there is no column 'invoice' (transactions.columns.order_id)."
        " The log has 'CustomerID', 'order_date', 'amount'.",
    )


def test_a_wrong_separator_is_suspected_when_there_is_one_column(tmp_path: Path) -> None:
    assert faults(tmp_path, "customer_id;date;amount\na;2020-01-01;1\n") == (
        "the settings name 3 columns, and the only column is 'customer_id;date;amount'."
        " Set 'transactions.csv.separator=;'.",
    )
    assert faults(tmp_path, "customer_id\tdate\tamount\na\t2020-01-01\t1\n")[0].endswith(
        "Set transactions.csv.separator=tab."
    )


def test_lines_above_the_names_of_the_columns_are_suspected(tmp_path: Path) -> None:
    assert faults(tmp_path, "Export of 2024\ncustomer_id,date,amount\na,2020-01-01,1\n")[0].endswith(
        "If the names of the columns are further down, delete the lines above them."
    )


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    text = "customer_id,date,amount,amount,note,note\na,2020-01-01,1,2,x,x\n"
    query = paste('select *, "amount (1)" as "amount" from log')
    assert faults(tmp_path, text) == (f"the column 'amount' is there 2 times. Choose one in a query: {query}.",)


def test_one_column_does_not_serve_twice() -> None:
    with pytest.raises(
        SettingsError, match=r"transactions\.columns must be a different column for each role, got 'date'"
    ):
        settings(amount="date")


@pytest.mark.parametrize(
    "text",
    [
        "customer_id,date,amount\na,2020-01-01,29,33\n",
        "customer_id,date,amount\na,2020-01-01,1\nb,2020-01-01,29,33\n",
    ],
)
def test_a_line_with_too_many_cells_is_not_cut(tmp_path: Path, text: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert (
        "cannot be read as CSV: 1 line has another number of cells than the header, which has 3 (first: line " in fault
    )
    assert " with 4). " in fault
    assert fault.endswith("Look at the quotes, at separators within cells, and at transactions.csv.separator.")


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "customer_id,date,amount\nMüller,2020-01-01,1\n".encode("cp1252"))
    assert fault == "is not utf-8 text (line 2). Set transactions.csv.encoding (such as cp1252 or utf-16)."
    (fault,) = faults(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", encoding="utf-9")
    assert fault == "unknown encoding: utf-9 (transactions.csv.encoding)."


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", "log.parquet")
    with pytest.raises(TransactionsError, match="cannot be read as Parquet: "):
        read(settings(path))
    with pytest.raises(TransactionsError, match=r"the suffix is none of a known format \(\.csv, "):
        read(settings(written(tmp_path, "x", "log.dat")))
    with pytest.raises(TransactionsError, match=r"log\.csv\.gz: cannot be read: "):
        read(settings(written(tmp_path, "customer_id,date,amount\na,2020-01-01,1\n", "log.csv.gz")))


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("format", "maybe", "transactions.format must be one of auto, csv, parquet, duckdb"),
        ("zero_amounts", "maybe", "transactions.zero_amounts must be one of count, drop"),
        ("guests", "count", "transactions.guests must be one of drop, refuse"),
        ("timezone", "Mars/Olympus", "transactions.timezone must be a timezone such as Europe/Paris, or null"),
        ("stamped_in", "UTC", "transactions.timezone must be the shop's timezone if transactions.stamped_in is set"),
        ("cancellations", "C(", "transactions.cancellations must be a regular expression"),
        ("cancellations", "^C", "transactions.columns.order_id must be set if transactions.cancellations is set"),
        ("segments", {"country": "last"}, "transactions.segments.country must be one of first, mode"),
        ("longest_gap_days", 0, "transactions.longest_gap_days must be from 1 up"),
        ("memory_limit", "much", "transactions.engine.memory_limit must be a size such as 4GB"),
    ],
)
def test_a_setting_out_of_its_choices_is_refused(key: str, value: Any, rule: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{key: value})
    assert str(caught.value).startswith(rule)


def test_an_exclusion_has_one_kind_of_condition() -> None:
    with pytest.raises(SettingsError, match=r"set by `matches`, or by `above`, `below` or both"):
        ExcludeSettings("amount")
    with pytest.raises(SettingsError, match=r"transactions\.exclude\.\*\.matches must be a regular expression"):
        ExcludeSettings("channel", matches="(")


# ---- runs


def test_one_row_is_a_log(tmp_path: Path) -> None:
    log = read_text(tmp_path, "customer_id,date,amount\na,2020-01-01,1")
    assert rows(log) == [("a", "2020-01-01", 1.0)]
    assert log.first_day == log.last_day == date(2020, 1, 1)


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamp('UTC')", "string"])
def test_the_rules_are_written_for_other_engines_too(kind: str) -> None:
    """Nothing on the way from a raw row to its fate is DuckDB's alone: Ibis has SQL for it in PostgreSQL's words."""
    raw = ibis.table({"customer_id": "string", "date": kind, "amount": "float64", "order_id": "string"}, name="log")
    asked = settings(order_id="order_id", cancellations="^C(.*)", timezone="Europe/Paris", duplicates="drop")
    written = str(ibis.to_sql(rules.judge(raw, asked).table, dialect="postgres"))
    assert '"tenure_fate"' in written
    assert "TIMEZONE" in written.upper() or kind in ("date", "timestamp")
