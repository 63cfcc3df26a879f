"""The lock of a store, so that one process at a time prepares it: beside a file, in the user's cache for a database."""

import hashlib
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import RegistryError, StoreUnreachableError, where
from .servers import database_url

LIMIT_SECONDS = 60.0
QUIET_SECONDS = 2.0  # a fresh store takes longer, and then a line is logged
MARK = "tenure "  # begins the note of the holder; a file with other content is not overwritten
log = logging.getLogger("tenure")


@contextmanager
def hold_lock(uri: str) -> Iterator[None]:
    """Run a block with the store's lock.

    Raises StoreUnreachableError where another process has it for longer than a minute, and RegistryError where the
    lock cannot be a file. A tracking server needs none.
    """
    path = lock_of(uri)
    if path is None:
        yield
        return
    lock = FileLock(path)
    _acquire(lock, path)
    try:
        _note(path)
        yield
    finally:
        lock.release()


def lock_of(uri: str) -> Path | None:
    """Return the lock's path: beside a SQLite file, in the user's cache for another database; None without either."""
    url = database_url(uri)
    if url is None:
        return None
    if url.get_backend_name() != "sqlite":
        name = hashlib.sha256(uri.encode()).hexdigest()[:16]
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenure" / "locks"
        with suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
        return cache / f"{name}.lock" if os.access(cache, os.W_OK) else None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return None
    store = Path(url.database).resolve()  # a link to a store is the same store
    return store.with_name(f"{store.name}.lock")


def _acquire(lock: FileLock, path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise RegistryError(f"The lock of the MLflow store, {path}, is a link or no file: remove it.")
    started = time.monotonic()
    try:
        try:
            lock.acquire(timeout=QUIET_SECONDS)
        except Timeout:
            log.warning("waiting for %s, held by %s, for at most %g seconds", path.name, _holder(path), LIMIT_SECONDS)
            lock.acquire(timeout=max(0.0, LIMIT_SECONDS - QUIET_SECONDS))
            log.warning("got %s after %.0f seconds", path.name, time.monotonic() - started)
    except Timeout as error:
        raise StoreUnreachableError(
            f"The MLflow store at {where()} is in use: {_holder(path)} holds {path} for more than "
            f"{LIMIT_SECONDS:g} seconds. End that process, or try again later."
        ) from error
    except OSError as error:
        raise RegistryError(f"The lock of the MLflow store, {path}, cannot be used: {error.strerror}.") from error


def _note(path: Path) -> None:
    """Write the holder of the lock into its file."""
    with suppress(OSError), path.open("r+") as file:
        if file.read(len(MARK)) in {"", MARK}:
            file.seek(0)
            file.truncate()
            file.write(f"{MARK}{socket.gethostname()} {os.getpid()}\n")


def _holder(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError), path.open() as file:
        noted = file.read(300)
        match noted.split():
            case ["tenure", host, pid]:
                return f"process {pid} on {host}"
    return "another process"
