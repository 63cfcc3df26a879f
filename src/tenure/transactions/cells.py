"""Read cells: ids, days and amounts out of whatever types a column has, each with what may be wrong with it."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis

from . import dates, dialect
from .characters import BLANK
from .fault import Fault, paste

if TYPE_CHECKING:
    from tenure.settings import CsvSettings, TransactionsSettings

DECIMAL = "decimal(18, 6)"  # exact, and held in 64 bits
AMOUNT_BELOW = 10**12
SMALLEST = 5e-7
EXACT_BELOW = 2**53
FIRST_YEAR, LAST_YEAR = 1900, 2200

OFFSET = r"(?: ?(?:[Zz]|UTC|utc|GMT|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
CLOCK = rf"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?{OFFSET})?"
ISO = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{CLOCK}$"
DAY_FIRST = rf"^([0-9]{{1,2}})(?:/([0-9]{{1,2}})/|\.([0-9]{{1,2}})\.|-([0-9]{{1,2}})-)([0-9]{{4}})({CLOCK})$"
HAS_OFFSET = r"(?:[ZzCcTt]|:[0-9.,]+ ?[+-][0-9]{2}(?::?[0-9]{2})?)$"  # of what matches ISO
WHOLE_FLOAT = r"^(-?[0-9]+)\.0+$"
PARTS = r"^(.{10}).(.{5})(?::[0-9]{2}(?:[.,][0-9]+)?)? ?(.*)$"  # day, hours and minutes, offset

# Signs stand before or after a number. Codes are in capitals, so that no exponent is taken for one.
SIGN = r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|kr\.?|zł|Kč|Ft|lei|Rs\.?|Fr\.?)"
MINUS, SPACE = "[-+\u2212]?", "[\\s\u00a0\u202f]*"
AFTER, UNSIGNED = "[-\u2212]", "[^-+\u2212]*[0-9]"  # a minus behind the number, as in 12.50-

LOST = "They went through a float, which may have merged customers: export ids as text or integers."
ZONELESS = "Set transactions.timezone to the shop's (such as Europe/Paris): it decides which day a sale belongs to."

# What floats write: 17.0, and 1.5e+12.
WHOLE, POWER = r"^-?[0-9]+\.0+$", r"^[+-]?[0-9](?:\.[0-9]+)?[eE]\+[0-9]+$"


class Cell(NamedTuple):
    """A column's value as an Ibis expression, null where it is missing or wrong, and its faults."""

    value: Any
    faults: list[Fault]


def customer(column: Any, name: str, placeholders: list[str], is_untidy: Any | None) -> Cell:
    """Read customer ids as text; integers and floats that are whole become the integers' text.

    Args:
        column: the ids as they are.
        name: the log's name of the column.
        placeholders: ids that stand for no customer, of whatever case; they are null.
        is_untidy: of each, see `untidy`; None when none is, as was found before: each is its own text, and nothing is
            looked for again.
    """
    kind = column.type()
    if kind.is_string():
        return Cell(column, []) if is_untidy is None else _text_id(column, name, placeholders, is_untidy)
    if kind.is_integer() or (kind.is_decimal() and kind.scale == 0):
        return Cell(_somebody(column.cast("string"), placeholders), [])
    if kind.is_floating():
        given = column.isnan().ifelse(ibis.null(kind), column)
        whole = (given.floor() == given) & (given.abs() < EXACT_BELOW)
        text = _somebody(whole.ifelse(given, ibis.null(kind)).cast("int64").cast("string"), placeholders)
        return Cell(text, [Fault("a customer id that is a float and no whole number below 2^53", ~whole, LOST, name)])
    what = f"a customer id of the type {kind}"
    return Cell(ibis.null("string"), [Fault(what, ibis.literal(True), "An id is text or an integer.", name)])


def untidy(column: Any, placeholders: list[str]) -> Any:
    """Tell the ids that have to be looked at closely: nobody's, or with a space or what floats have in them."""
    if not column.type().is_string():
        return ibis.literal(False)
    return column.re_search(rf"{_nobody(placeholders)}|[\s\v]|{WHOLE}|{POWER}").fill_null(False)


def _text_id(column: Any, name: str, placeholders: list[str], is_untidy: Any) -> Cell:
    # Few ids are untidy, and a CASE works on those alone: each of these steps costs more than all the rest.
    text = column.strip()
    is_whole = text.re_search(WHOLE)
    integer = text.re_extract(r"^(-?[0-9]+)", 1)
    # A cast that fails is slow: other ids are kept from it.
    number = is_whole.ifelse(integer, ibis.null("string")).try_cast("float64")
    is_beyond = is_whole & (number.abs() >= EXACT_BELOW)
    is_power = text.re_search(POWER)
    read = is_whole.ifelse(integer, text)
    somebody = read.re_search(_nobody(placeholders)).ifelse(ibis.null("string"), read)
    value = is_untidy.ifelse(somebody, column)
    return Cell(
        value, [Fault("a customer id that is a float", is_untidy.ifelse(is_beyond | is_power, False), LOST, name)]
    )


def order_id(column: Any, placeholders: list[str]) -> Any:
    """Return order ids as text; floats that are whole become the integers' text, and placeholders are null."""
    kind = column.type()
    if kind.is_floating():
        is_whole = (column.floor() == column) & (column.abs() < EXACT_BELOW)
        known = column.isnan().ifelse(ibis.null(kind), column)
        whole = is_whole.ifelse(known, ibis.null(kind)).cast("int64").cast("string")
        return _somebody(whole.fill_null(known.cast("string")), placeholders)
    if kind.is_integer():
        return _somebody(column.cast("string"), placeholders)
    text = column.cast("string")
    stripped = text.strip()
    is_whole = stripped.re_search(WHOLE_FLOAT)
    read = is_whole.ifelse(stripped.re_extract(WHOLE_FLOAT, 1), stripped)
    known = read.re_search(_nobody(placeholders)).ifelse(ibis.null("string"), read)
    # CASE: few ids are untidy, and those alone are looked at closely.
    return text.re_search(rf"{_nobody(placeholders)}|[\s\v.]").ifelse(known, text)


def _nobody(placeholders: list[str]) -> str:
    """Match what stands for no customer: blanks alone, and every placeholder. A long list of values would be joined."""
    return f"(?i:^{BLANK}*(?:{'|'.join(map(re.escape, ['', *placeholders]))}){BLANK}*$)"


def _somebody(text: Any, placeholders: list[str]) -> Any:
    """Drop the placeholders among the texts of integers; words are none of them."""
    numbers = [word for word in placeholders if re.fullmatch("-?[0-9]+", word)]
    return text.isin(numbers).ifelse(ibis.null("string"), text) if numbers else text


def amount(column: Any, name: str, csv: CsvSettings) -> Cell:
    """Read amounts as exact decimals of six places; further places are rounded."""
    kind = column.type()
    remedy = "Give every row its amount."
    if kind.is_string():
        text = unsigned(column) if csv.currency_signs else column.strip()
        is_number = text.re_search(_number(csv)).fill_null(False)
        plain = text.re_replace(_group(csv), "") if csv.thousands else text
        value = is_number.ifelse(plain.replace(csv.decimal, "."), ibis.null("string")).try_cast(DECIMAL)
        remedy = f"Amounts are written {_example(csv)}."
        is_small = (value == 0) & plain.re_search("^[^eE]*[1-9]")
    elif kind.is_numeric() and not kind.is_boolean():
        is_number = column.notnull()
        if kind.is_floating():
            is_number &= ~(column.isnan() | column.isinf()).fill_null(True)
        fits = is_number if _is_small(kind) else is_number & (column.abs() < AMOUNT_BELOW)
        value = fits.ifelse(column, ibis.null(kind)).cast(DECIMAL)
        is_small = (value == 0) & (column != 0)
    else:
        typed = Fault(f"an amount of the type {kind}", ibis.literal(True), "Give numbers.", name)
        return Cell(ibis.null(DECIMAL), [typed])
    blank = is_blank(column)
    large = f"Amounts lie below {AMOUNT_BELOW:,}; is the column right?"
    small = "Amounts are kept to six decimals; give them in a smaller unit of money."
    return Cell(
        value,
        [
            Fault("no amount", blank, _without(name, kind), name),
            Fault("an amount that is not a finite number", ~is_number & ~blank, remedy, name),
            Fault(f"an amount of {AMOUNT_BELOW:,} or more", is_number & value.isnull(), large, name),
            Fault("an amount that is not 0 and below a millionth", is_small, small, name),
        ],
    )


def _without(name: str, kind: Any) -> str:
    """Return what to do with rows that have no amount, such as the further lines of an order."""
    column = '"' + name.replace('"', '""') + '"'
    given = f"nullif(trim({column}), '')" if kind.is_string() else column
    query = paste(f"select * from log where {given} is not null")  # noqa: S608 (shown, not run)
    return f"Give every row its amount, or leave such rows out: {query}."


def _is_small(kind: Any) -> bool:
    """Return whether a decimal has no room for an amount that is too large, nor for the limit itself."""
    return bool(
        kind.is_decimal() and kind.precision is not None and 10 ** (kind.precision - kind.scale) <= AMOUNT_BELOW
    )


def unsigned(column: Any) -> Any:
    """Return amounts without a currency's sign or code; (5.00), 5.00- and -5.00 are one amount."""
    trimmed = column.re_replace(f"^{SPACE}|{SPACE}$", "")
    opened = trimmed.re_replace(r"^\((.*)\)$", r"-\1")
    # A minus after the point is no minus: 12,- are twelve, without cents.
    opened = opened.re_replace(rf"^({UNSIGNED}(?:{SPACE}{SIGN})?){SPACE}{AFTER}({SPACE}{SIGN})?$", r"-\1\2")
    before = opened.re_replace(rf"^({MINUS}){SPACE}{SIGN}{SPACE}({MINUS}[0-9.,])", r"\1\2")
    return before.re_replace(rf"([0-9.,]){SPACE}{SIGN}$", r"\1").replace("\u2212", "-")


def sign(column: Any) -> Any:
    """Return the sign or code of an amount's currency; null where it has none."""
    ends = rf"^[(]?{MINUS}{SPACE}({SIGN})|({SIGN}){SPACE}(?:{AFTER}|[)])?{SPACE}$"
    trimmed = column.re_replace(f"^{SPACE}", "")
    return ibis.coalesce(*(trimmed.re_extract(ends, at).nullif("") for at in (1, 2)))


def is_blank(column: Any) -> Any:
    """Return whether cells hold nothing, or spaces alone."""
    return column.isnull() | (column.strip() == "") if column.type().is_string() else column.isnull()


def _number(csv: CsvSettings) -> str:
    """Match what the settings call a number: '1.234' is not 1234 by mere hope."""
    point, group = re.escape(csv.decimal), _group(csv)
    # The groups before the last one have two figures in India.
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|" if group else ""
    return rf"^[+-]?(?:(?:{grouped}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


def _group(csv: CsvSettings) -> str:
    """Match the thousands separator: any space where it is one, and both apostrophes where it is one of them."""
    alike = next((signs for signs in (" \u00a0\u202f\u2009", "'\u2019") if (csv.thousands or "-") in signs), None)
    return f"[{alike}]" if alike else re.escape(csv.thousands or "")


def _example(csv: CsvSettings) -> str:
    grouped = f" or 1{csv.thousands}234{csv.decimal}50" if csv.thousands else ""
    keys = "transactions.csv.decimal, transactions.csv.thousands"
    if csv.currency_signs:
        return f"1234{csv.decimal}50{grouped} ({keys}), with or without a currency's sign before or after it"
    others = f"$1234{csv.decimal}50, (1234{csv.decimal}50) and 1234{csv.decimal}50-"
    return f"1234{csv.decimal}50{grouped} ({keys}); {others} need transactions.csv.currency_signs=true"


def day(column: Any, name: str, settings: TransactionsSettings, *, required: bool = True) -> Cell:
    """Read the calendar day in the shop's timezone."""
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
    outside = (value < date(FIRST_YEAR, 1, 1)) | (value > date(LAST_YEAR, 12, 31))  # infinities have no year
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
    advise = dates.advise if kind.is_numeric() else None
    return Cell(ibis.null("date"), [Fault(what, ibis.literal(True), remedy, name, advise)])


def _shop_day(stamp: Any, settings: TransactionsSettings) -> Any:
    """Take the day of a time stamp without a zone: the shop's own clock, unless the settings say whose."""
    if settings.stamped_in is None:
        return stamp.date()
    at = dialect.moment(settings.stamped_in, stamp.cast(dialect.LOCAL))
    return dialect.wall_clock(settings.timezone, at).date()


def _text_day(text: Any, name: str, settings: TransactionsSettings) -> Cell:
    csv = settings.csv
    if csv.date_format:
        stamp = dialect.parsed(text, csv.date_format)
        if re.search(r"%\w%\w", csv.date_format):
            # Nothing between the figures: '1997111' would be read, as the 1st of November or the 11th of January.
            stamp = (stamp.strftime(csv.date_format) == text).ifelse(stamp, ibis.null(dialect.LOCAL))
        has_clock = bool(re.search(r"%[HIT]", csv.date_format))
        value = _shop_day(stamp, settings) if has_clock else stamp.date()
        remedy = f"Every date has to fit transactions.csv.date_format, {csv.date_format!r}."
        return Cell(value, [Fault("a date that cannot be read", value.isnull(), remedy, name)])
    iso = _year_first(text) if csv.day_first else text.re_search(ISO).ifelse(text, ibis.null("string"))
    zoned = iso.re_search(HAS_OFFSET).fill_null(False)
    plain = iso.left(10).try_cast("date")
    if settings.stamped_in:
        local = _shop_day(iso.re_replace(PARTS, r"\1 \2:00").try_cast(dialect.LOCAL), settings)
        plain = (iso.length() > 10).ifelse(local, plain)  # a day without a clock is the day it says
    if settings.timezone:
        # Seconds decide no day. CASE keeps these steps from the rows that have no offset.
        moment = iso.re_replace(PARTS, r"\1 \2:00\3").re_replace("(?i)(?:z|utc|gmt)$", "+00").try_cast(dialect.ZONED)
        value = zoned.ifelse(dialect.wall_clock(settings.timezone, moment).date(), plain)
    else:
        value = zoned.ifelse(ibis.null("date"), plain)
    unread = value.isnull() & ~zoned if not settings.timezone else value.isnull()
    faults = [Fault("a date that cannot be read", unread, _advice(csv), name, None if csv.day_first else dates.advise)]
    if not settings.timezone:
        faults.insert(0, Fault("a time stamp with a zone", zoned, ZONELESS, name))
    return Cell(value, faults)


def _year_first(text: Any) -> Any:
    """Turn 31/12/1997 10:00 into 1997-12-31 10:00; null where it is written otherwise."""
    month = ibis.coalesce(*(text.re_extract(DAY_FIRST, at).nullif("") for at in (2, 3, 4)))
    parts = [text.re_extract(DAY_FIRST, 5), month.lpad(2, "0"), text.re_extract(DAY_FIRST, 1).lpad(2, "0")]
    iso = parts[0] + "-" + parts[1] + "-" + parts[2] + text.re_extract(DAY_FIRST, 6)
    return text.re_search(DAY_FIRST).ifelse(iso, ibis.null("string"))


def _advice(csv: CsvSettings) -> str:
    if csv.day_first:
        return "With transactions.csv.day_first dates are 31/12/1997; else set transactions.csv.date_format."
    known = "Dates are ISO 8601 (1997-12-31) unless transactions.csv.date_format or day_first says otherwise"
    return f"{known}; 19971231 needs '%Y%m%d', 12/31/1997 '%m/%d/%Y'."
