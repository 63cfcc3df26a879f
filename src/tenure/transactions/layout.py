"""How a CSV file is laid out: its header, separator, quotes and line ends; rewrite it where that varies."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from . import files
from .fault import SHOWN, TransactionsError

if TYPE_CHECKING:
    from tenure.settings import CsvSettings

LINES_COUNTED = 5_000_000  # further down a file, a message names the row and not the line
LONGEST_CELL = 16_000_000
UTF8 = ("utf8", "utf8sig", "ascii", "usascii")
LOOK = "Look at the quotes, at separators within cells, and at transactions.csv.separator."
TABBED = (".tsv", ".tab")
BLOCK, SHARE = 4_000, 0.6  # the first bytes, and how many of a place are zero in a wide text
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_ZEROS = {
    "utf-16-le": [False, True, False, True],
    "utf-16-be": [True, False, True, False],
    "utf-32-le": [False, True, True, True],
    "utf-32-be": [True, True, True, False],
}
_SAME = {  # other names that read a file with a mark
    "utf-16": ("utf16le", "utf16be", "u16", "utf16"), "utf-32": ("utf32le", "utf32be", "u32", "utf32"),
    "utf-16-le": ("unicodelittleunmarked", "utf16le"), "utf-16-be": ("unicodebigunmarked", "utf16be"),
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How a CSV file is laid out.

    Attributes:
        separator: between cells.
        skip: lines before the header: blank ones, and the `sep=;` of spreadsheets.
        names: the header's, as they are.
    """

    separator: str
    skip: int
    names: tuple[str, ...]

    @property
    def needed(self) -> int:
        """Return how many cells a row must have: those of a last column without a name may be missing."""
        return max((at for at, name in enumerate(self.names, 1) if name), default=1)


def unique(names: tuple[str, ...]) -> list[str]:
    """Number the columns without a name, and those whose names are equal but for case.

    >>> unique(("", "ID", "Id", "amount"))
    ['(column 1)', 'ID (1)', 'Id (2)', 'amount']
    """
    counts, seen, found = Counter(name.lower() for name in names), Counter[str](), list[str]()
    taken = set(counts)
    for at, name in enumerate(names, 1):
        key = name.lower()
        seen[key] += 1
        new = f"(column {at})" if not name else f"{name} ({seen[key]})" if counts[key] > 1 else name
        while new != name and new.lower() in taken:
            new += "'"
        taken.add(new.lower())
        found.append(new)
    return found


def read_layout(file: Path, settings: CsvSettings) -> Layout:
    """Read the header, and what stands before it."""
    separator, skip = settings.separator or ("\t" if files.suffix(file) in TABBED else ","), 0
    files.refuse_foreign(file, "csv")
    _refuse_wide(file, settings)
    with opened(file, settings) as lines:
        for line in lines:
            line = line.removeprefix("\ufeff")
            declared = re.fullmatch(r'"?sep=(.)"?[\r\n]*', line, re.IGNORECASE) if not skip else None
            if declared:
                separator = declared[1]
            elif line.strip(f'{separator}" \t\r\n'):
                names = next(csv.reader(chain([line], lines), delimiter=separator))
                return Layout(separator, skip, tuple(name.strip() for name in names))
            skip += 1
    raise TransactionsError(file, "is empty: the first line holds the names of the columns.")


def _refuse_wide(file: Path, settings: CsvSettings) -> None:
    """Refuse a text of two or four bytes per character that is read by another encoding, and name the right one.

    Without a byte order mark, the zeros of its plain characters show which it is.
    """
    try:
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as content:
            start = content.read(BLOCK)
    except (OSError, EOFError, zlib.error):
        return  # `opened` says what is wrong
    wide = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if wide is None:
        zeros = [start[at::4].count(0) > SHARE * len(start) / 4 for at in range(4)]
        wide = next((name for name, pattern in _ZEROS.items() if zeros == pattern), None)
    if wide is not None and _plain(settings.encoding) not in (_plain(wide), *_SAME.get(wide, ())):
        what = f"is {wide.upper()} text, and not {settings.encoding}"
        raise TransactionsError(file, f"{what}. Set transactions.csv.encoding={wide}.")


def _plain(encoding: str) -> str:
    return encoding.lower().replace("-", "").replace("_", "")


@contextmanager
def opened(file: Path, settings: CsvSettings) -> Iterator[IO[str]]:
    """Open a text as its settings say; what goes wrong while it is read becomes a fault of the log."""
    csv.field_size_limit(LONGEST_CELL)
    encoding = "utf-8-sig" if settings.encoding.lower() in ("utf-8", "utf8") else settings.encoding
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        unknown = f"unknown encoding: {settings.encoding} (transactions.csv.encoding)."
        raise TransactionsError(file, unknown) from error
    try:
        if file.suffix.lower() == ".gz":
            with gzip.open(file, "rt", encoding=encoding, newline="") as lines:
                yield lines
        else:
            with file.open(encoding=encoding, newline="") as lines:
                yield lines
    except UnicodeError as error:
        raise TransactionsError(file, _encoding_advice(file, settings)) from error
    except csv.Error as error:
        raise TransactionsError(file, f"has a cell of more than {LONGEST_CELL:,} characters. {LOOK}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise TransactionsError(file, _unreadable(error)) from error


def refuse_cut_gzip(file: Path) -> None:
    """Refuse a compressed file that ends too early: the engine would take what there is for the whole."""
    if file.suffix.lower() != ".gz":
        return
    try:
        with gzip.open(file) as content:
            while content.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise TransactionsError(file, _unreadable(error)) from error


def as_utf8(file: Path, settings: CsvSettings, copy: Path) -> Path:
    """Return the file, or its copy in UTF-8, block by block, where it is written otherwise."""
    if settings.encoding.lower().replace("-", "").replace("_", "") in UTF8:
        return file
    with opened(file, settings) as given, copy.open("w", encoding="utf-8", newline="") as written:
        while block := given.read(1 << 20):
            written.write(block)
    return copy


def tidy(file: Path, layout: Layout, settings: CsvSettings, copy: Path) -> Path:
    """Rewrite a file with one separator, one line end, and as many cells in each row as its header has.

    What may vary are line ends, blank rows and empty cells beyond the header; else the lines are named and refused.
    """
    width, ragged, odd = len(layout.names), 0, list[str]()
    with opened(file, settings) as lines, copy.open("w", encoding="utf-8", newline="") as written:
        writer = csv.writer(written, lineterminator="\n")
        for line, cells in _rows(file, lines, layout):
            is_blank = not any(cell.strip() for cell in cells)
            if not is_blank and (len(cells) < layout.needed or any(cells[width:])):
                ragged += 1
                odd += [f"line {line:,} with {len(cells):,}"] if ragged <= SHOWN else []
            writer.writerow(([""] * width) if is_blank else [*cells[:width], *[""] * (width - len(cells))])
    if ragged:
        count = "1 line has" if ragged == 1 else f"{ragged:,} lines have"
        what = f"{count} another number of cells than the header, which has {width:,} (first: {', '.join(odd)})"
        raise TransactionsError(file, f"cannot be read as CSV: {what}. {LOOK}")
    return copy


def _rows(file: Path, lines: IO[str], layout: Layout, *, strict: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows, the header first, each with the line on which it begins; empty lines are none."""
    before = list(islice(lines, layout.skip))
    reader, end, is_first = csv.reader(lines, delimiter=layout.separator, strict=strict), len(before), True
    try:
        for cells in reader:
            start, end = end + 1, reader.line_num + len(before)
            if cells or is_first:
                yield start, cells
            is_first = False
    except csv.Error as error:
        if "limit" in str(error):
            raise
        line = _opening_quote(lines, layout, end + 1)
        what = f"the quote that opens in line {line:,} is not closed, or text follows the one that closes it"
        raise TransactionsError(file, f"cannot be read as CSV: {what}. {LOOK}") from error


def _opening_quote(lines: IO[str], layout: Layout, start: int) -> int:
    """Return the line of the quote that opens a cell which does not end as it should, from a row's first line on."""
    lines.seek(0)
    line, is_inside = start, False
    for number, text in enumerate(islice(lines, start - 1, None), start):
        for quote in re.finditer('""|"', text):
            if is_inside and quote[0] == '"':
                follows = text[quote.end() : quote.end() + 1]
                if follows not in ("", layout.separator, "\r", "\n"):
                    return line
                is_inside = False
            elif quote[0] == '"':
                line, is_inside = number, True
    return line


def line_of(file: Path, settings: CsvSettings, row: int) -> int | None:
    """Return the line on which a row begins: quoted cells run over several, empty lines are no rows."""
    if row > LINES_COUNTED:
        return None
    layout = read_layout(file, settings)
    with opened(file, settings) as lines:
        return next((line for line, _ in islice(_rows(file, lines, layout, strict=False), row, None)), None)


def _unreadable(error: Exception) -> str:
    if isinstance(error, gzip.BadGzipFile):
        return "cannot be read: it is not packed with gzip, though its name says so."
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}."
    return "cannot be read: the compressed file ends too early, or is damaged. Is it whole?"


def _encoding_advice(file: Path, settings: CsvSettings) -> str:
    where = ""
    if settings.encoding.lower().replace("-", "").replace("_", "") in UTF8:
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as lines:
            wrong = next((number for number, line in enumerate(lines, 1) if not _is_utf8(line)), None)
        where = f" (line {wrong:,})" if wrong else ""
    return f"is not {settings.encoding} text{where}. Set transactions.csv.encoding (such as cp1252 or utf-16)."


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeError:
        return False
    return True
