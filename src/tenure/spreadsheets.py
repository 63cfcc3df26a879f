"""Tables made safe for spreadsheets: no text in them is read as a formula."""

from typing import Any

import pandas as pd

from .text import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts, names included, no spreadsheet takes for a formula; numbers stay numbers.

    A text that starts with =, +, -, @, a tab or a carriage return gets an apostrophe before it, unless it is a number.
    """
    safe = table.copy()
    safe.columns = safe.columns.map(_safe_label)
    safe.columns.names = [_safe_cell(name) for name in table.columns.names]
    for at in range(safe.shape[1]):
        column = safe.iloc[:, at]
        if not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)):
            safe.isetitem(at, column.astype(object).map(_safe_cell).to_numpy(dtype=object))
    names = [_safe_cell(name) for name in table.index.names]
    if not pd.api.types.is_numeric_dtype(safe.index.dtype):
        safe.index = safe.index.map(_safe_label)
    safe.index.names = names
    return safe


def _safe_label(label: Any) -> Any:
    return tuple(map(_safe_cell, label)) if isinstance(label, tuple) else _safe_cell(label)


def _safe_cell(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    text = printable(cell, keep="\n\t")
    return f"'{text}" if cell.startswith(_FORMULA) and not _is_number(cell) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text == text.strip()
