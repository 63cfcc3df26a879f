"""Customer ids as text: 7 and '7' are one customer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import InputError, Reason
from .faults import SHOWN, Fault

type Bools = npt.NDArray[np.bool_]


class IdFault(NamedTuple):
    """A fault of customer ids: what is wrong, on which rows, and what would be right."""

    what: str
    rows: Bools
    remedy: str


class IdsError(InputError):
    """Some customer ids are neither text nor integers; `faults` says which rows and why."""

    reason = Reason.BAD_LOG

    def __init__(self, faults: list[IdFault]) -> None:
        super().__init__("\n".join(ids_fault(fault).line(len(fault.rows)) for fault in faults))
        self.faults = faults


def canonical_ids(ids: pd.Series[Any]) -> pd.Series[str]:
    """Return customer ids, text or integers, as text: 7 and '7' are one customer.

    Raises:
        IdsError: if any id is null, blank, a float, a truth value or anything but text or an integer.

    >>> canonical_ids(pd.Series([7, "7", "007"], dtype=object)).tolist()
    ['7', '7', '007']
    """
    if pd.api.types.is_integer_dtype(ids.dtype) and not ids.hasnans:
        return _text(ids.to_numpy(dtype=_integer_type(ids)).astype(str))
    if is_text(ids):
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


def is_text(ids: pd.Series[Any]) -> bool:
    """Return whether a column has a text type; a column of objects has none."""
    return pd.api.types.is_string_dtype(ids.dtype) and ids.dtype != np.dtype(object)


def _is_blank(texts: pd.Series[str]) -> Bools:
    return (texts.str.strip() == "").to_numpy(dtype=bool)


def _integer_type(ids: pd.Series[Any]) -> type[np.signedinteger[Any] | np.unsignedinteger[Any]]:
    return np.uint64 if pd.api.types.is_unsigned_integer_dtype(ids.dtype) else np.int64


def _text(values: npt.NDArray[Any]) -> pd.Series[str]:
    return pd.Series(values, dtype="str", name="customer_id")


def _kinds(ids: pd.Series[Any], values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    if pd.api.types.is_float_dtype(ids.dtype) and len(values):
        # Missing values among floats are not listed apart: a float column has lost all of its integers.
        return np.full(len(values), "float", dtype=object)
    return np.array([kind_of(value) for value in values], dtype=object)


def kind_of(value: object) -> str:
    """Return the kind of a value: text, truth, integer, null, float or other."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "truth"
    if isinstance(value, int | np.integer):
        return "integer"
    if is_null(value):
        return "null"
    return "float" if isinstance(value, float | np.floating) else "other"


def is_null(value: object) -> bool:
    """Return whether a value is None, NA or NaN."""
    return value is None or value is pd.NA or bool(isinstance(value, Hashable) and value != value)  # noqa: PLR0124 (NaN)


def _id_faults(kinds: npt.NDArray[Any]) -> list[IdFault]:
    rules = [
        ("null", "null or blank", "Every row needs the id of one customer."),
        ("float", "floats", "Write whole numbers as integers or as text: 7.0 may not be the customer 7."),
        ("truth", "true or false", "An id is text or an integer."),
        ("other", "neither text nor integers", "An id is text or an integer."),
    ]
    faults = [IdFault(what, kinds == kind, remedy) for kind, what, remedy in rules]
    return [fault for fault in faults if fault.rows.any()]


def ids_fault(fault: IdFault, first_row: int = 1) -> Fault:
    """Return the fault as a message with the first few rows."""
    first = tuple(f"{row + first_row:,}" for row in np.flatnonzero(fault.rows)[:SHOWN])
    text = f"{{count}} of {{of}} customer ids are {fault.what} (first rows: {{first}}). {fault.remedy}"
    return Fault(text, int(fault.rows.sum()), first)
