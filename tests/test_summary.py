"""The customer summary: what it accepts, what it refuses, and in which words."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tenure.summary import COLUMNS, CustomerSummary, IdsError, SummaryError, canonical_ids


def table(**changes: object) -> pd.DataFrame:
    """Four valid customers: one-time, two repeat buyers, and one whose recency reaches T."""
    columns: dict[str, object] = {
        "customer_id": ["a", "b", "c", "d"],
        "frequency": [0, 2, 5, 1],
        "recency": [0, 30, 200, 90],
        "T": [10, 40, 365, 90],
        "monetary_value": [0.0, 12.5, 80.0, 3.0],
    }
    return pd.DataFrame(columns | changes)


def fault(frame: pd.DataFrame) -> str:
    """Return the one fault that is found in a table."""
    with pytest.raises(SummaryError) as caught:
        CustomerSummary.from_frame(frame)
    assert len(caught.value.faults) == 1, caught.value.faults
    return caught.value.faults[0]


# ---- correct


def test_a_valid_table_is_kept_in_its_order_with_its_types() -> None:
    summary = CustomerSummary.from_frame(table().iloc[::-1], as_of=date(1997, 9, 30))
    assert list(summary.table["customer_id"]) == ["d", "c", "b", "a"]
    assert list(summary.table.columns) == list(COLUMNS)
    assert [str(kind) for kind in summary.table.dtypes] == ["str", "int64", "int64", "int64", "float64"]
    assert summary.table.index.equals(pd.RangeIndex(4))
    assert summary.as_of == date(1997, 9, 30)


def test_the_given_table_is_neither_changed_nor_shared() -> None:
    frame = table(T=[10.0, 40.0, 365.0, 90.0])
    before = frame.copy(deep=True)
    summary = CustomerSummary.from_frame(frame)
    frame.loc[0, "T"] = 99.0
    assert summary.table.loc[0, "T"] == 10
    pd.testing.assert_frame_equal(frame.iloc[1:], before.iloc[1:])


@pytest.mark.parametrize(
    "kind", ["int8", "int32", "uint16", "float32", "float64", "Int64", "Float64", "int64[pyarrow]"]
)
def test_whole_days_may_come_in_any_type_of_number(kind: str) -> None:
    frame = table(T=[10, 40, 100, 90], recency=[0, 30, 100, 90])
    expected = CustomerSummary.from_frame(frame).table
    days = {name: frame[name].astype(kind) for name in ("frequency", "recency", "T")}
    pd.testing.assert_frame_equal(CustomerSummary.from_frame(frame.assign(**days)).table, expected)


@pytest.mark.parametrize("spend", [[None, 12, 80, 3], [np.nan, 12, 80, 3], [-5, 12, 80, 3], [np.inf, 12, 80, 3]])
def test_the_spend_of_a_customer_without_repeats_is_ignored_and_becomes_zero(spend: list[object]) -> None:
    for frame in (table(monetary_value=spend), table(monetary_value=pd.Series(spend, dtype=object))):
        assert list(CustomerSummary.from_frame(frame).table["monetary_value"]) == [0.0, 12.0, 80.0, 3.0]


def test_one_time_buyers_whose_spend_is_null_throughout_are_valid() -> None:
    frame = table(frequency=[0] * 4, recency=[0] * 4, monetary_value=[None] * 4)
    assert list(CustomerSummary.from_frame(frame).table["monetary_value"]) == [0.0] * 4


def test_exact_decimals_are_numbers() -> None:
    spend = [Decimal("0.00"), Decimal("12.50"), Decimal("80.00"), Decimal("3.00")]
    assert list(CustomerSummary.from_frame(table(monetary_value=spend)).table["monetary_value"]) == [
        0.0,
        12.5,
        80.0,
        3.0,
    ]


def test_a_repeat_purchase_on_each_day_since_the_first_is_valid() -> None:
    summary = CustomerSummary.from_frame(table(frequency=[0, 30, 200, 90]))
    assert list(summary.table["frequency"]) == [0, 30, 200, 90]


def test_further_columns_are_ignored() -> None:
    assert "segment" not in CustomerSummary.from_frame(table(segment="x")).table


# ---- consistent


@pytest.mark.parametrize(
    "ids",
    [
        [7, 8, 9],
        ["7", "8", "9"],
        pd.Series([7, "8", np.int32(9)], dtype=object),
        pd.Series([7, 8, 9], dtype="Int64"),
        pd.Series([7, 8, 9], dtype="uint8"),
        pd.Series([7, 8, 9], dtype="int64[pyarrow]"),
        pd.Series(["7", "8", "9"], dtype="string[pyarrow]"),
        pd.Series(["7", "8", "9"], dtype="string[python]"),
        pd.Series(["7", "8", "9"], dtype="category"),
        pd.Series([7, 8, 9], dtype="category"),
        pd.Series([np.str_("7"), 8, "9"], dtype=object),
    ],
)
def test_an_id_is_the_same_customer_as_text_and_as_an_integer(ids: object) -> None:
    found = canonical_ids(pd.Series(ids))
    assert list(found) == ["7", "8", "9"]
    assert str(found.dtype) == "str"


def test_ids_keep_leading_zeros_and_long_integers_are_exact() -> None:
    long = 9_007_199_254_740_993
    assert list(canonical_ids(pd.Series(["007", " x ", "né"]))) == ["007", " x ", "né"]
    assert list(canonical_ids(pd.Series([long, 2**63 + 1], dtype="uint64"))) == [str(long), str(2**63 + 1)]
    assert list(canonical_ids(pd.Series([10**30, -1], dtype=object))) == [str(10**30), "-1"]


def test_a_summary_of_a_summary_is_the_same() -> None:
    once = CustomerSummary.from_frame(table()).table
    pd.testing.assert_frame_equal(CustomerSummary.from_frame(once).table, once)


# ---- refuses


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"recency": [0, 41, 366, 90]},
            "2 of 4 customers have recency above T (first: 'b', 'c')."
            " Recency and T are both counted in days from the first purchase.",
        ),
        (
            {"frequency": [0, 31, 5, 1]},
            "1 of 4 customers has frequency above recency (first: 'b'). A customer buys at most once per day.",
        ),
        (
            {"recency": [5, 30, 200, 90]},
            "1 of 4 customers has only one of recency and frequency at 0 (first: 'a')."
            " Recency = 0 exactly when frequency = 0.",
        ),
        (
            {"T": [10, 40.5, np.nan, np.inf]},
            "3 of 4 customers have a T that is not a whole number (first: 'b', 'c', 'd'). Give whole days, never null.",
        ),
        (
            {"T": [10, 40, 1e300, 90]},
            "1 of 4 customers has a T that is not a whole number (first: 'c'). Give whole days, never null.",
        ),
        (
            {"T": [-1, 40, 365, 90]},
            "1 of 4 customers has a T below 0 (first: 'a'). Give days and counts from 0 up.",
        ),
        (
            {"monetary_value": [0, -0.01, np.nan, np.inf]},
            "3 of 4 customers have repeat purchases but no monetary_value that is finite and from 0 up"
            " (first: 'b', 'c', 'd'). It is the mean spend per repeat purchase day; 0 if all of them were free.",
        ),
        (
            {"monetary_value": [0, -1, 2, 3]},
            "1 of 4 customers has repeat purchases but no monetary_value that is finite and from 0 up"
            " (first: 'b'). It is the mean spend per repeat purchase day; 0 if all of them were free.",
        ),
        (
            {"customer_id": [7, "7", "b", "b"]},
            "2 customer ids are on more than one row (first: '7', 'b')."
            " A summary has one row per customer, and 7 and '7' are the same customer.",
        ),
        (
            {"customer_id": ["a", None, " ", pd.NA]},
            "3 of 4 customer ids are null or blank (first rows: 2, 3, 4). Every row needs the id of one customer.",
        ),
        (
            {"customer_id": [1.0, 2.0, 3.0, np.nan]},
            "4 of 4 customer ids are floats (first rows: 1, 2, 3)."
            " Give whole numbers as integers or as text: 7.0 is not surely the customer 7.",
        ),
        ({"T": ["10", "40", "365", "90"]}, "The column 'T' holds str, not numbers."),
        ({"frequency": [False, True, True, True]}, "The column 'frequency' holds bool, not numbers."),
        ({"T": [1 + 0j] * 4}, "The column 'T' holds complex128, not numbers."),
        (
            {"monetary_value": pd.Series([0, "x", 1, 1], dtype=object)},
            "The column 'monetary_value' holds object, not numbers.",
        ),
        (
            {"recency": pd.to_timedelta([0, 30, 200, 90], unit="D")},
            "The column 'recency' holds timedelta64[ns], not numbers.",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_count_and_first_ids(changes: dict[str, object], message: str) -> None:
    found = fault(table(**changes))
    assert found.replace("timedelta64[us]", "timedelta64[ns]").replace("timedelta64[s]", "timedelta64[ns]") == message


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        (pd.Series([True, False]), "2 of 2 customer ids are true or false (first rows: 1, 2)"),
        (pd.Series([1, True], dtype=object), "1 of 2 customer ids are true or false (first rows: 2)"),
        (pd.Series([1, 2.0], dtype=object), "1 of 2 customer ids are floats (first rows: 2)"),
        (
            pd.Series([Decimal(1), "x"], dtype=object),
            "1 of 2 customer ids are neither text nor integers (first rows: 1)",
        ),
        (pd.Series([("a",), ["b"]], dtype=object), "2 of 2 customer ids are neither text nor integers"),
        (pd.Series([1, None], dtype="Int64"), "1 of 2 customer ids are null or blank (first rows: 2)"),
        (
            pd.Series(["a", None], dtype="string[pyarrow]"),
            "1 of 2 customer ids are null or blank (first rows: 2)",
        ),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "1 of 1 customer ids are neither text nor integers"),
        (pd.Series([1.5], dtype="float64[pyarrow]"), "1 of 1 customer ids are floats"),
        (pd.Series([pd.NaT, "a"], dtype=object), "1 of 2 customer ids are null or blank (first rows: 1)"),
    ],
)
def test_an_id_is_text_or_an_integer_and_nothing_else(ids: "pd.Series[object]", what: str) -> None:
    with pytest.raises(IdsError) as caught:
        canonical_ids(ids)
    assert str(caught.value).startswith(what)


def test_all_faults_are_raised_at_once_one_to_a_line() -> None:
    wrong = table(customer_id=["a", "a", None, "d"], T=[-1, 40, 365, 1], monetary_value=[0, -1, 1, 1])
    with pytest.raises(SummaryError) as caught:
        CustomerSummary.from_frame(wrong)
    lines = str(caught.value).splitlines()
    assert tuple(lines) == caught.value.faults
    assert [line.split(" (first")[0] for line in lines] == [
        "1 of 4 customer ids are null or blank",
        "1 of 4 customers has a T below 0",
        "1 of 4 customers has recency above T",
        "1 of 4 customers has repeat purchases but no monetary_value that is finite and from 0 up",
    ]
    assert "(first: row 2)" in lines[-1]


def test_columns_that_are_missing_or_there_twice_are_named() -> None:
    twice = pd.concat([table().drop(columns=["recency"]), table()[["T"]]], axis=1)
    with pytest.raises(SummaryError, match="The customer summary has no column 'recency'; it has ") as caught:
        CustomerSummary.from_frame(twice)
    assert caught.value.faults[1] == "The column 'T' is there 2 times."


def test_an_rfm_is_not_built_around_the_check() -> None:
    with pytest.raises(SummaryError, match=r"built by CustomerSummary\.from_frame"):
        CustomerSummary(table(T=[10.0, 40.0, 365.0, 90.0]), None)


# ---- runs


def test_an_empty_table_is_a_summary_of_nobody() -> None:
    for frame in (
        table().iloc[:0],
        pd.DataFrame(columns=list(COLUMNS)),
        pd.DataFrame({c: [] for c in COLUMNS}),
    ):
        summary = CustomerSummary.from_frame(frame)
        assert len(summary.table) == 0
        assert [str(kind) for kind in summary.table.dtypes] == ["str", "int64", "int64", "int64", "float64"]
