"""The customer summary and its contract: who bought how often, how lately, for how long, for how much."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import InputError

__all__ = ["COLUMNS", "CustomerSummary", "Fault", "FirstOrders", "IdFault", "IdsError", "SummaryError", "canonical_ids"]

type Bools = npt.NDArray[np.bool_]
type Floats = npt.NDArray[np.float64]

DAYS = ("frequency", "recency", "T")
COLUMNS = ("customer_id", *DAYS, "monetary_value")
DAYS_BELOW = 2.0**31  # five million years: what is above is no count of days, and int64 stays far away
SPEND_BELOW = 1e100  # sums of values stay within what a number can hold
SHOWN = 3


class Fault(NamedTuple):
    """One broken rule: what to say of it, how many rows break it, and what to call the first few of them."""

    text: str  # with {count}, {of}, {first} and {have} where they belong
    number: int = 0
    first: tuple[str, ...] = ()

    def line(self, rows: int) -> str:
        """Say it of a table of so many rows."""
        have, first = "has" if self.number == 1 else "have", ", ".join(self.first)
        return self.text.format(count=f"{self.number:,}", of=f"{rows:,}", first=first, have=have)


class SummaryError(InputError):
    """A customer summary breaks its contract; `faults` has one line per broken rule.

    Attributes:
        faults: the lines.
        found: the same by rule, to be put together with those of other parts of a table.
    """

    def __init__(self, *faults: str, found: Sequence[Fault] = ()) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.found = tuple(found)

    @classmethod
    def of(cls, found: Sequence[Fault], rows: int) -> SummaryError:
        """Put faults together by rule, and say them of a table of so many rows."""
        by_text: dict[str, Fault] = {}
        for fault in found:
            other = by_text.get(fault.text, Fault(fault.text))
            first = (*other.first, *fault.first)[:SHOWN]
            by_text[fault.text] = Fault(fault.text, other.number + fault.number, first)
        whole = list(by_text.values())
        return cls(*(fault.line(rows) for fault in whole), found=whole)


class IdFault(NamedTuple):
    """One way in which customer ids are wrong, the rows where they are, and what would be right."""

    what: str
    rows: Bools
    remedy: str


class IdsError(InputError):
    """Some customer ids are neither text nor integers; `faults` says which rows and why."""

    def __init__(self, faults: list[IdFault]) -> None:
        super().__init__("\n".join(_ids_fault(fault).line(len(fault.rows)) for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class FirstOrders:
    """What customers spent on their first purchase day, of which a summary of repeat purchases says nothing.

    Attributes:
        mean, sd: of the first day's spend over customers, in the log's money.
        customers: how many they are.
    """

    mean: float
    sd: float
    customers: int

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.sd]).all() and self.mean >= 0 and self.sd >= 0 and self.customers >= 1):
            raise SummaryError(f"First orders have a finite mean and sd from 0 up, of at least one customer: {self}.")


@dataclass(frozen=True)
class CustomerSummary:
    """One valid customer summary: whole days, one row per customer, in the order given.

    Attributes:
        table: `customer_id` (text), `frequency` (repeat purchase days), `recency` (days from first
            to last purchase), `T` (days from first purchase to the end of observation) and
            `monetary_value` (mean spend per repeat purchase day; 0 where there was no repeat, or where all repeat
            purchases were free); then columns that ride along, such as the country.
        as_of: the end of observation, where one is known.
        first_orders: what first purchases were worth, where the log is known.
    """

    table: pd.DataFrame
    as_of: date | None
    first_orders: FirstOrders | None = None

    def __post_init__(self) -> None:
        kinds = [pd.api.types.is_string_dtype(self.table.iloc[:, 0])]
        kinds += [self.table.dtypes.iloc[i] == np.int64 for i in (1, 2, 3)]
        kinds += [self.table.dtypes.iloc[4] == np.float64]
        is_counted = isinstance(self.table.index, pd.RangeIndex) and self.table.index.start == 0
        if tuple(self.table.columns[:5]) != COLUMNS or not all(kinds) or not is_counted:
            raise SummaryError(
                "A CustomerSummary is built by CustomerSummary.from_frame, which checks and converts a table."
            )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        as_of: date | None = None,
        first_orders: FirstOrders | None = None,
        segments: Sequence[str] = (),
        *,
        first_row: int = 1,
    ) -> CustomerSummary:
        """Check a customer summary against every rule of the contract and keep it.

        Args:
            frame: the five columns, whatever their order; further columns are ignored unless `segments` names them.
            as_of: the end of observation that T counts to.
            first_orders: of the same customers.
            segments: columns of the frame that ride along.
            first_row: the number of the first row, where the frame is a part of a larger table.

        Raises:
            SummaryError: with one line per rule that is broken: the rule, the count, the first few ids.
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
        return cls(table, as_of, first_orders)


def canonical_ids(ids: pd.Series[Any]) -> pd.Series[str]:
    """Turn customer ids, text or integers, into text: 7 and '7' are one customer.

    Raises:
        IdsError: if any id is null, blank, a float, a truth value or anything but text or an integer.

    >>> canonical_ids(pd.Series([7, "7", "007"], dtype=object)).tolist()
    ['7', '7', '007']
    """
    if pd.api.types.is_integer_dtype(ids.dtype) and not ids.hasnans:
        return _text(ids.to_numpy(dtype=_integer_type(ids)).astype(str))
    if _is_text(ids):
        missing = ids.isna().to_numpy(dtype=bool)
        texts = _text(ids.fillna("").to_numpy(dtype=object))
        kinds = np.where(missing | _is_blank(texts), "null", "text")
    else:
        values = ids.astype(object).to_numpy()
        kinds = _kinds(ids, values)
        texts = _text(np.array([str(value) for value in values], dtype=object))
        kinds[(kinds == "text") & _is_blank(texts)] = "null"
    faults = _id_faults(kinds)
    if faults:
        raise IdsError(faults)
    return texts


def _is_text(ids: pd.Series[Any]) -> bool:
    return pd.api.types.is_string_dtype(ids.dtype) and ids.dtype != np.dtype(object)


def _is_blank(texts: pd.Series[str]) -> Bools:
    return (texts.str.strip() == "").to_numpy(dtype=bool)


def _integer_type(ids: pd.Series[Any]) -> type[np.signedinteger[Any] | np.unsignedinteger[Any]]:
    return np.uint64 if pd.api.types.is_unsigned_integer_dtype(ids.dtype) else np.int64


def _text(values: npt.NDArray[Any]) -> pd.Series[str]:
    return pd.Series(values, dtype="str", name="customer_id")


def _kinds(ids: pd.Series[Any], values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    if pd.api.types.is_float_dtype(ids.dtype) and len(values):
        # A missing value in a column of floats is the lesser fault: all its integers were lost.
        return np.full(len(values), "float", dtype=object)
    return np.array([_kind(value) for value in values], dtype=object)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "truth"
    if isinstance(value, int | np.integer):
        return "integer"
    if _is_null(value):
        return "null"
    return "float" if isinstance(value, float | np.floating) else "other"


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or bool(isinstance(value, Hashable) and value != value)  # noqa: PLR0124 (NaN)


def _id_faults(kinds: npt.NDArray[Any]) -> list[IdFault]:
    rules = [
        ("null", "null or blank", "Every row needs the id of one customer."),
        ("float", "floats", "Give whole numbers as integers or as text: 7.0 is not surely the customer 7."),
        ("truth", "true or false", "An id is text or an integer."),
        ("other", "neither text nor integers", "An id is text or an integer."),
    ]
    faults = [IdFault(what, kinds == kind, remedy) for kind, what, remedy in rules]
    return [fault for fault in faults if fault.rows.any()]


def _ids_fault(fault: IdFault, first_row: int = 1) -> Fault:
    first = tuple(f"{row + first_row:,}" for row in np.flatnonzero(fault.rows)[:SHOWN])
    text = f"{{count}} of {{of}} customer ids are {fault.what} (first rows: {{first}}). {fault.remedy}"
    return Fault(text, int(fault.rows.sum()), first)


def _refuse_columns(frame: pd.DataFrame) -> None:
    columns = list(frame.columns)
    faults = [
        f"The customer summary has no column {name!r}; it has {columns}." for name in COLUMNS if name not in columns
    ]
    faults += [
        f"The column {name!r} is there {columns.count(name)} times." for name in COLUMNS if columns.count(name) > 1
    ]
    if faults:
        raise SummaryError(*faults)


def _ids(given: pd.Series[Any], first_row: int, faults: list[Fault]) -> tuple[pd.Series[str], pd.Series[Any]]:
    """Return the ids, and what names each row in a message: its id, or its number where ids are wrong."""
    try:
        ids = canonical_ids(given)
    except IdsError as error:
        faults += [_ids_fault(fault, first_row) for fault in error.faults]
        rows = pd.Series(np.arange(len(given)) + first_row)
        return rows.astype("str"), rows
    twice = ids.duplicated(keep=False).to_numpy(dtype=bool)
    if twice.any():
        faults.append(repeated(ids[twice].nunique(), [_label(name) for name in ids[twice].unique()[:SHOWN]]))
    return ids, ids


def _label(name: Any) -> str:
    """Return how a message names a row; control characters of an id are escaped, so that it stays on its line."""
    return repr(name) if isinstance(name, str) else f"row {name:,}"


def repeated(count: int, first: Sequence[str]) -> Fault:
    """Say that ids are on more than one row."""
    return Fault(
        "{count} customer ids are on more than one row (first: {first})."
        " A summary has one row per customer, and 7 and '7' are the same customer.",
        count,
        tuple(first),
    )


def _numbers(frame: pd.DataFrame, faults: list[Fault]) -> tuple[dict[str, Floats], bool]:
    """Return the four number columns as floats, null as NaN, and whether all of them held numbers."""
    numbers: dict[str, Floats] = {}
    for name in COLUMNS[1:]:
        values = _as_floats(frame[name])
        if values is None:
            faults.append(Fault(f"The column {name!r} holds {frame[name].dtype}, not numbers."))
        else:
            numbers[name] = values
    return numbers, len(numbers) == len(COLUMNS) - 1


def _as_floats(column: pd.Series[Any]) -> Floats | None:
    kind = column.dtype
    if len(column) == 0:
        return np.empty(0)
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind) or _is_text(column):
        return None
    if not pd.api.types.is_numeric_dtype(kind):
        # Objects: what a column becomes that is null throughout, or that holds exact decimals.
        values = column.astype(object).tolist()
        if not all(_kind(value) in ("integer", "float", "null") or isinstance(value, Decimal) for value in values):
            return None
        return np.array([np.nan if _is_null(value) else float(value) for value in values], dtype=np.float64)
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _broken_rules(numbers: dict[str, Floats], names: pd.Series[Any]) -> list[Fault]:
    frequency, recency, T, spend = (numbers[name] for name in COLUMNS[1:])
    rules: list[tuple[Bools, str, str]] = []
    sound = np.ones(len(frequency), dtype=bool)
    for name in DAYS:
        whole = _is_whole(numbers[name])
        rules.append((~whole, f"a {name} that is not a whole number", "Give whole days, never null."))
        rules.append((whole & (numbers[name] < 0), f"a {name} below 0", "Give days and counts from 0 up."))
        sound &= whole & (numbers[name] >= 0)
    lapsed = sound & ((recency == 0) != (frequency == 0))
    unpriced = sound & (frequency > 0) & ~(np.isfinite(spend) & (spend >= 0))
    untold = sound & (frequency > 0) & np.isfinite(spend) & (spend >= SPEND_BELOW)
    rules += [
        (sound & (frequency > recency), "frequency above recency", "A customer buys at most once per day."),
        (
            sound & (recency > T),
            "recency above T",
            "Recency and T are both counted in days from the first purchase.",
        ),
        (lapsed, "only one of recency and frequency at 0", "Recency = 0 exactly when frequency = 0."),
        (
            unpriced,
            "repeat purchases but no monetary_value that is finite and from 0 up",
            "It is the mean spend per repeat purchase day; 0 if all of them were free.",
        ),
        (untold, f"a monetary_value of {SPEND_BELOW:g} or more", "No money is worth so little; is it a number at all?"),
    ]
    return [_fault(rows, what, remedy, names) for rows, what, remedy in rules if rows.any()]


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
    return table
