"""Broken rules of a customer summary, and the error that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InputError, Reason

SHOWN = 3


class Fault(NamedTuple):
    """A broken rule: the message, the number of rows that break it, and the names of the first few."""

    text: str  # with the fields {count}, {of}, {first} and {have}
    number: int = 0
    first: tuple[str, ...] = ()

    def line(self, rows: int) -> str:
        """Return the message for a table of that many rows."""
        have, first = "has" if self.number == 1 else "have", ", ".join(self.first)
        return self.text.format(count=f"{self.number:,}", of=f"{rows:,}", first=first, have=have)


class SummaryError(InputError):
    """A customer summary breaks its contract; `faults` has one line per broken rule.

    Attributes:
        faults: the lines.
        by_rule: the same as `Fault`s, which can be merged with those of other parts of a table.
    """

    reason = Reason.BAD_LOG

    def __init__(self, *faults: str, by_rule: Sequence[Fault] = ()) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.by_rule = tuple(by_rule)

    @classmethod
    def of(cls, faults: Sequence[Fault], rows: int) -> SummaryError:
        """Merge faults by rule, and return the error for a table of that many rows."""
        by_text: dict[str, Fault] = {}
        for fault in faults:
            other = by_text.get(fault.text, Fault(fault.text))
            first = (*other.first, *fault.first)[:SHOWN]
            by_text[fault.text] = Fault(fault.text, other.number + fault.number, first)
        merged = list(by_text.values())
        return cls(*(fault.line(rows) for fault in merged), by_rule=merged)


def repeated(count: int, first: Sequence[str]) -> Fault:
    """Return the fault of ids that are on more than one row."""
    return Fault(
        "{count} customer ids are on more than one row (first: {first})."
        " A summary has one row per customer, and 7 and '7' are the same customer.",
        count,
        tuple(first),
    )
