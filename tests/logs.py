"""Purchase logs that several test files use, and the settings to read them."""

from copy import deepcopy
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from tenure.settings import TrainSettings, TransactionsSettings
from tenure.transactions import Transactions, of_table

CDNOW = Path(__file__).parent.parent / "data" / "cdnow_sample.csv"
FIRST = date(2020, 1, 1)
SUMMARIES = pd.DataFrame(
    {
        "customer_id": [1, 2, 3],
        "frequency": [0, 3, 12],
        "recency": [0, 90, 300],
        "T": [200, 120, 320],
        "monetary_value": [0, 20, 35],
    }
)


@cache
def _shipped() -> TransactionsSettings:
    shipped: TransactionsSettings = TrainSettings().transactions
    return shipped


def settings(path: Path | str = CDNOW, **changes: Any) -> TransactionsSettings:
    """Return the shipped settings with changes, whether of the columns, of the CSV, or at the top."""
    changed = deepcopy(_shipped())
    changed.path = str(path)
    for name, value in changes.items():
        (place,) = [part for part in (changed, changed.columns, changed.csv, changed.engine) if name in vars(part)][:1]
        setattr(place, name, value)
    for part in (changed.columns, changed.csv, changed.engine, changed):
        part.__post_init__()
    return changed


@cache
def _connection() -> Any:
    return ibis.duckdb.connect(threads=1)


def log_of(
    rows: pd.DataFrame, *, end: date | str | None = None, today: date | None = None, **changes: Any
) -> Transactions:
    """Return the transactions of a frame with the columns that the settings name."""
    table = _connection().create_table(ibis.util.gen_name("rows"), rows)
    log_settings = settings("synthetic", **changes)
    return of_table(table, log_settings, source="synthetic", digest="0" * 64, end=end, today=today)


def sales_log(*sales: tuple[str, int, float], **changes: Any) -> Transactions:
    """Return the transactions of sales (customer, days after 2020-01-01, amount); the last day ends observation."""
    rows = pd.DataFrame(sales, columns=["customer_id", "day", "amount"])
    rows["date"] = pd.to_datetime([FIRST + timedelta(day) for day in rows.pop("day")]).astype("datetime64[us]")
    return log_of(rows, **{"end": rows["date"].max().date(), **changes})


def purchases(log: Transactions, until: date | None = None) -> pd.DataFrame:
    """Return the purchases as a sorted frame, with pandas dates and amounts as floats."""
    table = log.purchases(until).order_by(["customer_id", "date"]).to_pandas()
    return table.assign(date=pd.to_datetime(table["date"]), amount=table["amount"].astype(float))
