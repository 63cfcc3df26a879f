"""Open what the settings name, with DuckDB: files, a database's table, or a query over either.

This is the one module that writes SQL, and that knows which engine reads. It works out of core: beyond its memory
limit DuckDB goes to a folder of its own, which is gone when nothing refers to the source any more.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

from . import files
from .fault import TransactionsError

if TYPE_CHECKING:
    from tenure.settings import EngineSettings, TransactionsSettings

FILE, ROW = "tenure_file", "tenure_row"
DATABASE = "shop"
_LEFT = "tenure-log-"  # what a working folder's name starts with; then the machine and the process
VIEW, NUMBERED, ASKED = "log", "numbered_log", "asked_log"


@dataclass(frozen=True)
class Source:
    """An opened purchase log.

    Attributes:
        connection: the Ibis backend that everything derived from the log lives on.
        table: the log's columns as they are; a CSV's are text.
        numbered: the same with the file and the row within it, for messages only: numbering costs.
        name: where it came from.
        digest: sha256 of the bytes, and of the query, if any.
        settings: how it was read.
        has_types: whether its columns have types; a CSV's are text whatever they hold.
    """

    connection: Any
    table: Any
    numbered: Any
    name: str
    digest: str
    settings: TransactionsSettings
    has_types: bool = True

    def place(self, file: str | None, row: int) -> str:
        """Name a row: 'line 2', or 'row 1' where it has no line; with its file where there are several."""
        if file is None:
            return f"row {row:,}"
        path, several = Path(file), Path(file).name if file != self.name else ""
        line = files.line_of(path, self.settings.csv, row) if path.suffix.lower() not in (".parquet", ".pq") else None
        where = f"row {row:,}" if line is None else f"line {line:,}"
        return f"{several}, {where}" if several else where


def connect(engine: EngineSettings) -> tuple[Any, Path]:
    """Start DuckDB on a folder of its own, within the memory that the settings allow."""
    try:
        _remove_leftovers(Path(engine.temp_directory or tempfile.gettempdir()))
        mine = f"{_LEFT}{socket.gethostname()}-{os.getpid()}-"
        folder = tempfile.TemporaryDirectory(prefix=mine, dir=engine.temp_directory, ignore_cleanup_errors=True)
    except OSError as error:
        raise TransactionsError("transactions.engine.temp_directory", f"{error}.") from error
    threads = {} if engine.threads is None else {"threads": engine.threads}
    connection = ibis.duckdb.connect(
        Path(folder.name) / "log.duckdb",
        memory_limit=engine.memory_limit,
        temp_directory=folder.name,
        autoinstall_known_extensions=False,
        **threads,
    )
    connection.raw_sql("SET TimeZone = 'UTC'")
    # Nothing is asked in the order of insertion, which would keep all threads but one waiting: see `number`.
    connection.raw_sql("SET preserve_insertion_order = false")
    weakref.finalize(connection, folder.cleanup)  # tables refer to their connection: the last one takes it along
    return connection, Path(folder.name)


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of dead processes of this machine, in which rows of their logs lie."""
    for folder in parent.glob(f"{_LEFT}{escape(socket.gethostname())}-*"):
        pid = folder.name.removeprefix(f"{_LEFT}{socket.gethostname()}-").partition("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def open_source(settings: TransactionsSettings) -> Source:
    """Open the log that the settings name.

    Raises:
        TransactionsError: when there is none, or when it is not what the settings say.
    """
    found = files.find(settings)
    kind = files.kind(settings.path, found, settings.format)
    _refuse_mixture(settings, kind, found)
    name = str(Path(settings.path).expanduser())
    connection, folder = connect(settings.engine)
    if settings.csv.date_format:
        _require_date_format(connection, settings)
    with in_words(name):
        digest = files.digest(found, "\n".join(filter(None, (settings.table, settings.query))))
        numbered = _OPENERS[kind](connection, found, settings, folder)
        table = connection.table(VIEW)
    if settings.query:
        table, numbered = _query(connection, settings.query, settings)
    return Source(connection, table, numbered, name, digest, settings, has_types=kind != "csv")


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Turn what the engine or the disk has to say into a fault of the log."""
    try:
        yield
    except duckdb.Error as error:
        raise _fault(error, name) from error
    except OSError as error:
        raise TransactionsError(name, f"cannot be read: {error}.") from error


def _fault(error: duckdb.Error, name: str) -> TransactionsError:
    """Put what DuckDB has to say into one line, with the remedy where it is known."""
    said = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).strip())
    first, *rest = [line.strip() for line in said.splitlines() if line.strip()] or [""]
    file = re.search(r"^\s*file = (.+)$", said, re.MULTILINE)
    where = file[1] if file else name
    if first.startswith("CSV Error on Line:"):
        line = first.removeprefix("CSV Error on Line:").strip()
        why = next((text for text in rest if not text.startswith("Original Line")), "it cannot be parsed").rstrip(".")
        if "unicode" in why:
            return TransactionsError(where, f"is not utf-8 text (line {line}). Set transactions.csv.encoding.")
        advice = "Look at the quotes, at separators within cells, and at transactions.csv.separator."
        return TransactionsError(where, f"cannot be read as CSV: line {line}: {why}. {advice}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return TransactionsError(where, f"{first} Raise transactions.engine.memory_limit, or free disk space.")
    return TransactionsError(where, f"cannot be read: {first.rstrip('.!')}.")


def _refuse_mixture(settings: TransactionsSettings, kind: str, found: list[Path]) -> None:
    if kind == "duckdb" and not (settings.table or settings.query):
        raise TransactionsError(settings.path, "is a database: name its table in transactions.table, or a query.")
    if kind != "duckdb" and settings.table:
        raise TransactionsError(settings.path, f"has no tables, it is {kind}: transactions.table must be null.")
    if kind == "duckdb" and len(found) > 1:
        raise TransactionsError(settings.path, f"matches {len(found):,} databases; name one.")


def _view(connection: Any, select: str, name: str = VIEW) -> Any:
    connection.raw_sql(f"CREATE TEMP VIEW {name} AS {select}")
    return connection.table(name)


def _open_csv(connection: Any, found: list[Path], settings: TransactionsSettings, folder: Path) -> Any:
    csv = settings.csv
    names = files.header(found[0], csv)
    for other in found[1:]:
        if files.header(other, csv) != names:
            raise TransactionsError(other, f"has other columns than {found[0].name}: {files.header(other, csv)}.")
    refuse_doubles(settings, names)
    for file in found:
        files.refuse_cut_gzip(file)
    read = [files.as_utf8(file, csv, folder, number) for number, file in enumerate(found)]
    renamed = {str(copy): str(file) for copy, file in zip(read, found, strict=True)}
    unique = [name if names.index(name) == at else f"{name} ({at + 1})" for at, name in enumerate(names)]
    columns = "{" + ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in unique) + "}"
    reading = (
        f"read_csv({_listed(read)}, header = true, auto_detect = false, delim = {_quoted(csv.separator)},"
        f" quote = '\"', escape = '\"', columns = {columns}, max_line_size = 16000000"
    )
    _view(connection, f"SELECT * FROM {reading})")
    within = "row_number() OVER () - 1"
    placed = _view(connection, f"SELECT *, {within} AS {ROW} FROM {reading}, filename = '{FILE}')", NUMBERED)
    if len(found) > 1:
        start = placed[ROW].min().over(ibis.window(group_by=FILE))
        placed = placed.mutate(**{ROW: placed[ROW] - start})
    placed = placed.mutate(**{ROW: placed[ROW] + 1})
    return placed.mutate(**{FILE: placed[FILE].cases(*renamed.items(), else_=placed[FILE])})


def _open_parquet(connection: Any, found: list[Path], settings: TransactionsSettings, folder: Path) -> Any:
    refuse_doubles(settings, files.parquet_names(found[0]))
    is_partitioned = any("=" in part for part in found[0].parent.parts)
    reading = f"read_parquet({_listed(found)}, hive_partitioning = {str(is_partitioned).lower()}"
    _view(connection, f"SELECT * FROM {reading})")
    numbering = f"SELECT *, file_row_number + 1 AS {ROW} FROM {reading}, filename = '{FILE}', file_row_number = true)"
    return _view(connection, numbering, NUMBERED).drop("file_row_number")


def _open_duckdb(connection: Any, found: list[Path], settings: TransactionsSettings, folder: Path) -> Any:
    connection.raw_sql(f"ATTACH {_quoted(str(found[0]))} AS {DATABASE} (READ_ONLY)")
    if not settings.table:
        _view(connection, "SELECT 1 AS nothing WHERE false")
        return None
    name = ".".join('"' + part.replace('"', '""') + '"' for part in settings.table.split("."))
    return number(_view(connection, f"SELECT * FROM {DATABASE}.{name}"))


_OPENERS = {"csv": _open_csv, "parquet": _open_parquet, "duckdb": _open_duckdb}


def _query(connection: Any, query: str, settings: TransactionsSettings) -> tuple[Any, Any]:
    try:
        statements = connection.con.extract_statements(query)
        if len(statements) != 1:
            several = f"transactions.query holds {len(statements):,} statements; give one SELECT."
            raise TransactionsError(settings.path, several)
        table = _view(connection, query.strip().rstrip(";"), ASKED)
    except duckdb.Error as error:
        first = next(iter(str(error).strip().splitlines()), "").rstrip(".!")
        raise TransactionsError(settings.path, f"transactions.query cannot be run: {first}.") from error
    return table, number(table)


def number(table: Any) -> Any:
    """Number the rows of what has no files."""
    return table.mutate(**{FILE: ibis.null("string"), ROW: ibis.row_number() + 1})


def refuse_doubles(settings: TransactionsSettings, names: list[str]) -> None:
    """Refuse a column of the settings that is there more than once."""
    wanted = settings.columns.named().values()
    twice = [name for name in dict.fromkeys(wanted) if names.count(name) > 1]
    if twice:
        raise TransactionsError(
            settings.path, *(f"the column {name!r} is there {names.count(name)} times." for name in twice)
        )


def _require_date_format(connection: Any, settings: TransactionsSettings) -> None:
    """Tell a format that reads back the day that it writes from one that leaves days open, or is none."""
    date_format = str(settings.csv.date_format)
    zone = " A zone in it is not read: put such a date together in transactions.query."
    advice = "which is no format with a year, a month and a day. It is written like '%d.%m.%Y'."
    try:
        asked = "SELECT count(*) FROM (VALUES (DATE '1997-12-31'), (DATE '2004-02-03')) AS days(day)"
        written = f"strftime(day, {_quoted(date_format)})"
        same = f"{asked} WHERE try_strptime({written}, {_quoted(date_format)})::DATE = day"
        is_format = connection.raw_sql(same).fetchone() == (2,)
    except duckdb.Error:
        is_format = False
    if not is_format or re.search("%[zZ]", date_format):
        more = zone if is_format else ""
        raise TransactionsError(settings.path, f"transactions.csv.date_format is {date_format!r}, {advice}{more}")


def _listed(found: list[Path]) -> str:
    """Write a list of files; what is there is no pattern any more."""
    return "[" + ", ".join(_quoted(escape(str(file))) for file in found) + "]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
