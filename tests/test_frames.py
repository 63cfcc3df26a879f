"""Tables in memory of every kind, and purchase logs among them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cases import few

from tenure.errors import InputError
from tenure.frames import Frame, FrameError
from tenure.settings import TransactionsSettings
from tenure.transactions import TransactionsError, of_frame
from tenure.transactions.memory import _digest

ROWS = pd.DataFrame(
    {
        "customer_id": [7, 8, 7, 9],
        "date": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-02-01", "2020-03-01"]),
        "amount": [10.0, 20.5, 30.0, 0.1],
    }
)


def read(data: object, **settings: Any) -> Any:
    return of_frame(Frame.of(data, "log"), TransactionsSettings(**settings))


def amounts(data: object, **settings: Any) -> dict[tuple[str, str], Decimal]:
    rows = read(data, **settings).purchases().to_pandas()
    return {(row.customer_id, str(row.date)[:10]): Decimal(row.amount) for row in rows.itertuples()}


@pytest.mark.parametrize(
    "change",
    few(
        [
            lambda rows: rows,
            pl.from_pandas,
            pa.Table.from_pandas,
            lambda rows: pa.Table.from_pandas(rows).to_batches()[0],
            lambda rows: pa.Table.from_pandas(rows).to_reader(),
            lambda rows: pl.from_pandas(rows).lazy(),
            lambda rows: rows.astype({"customer_id": "string[pyarrow]"}),
            lambda rows: rows.astype({"customer_id": "category", "amount": "float32"}),
            lambda rows: rows.assign(customer_id=pd.Series([7, "8", "7", 9], dtype=object)),
            lambda rows: rows.assign(date=rows["date"].dt.strftime("%Y-%m-%d")),
            lambda rows: rows.assign(date=rows["date"].dt.date),
            lambda rows: rows.assign(date=rows["date"].astype("datetime64[ns]")),
            lambda rows: rows.assign(date=list(rows["date"].dt.to_pydatetime())),
            lambda rows: rows.assign(amount=[Decimal("10"), Decimal("20.5"), Decimal("30"), Decimal("0.1")]),
            lambda rows: rows.assign(amount=["10", "20.5", "30", "0.1"]),
            lambda rows: rows.assign(note=[1, "a", None, 2.5], empty=None, parts=[[1], [2], None, []]),
            lambda rows: rows.assign(month=rows["date"].dt.to_period("M")),
            lambda rows: rows.set_index("date", drop=False),
            lambda rows: rows.rename_axis("customer_id"),
            lambda rows: rows.assign(**{"": 1, " ": 2}),
            lambda rows: rows.rename(columns={"amount": "amount"}).assign(**{"Ünïcode col": 1}),
            lambda rows: rows.set_index(pd.Index([5, 5, 5, 5])),
            lambda rows: pl.from_pandas(rows).with_columns(pl.col("customer_id").cast(pl.String).cast(pl.Categorical)),
            lambda rows: pl.from_pandas(rows).with_columns(pl.lit(None).alias("nothing")),
            lambda rows: pa.Table.from_pandas(rows).append_column("half", pa.array(np.ones(4, np.float16))),
        ],
        8,
    ),
)
def test_a_log_of_any_kind_is_read_alike(change: Any) -> None:
    assert amounts(change(ROWS)) == {
        ("7", "2020-01-01"): Decimal("10"),
        ("8", "2020-01-02"): Decimal("20.5"),
        ("7", "2020-02-01"): Decimal("30"),
        ("9", "2020-03-01"): Decimal("0.1"),
    }


def test_the_rules_of_files_apply_to_tables() -> None:
    more = {"customer_id": [7, 7, 8], "date": ["2020-01-01", "2020-03-02", "2020-04-01"], "amount": [-10.0, 0.0, 5.0]}
    rows = pd.concat([ROWS.assign(date=ROWS["date"].dt.strftime("%Y-%m-%d")), pd.DataFrame(more)], ignore_index=True)
    refunded = amounts(rows)
    assert ("7", "2020-01-01") not in refunded
    assert refunded["7", "2020-03-02"] == 0
    assert ("7", "2020-03-02") not in amounts(rows, zero_amounts="drop")
    read_log = read(rows)
    assert (read_log.rows, read_log.amount) == (7, Decimal("55.6"))
    account = read_log.reconcile()
    assert sum(line.rows for line in account.lines) == 7
    assert sum(line.amount for line in account.lines) == Decimal("55.6")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="amount"), "log: there is no column 'amount' (transactions.columns.amount)"),
        (lambda rows: rows.assign(Date=1), "log: the columns 'date', 'Date' differ by case alone. Rename or drop"),
        (lambda rows: pd.concat([rows, rows["date"]], axis=1), "log: the column 'date' is there 2 times. Rename or"),
        (lambda rows: rows.assign(tenure_row=1), "named as Tenure names its own ('tenure_row')"),
        (
            lambda rows: rows.assign(amount=[1.0, "a", 2, 3]),
            "'amount' holds float, int and str: give it one",
        ),
        (lambda rows: rows.assign(date=rows["date"].dt.to_period("M")), "the column 'date' holds period[M]: give it"),
        (lambda rows: rows.assign(date=rows["date"].dt.tz_localize("UTC")), "a time stamp with a zone (first: row 1:"),
        (lambda rows: rows.assign(date=[1, 2, 3, 4]), "a date of the type int64 (first: row 1: 1"),
        (lambda rows: rows.assign(amount=[1.0, np.nan, 2, 3]), "1 of 4 rows has no amount (first: row 2: nothing)"),
        (lambda rows: rows.assign(amount=[1.0, np.inf, 2, 3]), "1 of 4 rows has an amount that is not a finite number"),
        (lambda rows: rows.assign(amount=True), "an amount of the type boolean"),
        (lambda rows: rows.assign(customer_id=[1.5, 2, 3, 4]), "a customer id that is a float"),
        (lambda rows: rows.iloc[:0], "log: has no rows"),
        (lambda rows: rows.assign(amount=-1.0), "log: there is no sale in it"),
        (lambda rows: pa.table({"x": [1]}), "log: the settings name 3 columns, and the only column is 'x'"),
        (lambda rows: pa.table({}), "log: there is no column 'customer_id'"),
        (lambda rows: rows.set_axis(pd.MultiIndex.from_product([["a"], rows.columns]), axis=1), "columns of 2 levels"),
        (lambda rows: rows.set_axis([0, 1, 2], axis=1), "The log has '0', '1', '2'"),
        (lambda rows: rows.to_dict(), "got dict: make it a DataFrame"),
        (lambda rows: rows.to_dict("records"), "got list: make it a DataFrame"),
        (lambda rows: rows["date"], "got pandas"),
        (lambda rows: pl.from_pandas(rows)["amount"], "got polars"),
        (lambda rows: rows.to_numpy(), "got numpy.ndarray"),
        (lambda rows: b"log", "got bytes"),
        (lambda rows: True, "got bool True"),
    ],
)
def test_a_table_that_is_no_log_is_one_error(change: Any, message: str) -> None:
    with pytest.raises(InputError, match=r".") as refused:
        read(change(ROWS))
    assert isinstance(refused.value, FrameError | TransactionsError)
    assert message in str(refused.value)


def test_settings_of_files_do_not_apply_to_tables() -> None:
    with pytest.raises(TransactionsError, match=r"in memory, to which transactions\.table, transactions\.query do not"):
        read(ROWS, table="sales", query="select * from log")


def test_text_is_read_by_the_settings_of_text() -> None:
    rows = ROWS.assign(amount=["10,0", "20,5", "30", "0,1"], date=ROWS["date"].dt.strftime("%d/%m/%Y"))
    csv = TransactionsSettings().csv
    csv.decimal, csv.day_first = ",", True
    assert amounts(rows, csv=csv)["8", "2020-01-02"] == Decimal("20.5")


def test_equal_tables_have_one_digest_however_they_are_cut() -> None:
    whole = pa.Table.from_pandas(ROWS, preserve_index=False)
    cut = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    other = pa.Table.from_pandas(ROWS.assign(amount=1.0), preserve_index=False)
    assert _digest(whole) == _digest(cut) != _digest(other)
    assert read(ROWS).digest == read(pl.from_pandas(ROWS)).digest
    assert len(read(ROWS).digest) == 64


def test_rows_are_numbered_in_their_order() -> None:
    many = pd.DataFrame({"customer_id": np.arange(300_000), "date": pd.Timestamp("2020-01-01"), "amount": 1.0})
    many.loc[287_654, "amount"] = np.nan
    with pytest.raises(TransactionsError, match=r"1 of 300,000 rows has no amount \(first: row 287,655: nothing\)"):
        read(many)


def test_a_table_beside_another_keeps_its_index_and_key() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2), ("b", 3)])
    given = ROWS.set_index(index)
    table = pd.DataFrame({"customer_id": ["7", "8", "7", "9"], "clv": [1.0, 2.0, 3.0, 4.0]})
    beside = Frame.of(given, "log").beside(table, "customer_id")
    pd.testing.assert_index_equal(beside.index, index)
    assert beside["customer_id"].to_list() == [7, 8, 7, 9]
    assert list(beside.columns) == ["customer_id", "clv"]
    assert table["customer_id"].to_list() == ["7", "8", "7", "9"]
    polars = Frame.of(pl.from_pandas(ROWS), "log").beside(table, "customer_id")
    assert polars.columns == ["customer_id", "clv"]
    assert polars["customer_id"].to_list() == [7, 8, 7, 9]


def test_integers_with_nulls_stay_integers() -> None:
    frame = Frame.of(pl.DataFrame({"customer_id": [1, None, 2]}), "log").to_pandas()
    assert frame["customer_id"].dtype == pd.Int64Dtype()


def test_days_are_calendar_days_of_any_type() -> None:
    table = pa.table({"customer_id": [1, 2], "date": [date(2020, 1, 1), date(2020, 1, 2)], "amount": [1, 2]})
    stamped = pa.table(
        {"customer_id": [1, 2], "date": [datetime(2020, 1, 1, 23), datetime(2020, 1, 2)], "amount": [1, 2]}
    )
    assert read(table).first_day == read(stamped).first_day == date(2020, 1, 1)
