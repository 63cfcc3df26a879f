"""Advise on dates that cannot be read, by what they look like."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import datetime

from .fault import paste

DAYS = (
    "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
CLOCKS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S", "%H%M%S")
FORMATS = tuple(day + clock for day in DAYS for clock in CLOCKS if clock != "%H%M%S" or day == "%Y%m%d")
SINCE_1970 = {  # figures before the point, from the year 1990 on: the unit, and how many of it are a second
    10: ("seconds", 1), 9: ("seconds", 1), 13: ("milliseconds", 10**3), 12: ("milliseconds", 10**3),
    16: ("microseconds", 10**6), 15: ("microseconds", 10**6), 19: ("nanoseconds", 10**9), 18: ("nanoseconds", 10**9),
}  # fmt: skip
SERIAL = r"[2-7][0-9]{4}(?:([.,])[0-9]+)?"  # a spreadsheet's days from 1954 to 2118


def advise(values: Sequence[object], name: str) -> str | None:
    """Return what reads dates like the values; None if nothing is known to.

    Args:
        values: the first ones of the log.
        name: the log's name of the column.
    """
    texts, column = [str(value) for value in values], '"' + name.replace('"', '""') + '"'
    return _of_numbers(texts, column) or _of_formats(texts)


def _of_numbers(texts: list[str], column: str) -> str | None:
    """Return the query for a spreadsheet's days, or for time since 1970."""
    if all(re.fullmatch(SERIAL, text) for text in texts):
        number = f"cast(replace(cast({column} as varchar), ',', '.') as double)"
        query = f"select * replace (date '1899-12-30' + cast(floor({number}) as integer) as {column}) from log"  # noqa: S608 (shown, not run)
        return f"They look like a spreadsheet's days: {paste(query)}."
    figures = {len(text.partition(".")[0]) for text in texts if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text)}
    if not all(re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text) for text in texts) or not figures <= SINCE_1970.keys():
        return None
    units = {SINCE_1970[number] for number in figures}
    if len(units) != 1:
        return None
    ((unit, of_a_second),) = units
    seconds = f"cast({column} as double)" + (f" / {of_a_second}" if of_a_second > 1 else "")
    query = f"select * replace (to_timestamp({seconds}) as {column}) from log"  # noqa: S608 (shown, not run)
    zone = "with transactions.timezone as the shop's (such as Europe/Paris)"
    return f"They look like {unit} since 1970: {paste(query)} {zone}."


def _of_formats(texts: list[str]) -> str | None:
    """Return the formats that fit all the texts; which of two is right, as for 05/01/2024, is left to the user."""
    fitting = [date_format for date_format in FORMATS if all(_fits(text, date_format) for text in texts)]
    settings = [shlex.quote(f"transactions.csv.date_format={date_format}") for date_format in fitting]
    if not settings:
        return None
    return (
        f"They fit {settings[0]}." if len(settings) == 1 else f"They fit {' and '.join(settings)}: set the right one."
    )


def _fits(text: str, date_format: str) -> bool:
    try:
        day = datetime.strptime(text, date_format)
    except ValueError:
        return False
    return "%Y%m" not in date_format or day.strftime(date_format) == text
