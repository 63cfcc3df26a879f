"""Functions of DuckDB that Ibis lacks.

Another backend needs its own names of them (`timezone` is also PostgreSQL's), and an opener in `source`. All other
expressions are Ibis's.
"""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt

ZONED = dt.Timestamp(timezone="UTC")
LOCAL = dt.Timestamp()


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, ZONED), LOCAL))
def wall_clock(zone, stamp):  # type: ignore[no-untyped-def]
    """Return the local time in a zone at a moment."""


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, LOCAL), ZONED))
def moment(zone, stamp):  # type: ignore[no-untyped-def]
    """Return the moment of a local time in a zone."""


@ibis.udf.scalar.builtin(name="nfc_normalize", signature=((dt.string,), dt.string))
def composed(text):  # type: ignore[no-untyped-def]
    """Return a text in Unicode's composed form, NFC."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), LOCAL))
def parsed(text, date_format):  # type: ignore[no-untyped-def]
    """Parse a text by a format; null if it does not fit."""
