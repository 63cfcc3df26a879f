"""The customer summary, checked against its contract: one row per customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .amounts import Amounts
from .faults import SHOWN, Fault, SummaryError, repeated
from .ids import IdsError, canonical_ids, ids_fault, is_null, is_text, kind_of
from .orders import Orders

type Bools = npt.NDArray[np.bool_]
type Floats = npt.NDArray[np.float64]

DAYS = ("frequency", "recency", "T")
COLUMNS = ("customer_id", *DAYS, "monetary_value")
FIRST_ORDER = "first_order_value"
FADED = ("faded_frequency", "faded_spend")
OPTIONAL = (FIRST_ORDER, *FADED)  # 0 or null where there is no evidence
SPENDING = ("counted", "counted_mean", "log_ratio", "first_order")  # of each customer; see `Amounts.of`
HOW = "They are sums over paid repeat purchase days, each weighted by delta to the power of the later ones."
DAYS_BELOW = 2.0**31  # far below the limit of int64
SPEND_BELOW = 1e100  # sums of spend stay finite


@dataclass(frozen=True)
class FirstOrders:
    """The spend on the first purchase day, which the summary of repeat purchases does not contain.

    Attributes:
        mean, sd: of the first day's spend over customers, in the log's currency.
        customers: their number.
    """

    mean: float
    sd: float
    customers: int

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.sd]).all() and self.mean >= 0 and self.sd >= 0 and self.customers >= 1):
            raise SummaryError(f"First orders have a finite mean and sd from 0 up, of at least one customer: {self}.")


@dataclass(frozen=True)
class CustomerSummary:
    """A valid customer summary: whole days, one row per customer, in the given order.

    Attributes:
        table: `customer_id` (text), `frequency` (repeat purchase days), `recency` (days from first
            to last purchase), `T` (days from first purchase to the end of observation) and
            `monetary_value` (mean spend per repeat purchase day; 0 without repeat purchases, or if all of them
            were free); then those of `OPTIONAL` that were given; then the segments, such as the country.
        as_of: the end of observation, or None.
        first_orders: the spend on first purchases; None if there is no log.
        amounts: the amounts of repeat purchase days; None if there is no log.
        spending: by customer, what `amounts` and `first_orders` sum up: the columns `SPENDING`; None if there is no
            log.
        orders: the orders one by one, in the order of the table; None if there is no log.
    """

    table: pd.DataFrame
    as_of: date | None
    first_orders: FirstOrders | None = None
    amounts: Amounts | None = None
    spending: pd.DataFrame | None = None
    orders: Orders | None = None

    def __post_init__(self) -> None:
        kinds = [pd.api.types.is_string_dtype(self.table.iloc[:, 0])]
        kinds += [self.table.dtypes.iloc[i] == np.int64 for i in (1, 2, 3)]
        kinds += [self.table.dtypes.iloc[4] == np.float64]
        is_numbered = isinstance(self.table.index, pd.RangeIndex) and self.table.index.start == 0
        if tuple(self.table.columns[:5]) != COLUMNS or not all(kinds) or not is_numbered:
            raise SummaryError(
                "A CustomerSummary is built by CustomerSummary.from_frame, which checks and converts a table."
            )
        if self.orders is not None and self.orders.first.size != len(self.table):
            raise SummaryError("The orders are of other customers than the table.")

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        as_of: date | None = None,
        first_orders: FirstOrders | None = None,
        segments: Sequence[str] = (),
        *,
        amounts: Amounts | None = None,
        spending: pd.DataFrame | None = None,
        orders: Orders | None = None,
        first_row: int = 1,
    ) -> CustomerSummary:
        """Build a customer summary from a table; check every rule of the contract.

        Args:
            frame: the five columns, in any order, and those of `OPTIONAL` that are at hand; further columns are
                ignored unless `segments` names them.
            as_of: the end of observation that T counts to.
            first_orders: of the same customers.
            segments: further columns of the frame to keep.
            amounts: of the same customers.
            spending: of the same customers, in the same order.
            orders: of the same customers, row by row.
            first_row: the number of the first row, if the frame is a part of a larger table.

        Raises:
            SummaryError: with one line per broken rule: the rule, the count, the first few ids.
        """
        _refuse_columns(frame)
        faults: list[Fault] = []
        ids, names = _ids(frame["customer_id"], first_row, faults)
        days, numeric = _numbers(frame, faults)
        if numeric:
            faults += _broken_rules(days, names)
        if faults:
            raise SummaryError.of(faults, len(frame))
        table = _table(ids, days)
        for name in segments:
            table[name] = frame[name].to_numpy()
        return cls(table, as_of, first_orders, amounts, spending, orders)

    def with_faded(self, delta: float) -> CustomerSummary:
        """Return the summary with the columns `FADED` at this delta, where its orders are at hand."""
        if self.orders is None:
            return self
        columns = dict(zip(FADED, self.orders.faded(delta), strict=True))
        return replace(self, table=self.table.assign(**columns))

    def take(self, at: npt.NDArray[np.integer[Any]]) -> CustomerSummary:
        """Return some rows, with what is known of their spending and their orders."""
        table = self.table.iloc[at].reset_index(drop=True)
        spending = None if self.spending is None else self.spending.iloc[at].reset_index(drop=True)
        return replace(
            self, table=table, spending=spending, orders=None if self.orders is None else self.orders.take(at)
        )


def _refuse_columns(frame: pd.DataFrame) -> None:
    columns = list(frame.columns)
    faults = [
        f"The customer summary has no column {name!r}; it has {columns}." for name in COLUMNS if name not in columns
    ]
    faults += [
        f"The column {name!r} is there {columns.count(name)} times."
        for name in (*COLUMNS, *OPTIONAL)
        if columns.count(name) > 1
    ]
    if faults:
        raise SummaryError(*faults)


def _ids(column: pd.Series[Any], first_row: int, faults: list[Fault]) -> tuple[pd.Series[str], pd.Series[Any]]:
    """Return the ids, and the name of each row in a message: its id, or its number if ids are wrong."""
    try:
        ids = canonical_ids(column)
    except IdsError as error:
        faults += [ids_fault(fault, first_row) for fault in error.faults]
        rows = pd.Series(np.arange(len(column)) + first_row)
        return rows.astype("str"), rows
    twice = ids.duplicated(keep=False).to_numpy(dtype=bool)
    if twice.any():
        faults.append(repeated(ids[twice].nunique(), [_label(name) for name in ids[twice].unique()[:SHOWN]]))
    return ids, ids


def _label(name: Any) -> str:
    """Return the name of a row in a message; control characters of an id are escaped, so that it stays on one line."""
    return repr(name) if isinstance(name, str) else f"row {name:,}"


def _numbers(frame: pd.DataFrame, faults: list[Fault]) -> tuple[dict[str, Floats], bool]:
    """Return the number columns as floats, null as NaN, and whether all of them contain numbers."""
    numbers: dict[str, Floats] = {}
    names = [*COLUMNS[1:], *(name for name in OPTIONAL if name in frame)]
    for name in names:
        values = _as_floats(frame[name])
        if values is None:
            faults.append(Fault(f"The column {name!r} has the type {frame[name].dtype}, not numbers."))
        else:
            numbers[name] = values
    return numbers, len(numbers) == len(names)


def _as_floats(column: pd.Series[Any]) -> Floats | None:
    kind = column.dtype
    if len(column) == 0:
        return np.empty(0)
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind) or is_text(column):
        return None
    if not pd.api.types.is_numeric_dtype(kind):
        # The type object: a column of nulls or of decimals.
        values = column.astype(object).tolist()
        if not all(kind_of(value) in ("integer", "float", "null") or isinstance(value, Decimal) for value in values):
            return None
        return np.array([np.nan if is_null(value) else float(value) for value in values], dtype=np.float64)
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _broken_rules(numbers: dict[str, Floats], names: pd.Series[Any]) -> list[Fault]:
    frequency, recency, T, spend = (numbers[name] for name in COLUMNS[1:])
    rules: list[tuple[Bools, str, str]] = []
    is_valid = np.ones(len(frequency), dtype=bool)
    for name in DAYS:
        is_whole = _is_whole(numbers[name])
        rules.append((~is_whole, f"a {name} that is not a whole number", "Write whole days, never null."))
        rules.append((is_whole & (numbers[name] < 0), f"a {name} below 0", "Days and counts are 0 or more."))
        is_valid &= is_whole & (numbers[name] >= 0)
    contradicts = is_valid & ((recency == 0) != (frequency == 0))
    lacks_spend = is_valid & (frequency > 0) & ~(np.isfinite(spend) & (spend >= 0))
    is_too_large = is_valid & (frequency > 0) & np.isfinite(spend) & (spend >= SPEND_BELOW)
    rules += [
        (is_valid & (frequency > recency), "frequency above recency", "A customer buys at most once per day."),
        (
            is_valid & (recency > T),
            "recency above T",
            "Recency and T are both counted in days from the first purchase.",
        ),
        (contradicts, "only one of recency and frequency at 0", "Recency = 0 exactly when frequency = 0."),
        (
            lacks_spend,
            "repeat purchases but no monetary_value that is finite and from 0 up",
            "It is the mean spend per repeat purchase day; 0 if all of them were free.",
        ),
        (is_too_large, f"a monetary_value of {SPEND_BELOW:g} or more", "Is the column right?"),
        *_broken_optional(numbers, is_valid),
    ]
    return [_fault(rows, what, remedy, names) for rows, what, remedy in rules if rows.any()]


def _broken_optional(numbers: dict[str, Floats], is_valid: Bools) -> list[tuple[Bools, str, str]]:
    rules: list[tuple[Bools, str, str]] = []
    for name in (name for name in OPTIONAL if name in numbers):
        values = numbers[name]
        is_wrong = is_valid & ~np.isnan(values) & ~((values >= 0) & (values < SPEND_BELOW))
        rules.append((is_wrong, f"a {name} below 0, or of {SPEND_BELOW:g} or more", "Write 0 or null for none."))
    if set(FADED) <= set(numbers):
        number, spend = (np.nan_to_num(numbers[name]) for name in FADED)
        repeats = numbers["frequency"] * (np.nan_to_num(numbers["monetary_value"]) > 0)
        both = f"{FADED[0]} and {FADED[1]}"
        is_half = is_valid & (((number > 0) != (spend > 0)) | ((number > 0) != (repeats > 0)))
        rules.append((is_half, f"{both} that are not both above 0 exactly where repeat purchases were paid for", HOW))
        is_many = is_valid & (number > numbers["frequency"] * (1 + 1e-9))
        rules.append((is_many, f"a {FADED[0]} above frequency", "Each purchase has a weight of 1 at most."))
    return rules


def _is_whole(days: Floats) -> Bools:
    with np.errstate(invalid="ignore"):
        whole: Bools = np.isfinite(days) & (np.floor(days) == days) & (np.abs(days) < DAYS_BELOW)
    return whole


def _fault(rows: Bools, what: str, remedy: str, names: pd.Series[Any]) -> Fault:
    text = f"{{count}} of {{of}} customers {{have}} {what} (first: {{first}}). {remedy}"
    return Fault(text, int(rows.sum()), tuple(_label(name) for name in names[rows].head(SHOWN)))


def _table(ids: pd.Series[str], numbers: dict[str, Floats]) -> pd.DataFrame:
    table = pd.DataFrame({"customer_id": ids})
    for name in DAYS:
        table[name] = numbers[name].astype(np.int64)
    table["monetary_value"] = np.where(numbers["frequency"] > 0, numbers["monetary_value"], 0.0)
    for name in (name for name in OPTIONAL if name in numbers):
        table[name] = np.nan_to_num(numbers[name])
    return table
