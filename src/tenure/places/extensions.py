"""Start a DuckDB of its own for a copy, with the extensions that are installed as packages: nothing is downloaded.

A copy has a connection of its own, since what is attached stays within reach of every later query of a connection.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

from .address import Place
from .errors import ExtensionMissingError

GROUP = "sources"


@contextmanager
def copying(place: Place, *extensions: str, limits: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """Yield a connection with some extensions loaded, in this order; it is closed at the end."""
    config = {"autoinstall_known_extensions": False, "autoload_known_extensions": False, **(limits or {})}
    files = [extension(place, name) for name in extensions]
    connection = duckdb.connect(":memory:", config=config)
    try:
        for file in files:
            connection.execute(f"LOAD {literal(str(file))}")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def extension(place: Place, name: str) -> Path:
    """Return the file of an extension.

    Raises ExtensionMissingError where its package is not installed, or is for another version of DuckDB.
    """
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in [] if spec is None else spec.submodule_search_locations or []:
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    package = f"duckdb-extension-{name.replace('_', '-')}"
    lacks = "is not installed" if spec is None else "is for another version of DuckDB"
    raise ExtensionMissingError(
        place.address,
        f"needs the package {package} {duckdb.__version__}, which {lacks}. Install the dependency group '{GROUP}'"
        f" (uv sync --group {GROUP}).",
    )


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
