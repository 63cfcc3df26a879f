"""Find the files of a purchase log, what they are, what their header says, and which bytes they hold."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from .fault import TransactionsError, first_few

if TYPE_CHECKING:
    from tenure.settings import CsvSettings, TransactionsSettings

SUFFIXES = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".duckdb": "duckdb", ".db": "duckdb", ".ddb": "duckdb",
}  # fmt: skip
FORMATS = ("auto", "csv", "parquet", "duckdb")
LINES_COUNTED = 5_000_000  # further down a file, a message names the row and not the line


def find(settings: TransactionsSettings) -> list[Path]:
    """List the files of a path, a glob or a folder of partitions, sorted."""
    path = Path(settings.path).expanduser()
    if path.is_dir():
        return _folder(path)
    found = sorted(Path(name) for name in glob(str(path), recursive=True)) if not path.exists() else [path]
    if not found:
        raise TransactionsError(path, "there is no such file (transactions.path).")
    folders = [str(file) for file in found if file.is_dir()]
    if folders:
        raise TransactionsError(path, f"matches folders ({first_few(folders)}); write the pattern for files.")
    return found


def _folder(path: Path) -> list[Path]:
    """List a folder's files, partitions and all; names that start with _ or . are marks, and no data."""
    inside = (file for file in path.rglob("*") if file.is_file())
    files = sorted(file for file in inside if not any(part[0] in "._" for part in file.relative_to(path).parts))
    if not files:
        raise TransactionsError(path, "this folder has no file in it; transactions.path names CSV or Parquet files.")
    return files


def kind(path: str, files: list[Path], given: str) -> str:
    """Tell the one format of all files, by the setting or by their suffixes."""
    if given not in FORMATS:
        raise TransactionsError(path, f"transactions.format is one of {', '.join(FORMATS)}, not {given!r}.")
    if given != "auto":
        return given
    kinds = {file: SUFFIXES.get(_suffix(file)) for file in files}
    strays = [str(file) for file, found in kinds.items() if found is None]
    if len(strays) == len(files):
        known = ", ".join(SUFFIXES)
        raise TransactionsError(path, f"the suffix does not tell the format ({known}); set transactions.format.")
    if strays or len(set(kinds.values())) > 1:
        odd = strays or [str(file) for file, found in kinds.items() if found != next(iter(kinds.values()))]
        count = f"{len(odd):,} of {len(files):,} files are of another kind"
        raise TransactionsError(path, f"{count} ({first_few(odd)}). Move them away, or write a pattern: '*.parquet'.")
    return str(next(iter(kinds.values())))


def _suffix(file: Path) -> str:
    return (Path(file.stem).suffix if file.suffix.lower() == ".gz" else file.suffix).lower()


def digest(files: list[Path], more: str = "") -> str:
    """Take the sha256 of one file's bytes; of several, that of their digests in the order of their names."""
    each = []
    for file in files:
        with file.open("rb") as content:
            each.append(hashlib.file_digest(content, "sha256").hexdigest())
    if len(each) == 1 and not more:
        return each[0]
    return hashlib.sha256("\n".join([*each, more]).encode()).hexdigest()


def header(file: Path, settings: CsvSettings) -> list[str]:
    """Read the names in the first line."""
    try:
        with _opened(file, settings.encoding) as lines:
            names = next(csv.reader(lines, delimiter=settings.separator), [])
    except UnicodeError as error:
        raise TransactionsError(file, _encoding_advice(settings, str(error))) from error
    except LookupError as error:
        raise TransactionsError(file, f"{error} (transactions.csv.encoding).") from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise TransactionsError(file, f"cannot be read: {error}.") from error
    if not names:
        raise TransactionsError(file, "is empty: the first line holds the names of the columns.")
    return [name.strip().removeprefix("\ufeff") for name in names]


def parquet_names(file: Path) -> list[str]:
    """Read the names of the columns."""
    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise TransactionsError(file, f"cannot be read as Parquet: {why}. Set transactions.format.") from error


def refuse_cut_gzip(file: Path) -> None:
    """Refuse a compressed file that ends too early: the engine would take what there is for the whole."""
    if file.suffix.lower() != ".gz":
        return
    try:
        with gzip.open(file) as content:
            while content.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise TransactionsError(file, f"cannot be read: {str(error).rstrip('.')}. Is it whole?") from error


def as_utf8(file: Path, settings: CsvSettings, folder: Path, number: int) -> Path:
    """Return the file, or its copy in UTF-8, block by block, where it is written otherwise."""
    if settings.encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig", "ascii"):
        return file
    copy = folder / f"{number}.csv"
    try:
        with _opened(file, settings.encoding) as given, copy.open("w", encoding="utf-8", newline="") as written:
            while block := given.read(1 << 20):
                written.write(block)
    except UnicodeError as error:
        raise TransactionsError(file, _encoding_advice(settings, str(error))) from error
    except (OSError, EOFError, zlib.error) as error:
        raise TransactionsError(file, f"cannot be read: {error}.") from error
    return copy


def line_of(file: Path, settings: CsvSettings, row: int) -> int | None:
    """Tell the line on which a row begins: quoted cells run over several, empty lines are no rows."""
    if row > LINES_COUNTED:
        return None
    with _opened(file, settings.encoding) as lines:
        for number, line in _records(csv.reader(lines, delimiter=settings.separator)):
            if number == row:  # the header is record 0
                return line
    return None


def _records(reader: Iterator[list[str]]) -> Iterator[tuple[int, int]]:
    number, end = -1, 0
    for record in reader:
        start, end = end + 1, reader.line_num  # type: ignore[attr-defined]
        if record or number < 0:
            number += 1
            yield number, start


def _opened(file: Path, encoding: str) -> IO[str]:
    how = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    if file.suffix.lower() == ".gz":
        return gzip.open(file, "rt", encoding=how, newline="")
    return file.open(encoding=how, newline="")


def _encoding_advice(settings: CsvSettings, error: str) -> str:
    return f"is not {settings.encoding} text ({error}). Set transactions.csv.encoding."
