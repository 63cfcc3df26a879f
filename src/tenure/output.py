"""What is written is written whole or not at all, and says in its own Parquet metadata what it is."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from .errors import InputError

METADATA_KEY = b"tenure"


class OutputError(InputError):
    """A place that cannot be written to, or a file that does not say what it is."""


def require_writable(path: str, key: str = "output") -> None:
    """Refuse a file that could not be written, before any work is done; `key` is the setting that names it.

    Folders that are missing are made when the file is, so that nothing is left of a command that fails before.
    """
    target = Path(path).expanduser().resolve()
    if target.is_dir():
        raise OutputError(f"{key} {path!r} is a folder; name a file.")
    _require_folder(target.parent, path, key)


def require_new_folder(path: str, key: str = "output") -> None:
    """Refuse a folder that could not be made, before any work is done. What is there is never replaced."""
    target = Path(path).expanduser().resolve()
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise OutputError(f"{key} {path!r} is there already, and a folder is not replaced. Remove it, or name another.")
    _require_folder(target.parent, path, key)


def _require_folder(folder: Path, path: str, key: str) -> None:
    """Refuse a folder that neither exists nor can be made."""
    existing = next(at for at in (folder, *folder.parents) if at.exists())
    if not existing.is_dir():
        raise OutputError(f"{key} {path!r} lies in {existing}, which is a file and no folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"{key} {path!r} cannot be written: {existing} is not writable.")


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


@contextmanager
def written_whole(path: str) -> Iterator[Path]:
    """Yield a temporary file that takes the place of `path`, unless writing it fails, and then leaves no trace."""
    target = Path(path).expanduser().resolve()
    with _made(target.parent):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        try:
            yield Path(name)
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise


@contextmanager
def folder_written_whole(path: str) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `path`, unless filling it fails, and then leaves no trace."""
    target = Path(path).expanduser().resolve()
    with _made(target.parent):
        name = tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            yield Path(name)
            os.chmod(name, 0o755)  # noqa: S103 (a folder like any other)
            os.replace(name, target)
        except BaseException:
            shutil.rmtree(name)
            raise


def describe(path: str | Path) -> dict[str, Any]:
    """Read what a file of ours says of itself."""
    metadata = pq.read_metadata(path).metadata or {}
    if METADATA_KEY not in metadata:
        raise OutputError(f"{path} was not written by Tenure: it does not describe itself.")
    about: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return about
