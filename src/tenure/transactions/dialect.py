"""Functions that Ibis has no word for, by the names that DuckDB gives them.

Another backend needs these few under its own names (`timezone` is PostgreSQL's word too), and `source` to open its
tables; all other expressions are Ibis's.
"""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt

ZONED = dt.Timestamp(timezone="UTC")
LOCAL = dt.Timestamp()


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, ZONED), LOCAL))
def wall_clock(zone, stamp):  # type: ignore[no-untyped-def]
    """Tell what a clock in the zone showed at a moment."""


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, LOCAL), ZONED))
def moment(zone, stamp):  # type: ignore[no-untyped-def]
    """Tell the moment at which a clock in the zone showed that."""


@ibis.udf.scalar.builtin(name="nfc_normalize", signature=((dt.string,), dt.string))
def composed(text):  # type: ignore[no-untyped-def]
    """Return a text in Unicode's composed form, NFC."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), LOCAL))
def parsed(text, date_format):  # type: ignore[no-untyped-def]
    """Read a text by a format; null where it does not fit."""
