"""Texts that come from data, made safe for where they are shown: a terminal, a log, a spreadsheet."""

import logging
import unicodedata
from typing import Any

import pandas as pd

from .addresses import mask

INDENT = " " * len("00:00:00  ")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control, format (text direction, invisible), surrogates, line ends


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text whose control and invisible characters are written as escapes; those of `keep` are kept.

    >>> printable("a\x1b[2J\nb")
    'a\\x1b[2J\\nb'
    """
    return "".join(_escaped(sign) if sign not in keep and _is_hidden(sign) else sign for sign in text)


def shown(text: str) -> str:
    """Return a message as it may be printed or logged: passwords masked, control characters escaped, lines kept."""
    return printable(mask(text), keep="\n")


class LogFormatter(logging.Formatter):
    """Formatter of log messages: passwords masked, control characters escaped, further lines indented.

    So no text from data looks like a message of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text, safe for a terminal."""
        return printable(mask(super().format(record)), keep="\n\t").replace("\n", "\n" + INDENT)


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


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _HIDDEN


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
