"""The purchase log: read it, name its columns, check every row, account for every row."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import re
import warnings
import zlib
from collections.abc import Callable, Iterable
from csv import Error as CsvError
from csv import reader
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .summary import Bools, Floats, IdsError, canonical_ids

if TYPE_CHECKING:
    from .settings import CsvSettings, TransactionsSettings

__all__ = ["Transactions", "TransactionsError", "read"]

ROLES = ("customer_id", "date", "amount", "order_id")
SUFFIXES = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet"}
FIRST_YEAR, LAST_YEAR = 1900, 2200
SHOWN = 3

PURCHASE, MERGED, DROPPED = "purchase", "merged into the same customer and day", "zero amount, dropped"

CLOCK = r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?)?"
ZONE = r"(?P<zone> ?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?))?"
ISO = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}}){CLOCK}{ZONE}", re.ASCII)
DAY_FIRST = re.compile(rf"(?P<day>\d{{1,2}})([./-])(?P<month>\d{{1,2}})\2(?P<year>\d{{4}}){CLOCK}{ZONE}", re.ASCII)

type _Wrong = tuple[Bools, str, str]  # the rows, what they have, what would be right

# How programs write a missing value as text. Taken for an id, it would be the best customer of all.
MISSING = ("nan", "NaN", "NA", "N/A", "#N/A", "<NA>", "NaT", "None", "null", "NULL")
WHOSE = "Every row needs its customer: leave guest orders out, or give each its own id."
ZONED = (
    "a time stamp with a zone, which is not handled yet",
    "Convert to the shop's local time first and leave out the zone: it decides which day a sale belongs to.",
)
FLOAT_ID = r"^[+-]?[0-9]+\.0+$|^[+-]?[0-9](?:\.[0-9]+)?[eE]\+[0-9]+$"


class TransactionsError(InputError):
    """A purchase log cannot be used; `faults` has one line per thing that is wrong with it."""

    def __init__(self, path: Path | str, *faults: str) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Transactions:
    """Every purchase of a log: one customer on one day, and what was spent.

    Attributes:
        purchases: `customer_id` (text), `date` (midnight) and `amount` (the day's sum), one row per customer
            and day, sorted by both.
        source: the path that was read.
        digest: sha256 of the file's bytes, in hexadecimal.
        rows: the rows of the file.
        fates: what became of them; the counts add up to `rows`.
    """

    purchases: pd.DataFrame
    source: str
    digest: str
    rows: int
    fates: dict[str, int]

    def __post_init__(self) -> None:
        if sum(self.fates.values()) != self.rows or self.fates[PURCHASE] != len(self.purchases):
            raise TransactionsError(self.source, f"{self.rows:,} rows do not add up to their fates {self.fates}.")
        if self.purchases.empty:
            raise TransactionsError(self.source, "there is no purchase in it.")
        if not np.isfinite(self.purchases["amount"]).all():
            raise TransactionsError(self.source, "the amounts of one day add up to more than a number can hold.")
        if self.purchases.duplicated(["customer_id", "date"]).any():
            raise TransactionsError(self.source, "a customer and day is there more than once.")

    @property
    def first_day(self) -> date:
        """Return the day of the first purchase."""
        return _day(self.purchases["date"].min())

    @property
    def last_day(self) -> date:
        """Return the day of the last purchase."""
        return _day(self.purchases["date"].max())


def read(settings: TransactionsSettings) -> Transactions:
    """Read a purchase log: every row is used, or the log is refused with every reason at once.

    Raises:
        TransactionsError: with one line per fault: what, how many rows, the first few, what would be right.
    """
    path = Path(settings.path).expanduser()
    _refuse_settings(path, settings)
    read_log = _read_parquet if _format(path, settings.format) == "parquet" else _read_csv
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        log = read_log(path, settings)
    except (OSError, EOFError, zlib.error, CsvError) as error:
        raise TransactionsError(path, f"cannot be read: {error}.") from error
    return _account(path, digest, _rows(path, log, settings), settings.zero_amounts)


# ---- the file


class _Log(NamedTuple):
    """The three columns as the file has them, and how to name a row: 'line 2' or 'row 1'."""

    customer_id: pd.Series[Any]
    date: pd.Series[Any]
    amount: pd.Series[Any]
    places: Callable[[npt.NDArray[np.intp]], list[str]]


def _refuse_settings(path: Path, settings: TransactionsSettings) -> None:
    if settings.zero_amounts not in ("count", "drop"):
        raise TransactionsError(path, f"transactions.zero_amounts is count or drop, not {settings.zero_amounts!r}.")
    names = _wanted(settings)
    if len(set(names.values())) < len(names):
        raise TransactionsError(path, f"transactions.columns uses a column twice: {names}.")
    if settings.csv.date_format and not _is_date_format(settings.csv.date_format):
        known = "which is no format with a year, a month and a day. It is written like '%d.%m.%Y'."
        raise TransactionsError(path, f"transactions.csv.date_format is {settings.csv.date_format!r}, {known}")
    if not path.exists():
        raise TransactionsError(path, "there is no such file (transactions.path).")
    if path.is_dir():
        raise TransactionsError(path, "this is a directory; transactions.path names one CSV or Parquet file.")


def _is_date_format(date_format: str) -> bool:
    """Tell a format from pandas' words for guessing ('mixed') and from one that leaves days open."""
    found = set(re.findall(r"%(\w)", date_format))
    try:
        pd.to_datetime(pd.Series(["1997-12-31"]), format=date_format, errors="coerce")
    except ValueError:
        return False
    return bool(found & {"Y", "y"}) and ("j" in found or ("d" in found and bool(found & {"m", "b", "B"})))


def _format(path: Path, given: str) -> str:
    if given in ("csv", "parquet"):
        return given
    if given != "auto":
        raise TransactionsError(path, f"transactions.format is auto, csv or parquet, not {given!r}.")
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    if suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise TransactionsError(path, f"the suffix does not tell the format ({known}); set transactions.format.")
    return SUFFIXES[suffix.lower()]


def _wanted(settings: TransactionsSettings) -> dict[str, str]:
    columns = {role: getattr(settings.columns, role) for role in ROLES}
    return {role: name for role, name in columns.items() if name is not None}


def _refuse_columns(path: Path, existing: list[str], settings: TransactionsSettings) -> None:
    faults = []
    for role, name in _wanted(settings).items():
        if existing.count(name) > 1:
            faults.append(f"the column {name!r} is there {existing.count(name)} times.")
        elif name not in existing:
            faults.append(f"there is no column {name!r} (transactions.columns.{role}). {_advice(name, existing)}")
    if faults:
        raise TransactionsError(path, *faults)


def _advice(name: str, existing: list[str]) -> str:
    if len(existing) == 1:
        return f"The only column is {existing[0]!r}: is transactions.csv.separator right?"
    known = {column.casefold(): column for column in existing}
    close = [known[match] for match in difflib.get_close_matches(name.casefold(), known, cutoff=0.5)]
    likely = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"The file has {', '.join(map(repr, existing))}.{likely}"


def _read_csv(path: Path, settings: TransactionsSettings) -> _Log:
    cells = _csv_cells(path, settings.csv)
    header = [str(name).strip() for name in cells.iloc[0]]
    _refuse_columns(path, header, settings)
    body = cells.iloc[1:]
    body = body[~_is_empty_line(path, body, settings.csv)]
    named = {role: body[header.index(name)].str.strip() for role, name in _wanted(settings).items()}
    return _Log(named["customer_id"], named["date"], named["amount"], partial(_lines, cells, body.index))


def _is_empty_line(path: Path, body: pd.DataFrame, csv: CsvSettings) -> Bools:
    """Tell the empty lines, which are no rows, from rows of empty cells, which are wrong."""
    is_blank = (body == "").all(axis=1).to_numpy(dtype=bool)
    if not is_blank.any():
        return is_blank
    opened = gzip.open if _compression(path) else open
    with opened(path, "rt", encoding=csv.encoding, newline="") as lines:
        records = reader(lines, delimiter=csv.separator)
        is_empty = np.array([not record for record in islice(records, 1, len(body) + 1)], dtype=bool)
    both: Bools = is_blank & np.pad(is_empty, (0, len(body) - len(is_empty)), constant_values=True)
    return both


def _compression(path: Path) -> Literal["gzip"] | None:
    return "gzip" if path.suffix.lower() == ".gz" else None


def _lines(cells: pd.DataFrame, labels: pd.Index[int], rows: npt.NDArray[np.intp]) -> list[str]:
    """Name the lines on which rows begin; quoted cells may run over several."""
    breaks = np.zeros(len(cells) + 1, dtype=np.int64)
    for column in cells:
        breaks[1:] += cells[column].str.count("\n").to_numpy(dtype=np.int64)
    before = breaks.cumsum()
    return [f"line {label + 1 + before[label]:,}" for label in labels[rows]]


def _csv_cells(path: Path, csv: CsvSettings) -> pd.DataFrame:
    """Read all cells as text, header included: so that a longer line is an error and not an index."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                sep=csv.separator,
                encoding=csv.encoding,
                compression=_compression(path),
                header=None,
                index_col=False,
                dtype=str,
                na_filter=False,
                skip_blank_lines=False,
                low_memory=False,
                engine="c",
            )
    except UnicodeDecodeError as error:
        raise TransactionsError(
            path, f"is not {csv.encoding} text ({error}). Set transactions.csv.encoding."
        ) from error
    except LookupError as error:
        raise TransactionsError(path, f"{error} (transactions.csv.encoding).") from error
    except pd.errors.EmptyDataError as error:
        raise TransactionsError(path, "is empty: the first line holds the names of the columns.") from error
    except (ValueError, pd.errors.ParserWarning) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        advice = "Look at the quotes, at commas within numbers, and at transactions.csv.separator."
        raise TransactionsError(path, f"cannot be read as CSV: {reason}. {advice}") from error


def _read_parquet(path: Path, settings: TransactionsSettings) -> _Log:
    try:
        with pq.ParquetFile(path) as file:
            _refuse_columns(path, file.schema_arrow.names, settings)
            roles = {role: name for role, name in _wanted(settings).items() if role != "order_id"}
            table = file.read(columns=list(roles.values()))
    except pa.ArrowException as error:
        raise TransactionsError(path, f"cannot be read as Parquet: {error}. Set transactions.format.") from error
    columns = {role: _from_arrow(table.column(name)) for role, name in roles.items()}
    return _Log(
        columns["customer_id"],
        columns["date"],
        columns["amount"],
        lambda rows: [f"row {row + 1:,}" for row in rows],
    )


def _from_arrow(column: Any) -> pd.Series[Any]:
    """Bring an Arrow column to pandas without turning integers with nulls into floats."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        return pd.Series(column.to_pandas())
    return pd.Series(column.to_pandas(types_mapper=pd.ArrowDtype))


# ---- the rows


class _Fault(NamedTuple):
    what: str
    rows: Bools
    remedy: str
    column: str


class _Column(NamedTuple):
    """A column's values, and what is wrong with them."""

    values: pd.Series[Any]
    faults: list[_Fault]


def _rows(path: Path, log: _Log, settings: TransactionsSettings) -> pd.DataFrame:
    """Turn text into ids, days and amounts; raise for all faults of all columns at once."""
    if len(log.date) == 0:
        raise TransactionsError(path, "has no rows.")
    columns = {
        "customer_id": _ids(log.customer_id),
        "date": _days(log.date, settings.csv),
        "amount": _amounts(log.amount, settings.csv),
    }
    faults = [fault for column in columns.values() for fault in column.faults if fault.rows.any()]
    if faults:
        raise TransactionsError(path, *(_line(fault, log) for fault in faults))
    return pd.DataFrame({name: column.values.reset_index(drop=True) for name, column in columns.items()})


def _line(fault: _Fault, log: _Log) -> str:
    rows = np.flatnonzero(fault.rows)[:SHOWN]
    values = getattr(log, fault.column).iloc[rows]
    shown = [f"{place}: {_shown(value)}" for place, value in zip(log.places(rows), values, strict=True)]
    verb = "has" if fault.rows.sum() == 1 else "have"
    count = f"{fault.rows.sum():,} of {len(fault.rows):,} rows {verb}"
    return f"{count} {fault.what} (first: {', '.join(shown)}). {fault.remedy}"


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _ids(given: pd.Series[Any]) -> _Column:
    try:
        ids, faults = canonical_ids(given), []
    except IdsError as error:
        ids, faults = given, [_id_fault(*fault) for fault in error.faults]
    if not pd.api.types.is_string_dtype(ids.dtype):
        return _Column(ids, faults)
    texts = ids.astype("str").fillna("")
    floats = texts.str.contains(FLOAT_ID, regex=True).to_numpy(dtype=bool)
    exported = "They went through a float, which may have merged customers: export ids as text or integers."
    return _Column(
        ids,
        [
            *faults,
            _Fault("a word for 'missing' as customer id", texts.isin(MISSING).to_numpy(), WHOSE, "customer_id"),
            _Fault("a customer id that is a float", floats, exported, "customer_id"),
        ],
    )


def _id_fault(what: str, rows: Bools, remedy: str) -> _Fault:
    one = {"floats": "a float", "neither text nor integers": "neither text nor an integer"}.get(what, what)
    advice = WHOSE if what == "null or blank" else remedy
    return _Fault(f"a customer id that is {one}", rows, advice, "customer_id")


def _days(given: pd.Series[Any], csv: CsvSettings) -> _Column:
    null = _is_null(given)
    days, wrong = _read_days(given, null, csv)
    span = f"Dates lie in {FIRST_YEAR} to {LAST_YEAR}; is transactions.csv.date_format right?"
    outside = (days.dt.year < FIRST_YEAR) | (days.dt.year > LAST_YEAR)
    wrong.append((outside.to_numpy(dtype=bool), "a date out of range", span))
    faults = [_Fault(what, rows & ~null, remedy, "date") for rows, what, remedy in wrong]
    return _Column(days, [*faults, _Fault("no date", null, "Every row needs its day.", "date")])


def _read_days(given: pd.Series[Any], null: Bools, csv: CsvSettings) -> tuple[pd.Series[Any], list[_Wrong]]:
    kind = given.dtype
    everywhere = np.ones(len(given), dtype=bool)
    if pd.api.types.is_string_dtype(kind) or (pd.api.types.is_integer_dtype(kind) and csv.date_format):
        return _text_days(given.astype("str").where(~null, ""), csv)
    if isinstance(kind, pd.DatetimeTZDtype):
        return _no_days(given), [(everywhere, *ZONED)]
    if pd.api.types.is_datetime64_dtype(kind):
        return given.dt.normalize().astype("datetime64[us]"), []
    written = "Give dates, or text; whole numbers such as 19970131 need transactions.csv.date_format ('%Y%m%d')."
    return _no_days(given), [(everywhere, f"a date of the type {kind}", written)]


def _no_days(given: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series(pd.NaT, index=given.index, dtype="datetime64[us]")


def _is_null(given: pd.Series[Any]) -> Bools:
    null = given.isna()
    if pd.api.types.is_string_dtype(given.dtype):
        null = null | (given.str.strip() == "").fillna(True)
    return null.to_numpy(dtype=bool)


def _text_days(texts: pd.Series[str], csv: CsvSettings) -> tuple[pd.Series[Any], list[_Wrong]]:
    """Read each distinct text once, in one way; what does not fit that way is wrong."""
    codes, words = pd.factorize(texts.to_numpy(dtype=object))
    days, zoned = _formatted(words, csv.date_format) if csv.date_format else _matched(words, csv.day_first)
    unread = np.isnat(days) & ~zoned
    values = pd.Series(days[codes], index=texts.index)
    return values, [
        (zoned[codes], *ZONED),
        (unread[codes], "a date that cannot be read", _date_advice(words[unread], csv)),
    ]


def _matched(words: Iterable[str], day_first: bool) -> tuple[npt.NDArray[np.datetime64], Bools]:
    pattern = DAY_FIRST if day_first else ISO
    found = [pattern.fullmatch(word.strip()) for word in words]
    iso = [f"{m['year']}-{m['month']:0>2}-{m['day']:0>2}" if m else "" for m in found]
    days = pd.to_datetime(pd.Series(iso, dtype="str"), format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    zoned = np.array([m is not None and m["zone"] is not None for m in found], dtype=bool)
    return np.where(zoned, np.datetime64("NaT", "us"), days.to_numpy()), zoned


def _formatted(words: Iterable[str], date_format: str) -> tuple[npt.NDArray[np.datetime64], Bools]:
    texts = pd.Series(list(words), dtype="str").str.strip()
    if re.search(r"%[zZ]", date_format):
        return np.full(len(texts), np.datetime64("NaT", "us")), np.ones(len(texts), dtype=bool)
    days = pd.to_datetime(texts, format=date_format, errors="coerce", exact=True)
    if re.search(r"%\w%\w", date_format):
        # Nothing between the figures: '1997111' would be read, as the 1st of November or the 11th of January.
        days = days.where(days.dt.strftime(date_format) == texts)
    return days.dt.normalize().astype("datetime64[us]").to_numpy(), np.zeros(len(texts), dtype=bool)


def _date_advice(unread: Iterable[str], csv: CsvSettings) -> str:
    if csv.date_format:
        return f"Every date has to fit transactions.csv.date_format, {csv.date_format!r}."
    texts = [text.strip() for text in unread if text.strip()]
    if texts and all(re.fullmatch(r"\d{8}", text) for text in texts):
        return "Dates written as whole numbers need transactions.csv.date_format ('%Y%m%d')."
    if csv.day_first:
        return "With transactions.csv.day_first dates are 31/12/1997; else set transactions.csv.date_format."
    return "Dates are ISO 8601 (1997-12-31) unless transactions.csv.date_format or day_first says otherwise."


def _amounts(given: pd.Series[Any], csv: CsvSettings) -> _Column:
    kind = given.dtype
    if pd.api.types.is_string_dtype(kind):
        amounts, remedy = (
            _text_amounts(given, csv),
            f"Amounts are written {_example(csv)}, without a currency.",
        )
    elif pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        amounts, remedy = given.to_numpy(dtype=np.float64, na_value=np.nan), "Give every row its amount."
    else:
        amounts, remedy = np.full(len(given), np.nan), f"The column holds {kind}; give numbers."
    finite = np.isfinite(amounts)
    netted = "Refunds are not netted yet: leave them out, or net each against its sale first."
    return _Column(
        pd.Series(amounts + 0.0),
        [
            _Fault("an amount that is not a finite number", ~finite, remedy, "amount"),
            _Fault("a negative amount", finite & (amounts < 0), netted, "amount"),
        ],
    )


def _text_amounts(given: pd.Series[Any], csv: CsvSettings) -> Floats:
    """Read amounts written as the settings say; the rest is NaN: '1.234' is not 1234 by mere hope."""
    texts = given.astype("str").fillna("").str.strip()
    point, group = re.escape(csv.decimal), re.escape(csv.thousands or "")
    # The groups before the last one have two figures in India.
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|" if group else ""
    number = rf"^[+-]?(?:(?:{grouped}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"
    fits = texts.str.contains(number, regex=True).to_numpy(dtype=bool)
    plain = texts[fits].str.replace(csv.thousands, "", regex=False) if csv.thousands else texts[fits]
    amounts = np.full(len(texts), np.nan)
    amounts[fits] = plain.str.replace(csv.decimal, ".", regex=False).to_numpy(dtype=object).astype(np.float64)
    return amounts


def _example(csv: CsvSettings) -> str:
    grouped = f" or 1{csv.thousands}234{csv.decimal}50" if csv.thousands else ""
    return f"1234{csv.decimal}50{grouped} (transactions.csv.decimal, transactions.csv.thousands)"


# ---- the purchases


def _account(path: Path, digest: str, rows: pd.DataFrame, zero_amounts: str) -> Transactions:
    kept = rows[rows["amount"] != 0] if zero_amounts == "drop" else rows
    days = _sums(kept)
    fates = {PURCHASE: len(days), MERGED: len(kept) - len(days), DROPPED: len(rows) - len(kept)}
    return Transactions(days, str(path), digest, len(rows), fates)


def _sums(kept: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(over="ignore"):  # an infinite sum is refused by Transactions
        return kept.groupby(["customer_id", "date"], sort=True)["amount"].sum().reset_index()


def _day(stamp: pd.Timestamp) -> date:
    return stamp.date()
