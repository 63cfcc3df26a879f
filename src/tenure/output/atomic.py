"""Write files and folders whole or not at all."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .locks import locked_partial, require_alone

PARTIAL = ".partial"  # the end of the name of a file that `write_durably` has not finished


@contextmanager
def atomic_file(path: str) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` at the end; if writing fails, it is removed.

    It keeps the mode of the file that it replaces, else follows the umask, and is on disk before it takes its place.
    The process holds a lock on it, so that another job with the same output is refused and a dead one's file removed.
    """
    target = Path(path).expanduser().resolve()
    with created(target.parent):
        handle, partial = locked_partial(target)
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


def keep(partial: Path, path: str) -> Path:
    """Move a complete file of `atomic_file` that must not replace its target to a name beside it; return that path."""
    target = Path(path).expanduser().resolve()
    kept = target.with_name(f"{target.stem}.kept{target.suffix}")
    os.replace(partial, kept)
    return kept


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
