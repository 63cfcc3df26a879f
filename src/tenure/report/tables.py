"""Cells, tables and notes of the report, and the formats of their numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

NONE = "–"


class Cell(NamedTuple):
    """Text of a cell, and the number that it is sorted by, if any."""

    text: str
    number: float | None = None


class Table(NamedTuple):
    """A table with its caption: what to look for."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Note(NamedTuple):
    """A paragraph and its style: `soft`, `missing`, or a verdict."""

    text: str
    tone: str = ""


def frame(table: pd.DataFrame, caption: str) -> Table:
    """Return a logged table as it is; a column without a name has the names of the rows."""
    columns = ["parameter" if column.startswith("Unnamed") else column.replace("_", " ") for column in table.columns]
    rows = [[_any(value) for value in row] for row in table.itertuples(index=False)]
    if "Unnamed: 0" in table and pd.api.types.is_integer_dtype(table["Unnamed: 0"]):
        return Table(caption, columns[1:], [row[1:] for row in rows])
    return Table(caption, columns, rows)


def _any(value: object) -> Cell:
    return plain(float(value)) if isinstance(value, int | float) else Cell(str(value))


def plain(value: float | None) -> Cell:
    """Format a number to four digits, or without decimals from 1,000 on."""
    return _number(value, "{:,.4g}".format if value is None or abs(value) < 1000 else "{:,.0f}".format)


def count(value: float | None) -> Cell:
    """Format a number without decimals."""
    return _number(value, "{:,.0f}".format)


def money(value: float | None) -> Cell:
    """Format an amount in the log's currency."""
    return _number(value, "{:,.2f}".format)


def percent(value: float | None, *, signed: bool = False) -> Cell:
    """Format a share as a percentage."""
    return _number(value, "{:+.1%}".format if signed else "{:.1%}".format)


def _number(value: float | None, write: Callable[[float], str]) -> Cell:
    return Cell(NONE) if value is None or pd.isna(value) else Cell(write(value), float(value))


def with_error(share: float, error: float) -> Cell:
    """Format a share and its standard error."""
    return Cell(NONE) if pd.isna(share) else Cell(f"{share:.1%} ± {error:.1%}", float(share))


def yes_or_no(value: float | None) -> Cell:
    """Format a metric that is 1 or 0."""
    return Cell(NONE) if value is None else Cell("yes" if value else "no")


def interval(
    metrics: Mapping[str, float], prefix: str, kind: str, write: Callable[[float | None], Cell] = count
) -> Cell:
    """Format the interval whose ends are the metrics `<prefix><kind>low` and `<prefix><kind>high`."""
    low, high = (write(metrics.get(f"{prefix}{kind}{end}")) for end in ("low", "high"))
    return Cell(f"{low.text} to {high.text}", low.number)
