"""Failures of optional parts of a run: baselines, figures and the report.

Such a failure does not end a training. It is logged with its trace and becomes a finding of the review. With
`TENURE_STRICT` set in the environment, as in the test suite, it is raised instead.
"""

import logging
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from . import paths
from .record import Record

STRICT = "TENURE_STRICT"
log = logging.getLogger("tenure")


@dataclass(frozen=True)
class Failure:
    """One part that failed.

    Attributes:
        part: its name, such as `baseline boosting` or `figure backtest/pit`.
        cause: the exception in one line, without customer ids.
        trace: the traceback, without customer ids.
    """

    part: str
    cause: str
    trace: str

    @property
    def path(self) -> str:
        """Return the artifact with the trace."""
        return paths.failure(self.part)


@dataclass
class Failures:
    """The failures of a run so far.

    Attributes:
        customers: ids that must not be written anywhere; the message of an exception may name some.
        failures: in order.
    """

    customers: Iterable[str] = ()
    failures: list[Failure] = field(default_factory=list)

    @contextmanager
    def contain(self, part: str) -> Iterator[None]:
        """Record the failure of a part and continue without it."""
        try:
            yield
        except Exception as error:
            if os.environ.get(STRICT):
                raise
            cause = self._without_ids(f"{type(error).__name__}: {' '.join(str(error).split())}")
            trace = "".join(traceback.format_tb(error.__traceback__))
            self.failures.append(Failure(part, cause, f"{trace}{cause}\n"))
            log.warning("%s failed and is left out: %s", part, cause)

    def record(self) -> Record:
        """Return the trace of each failure."""
        return Record(files={failure.path: failure.trace for failure in self.failures})

    def _without_ids(self, message: str) -> str:
        """Replace the ids in a message: quoted texts and words, except bare numbers, which may be counts."""
        ids = set(self.customers)

        def hide(match: re.Match[str]) -> str:
            text = match[0]
            is_quoted = text[0] in "'\""
            bare = text[1:-1] if is_quoted else text
            return "<customer>" if bare in ids and (is_quoted or not bare.isdecimal()) else text

        return re.sub(r"'[^']*'|\"[^\"]*\"|[^\s'\",;()\[\]]+", hide, message)
