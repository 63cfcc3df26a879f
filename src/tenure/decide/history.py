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
from ..rfm import StreamedSummary, summary_query
from ..settings import DecideSettings
from ..summary import COLUMNS, OPTIONAL
from ..transactions import Transactions
from .dictionary import CUSTOMERS, TOP

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
    transactions: Transactions, days: Days, id_type: str, delta: float | None = None
) -> StreamedSummary:
    """Return the customer summary, the segments and the columns `FURTHER`, in parts.

    `delta` is that of the model, of whose columns the summary has those of fading evidence too.
    """
    summary = summary_query(transactions, days.end, further=("historic_spend",), with_orders=delta is not None)
    further = _further(transactions, days).join(transactions.returns(days.end), "customer_id")
    table = summary.join(further, "customer_id").cache()
    return StreamedSummary(table, days.end, id_type, rows=PART, delta=delta)


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
