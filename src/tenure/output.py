"""What is written is written whole or not at all, and says in its own Parquet metadata what it is."""

import fcntl
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
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
LONGEST_NAME, LONGEST_PATH = 255, 4_096  # bytes
PARTIAL_LONGER = 48  # how much longer the name of a partial file is, beside the machine's name


class OutputError(InputError):
    """A place that cannot be written to, or a file that does not say what it is."""


def require_writable(path: str, key: str = "output") -> None:
    """Refuse a file that could not be written, before any work is done; `key` is the setting that names it.

    Folders that are missing are made when the file is, so that nothing is left of a command that fails before.
    """
    _require_local(path, key)
    target = Path(path).expanduser().resolve()
    _require_short(target, path, key)
    if target.is_dir():
        raise OutputError(f"{key} {path!r} is a folder; name a file.")
    _require_folder(target.parent, path, key)
    require_alone(path, key)


def refuse_input(path: str, inputs: Iterable[str | Path], key: str = "output") -> None:
    """Refuse a file that is one of the inputs, or lies in a folder that is one, under whatever name."""
    target = Path(path).expanduser().resolve()
    for given in inputs:
        source = Path(given).expanduser()
        is_same = source.exists() and target.exists() and source.samefile(target)
        if is_same or source.resolve() == target or (source.is_dir() and source.resolve() in target.parents):
            raise OutputError(f"{key} {path!r} is the input {str(given)!r}, or lies in it: name another file.")


def require_new_folder(path: str, key: str = "output") -> None:
    """Refuse a folder that could not be made, before any work is done. What is there is never replaced."""
    _require_local(path, key)
    target = Path(path).expanduser().resolve()
    _require_short(target, path, key)
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise OutputError(f"{key} {path!r} is there already, and a folder is not replaced. Remove it, or name another.")
    _require_folder(target.parent, path, key)


def _require_short(target: Path, path: str, key: str) -> None:
    """Refuse names that are too long: a file's partial form has more characters than its own name."""
    longer = PARTIAL_LONGER + len(os.fsencode(socket.gethostname()))
    most = dict.fromkeys(target.parts, LONGEST_NAME) | {target.name: LONGEST_NAME - longer}
    for part, limit in most.items():
        if len(os.fsencode(part)) > limit:
            raise OutputError(f"{key} holds a name that is too long ({part[:40]!r}...): keep to {limit} bytes.")
    if len(os.fsencode(target)) > LONGEST_PATH - longer:
        raise OutputError(f"{key} {path[:40]!r}... is too long: keep to {LONGEST_PATH - longer:,} bytes.")


def _require_folder(folder: Path, path: str, key: str) -> None:
    """Refuse a folder that neither exists nor can be made."""
    existing = next(at for at in (folder, *folder.parents) if at.exists())
    if not existing.is_dir():
        raise OutputError(f"{key} {path!r} lies in {existing}, which is a file and no folder.")
    try:
        # Permissions do not say it all: no file can be made in /proc.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        why = "is not writable" if isinstance(error, PermissionError | FileNotFoundError) else f"{error.strerror}"
        raise OutputError(f"{key} {path!r} cannot be written: {existing} {why}.") from error


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; if the work fails, remove those that were missing, unless others use them."""
    missing = [at for at in (folder, *folder.parents) if not at.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # somebody else's file lies there by now
            for at in missing:
                at.rmdir()
        raise


def _require_local(path: str, key: str) -> None:
    why = remote.refusal(path, written=True)
    if why:
        raise OutputError(f"{key} {mask(path)} {why}")


@contextmanager
def atomic_file(path: str) -> Iterator[Path]:
    """Yield a temporary file that takes the place of `path`, unless writing it fails, and then leaves no trace.

    It keeps the mode of the file that it replaces, else follows the umask, and is on disk before it takes its place.
    The process holds a lock on it, so that another job with the same output is refused and a dead one's file removed.
    """
    target = Path(path).expanduser().resolve()
    with _made(target.parent):
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
    """Make a temporary file and lock it; another one if somebody took it for a leftover before it was locked."""
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)


def require_alone(path: str, key: str = "output", before: str = "~") -> None:
    """Refuse a file that another living process writes, and remove what dead ones left of it.

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
            raise OutputError(
                f"{key} {path!r} is being written by another process ({pid} on {host}). Wait for it to end, or name"
                " another file."
            )


def _is_written(partial: Path) -> bool:
    """Return whether a living process writes a partial file; remove it otherwise."""
    try:
        with partial.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()
    except BlockingIOError:
        return True
    except OSError:  # gone by now, or somebody else's
        pass
    return False


def keep(partial: Path, path: str) -> Path:
    """Move a file of `atomic_file` that is complete, but may not take its place, to a name beside it; return that."""
    target = Path(path).expanduser().resolve()
    kept = target.with_name(f"{target.stem}.kept{target.suffix}")
    os.replace(partial, kept)
    return kept


def _partial(target: Path) -> str:
    return f".{target.name}.partial-"


def _umask() -> int:
    """Read the umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _sync(folder: Path) -> None:
    """Make a renaming lasting."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_folder(path: str) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `path`, unless filling it fails, and then leaves no trace."""
    target = Path(path).expanduser().resolve()
    with _made(target.parent):
        name = tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            yield Path(name)
            os.chmod(name, 0o777 & ~_umask())
            os.replace(name, target)
        except BaseException:
            shutil.rmtree(name)
            raise


def is_described(path: Path) -> bool:
    """Return whether a file of ours is complete: what it says of itself is written last."""
    try:
        describe(path)
    except (OutputError, OSError, pa.ArrowException):
        return False
    return True


def describe(path: str | Path) -> dict[str, Any]:
    """Read what a file of ours says of itself."""
    metadata = pq.read_metadata(path).metadata or {}
    if METADATA_KEY not in metadata:
        raise OutputError(f"{path} was not written by Tenure: it does not describe itself.")
    about: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return about
