"""Early ends of a command: a signal, an output that nobody reads, a full disk."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO, cast

from tenure.errors import Reason

CLOSED = 128 + signal.SIGPIPE  # the exit code where nobody reads the output
# Libraries often keep only the text of the system's error.
_DISK = {
    errno.ENOSPC: ("no space left on device", "database or disk is full"),
    errno.EDQUOT: ("disk quota exceeded",),
    errno.EIO: ("input/output error", "disk i/o error"),
    errno.EROFS: ("read-only file system", "attempt to write a readonly database"),
}
ENGINE_FULL = "OutOfMemoryException"  # of DuckDB, which need not be imported here


class Ended:
    """The signal that ended the command, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """Return 128 plus the signal, as shells do: 130 interrupted, 143 terminated."""
        return 128 + (self.signal or signal.SIGINT)

    @property
    def reason(self) -> Reason:
        """Return the kind of end."""
        return Reason.TERMINATED if self.signal == signal.SIGTERM else Reason.INTERRUPTED


@dataclass(frozen=True)
class DiskFault:
    """An error that the disk caused: the message, and its reason."""

    message: str
    reason: Reason

    def __str__(self) -> str:
        return self.message


def catch_signals() -> Ended:
    """Run the same clean-up on SIGTERM as on Ctrl-C."""
    ended = Ended()

    def end(number: int, _: FrameType | None) -> None:
        is_repeated = ended.signal is not None
        ended.signal = ended.signal or number
        if number == signal.SIGINT or not is_repeated:  # a second SIGTERM does not interrupt the clean-up
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    _repeat_where_swallowed()
    return ended


def _repeat_where_swallowed() -> None:
    """Raise an interrupt again where the first was in a callback of the interpreter, which prints it and goes on."""
    others = sys.unraisablehook

    def repeat(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            others(unraisable)
            return
        main = threading.main_thread().ident
        again = threading.Timer(0.1, lambda: signal.pthread_kill(main or 0, signal.SIGINT))
        again.daemon = True
        again.start()

    sys.unraisablehook = repeat


class _Output:
    """A stream that ends the command when its reader has gone (`| head -1`), as SIGPIPE ends common tools."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _reader():
            return self._stream.write(text)

    def flush(self) -> None:
        with _reader():
            self._stream.flush()


def end_with_reader() -> None:
    """Replace standard output by one that ends the command with 141, without a traceback, when its reader has gone.

    The signal itself stays ignored: a server that closes a connection raises it too, and an open run would be left
    behind.
    """
    if sys.stdout is not None and not isinstance(sys.stdout, _Output):
        sys.stdout = cast(TextIO, _Output(sys.stdout))


@contextmanager
def _reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # for the rest of the output, also when Python ends
        try:
            sys.stderr.flush()
        except BrokenPipeError:  # both went to the same reader
            os.dup2(nowhere, sys.stderr.fileno())
        sys.exit(CLOSED)


def disk_fault(error: BaseException) -> DiskFault | None:
    """Return the fault of an error that the disk caused, anywhere in the chain of causes; None of any other."""
    for cause in _causes(error):
        number = cause.errno if isinstance(cause, OSError) else None
        text = str(cause).lower()
        for code, words in _DISK.items():
            if number == code or any(word in text for word in words):
                return _fault(code, cause)
    return None


def memory_fault(error: BaseException) -> str | None:
    """Return the message for an error of the log's engine for want of memory; None of any other."""
    if any(type(cause).__name__ == ENGINE_FULL for cause in _causes(error)):
        return "The log needs more memory than transactions.engine.memory_limit: raise it."
    return None


def missing_package(error: BaseException) -> str | None:
    """Return the message for an error that a package caused that is not installed; None of any other."""
    for cause in _causes(error):
        if isinstance(cause, ModuleNotFoundError) and (name := (cause.name or "").partition(".")[0]) != "tenure":
            return (
                f"The package {name!r} is not installed. Install Tenure with all its packages: those of the group"
                " 'scoring' score only."
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _fault(code: int, cause: BaseException) -> DiskFault:
    place = f": {cause.filename}" if isinstance(cause, OSError) and cause.filename else ""
    is_full = code in (errno.ENOSPC, errno.EDQUOT)
    what = "The disk is full" if is_full else "The disk cannot be read or written"
    return DiskFault(
        f"{what}{place}. Free some space, or use another disk: for the output (output), temporary files (TMPDIR,"
        " transactions.engine.temp_directory) or the store (MLFLOW_TRACKING_URI).",
        Reason.DISK_FULL if is_full else Reason.DISK_ERROR,
    )
