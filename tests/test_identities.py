"""Who is one customer: ids that look alike, placeholders, ids that may be everybody's, the largest customer."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import CDNOW, log_of, purchases, sales_log, settings

from tenure import batch
from tenure.jobs import console
from tenure.jobs.compose import compose_settings
from tenure.settings import SettingsError
from tenure.transactions import Identities, Transactions, choose_type, find_identities, read
from tenure.transactions.identities import normalize

ALL = ["case", "spaces", "invisible", "excel", "unicode"]
ANN = ["Ann@Example.com", "ann@example.com", "ann@example.com", "ann@example.com\u00a0", "ann@example.com\u200b"]


def read_ids(folder: Path, ids: list[Any], **changes: Any) -> Transactions:
    days = [date(2024, 1, 1) + timedelta(at) for at in range(len(ids))]
    pq.write_table(pa.table({"customer_id": ids, "date": days, "amount": [1.0] * len(ids)}), folder / "log.parquet")
    return read(settings(folder / "log.parquet", **changes))


def customers(log: Transactions) -> list[str]:
    return sorted(purchases(log)["customer_id"].unique())


def normal(ids: list[str], forms: list[str]) -> set[str]:
    table = ibis.memtable({"id": ids})
    return set(table.select(id=normalize(table["id"], forms))["id"].to_list())


def look(log: Transactions, normalized: list[str] | None = None) -> Identities:
    return find_identities(log, log.last_day, normalized or [])


# ---- ids that look alike


@pytest.mark.parametrize("suffix", few(["csv", "parquet"], 1))
@pytest.mark.parametrize("forms", [["case", "invisible"], ["invisible", "case", "spaces"], ALL])
def test_spellings_are_merged_where_the_settings_say_so(tmp_path: Path, suffix: str, forms: list[str]) -> None:
    if suffix == "csv":
        lines = "".join(f"{name},2024-01-0{at},1\n" for at, name in enumerate(ANN, 1))
        (tmp_path / "log.csv").write_text("customer_id,date,amount\n" + lines)
        log = read(settings(tmp_path / "log.csv", normalize_ids=forms))
    else:
        log = read_ids(tmp_path, ANN, normalize_ids=forms)
    assert list(purchases(log)["customer_id"]) == ["ann@example.com"] * 5
    assert not look(log, forms).findings()


def test_spellings_are_counted_and_reported_where_they_are_not_merged(tmp_path: Path) -> None:
    found = look(read_ids(tmp_path, [*ANN, "bob", "1"]))
    assert (found.customers, found.alike, found.surplus) == (6, 4, 3)
    assert found.findings() == [
        "4 customers have ids that differ only by case or invisible characters from another's (first:"
        " 'Ann@Example.com', 'ann@example.com', 'ann@example.com\\xa0')."
        " transactions.normalize_ids=[case,invisible] merges them."
    ]
    assert found.metrics()["data.alike_ids_share"] == 0.5
    left = look(read_ids(tmp_path, ANN, normalize_ids=["case"]), ["case"])
    assert left.findings()[0].startswith("3 customers have ids that differ only by invisible characters from another's")
    assert "transactions.normalize_ids=[case,invisible] merges" in left.findings()[0]


@pytest.mark.parametrize(
    ("one", "other", "form"),
    few(
        [
            ("A7", "a7", "case"),
            ("ΣΟΦΟΣ", "σοφος", "case"),
            ("ÉVA", "éva", "case"),
            ("ann\u3000lee", "ann lee", "spaces"),
            ("ann\u00a0lee", "ann lee", "spaces"),
            ("\u2003ann", "ann", "spaces"),
            ("\ufeffann", "ann", "invisible"),
            ("a\u00adnn", "ann", "invisible"),
            ("\u202aann\u202c", "ann", "invisible"),
            ("an\u200dn", "ann", "invisible"),
            ("ann\u2060", "ann", "invisible"),
            ("a\x00nn", "ann", "invisible"),
            ('="00123"', "00123", "excel"),
            ("'00123", "00123", "excel"),
            ("'00123'", "00123", "excel"),
            ("Zoe\u0301", "Zo\u00e9", "unicode"),
            ("\u1112\u1161\u11ab", "한", "unicode"),
            ("L\u1ec7", "Le\u0323\u0302", "unicode"),
        ],
        3,
    ),
)
def test_each_form_merges_its_own_differences_alone(tmp_path: Path, one: str, other: str, form: str) -> None:
    pair = [one, other]
    others = [name for name in ALL if name != form and {form, name} != {"invisible", "spaces"}]
    assert [len(normal(pair, forms)) for forms in ([], [form], ALL, others)] == [2, 1, 1, 2]
    found = look(read_ids(tmp_path, pair))
    assert (found.alike, found.forms) == (2, (form,))


@pytest.mark.parametrize(
    ("one", "other"),
    [("x\u00b2", "x2"), ("00123", "123"), ("a  b", "a b"), ("a-b", "a\u2010b"), ("e", "é"), ("o'neil", "oneil")],
)
def test_ids_that_look_different_stay_apart(one: str, other: str) -> None:
    assert len(normal([one, other], ALL)) == 2


@pytest.mark.parametrize("name", few(["", " ", "\u00a0", "\u200b\ufeff", "N/A\u00a0", " Null "], 3))
def test_what_is_blank_or_a_placeholder_to_the_eye_is_no_customer(tmp_path: Path, name: str) -> None:
    for forms in ([], ALL):
        assert customers(read_ids(tmp_path, [name, "a"], normalize_ids=forms)) == ["a"]


def test_ids_are_normalised_before_placeholders_and_before_floats_are_read(tmp_path: Path) -> None:
    ids = ['="guest"', "G\u200bUEST", "'17.0", "17", None, "b"]
    assert customers(read_ids(tmp_path, ids, normalize_ids=ALL, placeholders=["Guest"])) == ["17", "b"]


def test_escaped_numbers_of_a_csv_keep_their_zeros(tmp_path: Path) -> None:
    rows = '="00123",2024-01-01,1\n"=""00123""",2024-01-02,1\n\'00123,2024-01-03,1\n00123,2024-01-04,1\n'
    (tmp_path / "log.csv").write_text("customer_id,date,amount\n" + rows)
    log = read(settings(tmp_path / "log.csv", normalize_ids=["excel"]))
    assert customers(log) == ["00123"]
    assert len(purchases(log)) == 4
    assert choose_type(log, None) == "string"


@pytest.mark.parametrize("ids", [[7, 8, 7], [7.0, 8.0, 7.0]])
def test_integer_ids_are_not_changed(tmp_path: Path, ids: list[Any]) -> None:
    log = read_ids(tmp_path, ids, normalize_ids=ALL)
    assert customers(log) == ["7", "8"]
    assert not look(log, ALL).findings()


def test_refunds_and_segments_follow_the_normalised_id() -> None:
    rows = pd.DataFrame(
        {
            "customer_id": ["Ann", "ann ", "ANN", "bob"],
            "date": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-06", "2024-01-06"]).astype("datetime64[us]"),
            "amount": [10.0, 5.0, -5.0, 1.0],
            "country": ["FR", "FR", "FR", "DE"],
        }
    )
    log = log_of(rows, normalize_ids=["case", "spaces"], segments={"country": "first"}, end="2024-01-06")
    assert log.reconcile().revenue == 11
    assert log.reconcile().unmatched_share == 0
    assert purchases(log)[["customer_id", "amount"]].to_numpy().tolist() == [["ann", 10.0], ["bob", 1.0]]
    assert sorted(log.segment_values(log.last_day).to_pandas()["customer_id"]) == ["ann", "bob"]  # type: ignore[union-attr]


def test_only_ids_up_to_the_day_looked_at_are_compared() -> None:
    log = sales_log(("ann", 0, 1), ("bob", 5, 1), ("Ann", 10, 1))
    assert find_identities(log, date(2020, 1, 6)).alike == 0
    assert find_identities(log, date(2020, 1, 11)).alike == 2


# ---- placeholders


def test_placeholders_add_to_the_defaults_and_ignore_case(tmp_path: Path) -> None:
    ids = [
        "guest",
        "0",
        "unknown",
        "-",
        "-1",
        "None",
        "null",
        "n/a",
        "NaN",
        "anonymous",
        "NONE",
        "Null",
        "GUEST",
        "<na>",
    ]
    words = ["guest", "0", "unknown", "-", "-1", "anonymous"]
    log = read_ids(tmp_path, [*ids, "a"], placeholders=words)
    assert customers(log) == ["a"]
    assert [(line.fate, line.rows) for line in log.reconcile().lines] == [("no customer", len(ids)), ("sales", 1)]
    plain = read_ids(tmp_path, ids)
    assert customers(plain) == sorted(["guest", "GUEST", "0", "unknown", "-", "-1", "anonymous"])


def test_a_default_placeholder_can_be_a_customer(tmp_path: Path) -> None:
    log = read_ids(tmp_path, ["Nan", "NA", "null", "b"], not_placeholders=["NaN", "na"])
    assert customers(log) == ["NA", "Nan", "b"]
    with pytest.raises(
        SettingsError, match=r"transactions.not_placeholders must be among the default .*got \"'guest'\""
    ):
        settings(not_placeholders=["guest"])


@pytest.mark.parametrize("ids", [["0", "-1", "a0"], [0, -1, 5], [0.0, -1.0, 5.0]])
def test_numbers_are_placeholders_as_they_are_in_yaml(tmp_path: Path, ids: list[Any]) -> None:
    chosen = compose_settings("score", ["transactions.placeholders=[0,-1,guest]"]).transactions
    assert chosen.placeholders == ["0", "-1", "guest"]
    assert len(customers(read_ids(tmp_path, ids, placeholders=chosen.placeholders))) == 1


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"transactions.normalize_ids must be one of case, spaces, .*got 'upper'"):
        settings(normalize_ids=["case", "upper"])


# ---- ids that may be everybody's


def busy(*days: int, others: int = 0) -> Transactions:
    sales = [(f"c{at}", day, 1.0) for at, count in enumerate(days) for day in range(count)]
    return sales_log(*sales, *((f"d{at}", at % 300, 1.0) for at in range(others)))


@pytest.mark.parametrize(
    ("days", "others", "shared"),
    few(
        [
            ((200, 20), 0, ["c0"]),
            ((200, 21), 0, []),
            ((19, 1), 0, []),
            ((20, 1, 1), 0, ["c0"]),
            ((302,), 0, []),
            ((200, 150, 9), 300, ["c0", "c1"]),
            ((200, 150, 9), 0, []),  # of three customers one may stand out, not two
            ((200, 150, 120, 9), 400, ["c0", "c1", "c2"]),
            ((200, 15, 1), 300, ["c0"]),
        ],
        3,
    ),
)
def test_ids_with_far_more_purchase_days_than_the_next_are_reported(
    days: tuple[int, ...], others: int, shared: list[str]
) -> None:
    found = look(busy(*days, others=others))
    assert list(found.shared) == shared
    share = sum(days[: len(shared)]) / (sum(days) + others)
    assert found.metrics()["data.shared_ids_share"] == pytest.approx(share)
    assert bool(found.findings()) == bool(shared)


def test_a_shared_id_is_named_with_the_setting_that_leaves_it_out() -> None:
    (line,) = look(sales_log(*(("Till 3", day, 5.0) for day in range(30)), ("a", 3, 1.0), ("a", 9, 1.0))).findings()
    assert line == (
        "Far more purchase days than any other customer, who has at most 2: 'Till 3' with 30. If that is everybody's id"
        " (guest, till, marketplace): transactions.placeholders=['Till 3'] leaves its rows out."
    )


# ---- the largest customer


def test_the_largest_customer_is_found_up_to_the_day_looked_at() -> None:
    log = sales_log(("a", 0, 30.0), ("b", 1, 10.0), ("b", 2, 60.0))
    found = find_identities(log, date(2020, 1, 2))
    assert (found.largest, found.largest_share) == ("a", 0.75)
    assert (look(log).largest, look(log).largest_share) == ("b", 0.7)


def test_refunds_are_taken_off_before_shares_are_computed() -> None:
    log = sales_log(("a", 0, 90.0), ("b", 1, 10.0), ("a", 2, -80.0), ("c", 3, 20.0))
    assert (look(log).largest, look(log).largest_share) == ("c", 0.5)


def test_a_log_without_spend_has_no_largest_customer() -> None:
    found = look(sales_log(("a", 0, 0.0), ("b", 1, 0.0)))
    assert (found.largest, found.largest_share) == (None, 0.0)


def test_the_shipped_sample_is_unsuspicious(capsys: pytest.CaptureFixture[str]) -> None:
    found = look(read(settings(CDNOW)))
    assert not found.findings()
    assert found.largest_share < 0.05
    console.print_identities(found)
    assert capsys.readouterr().out == "The largest customer, '1901', has 2.7% of all spend.\n"


def test_the_largest_clv_is_exact_over_parts() -> None:
    rows = ((["a", "b"], [1.0, 5.0]), (["c", "0"], [4.0, 5.0]), (["z"], [0.0]))
    parts = [pd.DataFrame({"customer_id": ids, "clv": clv}) for ids, clv in rows]
    for ordered in (parts, parts[::-1]):  # of two that are equally large, the first by id
        assert batch.largest_of(map(batch.largest_in, ordered)) == ("0", 5.0)
    assert batch.largest_of(map(batch.largest_in, parts[:1])) == ("b", 5.0)
    assert batch.largest_in(parts[2]) is None
    assert batch.largest_of([None]) is None
