"""The copy of a table: one Parquet file, and a digest of its rows that does not depend on their order."""

import hashlib
from pathlib import Path
from typing import Any

from .extensions import identifier, literal


def write(connection: Any, rows: str, file: Path) -> None:
    """Write the rows of a table function or a table, read once, in their order."""
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"COPY (SELECT * FROM {rows}) TO {literal(str(file))} (FORMAT parquet)")


def digest_rows(connection: Any, file: Path, date: str) -> str:
    """Return a digest of the number of rows, the latest date and the sum of the rows' hashes.

    Args:
        connection: of DuckDB.
        file: the copy.
        date: the column of dates; it is left out where there is none of this name.
    """
    read = f"read_parquet({literal(str(file))})"
    names = [name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()]
    latest = f"max({identifier(date)})::VARCHAR" if date in names else "NULL"
    hashes = "sum(md5_number_lower(to_json(log_row))::HUGEINT)"
    counted = f"SELECT count(*), {latest}, {hashes} FROM {read} AS log_row"
    facts = connection.execute(counted).fetchone()
    return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()
