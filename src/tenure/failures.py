"""Failures of parts that a run can do without: baselines, figures and the report.

Such a failure ends no training. It is logged with its trace and becomes a finding of the review. With the environment
variable `TENURE_STRICT` set, as in the test suite, it is raised instead.
"""

import logging
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

STRICT = "TENURE_STRICT"
log = logging.getLogger("tenure")


@dataclass(frozen=True)
class Failure:
    """One part that failed.

    Attributes:
        part: such as `baseline boosting` or `figure backtest/pit`.
        cause: the exception in one line, without customer ids.
        trace: where it was raised, without customer ids.
    """

    part: str
    cause: str
    trace: str

    @property
    def path(self) -> str:
        """Return the artifact that holds the trace."""
        return f"failures/{re.sub(r'[^A-Za-z0-9]+', '_', self.part)}.txt"


@dataclass
class Failures:
    """The failures of a run so far.

    Attributes:
        customers: ids that must not be written anywhere; an exception's message may name some.
        failures: in the order in which they came.
    """

    customers: Iterable[str] = ()
    failures: list[Failure] = field(default_factory=list)

    @contextmanager
    def contain(self, part: str) -> Iterator[None]:
        """Note that a part failed, and go on without it."""
        try:
            yield
        except Exception as error:
            if os.environ.get(STRICT):
                raise
            cause = self._without_ids(f"{type(error).__name__}: {' '.join(str(error).split())}")
            trace = "".join(traceback.format_tb(error.__traceback__))
            self.failures.append(Failure(part, cause, f"{trace}{cause}\n"))
            log.warning("%s failed and is left out: %s", part, cause)

    def _without_ids(self, message: str) -> str:
        """Replace the ids in a message: what is quoted, and words that are no plain numbers, such as counts."""
        ids = set(self.customers)

        def hide(match: re.Match[str]) -> str:
            text = match[0]
            is_quoted = text[0] in "'\""
            bare = text[1:-1] if is_quoted else text
            return "<customer>" if bare in ids and (is_quoted or not bare.isdecimal()) else text

        return re.sub(r"'[^']*'|\"[^\"]*\"|[^\s'\",;()\[\]]+", hide, message)
