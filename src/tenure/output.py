"""What is written is written whole or not at all, and says in its own Parquet metadata what it is."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from . import remote
from .addresses import mask
from .errors import InputError

METADATA_KEY = b"tenure"


class OutputError(InputError):
    """A place that cannot be written to, or a file that does not say what it is."""


def require_writable(path: str, key: str = "output") -> None:
    """Refuse a file that could not be written, before any work is done; `key` is the setting that names it."""
    _require_local(path, key)
    folder = Path(path).expanduser().resolve().parent
    if not folder.is_dir():
        raise OutputError(f"{key} {path!r} lies in a folder that does not exist: {folder}.")
    if not os.access(folder, os.W_OK) or Path(path).expanduser().is_dir():
        raise OutputError(f"{key} {path!r} cannot be written in {folder}.")


def require_new_folder(path: str, key: str = "output") -> None:
    """Refuse a folder that could not be made, before any work is done. What is there is never replaced."""
    _require_local(path, key)
    target = Path(path).expanduser().resolve()
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise OutputError(f"{key} {path!r} is there already, and a folder is not replaced. Remove it, or name another.")
    if not target.parent.is_dir():
        raise OutputError(f"{key} {path!r} lies in a folder that does not exist: {target.parent}.")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"{key} {path!r} cannot be written in {target.parent}.")


def _require_local(path: str, key: str) -> None:
    why = remote.refusal(path, written=True)
    if why:
        raise OutputError(f"{key} {mask(path)} {why}")


@contextmanager
def written_whole(path: str) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place, unless writing it fails, and then leaves no trace."""
    target = Path(path).expanduser().resolve()
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
    """Give a temporary folder beside `path` that takes its place, unless filling it fails, and then leaves no trace."""
    target = Path(path).expanduser().resolve()
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
