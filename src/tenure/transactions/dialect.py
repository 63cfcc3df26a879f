"""Functions that Ibis lacks: those of DuckDB, and those of Spark, which differ in names, arguments and formats.

Another backend needs its own names of them (`timezone` is also PostgreSQL's), and an opener in `source`. All other
expressions are Ibis's.
"""

from __future__ import annotations

import re
from typing import Any

import ibis
import ibis.expr.datatypes as dt
from ibis.common.exceptions import IbisError

from .fault import TransactionsError

ZONED = dt.Timestamp(timezone="UTC")
LOCAL = dt.Timestamp()
PIVOT, CENTURY = 2069, 100  # years of two digits are 1969 to 2068

# Letters of a date format, as Spark writes them. A lone day may have one digit, as DuckDB reads it.
_LETTERS = {
    "%Y": "yyyy", "%y": "yy", "%m": "M", "%d": "d", "%b": "MMM", "%B": "MMMM", "%a": "E", "%A": "EEEE", "%j": "D",
    "%H": "H", "%I": "h", "%M": "m", "%S": "s", "%p": "a", "%f": "SSSSSS", "%%": "%",
}  # fmt: skip
_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S"}
_FIXED = {"%m": "MM", "%d": "dd", "%H": "HH", "%I": "hh", "%M": "mm", "%S": "ss", "%j": "DDD"}


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, ZONED), LOCAL))
def _wall_clock(zone, stamp):  # type: ignore[no-untyped-def]
    """Return the local time in a zone at a moment, on DuckDB."""


@ibis.udf.scalar.builtin(name="from_utc_timestamp", signature=((ZONED, dt.string), LOCAL))
def _wall_clock_on_spark(stamp, zone):  # type: ignore[no-untyped-def]
    """Return the local time in a zone at a moment, on Spark."""


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, LOCAL), ZONED))
def _moment(zone, stamp):  # type: ignore[no-untyped-def]
    """Return the moment of a local time in a zone, on DuckDB."""


@ibis.udf.scalar.builtin(name="to_utc_timestamp", signature=((LOCAL, dt.string), ZONED))
def _moment_on_spark(stamp, zone):  # type: ignore[no-untyped-def]
    """Return the moment of a local time in a zone, on Spark, whose session is in UTC."""


@ibis.udf.scalar.builtin(name="nfc_normalize", signature=((dt.string,), dt.string))
def _composed(text):  # type: ignore[no-untyped-def]
    """Return a text in Unicode's composed form, NFC, on DuckDB."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), LOCAL))
def _parsed(text, date_format):  # type: ignore[no-untyped-def]
    """Parse a text by a format, on DuckDB."""


@ibis.udf.scalar.builtin(name="try_to_timestamp", signature=((dt.string, dt.string), LOCAL))
def _parsed_on_spark(text, date_format):  # type: ignore[no-untyped-def]
    """Parse a text by a format, on Spark."""


def wall_clock(zone: str | None, stamp: Any) -> Any:
    """Return the local time in a zone at a moment."""
    return _wall_clock_on_spark(stamp, zone) if is_spark(stamp) else _wall_clock(zone, stamp)


def moment(zone: str, stamp: Any) -> Any:
    """Return the moment of a local time in a zone."""
    return _moment_on_spark(stamp, zone) if is_spark(stamp) else _moment(zone, stamp)


def composed(text: Any) -> Any:
    """Return a text in Unicode's composed form, NFC; on Spark, which has no function for it, unchanged."""
    return text if is_spark(text) else _composed(text)


def parsed(text: Any, date_format: str) -> Any:
    """Parse a text by a format; null if it does not fit."""
    if not is_spark(text):
        return _parsed(text, date_format)
    stamp = _parsed_on_spark(text, spark_format(date_format))
    if "%y" not in date_format:
        return stamp
    earlier = stamp - ibis.interval(years=CENTURY)  # Spark's years are 2000 to 2099
    return (stamp.year() >= PIVOT).ifelse(earlier, stamp)


def rewritten(text: Any, pattern: str, replacement: str) -> Any:
    r"""Replace what matches a pattern; `\1` is its first group, which Spark calls `$1`."""
    if is_spark(text):
        replacement = re.sub(r"\\([0-9])", r"$\1", replacement)
    return text.re_replace(pattern, replacement)


def in_order(amount: Any, where: Any, date: Any) -> Any:
    """Collect the amounts of a group, in the order of their dates, of which no two are equal.

    To sort the lists takes a third of the time and less memory than to collect in order, which Spark cannot.
    """
    pairs = ibis.struct({"date": date, "amount": amount}).collect(where=where)
    return pairs.sort().map(lambda pair: pair["amount"])


def is_spark(value: Any) -> bool:
    """Return whether an expression is computed by Spark; one of no engine yet is not."""
    try:
        return bool(value.get_backend().name == "pyspark")
    except IbisError:
        return False


def spark_format(date_format: str) -> str:
    """Return a date format in Spark's letters.

    >>> spark_format("%d.%m.%Y at %H:%M"), spark_format("%Y%m%d")
    ("d.M.yyyy' at 'H:m", 'yyyyMMdd')
    """
    for short, long in _SHORT.items():
        date_format = date_format.replace(short, long)
    parts = re.findall(r"%.|[^%]+", date_format)
    unknown = [part for part in parts if part.startswith("%") and part not in _LETTERS]
    if unknown:
        what = f"transactions.csv.date_format has {unknown[0]!r}, which engine=spark does not read; it reads"
        raise TransactionsError("transactions.csv.date_format", f"{what} {' '.join(_LETTERS)}.")
    # Without separators only a fixed number of digits is unambiguous.
    letters = _LETTERS | (_FIXED if re.search(r"%\w%\w", date_format) else {})
    return "".join(letters[part] if part in letters else _quoted(part) for part in parts)


def _quoted(text: str) -> str:
    """Return a text as it stands in a format of Spark: letters are quoted."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if re.search(r"[A-Za-z]", text) else escaped
