"""How a command ends before its time: by a signal, or by a disk that takes no more."""

import errno
import signal
from collections.abc import Iterator
from types import FrameType

# What the libraries between us and the disk keep of the system's error is its text alone.
_DISK = {
    errno.ENOSPC: ("no space left on device", "database or disk is full"),
    errno.EDQUOT: ("disk quota exceeded",),
    errno.EIO: ("input/output error", "disk i/o error"),
    errno.EROFS: ("read-only file system", "attempt to write a readonly database"),
}


class Ended:
    """The signal that ended the command, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """Return 128 plus the signal, as shells do: 130 interrupted, 143 terminated."""
        return 128 + (self.signal or signal.SIGINT)

    @property
    def word(self) -> str:
        """Return how it ended in one word."""
        return "terminated" if self.signal == signal.SIGTERM else "interrupted"


def catch_signals() -> Ended:
    """Make SIGTERM end the command as Ctrl-C does, so that everything is cleaned up on the way out."""
    ended = Ended()

    def end(number: int, _: FrameType | None) -> None:
        is_repeated = ended.signal is not None
        ended.signal = ended.signal or number
        if number == signal.SIGINT or not is_repeated:  # a second SIGTERM does not disturb the cleaning up
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended


def disk_fault(error: BaseException) -> str | None:
    """Return what to say of an error that the disk caused, wherever in the chain of causes; None of any other."""
    for cause in _causes(error):
        number = cause.errno if isinstance(cause, OSError) else None
        text = str(cause).lower()
        for code, words in _DISK.items():
            if number == code or any(word in text for word in words):
                return _message(code, cause)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _message(code: int, cause: BaseException) -> str:
    place = f": {cause.filename}" if isinstance(cause, OSError) and cause.filename else ""
    what = "The disk is full" if code in (errno.ENOSPC, errno.EDQUOT) else "The disk cannot be read or written"
    return (
        f"{what}{place}. Free some space, or use another disk: for the output (output), temporary files (TMPDIR,"
        " transactions.engine.temp_directory) or the store (MLFLOW_TRACKING_URI)."
    )
