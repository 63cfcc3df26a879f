"""Rows that a rule leaves out need not be readable; those that are used do."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import settings

from tenure.settings import ExcludeSettings
from tenure.transactions import Transactions, TransactionsError, read

HEAD = "customer_id,date,amount,note\n"
GOOD = "a,2024-01-01,10,\nb,2024-01-05,7,\n"
TESTS = {"tests": ExcludeSettings("note", matches="^test")}


def read_text(folder: Path, text: str, **changes: Any) -> Transactions:
    (folder / "log.csv").write_text(text)
    return read(settings(folder / "log.csv", **changes))


def fates(log: Transactions) -> dict[str, tuple[int, float]]:
    return {line.label: (line.rows, float(line.amount)) for line in log.reconcile().lines}


@pytest.mark.parametrize(
    ("rows", "changes", "fate", "amount"),
    few([
        ("Total,,30,\n", {"exclude": {"totals": ExcludeSettings("customer_id", matches="^Total")}}, "left out: totals", 30),
        ("Grand total,not a day,1E9,\n", {"exclude": {"x": ExcludeSettings("customer_id", matches="total")}}, "left out: x", 1e9),
        ("a,,,test pending\n", {"exclude": TESTS}, "left out: tests (1 without a readable amount)", 0),
        ("a,2024-02-01,oops,test\n", {"exclude": TESTS}, "left out: tests (1 without a readable amount)", 0),
        ("1.5E+12,2024-02-01,4,test\n", {"exclude": TESTS}, "left out: tests", 4),
        ("a,2024-02-01T10:00Z,4,test\n", {"exclude": TESTS}, "left out: tests", 4),
        ("a,2024-13-41,999999,\n", {"exclude": {"large": ExcludeSettings("amount", above=1000)}}, "left out: large", 999999),
        (",2024-02-01,,\n", {}, "no customer (1 without a readable amount)", 0),
        ("nan,someday,twelve,\n", {}, "no customer (1 without a readable amount)", 0),
        ("a,2024-40-01,0,\n", {"zero_amounts": "drop"}, "sales of nothing, dropped", 0),
        ("a,,-3,\n", {"negative_amounts": "drop"}, "negative amounts, dropped", -3),
        ("a,,4,C1\n", {"order_id": "note", "cancellations": "^C"}, "cancellations that give nothing back", 4),
        ("a,,,C1\n", {"order_id": "note", "cancellations": "^C"}, "cancellations that give nothing back (1 without a readable amount)", 0),
        (" , ,  ,\n", {"guests": "refuse"}, "blank rows", 0),
    ], 3),
)  # fmt: skip
def test_a_row_that_a_rule_leaves_out_need_not_be_readable(
    tmp_path: Path, rows: str, changes: dict[str, Any], fate: str, amount: float
) -> None:
    log = read_text(tmp_path, HEAD + GOOD + rows, **changes)
    assert fates(log) == {fate: (1, amount), "sales": (2, 17.0)}
    assert log.reconcile().revenue == 17


def test_a_repeated_row_that_is_dropped_is_no_fault_and_the_one_that_is_kept_is(tmp_path: Path) -> None:
    wrong = "a,2024-02-01,oops,\n"
    with pytest.raises(TransactionsError, match=r"1 of 4 rows has an amount that is not a finite number \(first: line"):
        read_text(tmp_path, HEAD + GOOD + wrong * 2, duplicates="drop")


@pytest.mark.parametrize(
    ("rows", "changes", "fault"),
    few([
        ("a,2024-02-01,oops,\n", {"zero_amounts": "drop", "negative_amounts": "drop"}, "an amount that is not a finite"),
        ("a,2024-02-01,oops,\n", {"exclude": {"x": ExcludeSettings("amount", above=5)}}, "an amount that is not a finite"),
        ("a,2024-02-01,(4),C1\n", {"order_id": "note", "cancellations": "^C"}, "an amount that is not a finite number"),
        (",2024-02-01,5,\n", {"guests": "refuse"}, "no customer id"),
        ("1.5E+12,2024-02-01,4,\n", {}, "a customer id that is a float"),
        ("a,,4,\n", {"exclude": TESTS}, "no date"),
    ], 3),
)  # fmt: skip
def test_a_row_is_not_left_out_by_a_cell_that_cannot_be_read(
    tmp_path: Path, rows: str, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(TransactionsError, match=f"1 of 3 rows has {fault}.* \\(first: line 4"):
        read_text(tmp_path, HEAD + GOOD + rows, **changes)


def test_only_used_rows_are_counted_and_shown(tmp_path: Path) -> None:
    rows = "a,x,1,test\na,y,1,\nb,z,1,test\n"
    with pytest.raises(TransactionsError, match=r"1 of 5 rows has a date that cannot be read \(first: line 5: 'y'\)"):
        read_text(tmp_path, HEAD + GOOD + rows, exclude=TESTS)


def test_an_id_that_cannot_be_read_is_no_guest(tmp_path: Path) -> None:
    table = {"customer_id": [1.5, 2.0, None], "date": ["2024-01-01"] * 3, "amount": [1.0, 2.0, None]}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    with pytest.raises(
        TransactionsError, match=r"1 of 3 rows has a customer id that is a float .* \(first: row 1: 1.5\)"
    ):
        read(settings(tmp_path / "log.parquet"))
    pq.write_table(pa.table(table).slice(1), tmp_path / "log.parquet")
    log = read(settings(tmp_path / "log.parquet"))
    assert fates(log) == {"no customer (1 without a readable amount)": (1, 0.0), "sales": (1, 2.0)}
