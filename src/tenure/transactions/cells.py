"""Read ids and amounts from columns of any type, with the faults of their cells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis

from . import dialect
from .characters import BLANK
from .fault import Fault, paste

if TYPE_CHECKING:
    from tenure.settings import CsvSettings

DECIMAL = "decimal(18, 6)"  # exact, and held in 64 bits
AMOUNT_BELOW = 10**12
EXACT_BELOW = 2**53

WHOLE_FLOAT = r"^(-?[0-9]+)\.0+$"

# Signs are before or after a number. Codes are in capitals, so that an exponent does not match.
SIGN = r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|kr\.?|zł|Kč|Ft|lei|Rs\.?|Fr\.?)"
MINUS, SPACE = "[-+\u2212]?", "[\\s\u00a0\u202f]*"
AFTER, UNSIGNED = "[-\u2212]", "[^-+\u2212]*[0-9]"  # a minus behind the number, as in 12.50-

LOST = "They went through a float, which may have merged customers: export ids as text or integers."

# Floats as text: 17.0, and 1.5e+12.
WHOLE, POWER = r"^-?[0-9]+\.0+$", r"^[+-]?[0-9](?:\.[0-9]+)?[eE]\+[0-9]+$"


class Cell(NamedTuple):
    """A column's value as an Ibis expression, null if it is missing or wrong, and the faults."""

    value: Any
    faults: list[Fault]


def customer(column: Any, name: str, placeholders: list[str], is_untidy: Any | None) -> Cell:
    """Read customer ids as text; integers and whole floats become the text of the integer.

    Args:
        column: the ids as they are.
        name: the log's name of the column.
        placeholders: ids that stand for no customer, in any case; they become null.
        is_untidy: see `untidy`; None if no id of the log is, so that the ids need no further steps.
    """
    kind = column.type()
    if kind.is_string():
        return Cell(column, []) if is_untidy is None else _text_id(column, name, placeholders, is_untidy)
    if kind.is_integer() or (kind.is_decimal() and kind.scale == 0):
        return Cell(_somebody(column.cast("string"), placeholders), [])
    if kind.is_floating():
        number = column.isnan().ifelse(ibis.null(kind), column)
        is_whole = (number.floor() == number) & (number.abs() < EXACT_BELOW)
        text = _somebody(is_whole.ifelse(number, ibis.null(kind)).cast("int64").cast("string"), placeholders)
        what = "a customer id that is a float and no whole number below 2^53"
        return Cell(text, [Fault(what, ~is_whole, LOST, name)])
    what = f"a customer id of the type {kind}"
    return Cell(ibis.null("string"), [Fault(what, ibis.literal(True), "An id is text or an integer.", name)])


def untidy(column: Any, placeholders: list[str]) -> Any:
    """Return whether ids need further steps: placeholders, ids with spaces, and ids that look like floats."""
    if not column.type().is_string():
        return ibis.literal(False)
    return column.re_search(rf"{_nobody(placeholders)}|[\s\v]|{WHOLE}|{POWER}").fill_null(False)


def _text_id(column: Any, name: str, placeholders: list[str], is_untidy: Any) -> Cell:
    # These steps are slow. A CASE limits them to the few untidy ids.
    text = column.strip()
    is_whole = text.re_search(WHOLE)
    integer = text.re_extract(r"^(-?[0-9]+)", 1)
    # A cast that fails is slow: avoid it for other ids.
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
    """Return order ids as text; whole floats become the text of the integer, and placeholders null."""
    kind = column.type()
    if kind.is_floating():
        is_whole = (column.floor() == column) & (column.abs() < EXACT_BELOW)
        number = column.isnan().ifelse(ibis.null(kind), column)
        integer = is_whole.ifelse(number, ibis.null(kind)).cast("int64").cast("string")
        return _somebody(integer.fill_null(number.cast("string")), placeholders)
    if kind.is_integer():
        return _somebody(column.cast("string"), placeholders)
    text = column.cast("string")
    stripped = text.strip()
    is_whole = stripped.re_search(WHOLE_FLOAT)
    read = is_whole.ifelse(stripped.re_extract(WHOLE_FLOAT, 1), stripped)
    value = read.re_search(_nobody(placeholders)).ifelse(ibis.null("string"), read)
    # A CASE limits the slow steps to the few untidy ids.
    return text.re_search(rf"{_nobody(placeholders)}|[\s\v.]").ifelse(value, text)


def _nobody(placeholders: list[str]) -> str:
    """Return a pattern of ids that stand for no customer; one pattern is faster than a list of values."""
    return f"(?i:^{BLANK}*(?:{'|'.join(map(re.escape, ['', *placeholders]))}){BLANK}*$)"


def _somebody(text: Any, placeholders: list[str]) -> Any:
    """Return the texts of integers, null for placeholders that are integers."""
    numbers = [word for word in placeholders if re.fullmatch("-?[0-9]+", word)]
    return text.isin(numbers).ifelse(ibis.null("string"), text) if numbers else text


def amount(column: Any, name: str, csv: CsvSettings) -> Cell:
    """Read amounts as exact decimals of six places; more places are rounded."""
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
    """Return whether a decimal type cannot contain an amount of the limit or more."""
    return bool(
        kind.is_decimal() and kind.precision is not None and 10 ** (kind.precision - kind.scale) <= AMOUNT_BELOW
    )


def unsigned(column: Any) -> Any:
    """Return amounts without a currency's sign or code; (5.00), 5.00- and -5.00 are one amount."""
    trimmed = column.re_replace(f"^{SPACE}|{SPACE}$", "")
    opened = dialect.rewritten(trimmed, r"^\((.*)\)$", r"-\1")
    # A minus after the point is no minus: 12,- are twelve, without cents.
    opened = dialect.rewritten(opened, rf"^({UNSIGNED}(?:{SPACE}{SIGN})?){SPACE}{AFTER}({SPACE}{SIGN})?$", r"-\1\2")
    before = dialect.rewritten(opened, rf"^({MINUS}){SPACE}{SIGN}{SPACE}({MINUS}[0-9.,])", r"\1\2")
    return dialect.rewritten(before, rf"([0-9.,]){SPACE}{SIGN}$", r"\1").replace("\u2212", "-")


def sign(column: Any) -> Any:
    """Return the sign or code of an amount's currency; null if there is none."""
    ends = rf"^[(]?{MINUS}{SPACE}({SIGN})|({SIGN}){SPACE}(?:{AFTER}|[)])?{SPACE}$"
    trimmed = column.re_replace(f"^{SPACE}", "")
    return ibis.coalesce(*(trimmed.re_extract(ends, at).nullif("") for at in (1, 2)))


def is_blank(column: Any) -> Any:
    """Return whether cells are null or contain only spaces."""
    return column.isnull() | (column.strip() == "") if column.type().is_string() else column.isnull()


def _number(csv: CsvSettings) -> str:
    """Return a pattern of numbers by the settings; '1.234' matches as 1234 only if they say so."""
    point, group = re.escape(csv.decimal), _group(csv)
    # In India the groups before the last one have two digits.
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|" if group else ""
    return rf"^[+-]?(?:(?:{grouped}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


def _group(csv: CsvSettings) -> str:
    """Return a pattern of the thousands separator; all spaces are alike, and so are both apostrophes."""
    alike = next((signs for signs in (" \u00a0\u202f\u2009", "'\u2019") if (csv.thousands or "-") in signs), None)
    return f"[{alike}]" if alike else re.escape(csv.thousands or "")


def _example(csv: CsvSettings) -> str:
    grouped = f" or 1{csv.thousands}234{csv.decimal}50" if csv.thousands else ""
    keys = "transactions.csv.decimal, transactions.csv.thousands"
    if csv.currency_signs:
        return f"1234{csv.decimal}50{grouped} ({keys}), with or without a currency's sign before or after it"
    others = f"$1234{csv.decimal}50, (1234{csv.decimal}50) and 1234{csv.decimal}50-"
    return f"1234{csv.decimal}50{grouped} ({keys}); {others} need transactions.csv.currency_signs=true"
