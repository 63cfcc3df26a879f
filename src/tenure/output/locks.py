"""Locks, so that one process at a time writes an output: on its partial file, or on a file of their own."""

import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from .errors import OutputError


def locked_partial(target: Path) -> tuple[int, Path]:
    """Create a partial file beside its target and lock it; another one if a process removed it before it was locked."""
    prefix = f"{_partial(target)}{time.time_ns():020d}.{socket.gethostname()}-{os.getpid()}."
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=target.parent)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)


def require_alone(path: str, key: str = "output", before: str = "~") -> None:
    """Raise OutputError if a living process writes the file; remove the partial files of dead ones.

    Args:
        path: of the file.
        key: the setting that names it.
        before: the name of a partial file; those with later names, whose processes began later, are not looked at.
    """
    target = Path(path).expanduser().resolve()
    for other in sorted(target.parent.glob(f"{escape(_partial(target))}*")):
        if other.name < before and _is_written(other):
            host, _, pid = (
                other.name.removeprefix(_partial(target)).partition(".")[2].rpartition(".")[0].rpartition("-")
            )
            raise _being_written(f"{pid} on {host}", path, key)


def _being_written(process: str, path: str, key: str) -> OutputError:
    return OutputError(
        f"{key} {path!r} is being written by another process ({process}). Wait for it to end, or name another output."
    )


def _is_written(partial: Path) -> bool:
    """Return whether a living process writes a partial file; remove it otherwise."""
    try:
        with partial.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()
    except BlockingIOError:
        return True
    except OSError:  # removed meanwhile, or of another user
        pass
    return False


@contextmanager
def sole_writer(lock: Path, path: str, key: str = "output") -> Iterator[None]:
    """Lock a file, in which this process is named, and remove it at the end.

    The system releases the lock of a process that dies, so that another one takes it over.

    Raises OutputError if a living process has it.
    """
    handle = _open_lock(lock, path, key)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _open_lock(lock: Path, path: str, key: str) -> int:
    """Return a handle with the lock; try again where the process before removed the file."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the process before has just removed the folder
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(handle, 300, 0).decode(errors="replace") or "which has just begun"
            os.close(handle)
            raise _being_written(process, path, key) from None
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)


def require_unlocked(lock: Path, path: str, key: str = "output") -> None:
    """Raise OutputError if a living process has the lock file."""
    if lock.exists():
        os.close(_open_lock(lock, path, key))


def _partial(target: Path) -> str:
    return f".{target.name}.partial-"
