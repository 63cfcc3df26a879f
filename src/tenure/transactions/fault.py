"""Faults of a purchase log and their messages: the number of rows, the first few, the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tenure.errors import InputError, Reason

SHOWN = 3
MOST = 0.9  # share of rows above which a fault concerns the format of the whole column
LONGEST = 60  # characters of a value that a message shows


class TransactionsError(InputError):
    """A purchase log that cannot be used; `faults` has one line per fault."""

    reason = Reason.BAD_LOG

    def __init__(self, path: Path | str, *faults: str) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.faults = faults


class EngineFullError(TransactionsError):
    """A log that does not fit on the disk of the engine's temporary files."""

    reason = Reason.DISK_FULL


class LogUnreachableError(TransactionsError):
    """A log whose server cannot be reached, was lost, or refuses the credentials."""

    exit_code = 5
    reason = Reason.DATA_UNREACHABLE


class Fault(NamedTuple):
    """A possible fault of rows: a condition (an Ibis boolean) and the parts of its message.

    `column` is the log's name of the column whose values the message shows. `advise` returns a better remedy for the
    values shown and that name, or None; it is used if nearly every row has the fault.
    """

    what: str
    rows: Any
    remedy: str
    column: str
    advise: Callable[[Sequence[object], str], str | None] | None = None


def describe(fault: Fault, count: int, of: int, first: list[tuple[str, Any]]) -> str:
    """Return the message of a fault in one line; `first` has the places and values of the first rows."""
    verb = "has" if count == 1 else "have"
    shown = ", ".join(placed(place, _shown(value)) for place, value in first)
    advice = fault.advise([value for _, value in first], fault.column) if fault.advise and count > MOST * of else None
    return f"{count:,} of {of:,} rows {verb} {fault.what} (first: {shown}). {advice or fault.remedy}"


def placed(place: str, text: str) -> str:
    """Return a text with the place that it is about, if there is one."""
    return f"{place}: {text}" if place else text


def first_few(names: list[str], more: Callable[[int], str] = "and {:,} more".format) -> str:
    """Return the first names, and how many follow."""
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} {more(len(names) - SHOWN)}"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"


def paste(sql: str) -> str:
    r"""Return the setting that runs a query, quoted for Hydra and for the shell.

    >>> print(paste("select * from log where \"my note\" <> 'test'"))
    transactions.query="'select * from log where \"my note\" <> \'test\''"
    """
    escaped = re.sub(r'(["$`])', r"\\\1", sql.replace("'", "\\'"))
    return f"transactions.query=\"'{escaped}'\""
