"""Iceberg and Delta tables, in folders of this machine or in S3: copied at one snapshot, which the digest names."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from . import copies
from .address import DELTA, Place
from .errors import PlaceError, Words, error_of
from .extensions import copying, literal
from .objects import endpoint

EXTENSIONS = {DELTA: ("httpfs", "delta"), "iceberg": ("avro", "httpfs", "iceberg")}  # in the order of their loading
OBJECTS = "s3://"
_VERSION = re.compile(r"/(\d{20})\.(?:json|checkpoint)")
_WORDS: list[Words] = [
    ("HTTP 40[13]|\\b403\\b|forbidden|access denied", True, "S3 refuses the request: check AWS_ACCESS_KEY_ID."),
    (
        "could not establish connection|could ?n.t connect|connection (?:refused|error|reset)|error sending request"
        "|timed? ?out|HTTP 5\\d\\d|resolve host|IO error .*connect",
        True,
        "S3 cannot be reached: {reason}. Its address is that of AWS_ENDPOINT_URL, or of AWS_REGION.",
    ),
    ("does not exist|no files|HTTP 404|not found|cannot open", False, "there is no such table, or its files are gone."),
]


def copy_table(place: Place, file: Path, date: str, limits: Mapping[str, Any]) -> str:
    """Copy a table to a Parquet file at its present snapshot; return the digest of that snapshot.

    Args:
        place: the table.
        file: the copy.
        date: not needed: snapshots are exact.
        limits: of DuckDB, by the names of its settings.
    """
    path = place.names[0].rstrip("/")
    find = _find_delta if place.kind == DELTA else _find_iceberg
    with copying(place, *EXTENSIONS[place.kind], limits=limits) as connection, _in_words(place):
        if path.startswith(OBJECTS):
            _sign_in(connection)
        rows, snapshot = find(connection, place, path)
        copies.write(connection, rows, file)
        return hashlib.sha256("\n".join([place.kind, *snapshot]).encode()).hexdigest()


def _find_delta(connection: Any, place: Place, path: str) -> tuple[str, list[str]]:
    """Return the scan of the latest version, and the version with the text of its commit."""
    files = connection.execute(f"SELECT file FROM glob({literal(path + '/_delta_log/*')})").fetchall()
    versions = [int(match[1]) for (name,) in files if (match := _VERSION.search(name))]
    if not versions:
        raise PlaceError(place.address, "there is no Delta table: the folder has no _delta_log with a version in it.")
    commit = f"{path}/_delta_log/{max(versions):020d}.json"
    scan = f"delta_scan({literal(path)}, version = {max(versions)})"
    return scan, [str(max(versions)), str(_text(connection, commit))]


def _find_iceberg(connection: Any, place: Place, path: str) -> tuple[str, list[str]]:
    """Return the scan of the current snapshot, and its id with that of the table."""
    metadata = path if path.endswith(".metadata.json") else _hinted(connection, place, path)
    text = _text(connection, metadata)
    if text is None:
        raise PlaceError(place.address, "there is no such metadata file.")
    about = json.loads(text)
    snapshot = about.get("current-snapshot-id")
    if snapshot in (None, -1):
        raise PlaceError(place.address, "has no snapshot: there are no rows in it.")
    scan = f"iceberg_scan({literal(metadata)}, snapshot_from_id = {int(snapshot)})"
    return scan, [str(about.get("table-uuid")), str(snapshot)]


def _hinted(connection: Any, place: Place, path: str) -> str:
    """Return the metadata file that the table's version hint names."""
    version = _text(connection, f"{path}/metadata/version-hint.text")
    if version is None:
        raise PlaceError(
            place.address,
            "there is no Iceberg table, or it has no version hint, as tables of a catalogue. Name its metadata file:"
            " iceberg:.../metadata/NAME.metadata.json.",
        )
    version = version.strip()
    name = f"v{version}" if version.isdecimal() else version
    return f"{path}/metadata/{name}.metadata.json"


def _text(connection: Any, path: str) -> str | None:
    """Return the text of a file; None where there is none."""
    try:
        row = connection.execute(f"SELECT content FROM read_text({literal(path)})").fetchone()
    except duckdb.IOException as error:
        if "404" not in str(error):
            raise
        return None
    return None if row is None else str(row[0])


def _sign_in(connection: Any) -> None:
    """Create DuckDB's secret from the environment; without a key it is anonymous."""
    environment = os.environ
    options = {
        "KEY_ID": environment.get("AWS_ACCESS_KEY_ID"),
        "SECRET": environment.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": environment.get("AWS_SESSION_TOKEN"),
        "REGION": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
    }
    texts = [f"{name} {literal(value)}" for name, value in options.items() if value]
    if (address := endpoint()) is not None:
        url = urlsplit(address)
        is_safe = str(url.scheme == "https").lower()
        texts += [f"ENDPOINT {literal(url.netloc)}", "URL_STYLE 'path'", f"USE_SSL {is_safe}"]
    connection.execute(f"CREATE SECRET (TYPE s3, {', '.join(texts)})")


@contextmanager
def _in_words(place: Place) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise error_of(place.address, str(error), _WORDS, "cannot be read: {reason}.") from None
