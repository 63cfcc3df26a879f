"""Read calendar days in the shop's timezone from dates, time stamps and text."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis

from . import date_advice, dialect
from .cells import Cell
from .fault import Fault

if TYPE_CHECKING:
    from tenure.settings import CsvSettings, TransactionsSettings

FIRST_YEAR, LAST_YEAR = 1900, 2200
OFFSET = r"(?: ?(?:[Zz]|UTC|utc|GMT|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
CLOCK = rf"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?{OFFSET})?"
ISO = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{CLOCK}$"
DAY_FIRST = rf"^([0-9]{{1,2}})(?:/([0-9]{{1,2}})/|\.([0-9]{{1,2}})\.|-([0-9]{{1,2}})-)([0-9]{{4}})({CLOCK})$"
HAS_OFFSET = r"(?:[ZzCcTt]|:[0-9.,]+ ?[+-][0-9]{2}(?::?[0-9]{2})?)$"  # of what matches ISO
PARTS = r"^(.{10}).(.{5})(?::[0-9]{2}(?:[.,][0-9]+)?)? ?(.*)$"  # day, hours and minutes, offset

ZONELESS = "Set transactions.timezone to the shop's (such as Europe/Paris): it decides which day a sale belongs to."


def read_day(column: Any, name: str, settings: TransactionsSettings, *, required: bool = True) -> Cell:
    """Read calendar days in the shop's timezone."""
    kind = column.type()
    is_text = kind.is_string() or (kind.is_integer() and settings.csv.date_format is not None)
    if is_text:
        text = column.cast("string").strip().nullif("")
        is_missing = text.isnull()
        value, faults = _text_day(text, name, settings)
    else:
        is_missing = column.isnull()
        value, faults = _typed_day(column, name, settings)
    what = "transactions.csv.date_format" if is_text else "the unit of the time stamps"
    span = f"Dates lie in {FIRST_YEAR} to {LAST_YEAR}; is {what} right?"
    outside = (value < date(FIRST_YEAR, 1, 1)) | (value > date(LAST_YEAR, 12, 31))  # an infinite date has no year
    faults = [*faults, Fault("a date out of range", outside, span, name)]
    faults = [fault._replace(rows=fault.rows & ~is_missing) for fault in faults]
    if required:
        faults.append(Fault("no date", is_missing, "Every row needs its day.", name))
    return Cell(value, faults)


def _typed_day(column: Any, name: str, settings: TransactionsSettings) -> Cell:
    kind = column.type()
    if kind.is_date():
        return Cell(column, [])
    if kind.is_timestamp() and kind.timezone is None:
        return Cell(_shop_day(column, settings), [])
    if kind.is_timestamp() and settings.timezone:
        return Cell(dialect.wall_clock(settings.timezone, column.cast(dialect.ZONED)).date(), [])
    if kind.is_timestamp():
        what, remedy = "a time stamp with a zone", ZONELESS
    else:
        what = f"a date of the type {kind}"
        remedy = "Give dates, or text; whole numbers such as 19970131 need transactions.csv.date_format ('%Y%m%d')."
    advise = date_advice.advise if kind.is_numeric() else None
    return Cell(ibis.null("date"), [Fault(what, ibis.literal(True), remedy, name, advise)])


def _shop_day(stamp: Any, settings: TransactionsSettings) -> Any:
    """Return the day of time stamps without a zone, by the shop's clock or by that of `stamped_in`."""
    if settings.stamped_in is None:
        return stamp.date()
    at = dialect.moment(settings.stamped_in, stamp.cast(dialect.LOCAL))
    return dialect.wall_clock(settings.timezone, at).date()


def _text_day(text: Any, name: str, settings: TransactionsSettings) -> Cell:
    csv = settings.csv
    if csv.date_format:
        stamp = dialect.parsed(text, csv.date_format)
        if re.search(r"%\w%\w", csv.date_format):
            # Without separators '1997111' is ambiguous: 1 November or 11 January.
            stamp = (stamp.strftime(csv.date_format) == text).ifelse(stamp, ibis.null(dialect.LOCAL))
        has_clock = bool(re.search(r"%[HIT]", csv.date_format))
        value = _shop_day(stamp, settings) if has_clock else stamp.date()
        remedy = f"Every date has to fit transactions.csv.date_format, {csv.date_format!r}."
        return Cell(value, [Fault("a date that cannot be read", value.isnull(), remedy, name)])
    iso = _year_first(text) if csv.day_first else text.re_search(ISO).ifelse(text, ibis.null("string"))
    zoned = iso.re_search(HAS_OFFSET).fill_null(False)
    plain = iso.left(10).try_cast("date")
    if settings.stamped_in:
        local = _shop_day(dialect.rewritten(iso, PARTS, r"\1 \2:00").try_cast(dialect.LOCAL), settings)
        plain = (iso.length() > 10).ifelse(local, plain)  # a day without a clock is unchanged
    if settings.timezone:
        # Seconds do not change the day. A CASE limits these steps to rows with an offset.
        moment = dialect.rewritten(iso, PARTS, r"\1 \2:00\3").re_replace("(?i)(?:z|utc|gmt)$", "+00")
        value = zoned.ifelse(dialect.wall_clock(settings.timezone, moment.try_cast(dialect.ZONED)).date(), plain)
    else:
        value = zoned.ifelse(ibis.null("date"), plain)
    unread = value.isnull() & ~zoned if not settings.timezone else value.isnull()
    faults = [
        Fault("a date that cannot be read", unread, _advice(csv), name, None if csv.day_first else date_advice.advise)
    ]
    if not settings.timezone:
        faults.insert(0, Fault("a time stamp with a zone", zoned, ZONELESS, name))
    return Cell(value, faults)


def _year_first(text: Any) -> Any:
    """Convert 31/12/1997 10:00 to 1997-12-31 10:00; null for other formats."""
    month = ibis.coalesce(*(text.re_extract(DAY_FIRST, at).nullif("") for at in (2, 3, 4)))
    parts = [text.re_extract(DAY_FIRST, 5), month.lpad(2, "0"), text.re_extract(DAY_FIRST, 1).lpad(2, "0")]
    iso = parts[0] + "-" + parts[1] + "-" + parts[2] + text.re_extract(DAY_FIRST, 6)
    return text.re_search(DAY_FIRST).ifelse(iso, ibis.null("string"))


def _advice(csv: CsvSettings) -> str:
    if csv.day_first:
        return "With transactions.csv.day_first dates are 31/12/1997; else set transactions.csv.date_format."
    rule = "Dates are ISO 8601 (1997-12-31) unless transactions.csv.date_format or day_first says otherwise"
    return f"{rule}; 19971231 needs '%Y%m%d', 12/31/1997 '%m/%d/%Y'."
