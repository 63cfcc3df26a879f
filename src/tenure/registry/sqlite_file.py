"""The SQLite file of a store, looked at before MLflow opens it: MLflow would create a missing one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tenure import invocation

from .errors import StoreMissingError, StoreUnreachableError, is_damage, of_damage, one_line
from .servers import database_url

BUSY = ("locked", "busy")
SECONDS = 5.0  # that another process may write


def require_file(uri: str) -> None:
    """Check that the SQLite file of a store exists and has MLflow's tables; other stores are not checked.

    Raises StoreMissingError where it does not, StoreDamagedError where it is no database, and StoreUnreachableError
    where it cannot be read.
    """
    path = path_of(uri)
    if path is None:
        return
    if not path.is_file():
        raise _missing(path, "that path is a folder" if path.is_dir() else "the file does not exist")
    if path.stat().st_size == 0:
        raise _missing(path, "the file is empty")
    try:
        has_tables = _has_tables(path)
    except sqlite3.DatabaseError as error:
        if any(word in str(error) for word in BUSY):
            return  # MLflow waits longer, and reports it
        if is_damage(str(error)):
            raise of_damage(str(path), str(error)) from error
        raise StoreUnreachableError(
            f"The MLflow store at {path} cannot be read: {one_line(str(error))}. Check its permissions."
        ) from error
    if not has_tables:
        raise _missing(path, "the database there has no tables of MLflow")


def path_of(uri: str) -> Path | None:
    """Return the path of the SQLite file of a store; None for another store, and one in memory."""
    url = database_url(uri)
    if url is None or url.get_backend_name() != "sqlite" or not url.database:
        return None
    if url.database == ":memory:" or url.database.startswith("file:"):
        return None
    return Path(url.database).absolute()


def _has_tables(path: Path) -> bool:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as opened:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'experiments'"
        return bool(opened.execute(query).fetchone()[0])


def _missing(path: Path, why: str) -> StoreMissingError:
    return StoreMissingError(
        f"There is no store at {path}: {why}. The store is the environment's MLFLOW_TRACKING_URI, or without it"
        f" registry.tracking_uri; a SQLite path with three slashes (sqlite:///mlflow.db) is relative to the working"
        f" directory, {Path.cwd()}. Set the right one, or mount its disk."
        f" Only the first {invocation.command('train')} creates a store."
    )
