"""Hashed ids: what is written names no customer, and neither the salt nor an id in clear is found anywhere."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import CDNOW, sales_log

from tenure import decide
from tenure.batch import CustomerParts, divide
from tenure.batch.customer_parts import part_numbers
from tenure.id_hashing import DIGITS, IdHashing, SaltError, hashing_of
from tenure.jobs import deciding, scoring
from tenure.jobs.compose import compose_settings
from tenure.output import OutputError, describe
from tenure.settings import DecideSettings, SettingsError
from tenure.summary import SummaryError
from tenure.summary_file import SummaryCheck, SummaryFile

SALT = "0123456789abcdef-zq7f3a9c"
MARK = "xk4w9-"  # begins every id, and is found in nothing else
LOG = sales_log(
    ("1", 0, 20.0), ("1", 30, 10.0), ("22", 400, 30.0), ("22", 405, 3.0), ("300", 5, 15.0), ("4", 390, 8.0),
)  # fmt: skip


@pytest.fixture
def salt(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TENURE_ID_SALT", SALT)
    return SALT


@pytest.fixture
def customers(tmp_path: Path, summaries: pd.DataFrame) -> pd.DataFrame:
    table = summaries.assign(customer_id=MARK + summaries["customer_id"].astype(str))
    table.to_parquet(tmp_path / "customers.parquet")
    return table


def hashed(customer: str, salt: str = SALT) -> str:
    """Compute a hashed id by the definition of HMAC (RFC 2104)."""
    key = salt.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + customer.encode()).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()[:32]


def score(model: str, output: str, *overrides: str) -> Any:
    line = [f"model={model}", "summary.path=customers.parquet", f"output={output}", "score.part_rows=100", *overrides]
    return scoring.run(compose_settings("score", line), "")


def rows_of(output: str) -> pd.DataFrame:
    return pd.read_parquet(output)


@pytest.mark.parametrize(
    ("key", "customer", "digits"),
    [  # RFC 4231, test cases 1, 2 and 6
        (b"\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b"),
        (b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7"),
        (b"\xaa" * 131, "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f"),
    ],
)
def test_a_hashed_id_is_the_start_of_the_hmac_sha256_of_its_text(key: bytes, customer: str, digits: str) -> None:
    assert IdHashing(key).hash(pd.Series([customer])).tolist() == [digits]
    assert len(digits) == DIGITS


def test_equal_ids_have_equal_hashes_whatever_their_type() -> None:
    hashing = IdHashing(SALT.encode())
    of_integers = hashing.hash(pd.Series([7, 2**53 + 1, -1]))
    assert of_integers.tolist() == [hashed("7"), hashed(str(2**53 + 1)), hashed("-1")]
    texts = pd.Series(["7", "é", "007", "a b"], dtype="str")
    assert hashing.hash(texts).tolist() == [hashed("7"), hashed("é"), hashed("007"), hashed("a b")]
    table = pd.DataFrame({"customer_id": [3, 1], "clv": [0.5, 2.5]}, index=[5, 9])
    replaced = hashing.replace(table)
    assert replaced["customer_id"].tolist() == [hashed("3"), hashed("1")]
    assert replaced["clv"].tolist() == [0.5, 2.5]
    assert IdHashing(b"another salt 0123").digest != hashing.digest
    assert SALT not in repr(hashing) + str(vars(pd.Series([hashing])))


@pytest.mark.parametrize(
    ("salt", "what"),
    [(None, "is missing"), ("", "is missing"), ("0123456789abcde", "has 15 bytes"), ("é" * 7, "has 14 bytes")],
)
def test_a_salt_that_is_missing_or_short_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, salt: str | None, what: str
) -> None:
    monkeypatch.delenv("TENURE_ID_SALT", raising=False)
    if salt is not None:
        monkeypatch.setenv("TENURE_ID_SALT", salt)
    with pytest.raises(
        SaltError, match=f"salt of at least 16 bytes in the environment, and TENURE_ID_SALT {what}"
    ) as e:
        hashing_of(True)
    assert "\n" not in str(e.value)
    assert e.value.exit_code == 2
    assert not salt or salt not in str(e.value)
    assert hashing_of(False) is None
    for job, name in ((scoring, "score"), (deciding, "decide")):  # before the model and the customers are read
        with pytest.raises(SaltError):
            job.run(compose_settings(name, ["hash_ids=true", "output=new/folder/"]), "")
        assert not Path("new").exists()


@pytest.mark.parametrize("salt", ["0123456789abcdef", "é" * 8])
def test_a_salt_of_16_bytes_is_long_enough(monkeypatch: pytest.MonkeyPatch, salt: str) -> None:
    monkeypatch.setenv("TENURE_ID_SALT", salt)
    hashing = hashing_of(True)
    assert hashing is not None
    assert hashing.hash(pd.Series(["7"])).tolist() == [hashed("7", salt)]


@pytest.mark.parametrize("output", ["folder/", pytest.param("scores.parquet", marks=pytest.mark.slow)])
def test_scores_have_hashed_ids_and_nothing_holds_an_id_or_the_salt(
    logged_model: str,
    tmp_path: Path,
    customers: pd.DataFrame,
    salt: str,
    output: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    score(logged_model, output, "hash_ids=true", "by_month=true", "score.columns=[model_version]")
    names = customers["customer_id"]
    rows = rows_of(output)
    assert set(rows["customer_id"]) == set(map(hashed, names))
    (tmp_path / "customers.parquet").unlink()
    printed = capsys.readouterr()
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    contents += [printed.out.encode(), printed.err.encode(), caplog.text.encode()]
    largest = rows["customer_id"][rows["clv"].idxmax()]
    assert f"The largest customer, {largest!r}," in printed.out
    for path in (tmp_path / output).rglob("*.parquet"):
        contents.append(pq.read_table(path).to_pandas().to_csv().encode())  # what Parquet may compress
    assert not [content for content in contents if MARK.encode() in content or SALT.encode() in content]
    if output == "folder/":
        parts = [pd.read_parquet(path)["customer_id"] for path in sorted((tmp_path / output).glob("*.parquet"))]
        assert len(parts) == 7
        assert all(part.is_monotonic_increasing for part in parts)  # no order of the ids in clear
    else:
        assert describe(output)["hash_ids"] is True


def test_scores_are_those_of_customers_whose_ids_are_the_hashes(
    logged_model: str, tmp_path: Path, customers: pd.DataFrame, salt: str
) -> None:
    """So simulated columns do not let anybody test which id a row may have."""
    hidden = score(logged_model, "hidden/", "hash_ids=true")
    customers.assign(customer_id=customers["customer_id"].map(hashed)).to_parquet("customers.parquet")
    renamed = score(logged_model, "renamed/")
    assert hidden.totals == renamed.totals
    tables = [rows_of(name).sort_values("customer_id", ignore_index=True) for name in ("hidden", "renamed")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.slow
def test_another_salt_under_the_same_output_is_refused_and_the_same_one_continues(
    logged_model: str, tmp_path: Path, customers: pd.DataFrame, salt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(logged_model, "folder/", "hash_ids=true")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "folder").glob("*.parquet")}
    score(logged_model, "folder/", "hash_ids=true")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "folder").glob("*.parquet")}
    monkeypatch.setenv("TENURE_ID_SALT", "another salt of more bytes")
    with pytest.raises(OutputError, match=r"with another input and another salt\. Name another output") as refused:
        score(logged_model, "folder/", "hash_ids=true")
    assert "\n" not in str(refused.value)
    with pytest.raises(OutputError, match=r"another salt \(hash_ids True, now False\)"):
        score(logged_model, "folder/")
    score(logged_model, "folder/", "hash_ids=true", "restart=true")
    assert set(rows_of("folder")["customer_id"]) == {
        hashed(one, "another salt of more bytes") for one in customers["customer_id"]
    }


def test_a_table_by_customer_is_refused_with_hashed_ids() -> None:
    with pytest.raises(SettingsError, match=r"^by must be without customer_id with hash_ids=true"):
        compose_settings("score", ["hash_ids=true", "by=[country,customer_id]"])
    assert compose_settings("score", ["hash_ids=true", "by=[country]"]).hash_ids


def divided(folder: Path, table: pd.DataFrame, hashing: IdHashing) -> CustomerParts:
    folder.mkdir()
    table.to_parquet(folder.with_suffix(".parquet"))
    file = SummaryFile(str(folder.with_suffix(".parquet")), rows=64)
    return divide(file, folder, 100, SummaryCheck(), hashing=hashing)


def test_integers_and_texts_are_one_input_and_temporary_files_have_hashed_ids(
    tmp_path: Path, summaries: pd.DataFrame
) -> None:
    hashing, base = IdHashing(SALT.encode()), summaries.assign(customer_id=np.arange(700)[::-1])
    parts = divided(tmp_path / "integers", base, hashing)
    texts = divided(tmp_path / "texts", base.assign(customer_id=base["customer_id"].astype(str)), hashing)
    assert parts.digest == texts.digest
    assert parts.digest != divided(tmp_path / "other", base, IdHashing(b"another salt 0123")).digest
    files = [pa.ipc.open_stream(path).read_all() for path in (tmp_path / "integers").iterdir()]
    assert set(pa.concat_tables(files)["customer_id"].to_pylist()) == {hashed(str(one)) for one in range(700)}
    for number, part in parts.read(parts.numbers):
        assert set(part_numbers(part["customer_id"], parts.parts)) == {number}
        assert part["customer_id"].is_monotonic_increasing


def test_duplicates_are_found_by_their_hashes_and_named_in_clear(tmp_path: Path, summaries: pd.DataFrame) -> None:
    twice = summaries.assign(customer_id=[7, *range(100, 798), 7])
    with pytest.raises(SummaryError, match=r"1 customer ids are on more than one row \(first: '7'\)"):
        divided(tmp_path / "parts", twice, IdHashing(SALT.encode()))


def test_histories_for_decisions_have_hashed_ids_in_their_order() -> None:
    days = decide.Days.of(LOG.last_day, 365, DecideSettings())
    plain = pd.concat(decide.stream_histories(LOG, days, "int64").parts(), ignore_index=True)
    hidden = pd.concat(
        decide.stream_histories(LOG, days, "int64", hashing=IdHashing(SALT.encode())).parts(), ignore_index=True
    )
    renamed = plain.assign(customer_id=[hashed(str(one)) for one in plain["customer_id"]])
    renamed = renamed.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(hidden, renamed, check_dtype=False)


@pytest.mark.slow
def test_decisions_have_hashed_ids_and_nothing_holds_an_id_or_the_salt(
    logged_model: str, tmp_path: Path, salt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.read_csv(CDNOW)
    rows = rows[rows["customer_id"] % 8 == 0].assign(customer_id=lambda table: MARK + table["customer_id"].astype(str))
    rows.to_csv(tmp_path / "log.csv", index=False)
    names = {hashed(name) for name in rows["customer_id"]}
    line = [f"model={logged_model}", "transactions.path=log.csv", "hash_ids=true", "output=decisions"]
    deciding.run(compose_settings("decide", line), "")
    (tmp_path / "log.csv").unlink()
    customers = pd.read_parquet("decisions/customers.parquet")["customer_id"]
    assert set(customers) <= names
    assert customers.is_monotonic_increasing
    for name in decide.NAMING_CUSTOMERS:
        listed = pd.read_csv(tmp_path / "decisions" / name)["customer_id"]
        assert len(listed)
        assert set(listed) <= names
    printed = capsys.readouterr()
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    contents.append(customers.to_csv().encode())  # what Parquet may compress
    assert SALT not in printed.out + printed.err  # which may name some ids of the log as examples
    assert not [content for content in contents if MARK.encode() in content or SALT.encode() in content]
