"""Open a purchase log with DuckDB: files, a table of a database, or a query over either.

Only this module and `engine` write SQL. Beyond its memory limit DuckDB uses a temporary folder, which is removed with
the last reference to the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

from tenure import places

from . import files, layout
from .engine import choose, confine, connect, in_words, listed, no_table, of_query, quoted, require_date_format
from .fault import TransactionsError, first_few
from .fetched import LogFiles, fetch, local_files

if TYPE_CHECKING:
    from tenure.settings import TransactionsSettings

FILE, ROW = "tenure_file", "tenure_row"
DATABASE = "shop"
SPARK = "spark"  # a kind
VIEW, NUMBERED, QUERIED = "log", "numbered_log", "queried_log"
OWN = re.compile(
    "tenure_(file|row|customer_id|date|amount|order_id|acquired|currency|gives_back|ownerless|shared|key"
    "|untidy|fate|repeated|normalized|sign|segment_.*|fault_.*)",
    re.I,
)


@dataclass(frozen=True)
class Source:
    """An opened purchase log.

    Attributes:
        connection: the Ibis backend of the log and of all tables derived from it.
        table: the columns of the log, unchanged; those of a CSV are text.
        numbered: the same with the file and the row in it. It is slower, and used for messages only.
        name: the path.
        digest: sha256 of the bytes, or of a table's state, and of the query, if any.
        settings: the settings.
        kind: the format.
        store: stores the rows of a query, by a name, for later ones; None: in a temporary table of the connection.
        addresses: the addresses of a log that is not on this machine, by the paths of its copies.
    """

    connection: Any
    table: Any
    numbered: Any
    name: str
    digest: str
    settings: TransactionsSettings
    kind: str = "table"
    store: Callable[[str, Any], Any] | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_files(self) -> bool:
        """Return whether the log is files of this machine."""
        return self.kind != "table" and not self.addresses

    def keep(self, name: str, rows: Any) -> Any:
        """Return the rows of a query, stored for later ones; a temporary table is on disk only beyond the memory."""
        name = ibis.util.gen_name(f"tenure_{name}")
        if self.store is not None:
            return self.store(name, rows)
        return self.connection.create_table(name, rows, temp=True)

    def place(self, file: str | None, row: int) -> str:
        """Return the name of a row: 'line 2', or 'row 1' without lines; with its file if there are several.

        It is empty for a table on Spark, whose rows have no order.
        """
        if self.kind == SPARK:
            return ""
        if file is None:
            return f"row {row:,}"
        path, address = Path(file), self.addresses.get(file, file)
        several = Path(address).name if address != self.name else ""
        line = None if self.kind == "parquet" else layout.line_of(path, self.settings.csv, row)
        where = f"row {row:,}" if line is None else f"line {line:,}"
        return f"{several}, {where}" if several else where


def open_source(settings: TransactionsSettings, *, tidy: bool = False) -> Source:
    """Open the log of the settings; `tidy` rewrites CSV files first.

    Raises:
        TransactionsError: if there is no log, or if it does not fit the settings.
    """
    place = places.place_of(settings.path)
    log = local_files(settings) if place is None else None
    if log is not None:
        _refuse_mixture(settings, log)
    connection, folder = connect(settings.engine)
    if log is None:
        log = fetch(place, settings, folder)  # type: ignore[arg-type]
        _refuse_mixture(settings, log)
    if settings.csv.date_format:
        require_date_format(connection, settings)
    with log.named(), in_words(log.name, settings, has_files=not log.addresses):
        digest = _digest(log, settings)
        numbered = _OPENERS[log.kind](connection, log.paths, settings, folder, tidy)
        table = connection.table(VIEW)
        if settings.query:
            confine(connection, log.paths, folder, settings)
    if settings.query:
        table, numbered = _query(connection, settings.query, settings)
    _refuse_own_names(settings, list(table.columns))
    return Source(connection, table, numbered, log.name, digest, settings, log.kind, addresses=log.addresses)


def _digest(log: LogFiles, settings: TransactionsSettings) -> str:
    more = "\n".join(filter(None, (settings.table, settings.query)))
    return files.digest(log.paths, more) if log.digest is None else files.joined(log.digest, more)


def _refuse_mixture(settings: TransactionsSettings, log: LogFiles) -> None:
    kind, paths = log.kind, log.paths
    if kind == "duckdb":
        files.refuse_foreign(paths[0], kind)
    if kind == "duckdb" and not (settings.table or settings.query):
        raise TransactionsError(settings.path, "is a database: name its table in transactions.table, or a query.")
    if kind != "duckdb" and settings.table:
        raise TransactionsError(settings.path, f"has no tables, it is {kind}: transactions.table must be null.")
    if kind == "duckdb" and len(paths) > 1:
        raise TransactionsError(settings.path, f"matches {len(paths):,} databases; name one.")


def _view(connection: Any, select: str, name: str = VIEW) -> Any:
    connection.raw_sql(f"CREATE TEMP VIEW {name} AS {select}")
    return connection.table(name)


def _open_csv(connection: Any, paths: list[Path], settings: TransactionsSettings, folder: Path, tidy: bool) -> Any:
    layouts = [layout.read_layout(file, settings.csv) for file in paths]
    names = layouts[0].names
    for other, its in zip(paths, layouts, strict=True):
        if its.names != names:
            raise TransactionsError(other, f"has other columns than {paths[0].name}: {list(its.names)}.")
        layout.refuse_cut_gzip(other)
    unique = layout.unique(names)
    refuse_doubles(settings, list(names), unique)
    read, skip, separator = _alike(paths, layouts, settings, folder, tidy=tidy)
    columns = "{" + ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in unique) + "}"
    reading = (
        f"read_csv({_files(read)}, header = true, skip = {skip}, auto_detect = false, delim = {quoted(separator)},"
        f" quote = '\"', escape = '\"', columns = {columns}, max_line_size = {layout.LONGEST_CELL}"
    )
    _view(connection, f"SELECT * FROM {reading})")
    within = "row_number() OVER () - 1"
    placed = _view(connection, f"SELECT *, {within} AS {ROW} FROM {reading}, filename = '{FILE}')", NUMBERED)
    if len(paths) > 1:
        start = placed[ROW].min().over(ibis.window(group_by=FILE))
        placed = placed.mutate(**{ROW: placed[ROW] - start})
    placed = placed.mutate(**{ROW: placed[ROW] + 1})
    renamed = {str(copy): str(file) for copy, file in zip(read, paths, strict=True)}
    return placed.mutate(**{FILE: placed[FILE].cases(*renamed.items(), else_=placed[FILE])})


def _alike(
    paths: list[Path], layouts: list[layout.Layout], settings: TransactionsSettings, folder: Path, *, tidy: bool
) -> tuple[list[Path], int, str]:
    """Return the files, or copies of one layout; the number of lines before their header; their separator."""
    copies = [folder / f"{number}.csv" for number in range(len(paths))]
    if tidy or len({(its.separator, its.skip) for its in layouts}) > 1:
        each = zip(paths, layouts, copies, strict=True)
        return [layout.tidy(file, its, settings.csv, copy) for file, its, copy in each], 0, ","
    read = [layout.as_utf8(file, settings.csv, copy) for file, copy in zip(paths, copies, strict=True)]
    return read, layouts[0].skip, layouts[0].separator


def _open_parquet(connection: Any, paths: list[Path], settings: TransactionsSettings, folder: Path, tidy: bool) -> Any:
    names = tuple(files.parquet_schema(paths[0]).names)
    unique = layout.unique(names)
    refuse_doubles(settings, list(names), unique)
    is_partitioned = any("=" in part for part in paths[0].parent.parts)
    renamed = "" if unique == list(names) else f" AS read({', '.join(map(_identifier, unique))})"
    reading = f"read_parquet({_files(paths)}, hive_partitioning = {str(is_partitioned).lower()}"
    _view(connection, f"SELECT * FROM {reading}){renamed}")
    numbered = f"{reading}, filename = '{FILE}', file_row_number = true){renamed}"
    return _view(connection, f"SELECT *, file_row_number + 1 AS {ROW} FROM {numbered}", NUMBERED).drop(
        "file_row_number"
    )


def _open_duckdb(connection: Any, paths: list[Path], settings: TransactionsSettings, folder: Path, tidy: bool) -> Any:
    connection.raw_sql(f"ATTACH {quoted(str(paths[0]))} AS {DATABASE} (READ_ONLY)")
    if not settings.table:
        _view(connection, "SELECT 1 AS nothing WHERE false")
        return None
    name = ".".join(map(_identifier, settings.table.split(".")))
    try:
        return number(_view(connection, f"SELECT * FROM {DATABASE}.{name}"))
    except duckdb.CatalogException as error:
        raise TransactionsError(settings.path, no_table(connection, DATABASE, settings.table)) from error


_OPENERS = {"csv": _open_csv, "parquet": _open_parquet, "duckdb": _open_duckdb}


def _query(connection: Any, query: str, settings: TransactionsSettings) -> tuple[Any, Any]:
    try:
        statements = connection.con.extract_statements(query)
        if len(statements) != 1:
            several = f"transactions.query holds {len(statements):,} statements; give one SELECT."
            raise TransactionsError(settings.path, several)
        (statement,) = statements
        if statement.type.name != "SELECT":
            raise TransactionsError(settings.path, f"transactions.query is a SELECT, not {statement.type.name}.")
        described = connection.raw_sql(f"DESCRIBE {statement.query.strip().rstrip(';')}").fetchall()
        _refuse_result(settings, [name for name, *_ in described])
        table = _view(connection, query.strip().rstrip(";"), QUERIED)
    except duckdb.Error as error:
        raise TransactionsError(settings.path, f"transactions.query cannot be run: {of_query(error)}") from error
    return table, number(table)


def _refuse_result(settings: TransactionsSettings, names: list[str]) -> None:
    """Raise TransactionsError if a query returns a column of the settings twice; the engine would take the first."""
    lower = [name.lower() for name in names]
    twice = [name for name in used_columns(settings) if lower.count(name.lower()) > 1]
    if twice:
        advice = f"Write: select * exclude ({_identifier(twice[0])}), ... as {_identifier(twice[0])} from log"
        what = f"transactions.query returns the column {twice[0]!r} {lower.count(twice[0].lower())} times"
        raise TransactionsError(settings.path, f"{what}. {advice}.")


def number(table: Any, kind: str = "table") -> Any:
    """Number the rows of a table without files; those of a distributed one are all 0."""
    if kind == SPARK:
        return table.mutate(**{FILE: ibis.null("string"), ROW: ibis.literal(0, "int64")})
    return table.mutate(**{FILE: ibis.null("string"), ROW: ibis.row_number() + 1})


def used_columns(settings: TransactionsSettings) -> list[str]:
    """Return the columns of the settings, each once."""
    more = [settings.currency] if settings.currency else []
    rules = [rule.column for rule in settings.exclude.values()]
    return list(dict.fromkeys([*settings.columns.named().values(), *settings.segment_columns, *rules, *more]))


def refuse_doubles(
    settings: TransactionsSettings, names: list[str], unique: list[str], *, is_file: bool = True
) -> None:
    """Raise TransactionsError for a column of the settings that is in the log twice; case is ignored.

    Args:
        settings: the columns that are used. With a query there is no check, because it can select one of several.
        names: the columns of the log.
        unique: the names under which the columns are read.
        is_file: the log is a file, of which a query can select one column.
    """
    _refuse_own_names(settings, names)
    lower = [name.lower() for name in names]
    faults = []
    for wanted in [] if settings.query else used_columns(settings):
        at = [place for place, name in enumerate(lower) if name == wanted.lower()]
        alike = list(dict.fromkeys(names[place] for place in at))
        if len(at) > 1:
            is_same = f"the column {wanted!r} is there {len(at)} times"
            what = is_same if len(alike) == 1 else f"the columns {first_few(alike)} differ by case alone"
            query = f"Choose one in a query: {choose([unique[place] for place in at], wanted)}"
            faults.append(f"{what}. {query if is_file else 'Rename or drop the others'}.")
    if faults:
        raise TransactionsError(settings.path, *faults)


def _refuse_own_names(settings: TransactionsSettings, names: list[str]) -> None:
    own = [name for name in names if OWN.fullmatch(name)]
    if own:
        what = f"has columns that are named as Tenure names its own ({first_few(own)})"
        raise TransactionsError(settings.path, f"{what}: rename them.")


def _files(paths: list[Path]) -> str:
    """Return a list of files as an SQL literal; their names are no patterns."""
    return listed([escape(str(file)) for file in paths])


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
