"""The address of a store, checked before any library sees it: each has words of its own for a wrong one."""

import re
from urllib.parse import urlsplit

import sqlalchemy
from sqlalchemy.engine import URL

from tenure.addresses import mask_address

from .errors import RegistryError

EXAMPLES = "sqlite:///mlflow.db, http://HOST:5000 or postgresql://HOST/NAME"
SPACE = "holds a space, which is written as %20 in an address"
_SERVERS = {"http", "https"}
_DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9]*)((?:\+[\w.]+)?)(://.*)", re.DOTALL)


def checked_uri(uri: str) -> str:
    """Return the address of a store without spaces around it and with its scheme in small letters.

    Raises RegistryError where it is no address of a server, a database or a SQLite file.
    """
    text = uri.strip()
    if text.startswith("databricks"):
        return text
    parts = _PARTS.fullmatch(text)
    scheme = parts[1].lower() if parts else ""
    if parts is None or scheme not in _SERVERS | _DATABASES:
        raise _refusal(text, f"is no address of one: write {EXAMPLES}")
    text = f"{scheme}{parts[2]}{parts[3]}"
    fault = _of_server(text) if scheme in _SERVERS else _of_database(text)
    if fault:
        raise _refusal(text, fault)
    return text


def _refusal(uri: str, why: str) -> RegistryError:
    return RegistryError(
        f"The MLflow store {mask_address(uri)!r} {why}. It is the environment's MLFLOW_TRACKING_URI, or without it"
        " registry.tracking_uri."
    )


def _of_server(uri: str) -> str | None:
    """Return what is wrong with a server's address."""
    try:
        parts = urlsplit(uri)
        is_right = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if re.search(r"\s", uri):
        return SPACE
    return None if is_right else "names no host, or no port from 1 to 65535"


def _of_database(uri: str) -> str | None:
    """Return what is wrong with a database's address."""
    try:
        url = sqlalchemy.make_url(uri)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return "names no database, or no port from 1 to 65535"
    if url.get_backend_name() == "sqlite":
        return _of_file(url)
    if re.search(r"\s", uri):
        return SPACE
    return None if url.port is None or 0 < url.port < 2**16 else "names no port from 1 to 65535"


def _of_file(url: URL) -> str | None:
    if url.host or url.username:
        return "names a host: a SQLite file is sqlite:/// and its path"
    if not url.database or ":memory:" in url.database or "mode=memory" in url.database:
        return "lies in memory, and would be gone with the command: sqlite:/// is followed by a path"
    if url.database.endswith("/"):
        return "is a folder: name a file, such as mlflow.db in it"
    return None
