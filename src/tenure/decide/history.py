"""What decisions need of each customer's past, beside the customer summary: one query on the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from ..errors import InputError
from ..id_hashing import IdHashing
from ..rfm import summary_query
from ..settings import DecideSettings, EngineSettings
from ..summary import COLUMNS, OPTIONAL
from ..transactions import Transactions, working_folder
from .columns import CUSTOMERS, TOP
from .history_file import HistoryFile

SHARE = 250_000  # customers of one query
PART = 25_000  # customers in memory at once: each has fifty columns
SINCE_DAYS = 90  # before the end of observation, where stages are compared with earlier ones
# Spend within so many days after the first purchase, of customers who were observed for so long.
AGES = (30, 90, 365)
FURTHER = (
    "orders", "recent_spend", "since_first", "since_last", "before_first", "before_last", "sold", "returned",
    "first_order_spend", *(f"spend_{days}" for days in AGES),
)  # fmt: skip


class DecideError(InputError):
    """A log, a model or costs that decisions cannot be derived from."""


@dataclass(frozen=True)
class Days:
    """The days that decisions refer to.

    Attributes:
        end: the end of observation.
        since: an earlier day, whose stages are compared with those at the end.
        horizon: days ahead.
    """

    end: date
    since: date
    horizon: int

    @classmethod
    def of(cls, end: date, horizon: int, settings: DecideSettings) -> "Days":
        """Return the days of the settings; raise DecideError for a day that is not before the end."""
        given = settings.stages.since
        since = date.fromisoformat(given) if given else end - timedelta(SINCE_DAYS)
        if since >= end:
            raise DecideError(f"decide.stages.since must be before the end of observation, {end}, got {since}.")
        return cls(end, since, horizon)


def refuse_names(segments: Sequence[str]) -> None:
    """Raise DecideError for segments that have the name of a column of the decisions."""
    used = {column.name for column in CUSTOMERS} | {*COLUMNS, *OPTIONAL, *FURTHER, "lift"}
    top = TOP.format("")
    if taken := [name for name in segments if name in used or name.startswith(top)]:
        raise DecideError(
            f"transactions.segments has {', '.join(taken)}, which is a column of the decisions. Name it otherwise."
        )


def summary_columns(part: pd.DataFrame) -> list[str]:
    """Return the names of the columns of a customer summary, those that are optional among them."""
    return [*COLUMNS, *(name for name in OPTIONAL if name in part)]


def stream_histories(
    transactions: Transactions,
    days: Days,
    id_type: str,
    delta: float | None = None,
    engine: EngineSettings | None = None,
    hashing: IdHashing | None = None,
) -> HistoryFile:
    """Return the customer summary, the segments and the columns `FURTHER`, in parts.

    They are in a temporary file, so that the log is no longer needed. `delta` is that of the model, of whose columns
    the summary has those of fading evidence too. `engine` names the folder of temporary files. Beyond `SHARE` customers
    there are several queries, and ids are sorted within the customers of each. With `hashing` all that follows knows
    hashed ids only.

    Raises DecideError for a log without a customer.
    """
    queries = (_query(share, days, id_type, with_orders=delta is not None) for share in transactions.shares(SHARE))
    folder = working_folder(engine or EngineSettings())
    histories = HistoryFile.write(queries, PART, delta, days.end, folder, hashing)
    if not histories.customers:
        raise DecideError("There is no customer to decide on.")
    return histories


def _query(transactions: Transactions, days: Days, id_type: str, *, with_orders: bool) -> Any:
    """Return the histories of all customers of a log as an Ibis table."""
    summary = summary_query(transactions, days.end, further=("historic_spend",), with_orders=with_orders)
    further = _further(transactions, days).join(transactions.returns(days.end), "customer_id")
    table = summary.join(further, "customer_id")
    return table.mutate(customer_id=table["customer_id"].cast(id_type))


def _further(transactions: Transactions, days: Days) -> Any:
    bought = transactions.purchases(days.end)
    first = bought.group_by("customer_id").aggregate(first=bought["date"].min())
    dated = bought.join(first, "customer_id")
    day, amount, end = dated["date"], dated["amount"].cast("float64"), ibis.literal(days.end)
    is_before = day <= days.since
    recent = day > days.end - timedelta(days.horizon)
    age = day.delta(dated["first"], unit="day")
    spends = {f"spend_{limit}": amount.sum(where=age <= limit).fill_null(0.0) for limit in AGES}
    return dated.group_by("customer_id").aggregate(
        orders=dated.count(),
        recent_spend=amount.sum(where=recent).fill_null(0.0),
        since_first=end.delta(day.min(), unit="day"),
        since_last=end.delta(day.max(), unit="day"),
        before_first=ibis.literal(days.since).delta(day.min(where=is_before), unit="day").fill_null(-1),
        before_last=ibis.literal(days.since).delta(day.max(where=is_before), unit="day").fill_null(-1),
        first_order_spend=amount.argmin(day),
        **spends,
    )


def to_dates(end: date, days_before: Any, is_there: Any = None) -> Any:
    """Convert days before the end of observation (after it where negative) to dates; null where there is none."""
    numbers = (end - date(1970, 1, 1)).days - np.asarray(days_before)
    mask = None if is_there is None else ~np.asarray(is_there)
    days = pa.array(
        np.where(mask, 0, numbers).astype(np.int32) if mask is not None else numbers.astype(np.int32), mask=mask
    )
    return pd.arrays.ArrowExtensionArray(days.cast(pa.date32()))
