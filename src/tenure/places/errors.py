"""Errors of places: what servers, drivers and AWS report, as one line without credentials."""

import os
import re
from collections.abc import Sequence

from ..addresses import HIDDEN, mask
from ..errors import InputError, Reason

SECRETS = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
LONGEST = 240  # characters of another program's message that are shown

type Words = tuple[str, bool, str]  # a pattern of the text, whether the place cannot be reached, the message


class PlaceError(InputError):
    """A table or an object that cannot be used; `why` is the message without the address."""

    reason = Reason.BAD_LOG

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"{address}: {why}")
        self.address, self.why = address, why


class UnreachablePlaceError(PlaceError):
    """A place that cannot be reached: its server does not answer, was lost, or refuses the credentials."""

    exit_code = 5
    reason = Reason.DATA_UNREACHABLE


class ExtensionMissingError(PlaceError):
    """A place whose extension of DuckDB is not installed."""

    reason = Reason.PACKAGE_MISSING


def error_of(address: str, text: str, words: Sequence[Words], otherwise: str) -> PlaceError:
    """Return the error for another program's message; its groups are named by number, `{reason}` is its first line."""
    reason = first_line(text)
    for pattern, is_unreachable, message in words:
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            of = UnreachablePlaceError if is_unreachable else PlaceError
            return of(address, message.format(*match.groups(), reason=reason))
    return PlaceError(address, otherwise.format(reason=reason))


def first_line(text: str) -> str:
    r"""Return the first line of a message without the kind of its error, and without credentials.

    >>> first_line('IO Error: Unable to connect to Postgres at "": connection failed: FATAL:  no such role\nLINE 1: x')
    'no such role'
    """
    line = without_secrets(text.strip().splitlines()[0] if text.strip() else "no message")
    line = re.sub(r"^[A-Za-z ]+ (Error|Exception): ", "", line)
    line = re.sub(r"^.*(?:FATAL|ERROR|failed):\s+", "", line)
    return line[:LONGEST].rstrip(".: ")


def without_secrets(text: str) -> str:
    """Return a text in which the credentials of the environment and of addresses are hidden."""
    for name in SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, HIDDEN)
    return mask(text)
