"""Tables of PostgreSQL: copied from one snapshot by a user who may only read, and replaced in one transaction.

The connection is that of libpq's variables in the environment.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from . import copies
from .address import Place
from .errors import PlaceError, Words, error_of
from .extensions import copying, identifier, literal

SCANNER = "postgres_scanner"
ATTACHED = "tenure_target"
PATIENCE = "connect_timeout=10"  # seconds; PGCONNECT_TIMEOUT sets another
_LOST = (
    "server closed the connection|terminating connection|connection (?:to server )?was lost|no connection to the"
    "|could not (?:receive|send) data|SSL (?:SYSCALL|connection)|connection not open|unexpectedly"
)
_REFUSED = (
    'password authentication failed|no password supplied|authentication failed|no pg_hba.conf|role "[^"]*" does not'
)
_READING: list[Words] = [
    (_REFUSED, True, "PostgreSQL refuses the connection: {reason}. It is that of PGUSER and PGPASSWORD."),
    ('database "([^"]*)" does not exist', False, "there is no database {0!r} (PGDATABASE)."),
    ('definition of service "([^"]*)" not found', False, "no service file has the service {0!r} (PGSERVICE)."),
    ('service file "([^"]*)" not found', False, "there is no file {0!r} of services (PGSERVICEFILE)."),
    ("unable to connect", True, "PostgreSQL cannot be reached: {reason}. Its address is that of PGHOST and PGPORT."),
    (_LOST, True, "the connection to PostgreSQL was lost, and nothing of it is kept: {reason}. Run the command again."),
    ("does not contain any columns", False, "there is no such table, or its schema is not the user's to see."),
    ("permission denied", False, "the user of PGUSER may not read it: {reason}. GRANT SELECT is enough."),
]
_WRITING: list[Words] = [
    *_READING[:6],
    ("could not obtain lock", False, "another process is writing it. Wait for it to end."),
    ("permission denied|must be owner", False, "the user of PGUSER may not write it: {reason}."),
    ("already exists|duplicate key", False, "another process has just created it. Run the command again."),
    ("disk full|no space left", False, "the disk of PostgreSQL is full: {reason}."),
]


def copy_table(place: Place, file: Path, date: str, limits: Mapping[str, Any]) -> str:
    """Copy a table or a view to a Parquet file, read in one repeatable-read transaction; return the rows' digest.

    Args:
        place: the table.
        file: the copy.
        date: the column of dates.
        limits: of DuckDB, by the names of its settings.
    """
    schema, table = place.names
    with copying(place, SCANNER, limits=limits) as connection:
        scanned = f"postgres_scan({literal(_dsn())}, {literal(schema)}, {literal(table)})"
        with _in_words(place, _READING, "cannot be read: {reason}."):
            copies.write(connection, scanned, file)
        return copies.digest_rows(connection, file, date)


class PostgresTable:
    """A table whose rows scores replace.

    They are deleted and inserted in one transaction, so that rights, indexes and views of the table stay.

    Attributes:
        place: its address.
        needed: columns by which a table of scores is recognised.
    """

    def __init__(self, place: Place, needed: Sequence[str]) -> None:
        self.place, self.needed = place, needed
        self.schema, self.table = place.names
        self.name = f"{identifier(self.schema)}.{identifier(self.table)}"

    def require_writable(self) -> None:
        """Raise PlaceError for a table that cannot be written, or without the columns of scores, before any work."""
        with self._attached() as connection:
            columns = [name for name, _ in self._columns(connection)]
            if columns:
                self._refuse_other(columns, [name for name in self.needed if name not in columns])
                self._require_right(connection)
                return
            schema = literal(self.schema)
            right = f"SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = {schema}"
            rows = self._ask(connection, right)
            if not rows:
                raise PlaceError(self.place.address, f"there is no schema {self.schema!r}.")
            if not rows[0][0]:
                raise PlaceError(
                    self.place.address, "there is no such table, and the user of PGUSER may not create it."
                )

    def claim(self, job: str, *, restart: bool) -> None:
        """Return at once: a table has no parts of another job."""

    def publish(self, files: Sequence[Path], manifest: Path) -> None:
        """Replace the rows of the table by those of the files of parts, in one transaction."""
        rows = f"SELECT * FROM read_parquet([{', '.join(literal(str(file)) for file in files)}])"
        with self._attached() as connection:
            connection.execute("BEGIN")
            there = self._columns(connection)
            if there:
                self._run(connection, f"LOCK TABLE {self.name} IN SHARE ROW EXCLUSIVE MODE NOWAIT")
                self._refuse_unlike(connection, rows)
                self._run(connection, f"DELETE FROM {self.name}")
                connection.execute(f"INSERT INTO {ATTACHED}.{self.name} BY NAME {rows}")
            else:
                connection.execute(f"CREATE TABLE {ATTACHED}.{self.name} AS {rows}")
            connection.execute("COMMIT")

    def _require_right(self, connection: Any) -> None:
        rights = " AND ".join(f"has_table_privilege({literal(self.name)}, '{right}')" for right in ("INSERT", "DELETE"))
        if not self._ask(connection, f"SELECT {rights}")[0][0]:
            raise PlaceError(self.place.address, "the user of PGUSER may not write it: GRANT INSERT, DELETE is needed.")

    def _refuse_unlike(self, connection: Any, rows: str) -> None:
        """Raise PlaceError for a table whose columns are not those of the scores, by name and type."""
        wanted = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {rows}").fetchall()}
        there = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {ATTACHED}.{self.name}").fetchall()}
        odd = [name for name in {**wanted, **there} if wanted.get(name) != there.get(name)]
        self._refuse_other(list(there), odd)

    def _refuse_other(self, columns: Sequence[str], odd: Sequence[str]) -> None:
        if odd:
            shown = ", ".join(repr(name) for name in odd[:3])
            raise PlaceError(
                self.place.address,
                f"is a table with other columns than these scores (first: {shown}), and is left as it is. Name another"
                " table, or drop it first.",
            )

    def _columns(self, connection: Any) -> list[tuple[str, str]]:
        """List the names and the types of the table's columns; none where it does not exist."""
        where = f"attrelid = to_regclass({literal(self.name)}) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        query = f"SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE {where}"
        return [(name, kind) for name, kind in self._ask(connection, query)]

    def _ask(self, connection: Any, query: str) -> list[Any]:
        query_there = f"SELECT * FROM postgres_query({literal(ATTACHED)}, {literal(query)})"
        rows: list[Any] = connection.execute(query_there).fetchall()
        return rows

    def _run(self, connection: Any, statement: str) -> None:
        connection.execute(f"CALL postgres_execute({literal(ATTACHED)}, {literal(statement)})")

    @contextmanager
    def _attached(self) -> Iterator[Any]:
        with (
            copying(self.place, SCANNER) as connection,
            _in_words(self.place, _WRITING, "cannot be written: {reason}."),
        ):
            options = f"TYPE postgres, SCHEMA {literal(self.schema)}, ISOLATION_LEVEL 'READ COMMITTED'"
            connection.execute(f"ATTACH {literal(_dsn())} AS {ATTACHED} ({options})")
            yield connection


def _dsn() -> str:
    """Return the connection: all of it is in the environment."""
    return "" if "PGCONNECT_TIMEOUT" in os.environ else PATIENCE


@contextmanager
def _in_words(place: Place, words: Sequence[Words], otherwise: str) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise error_of(place.address, str(error), words, otherwise) from None
