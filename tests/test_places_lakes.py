"""Delta and Iceberg tables that tests write with the formats' own libraries: slow, and skipped without these.

uv run --group sources --with deltalake --with 'pyiceberg[sql-sqlite]' pytest -n 0 -m slow tests/test_places_lakes.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from tenure.places import PlaceError
from tenure.settings import TransactionsSettings, shipped
from tenure.settings.log import ColumnSettings
from tenure.transactions import Transactions, TransactionsError, read

deltalake = pytest.importorskip("deltalake")
catalogs = pytest.importorskip("pyiceberg.catalog.sql")
pytest.importorskip("duckdb_extension_delta")
pytestmark = pytest.mark.slow
SAMPLE = shipped("data/cdnow_sample.csv")
HALF = 3_000


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return pacsv.read_csv(SAMPLE)


@pytest.fixture(params=["delta", "iceberg"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, rows: pa.Table) -> Callable[[pa.Table], str]:
    """Return a function that appends rows to a table and returns the address of the table."""
    if request.param == "delta":

        def append_delta(added: pa.Table) -> str:
            deltalake.write_deltalake(str(tmp_path / "sales"), added, mode="append")
            return f"delta:{tmp_path / 'sales'}"

        return append_delta
    catalog = catalogs.SqlCatalog("shop", uri=f"sqlite:///{tmp_path}/shop.db", warehouse=f"file://{tmp_path}/ice")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.sales", schema=rows.schema)

    def append_iceberg(added: pa.Table) -> str:
        table.append(added)
        return "iceberg:" + table.metadata_location.removeprefix("file://")

    return append_iceberg


def log(path: str, **changes: Any) -> Transactions:
    return read(TransactionsSettings(path=path, **changes))


def purchases(transactions: Transactions) -> pd.DataFrame:
    frame = transactions.purchases().to_pandas().astype({"customer_id": str, "date": str, "amount": str})
    return frame.sort_values(["customer_id", "date"], ignore_index=True)


def test_a_table_of_two_commits_is_the_log_of_the_file(lake: Callable[[pa.Table], str], rows: pa.Table) -> None:
    lake(rows.slice(0, HALF))
    one, other = log(lake(rows.slice(HALF))), log(SAMPLE)
    pd.testing.assert_frame_equal(purchases(one), purchases(other))
    assert one.reconcile() == other.reconcile()
    assert one.duplicates == other.duplicates


def test_the_digest_is_that_of_the_snapshot(lake: Callable[[pa.Table], str], rows: pa.Table) -> None:
    address = lake(rows.slice(0, HALF))
    before = log(address)
    assert log(address).digest == before.digest
    after = log(lake(rows.slice(HALF)))
    assert after.digest != before.digest
    assert after.rows > before.rows


def test_the_rules_of_files_hold(lake: Callable[[pa.Table], str], rows: pa.Table) -> None:
    with pytest.raises(TransactionsError, match="there is no column 'client'") as error:
        log(lake(rows), columns=ColumnSettings(customer_id="client"))
    assert "customer_id" in str(error.value)


def test_a_deleted_customer_is_not_read(tmp_path: Path, rows: pa.Table) -> None:
    """A delete of Delta writes files anew; those before it stay in the folder."""
    deltalake.write_deltalake(str(tmp_path / "sales"), rows)
    some = rows["customer_id"][0].as_py()
    deltalake.DeltaTable(str(tmp_path / "sales")).delete(f"customer_id = {some}")
    left = log(f"delta:{tmp_path / 'sales'}")
    assert str(some) not in set(purchases(left)["customer_id"])
    assert left.rows < rows.num_rows


@pytest.mark.parametrize(("kind", "hint"), [("delta", "there is no Delta table"), ("iceberg", "no Iceberg table")])
def test_a_missing_table_is_one_line(tmp_path: Path, kind: str, hint: str) -> None:
    with pytest.raises((PlaceError, TransactionsError), match=hint) as error:
        log(f"{kind}:{tmp_path / 'none'}")
    assert "\n" not in str(error.value)
