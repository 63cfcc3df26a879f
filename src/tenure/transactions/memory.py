"""Read a purchase log from a table in memory, by the rules of files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pyarrow as pa

from . import layout
from .engine import connect
from .fault import TransactionsError
from .log import Transactions, account
from .source import FILE, ROW, Source, refuse_doubles, used_columns

if TYPE_CHECKING:
    from tenure.frames import Frame
    from tenure.settings import TransactionsSettings

OF_FILES = ("table", "query", "allow_paths")  # settings that a table in memory does not have
VIEW = "tenure_log"


def of_frame(
    frame: Frame, settings: TransactionsSettings, *, end: date | str | None = None, today: date | None = None
) -> Transactions:
    """Read a purchase log from a table in memory; `settings.path` is ignored.

    Args:
        frame: the log, with the columns that the settings name.
        settings: the names of its columns, and the rules.
        end: the end of observation; rows after it are not checked.
        today: the shop's day; today in `settings.timezone` if None.

    Raises TransactionsError as `read` does, FrameError for columns that mix types.
    """
    settings = replace(settings, path=frame.name)
    given = [f"transactions.{name}" for name in OF_FILES if getattr(settings, name)]
    if given:
        raise TransactionsError(frame.name, f"is a table in memory, to which {', '.join(given)} do not apply.")
    rows = frame.to_arrow(used_columns(settings))
    return account(_open(rows, frame.name, settings), end, today)


def _open(rows: pa.Table, name: str, settings: TransactionsSettings) -> Source:
    names = rows.column_names
    unique = layout.unique(tuple(names))
    refuse_doubles(settings, names, unique, is_file=False)
    connection, _ = connect(settings.engine)
    numbered = rows.rename_columns(unique).append_column(ROW, pa.array(np.arange(1, rows.num_rows + 1)))
    connection.con.register(VIEW, numbered)
    table = connection.table(VIEW).mutate(**{FILE: ibis.null("string")})
    return Source(connection, table.drop(FILE, ROW), table, name, _digest(rows), settings)


def _digest(rows: pa.Table) -> str:
    """Return a sha256 of the content: equal tables have the same, however they are cut into chunks."""
    digest = hashlib.sha256()
    sink = pa.PythonFile(_Hash(digest), mode="w")
    whole = rows.replace_schema_metadata(None).combine_chunks()
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole)
    return digest.hexdigest()


class _Hash:
    """A file that keeps a digest of what is written to it."""

    closed = False

    def __init__(self, digest: hashlib._Hash) -> None:
        self.digest = digest

    def write(self, content: bytes) -> int:
        """Add some bytes."""
        self.digest.update(content)
        return len(content)

    def flush(self) -> None:
        """Return at once: nothing is kept."""

    def close(self) -> None:
        """Return at once: nothing is open."""
