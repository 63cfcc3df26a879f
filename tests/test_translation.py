"""Translations of queries to SQL: remembered by all that the text depends on, and nothing else."""

import gc
import weakref
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from ibis.backends.duckdb import Backend

from tenure.settings import EngineSettings
from tenure.transactions import translation
from tenure.transactions.engine import connect


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """Forget all translations."""
    empty: dict[Any, Any] = {}
    monkeypatch.setattr(translation, "_texts", empty)
    return empty


def table(rows: int, kind: str = "BIGINT") -> Any:
    connection, _ = connect(EngineSettings())
    connection.raw_sql(f"CREATE TABLE purchases AS SELECT range::{kind} AS amount FROM range({rows})")
    return connection.table("purchases")


def total(purchases: Any, least: float = 1) -> Any:
    """Return a query with a generated name."""
    named = purchases.alias(ibis.util.gen_name("tenure_read"))
    return named.filter(named["amount"] > least).aggregate(total=named["amount"].sum())


def test_the_same_query_of_another_log_is_not_translated_again(
    texts: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert total(table(4)).to_pyarrow()["total"].to_pylist() == [5]
    monkeypatch.setattr(Backend, "compile", None)
    assert total(table(5)).to_pyarrow()["total"].to_pylist() == [9]
    assert len(texts) == 1


def test_generated_names_are_those_of_the_query(texts: dict[Any, Any]) -> None:
    backend = table(3).get_backend()
    kept = [backend.create_table(ibis.util.gen_name("tenure_sales"), total(table(n)), temp=True) for n in (3, 4)]
    queries = [one.mutate(twice=one["total"] * 2) for one in kept]
    assert len(texts) == 1
    first, second = (backend.compile(query) for query in queries)
    assert first != second
    assert second == first.replace(*(one.op().name for one in kept))


@pytest.mark.parametrize(
    "other", [lambda: total(table(4), 2), lambda: total(table(4), 1.0), lambda: total(table(4, "DECIMAL(9, 2)"))]
)
def test_another_literal_or_type_has_a_text_of_its_own(texts: dict[Any, Any], other: Any) -> None:
    total(table(4)).to_pyarrow()
    query = other()
    backend = query.get_backend()
    assert backend.compile(query) == Backend.compile(backend, query)
    assert len(texts) == 2


def test_translations_keep_neither_a_connection_nor_rows(texts: dict[Any, Any]) -> None:
    purchases = table(4)
    backend, rows = purchases.get_backend(), ibis.memtable(pd.DataFrame({"amount": [1, 2]}))
    assert len(purchases.semi_join(rows, "amount").to_pyarrow()) == 2
    assert len(texts) == 1
    folder = Path(backend.raw_sql("SELECT current_setting('temp_directory')").fetchone()[0])
    connection, held = weakref.ref(backend), weakref.ref(rows.op().data)
    assert folder.exists()
    del purchases, backend, rows
    gc.collect()
    assert connection() is None
    assert held() is None
    assert not folder.exists()


def test_only_so_many_translations_are_kept(texts: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "MOST", 2)
    purchases = table(4)
    for least in (1, 2, 3):
        total(purchases, least).to_pyarrow()
    assert len(texts) == 1
