"""Atomic writes of files and folders, and the description in a Parquet file's metadata."""

import fcntl
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from . import remote
from .addresses import mask
from .errors import InputError

METADATA_KEY = b"tenure"
PARTIAL = ".partial"  # the end of the name of a file that `write_durably` has not finished
LONGEST_NAME, LONGEST_PATH = 255, 4_096  # bytes
PARTIAL_LONGER = 48  # how much longer the name of a partial file is, beside the machine's name


class OutputError(InputError):
    """A path that cannot be written, or a file without a description."""


def require_writable(path: str, key: str = "output") -> None:
    """Raise OutputError for a file that cannot be written, before any work; `key` is the setting that names it.

    Missing folders are created with the file, so that a command that fails earlier leaves nothing behind.
    """
    _require_local(path, key)
    target = Path(path).expanduser().resolve()
    _require_short(target, path, key)
    if target.is_dir():
        raise OutputError(f"{key} {path!r} is a folder; name a file.")
    _require_folder(target.parent, path, key)
    require_alone(path, key)


def require_parts_writable(path: str, key: str = "output") -> None:
    """Raise OutputError for a folder of parts that cannot be written, before any work."""
    _require_local(path, key)
    target = Path(path).expanduser().resolve()
    _require_short(target, path, key)
    if target.exists() and not target.is_dir():
        raise OutputError(f"{key} {path!r} is a file; name a folder.")
    _require_folder(target if target.is_dir() else target.parent, path, key)


def refuse_input(path: str, inputs: Iterable[str | Path], key: str = "output") -> None:
    """Raise OutputError for a file or folder that is an input, or in one, or has one in it, whatever its path."""
    target = Path(path).expanduser().resolve()
    for given in inputs:
        source = Path(given).expanduser()
        is_same = source.exists() and target.exists() and source.samefile(target)
        if is_same or source.resolve() == target or (source.is_dir() and source.resolve() in target.parents):
            raise OutputError(f"{key} {path!r} is the input {str(given)!r} or is in it: name another file.")
        if target in source.resolve().parents:
            raise OutputError(f"{key} {path!r} has the input {str(given)!r} in it: name another folder.")


def require_new_folder(path: str, key: str = "output") -> None:
    """Raise OutputError for a folder that cannot be created, before any work; a folder is never replaced."""
    _require_local(path, key)
    target = Path(path).expanduser().resolve()
    _require_short(target, path, key)
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise OutputError(f"{key} {path!r} exists, and a folder is not replaced. Remove it, or name another.")
    _require_folder(target.parent, path, key)


def _require_short(target: Path, path: str, key: str) -> None:
    """Raise OutputError for names that are too long: the name of a partial file is longer than the file's."""
    longer = PARTIAL_LONGER + len(os.fsencode(socket.gethostname()))
    most = dict.fromkeys(target.parts, LONGEST_NAME) | {target.name: LONGEST_NAME - longer}
    for part, limit in most.items():
        if len(os.fsencode(part)) > limit:
            raise OutputError(f"{key} has a name that is too long ({part[:40]!r}...): keep to {limit} bytes.")
    if len(os.fsencode(target)) > LONGEST_PATH - longer:
        raise OutputError(f"{key} {path[:40]!r}... is too long: keep to {LONGEST_PATH - longer:,} bytes.")


def _require_folder(folder: Path, path: str, key: str) -> None:
    """Raise OutputError for a folder that neither exists nor can be created."""
    existing = next(at for at in (folder, *folder.parents) if at.exists())
    if not existing.is_dir():
        raise OutputError(f"{key} {path!r} is in {existing}, which is a file and not a folder.")
    try:
        # Permissions do not say it all: no file can be made in /proc.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        why = "is not writable" if isinstance(error, PermissionError | FileNotFoundError) else f"{error.strerror}"
        raise OutputError(f"{key} {path!r} cannot be written: {existing} {why}.") from error


@contextmanager
def created(folder: Path) -> Iterator[None]:
    """Create a folder and its parents; if the work fails, remove those that were created, unless others use them."""
    missing = [at for at in (folder, *folder.parents) if not at.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # another process has written there
            for at in missing:
                at.rmdir()
        raise


def _require_local(path: str, key: str) -> None:
    why = remote.refusal(path, written=True)
    if why:
        raise OutputError(f"{key} {mask(path)} {why}")


@contextmanager
def atomic_file(path: str) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` at the end; if writing fails, it is removed.

    It keeps the mode of the file that it replaces, else follows the umask, and is on disk before it takes its place.
    The process holds a lock on it, so that another job with the same output is refused and a dead one's file removed.
    """
    target = Path(path).expanduser().resolve()
    with created(target.parent):
        mine = f"{_partial(target)}{time.time_ns():020d}.{socket.gethostname()}-{os.getpid()}."
        handle, partial = _locked(target.parent, mine)
        try:
            require_alone(path, before=partial.name)
            yield partial
            os.chmod(partial, stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask())
            os.fsync(handle)
            os.replace(partial, target)
            _sync(target.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)


def _locked(folder: Path, prefix: str) -> tuple[int, Path]:
    """Create a temporary file and lock it; another one if a process removed it before it was locked."""
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
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


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that, whenever the machine stops, it is there whole or not at all."""
    partial = path.with_name(f".{path.name}{PARTIAL}")
    write(partial)
    handle = os.open(partial, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(partial, path)
    _sync(path.parent)


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


def keep(partial: Path, path: str) -> Path:
    """Move a complete file of `atomic_file` that must not replace its target to a name beside it; return that path."""
    target = Path(path).expanduser().resolve()
    kept = target.with_name(f"{target.stem}.kept{target.suffix}")
    os.replace(partial, kept)
    return kept


def _partial(target: Path) -> str:
    return f".{target.name}.partial-"


def _umask() -> int:
    """Return the umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _sync(folder: Path) -> None:
    """Write a renaming in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_folder(path: str) -> Iterator[Path]:
    """Yield a temporary folder that replaces `path` at the end; if writing fails, it is removed."""
    target = Path(path).expanduser().resolve()
    with created(target.parent):
        name = tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            yield Path(name)
            os.chmod(name, 0o777 & ~_umask())
            os.replace(name, target)
        except BaseException:
            shutil.rmtree(name)
            raise


def is_described(path: Path) -> bool:
    """Return whether a file of scores is complete: its description is written last."""
    try:
        describe(path)
    except (OutputError, OSError, pa.ArrowException):
        return False
    return True


def describe(path: str | Path) -> dict[str, Any]:
    """Read the description in a file of scores."""
    metadata = pq.read_metadata(path).metadata or {}
    if METADATA_KEY not in metadata:
        raise OutputError(f"{path} was not written by Tenure: it has no description.")
    about: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return about
