"""Start DuckDB, limit what a query may read, and convert its errors into plain messages."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape, glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from . import files
from .fault import EngineFullError, TransactionsError, first_few, paste
from .translation import Engine

if TYPE_CHECKING:
    from tenure.settings import EngineSettings, TransactionsSettings

_LEFT = "tenure-log-"  # what a working folder's name starts with; then the machine and the process
CONFINED = "transactions.query reads the log alone, and nothing else on this machine or the network"
ALLOWED = "transactions.allow_paths=[...] lists more files and folders that it may read"
PATTERN = (
    "a pattern in transactions.exclude or transactions.cancellations cannot be used: look-around and back-references"
    " are not supported."
)
BEYOND = (
    "holds time stamps that are out of range: dates lie in 1900 to 2200. Is their unit (seconds, milliseconds,"
    " microseconds, nanoseconds) right?"
)


class UntidyError(TransactionsError):
    """A CSV file with an irregular layout; it may be readable after it is rewritten."""


def connect(engine: EngineSettings) -> tuple[Any, Path]:
    """Start DuckDB in a temporary folder, with the memory limit of the settings."""
    folder = working_folder(engine)
    threads = {} if engine.threads is None else {"threads": engine.threads}
    connection = Engine().connect(
        Path(folder.name) / "log.duckdb",
        memory_limit=engine.memory_limit,
        temp_directory=folder.name,
        autoinstall_known_extensions=False,
        **threads,
    )
    connection.raw_sql("SET TimeZone = 'UTC'")
    # No query needs the order of insertion, which would leave all threads but one waiting: see `number`.
    connection.raw_sql("SET preserve_insertion_order = false")
    weakref.finalize(
        connection, folder.cleanup
    )  # tables refer to their connection, so it lives as long as the last of them
    return connection, Path(folder.name)


def working_folder(engine: EngineSettings) -> tempfile.TemporaryDirectory[str]:
    """Create a temporary folder for rows of a log; a later process removes it should this one be killed."""
    try:
        _remove_leftovers(Path(engine.temp_directory or tempfile.gettempdir()))
        mine = f"{_LEFT}{socket.gethostname()}-{os.getpid()}-"
        return tempfile.TemporaryDirectory(prefix=mine, dir=engine.temp_directory, ignore_cleanup_errors=True)
    except OSError as error:
        raise TransactionsError("transactions.engine.temp_directory", f"{error}.") from error


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of dead processes of this machine, which contain rows of their logs."""
    for folder in parent.glob(f"{_LEFT}{escape(socket.gethostname())}-*"):
        pid = folder.name.removeprefix(f"{_LEFT}{socket.gethostname()}-").partition("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's process
        return True
    return True


def confine(connection: Any, paths: list[Path], folder: Path, settings: TransactionsSettings) -> None:
    """Limit the connection to the log's files, its own folder and `transactions.allow_paths`, irrevocably."""
    more = [Path(name) for path in settings.allow_paths for name in _allowed(path)]
    # If a name contains the signs of patterns, the engine looks for its escaped form.
    names = [name for file in [*paths, *more] if not file.is_dir() for name in (str(file), escape(str(file)))]
    folders = [str(folder), *(str(path) for path in more if path.is_dir())]
    connection.raw_sql("SET python_enable_replacements = false")
    connection.raw_sql(f"SET allowed_paths = {listed(names)}")
    connection.raw_sql(f"SET allowed_directories = {listed(folders)}")
    connection.raw_sql("SET enable_external_access = false")
    connection.raw_sql("SET lock_configuration = true")


def _allowed(path: str) -> list[str]:
    names = glob(str(Path(path).expanduser()), recursive=True)
    if not names:
        raise TransactionsError(path, "there is no such file or folder (transactions.allow_paths).")
    return [path, *names]


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(texts: list[str]) -> str:
    """Return a list of texts as an SQL literal."""
    return "[" + ", ".join(map(quoted, texts)) + "]"


@contextmanager
def in_words(name: str, settings: TransactionsSettings, *, has_files: bool = True) -> Iterator[None]:
    """Convert an error of the engine or of the disk to a TransactionsError."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except RuntimeError as error:
        if "interrupted" in str(error):  # Ctrl-C, as the engine reports it
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        raise _fault(error, name, settings, has_files=has_files) from error
    except OSError as error:
        raise TransactionsError(name, f"cannot be read: {error.strerror or error}.") from error


def _fault(error: duckdb.Error, name: str, settings: TransactionsSettings, *, has_files: bool) -> TransactionsError:
    """Return an error of one line, with the remedy if it is known."""
    text = str(error)
    for kind, pattern, words in _FAULTS:
        if isinstance(error, kind) and re.search(pattern, text, re.IGNORECASE):
            error_of = EngineFullError if words == _FULL else TransactionsError
            return error_of(name, words.format(memory_limit=settings.engine.memory_limit))
    if re.match(r"[A-Za-z ]+Error: (CSV Error on|The CSV Parser|CSV options)", text):
        return UntidyError(name, "cannot be read as CSV. Look at the quotes and at transactions.csv.separator.")
    if settings.query and not isinstance(error, duckdb.IOException):
        return TransactionsError(name, f"transactions.query cannot be run: {of_query(error)}")
    return _of_files(name, settings) if has_files else TransactionsError(name, f"cannot be read: {of_query(error)}")


def _of_files(name: str, settings: TransactionsSettings) -> TransactionsError:
    """Return the fault of the files."""
    try:
        paths = files.find(settings)
        if len(paths) > 1 and files.kind(settings.path, paths, settings.format) == "parquet":
            files.refuse_other_schemas(paths)
    except TransactionsError as fault:
        return fault
    return TransactionsError(name, "cannot be read: it is damaged, or of another format (transactions.format).")


_WRITTEN = "cannot be read: another process writes to it. Close that one, or copy the file."
_NEWER = "cannot be read: a newer version of DuckDB wrote it. Export the table to Parquet."
_FULL = "the disk is full: free some space, or set transactions.engine.temp_directory."
_MEMORY = "needs more memory than transactions.engine.memory_limit={memory_limit}: raise it."
_FAULTS: list[tuple[type[Exception], str, str]] = [  # the error, a pattern of its text, the message
    (duckdb.Error, "No space left|max_temp_directory_size", _FULL),
    (duckdb.OutOfMemoryException, "", _MEMORY),
    (duckdb.ConversionException, r"timestamp(_ns|\()|timestamp conversion|to local timestamp", BEYOND),
    (duckdb.Error, "invalid (perl|escape)|regular expression|argument for repetition", PATTERN),
    (duckdb.IOException, "Could not set lock", _WRITTEN),
    (duckdb.Error, "newer version|storage version", _NEWER),
]


def of_query(error: duckdb.Error) -> str:
    """Return the fault of a query in one line."""
    text = str(error)
    if isinstance(error, duckdb.PermissionException):
        return f"{CONFINED}; {ALLOWED}."
    for pattern, words in _QUERY_FAULTS.items():
        match = re.search(pattern, text)
        if match:
            return words.format(*match.groups())
    first = re.sub(r"^[A-Za-z ]+ Error: ", "", text.strip()).splitlines()[0].rstrip(".! ")
    return f"{first[:1].lower()}{first[1:]}."


_QUERY_FAULTS = {
    r"syntax error at or near \"(.+?)\"": "it is no SQL from {0!r} on.",
    r"syntax error at end of input": "it ends too early.",
    r"Referenced column \"(.+?)\" not found": "there is no column {0!r}. A text stands in single quotes.",
    r"Referenced table \"(.+?)\" not found": "there is no table {0!r} in it.",
    r"Table with name (.+?) does not exist": "there is no table {0!r}: the file is `log`, a database's are shop.NAME.",
    r"Function with name (.+?) does not exist": "there is no function {0!r}.",
    r"Could not convert string ['\"](.*)['\"] to (\w+)": "the text {0!r} is no {1}: write try_cast(... as {1}).",
    r"(?:date|time|timestamp) field value out of range: \"(.*?)\"": "{0!r} is no date: write try_cast(... as date).",
    r"invalid (?:date|timestamp) field format: \"(.*?)\"": "{0!r} is no date: write try_cast or try_strptime.",
    r"Could not parse string \"(.*?)\"": "{0!r} does not fit the format: write try_strptime.",
}


def no_table(connection: Any, database: str, table: str) -> str:
    """Return the message for a missing table, with the tables of the database."""
    query = f"SELECT table_name FROM information_schema.tables WHERE table_catalog = {quoted(database)} ORDER BY 1"
    names = [name for (name,) in connection.raw_sql(query).fetchall()]
    has = f"It has {first_few(names)}." if names else "It has none."
    return f"there is no table {table!r} (transactions.table). {has}"


def choose(names: list[str], wanted: str) -> str:
    """Return the setting of a query that selects one of several columns with a name."""
    first = names[0].replace('"', '""')
    as_wanted = wanted.replace('"', '""')
    return paste(f'select *, "{first}" as "{as_wanted}" from log')


def require_date_format(connection: Any, settings: TransactionsSettings) -> None:
    """Raise TransactionsError for an invalid date format, or one that does not determine the day."""
    date_format = str(settings.csv.date_format)
    column = settings.columns.date.replace('"', '""')
    sql = f"""select * replace (strptime("{column}", '{date_format}') as "{column}") from log"""
    zone = f" A zone in it is not read here but in a query: {paste(sql)} with date_format=null and a timezone."
    advice = "which is no format with a year, a month and a day. It is written like '%d.%m.%Y'."
    try:
        count = "SELECT count(*) FROM (VALUES (DATE '1997-12-31'), (DATE '2004-02-03')) AS days(day)"
        written = f"strftime(day, {quoted(date_format)})"
        same = f"{count} WHERE try_strptime({written}, {quoted(date_format)})::DATE = day"
        is_format = connection.raw_sql(same).fetchone() == (2,)
    except duckdb.Error:
        is_format = False
    if not is_format or re.search("%[zZ]", date_format):
        more = zone if is_format else ""
        raise TransactionsError(settings.path, f"transactions.csv.date_format is {date_format!r}, {advice}{more}")
