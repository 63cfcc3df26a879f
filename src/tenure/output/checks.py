"""Check the path of an output before any work."""

import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .. import remote
from ..addresses import mask
from .errors import OutputError
from .locks import require_alone

LONGEST_NAME, LONGEST_PATH = 255, 4_096  # bytes
PARTIAL_LONGER = 48  # how much longer the name of a partial file is, beside the machine's name


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


def _require_local(path: str, key: str) -> None:
    why = remote.refusal(path, written=True)
    if why:
        raise OutputError(f"{key} {mask(path)} {why}")
