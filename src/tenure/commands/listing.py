"""`tenure settings [command] [pattern]`: all settings with default, meaning and range."""

import difflib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from tenure import invocation
from tenure.errors import InputError
from tenure.settings.explain import Explanation, explain_all

from .help import described
from .pages import PAGES

USAGE = "tenure settings [command] [pattern]: list settings with default, meaning and range."


class ListingError(InputError):
    """A request for settings that do not exist."""


def list_settings(arguments: Sequence[str]) -> str:
    """Return the settings of a command, or of all, whose key or meaning contains a text or matches a glob."""
    names, pattern = _split(arguments)
    rows = explain_all(names)
    chosen = [(row, owners) for row, owners in rows if pattern is None or _matches(row, pattern)]
    if not chosen:
        raise ListingError(_nothing(pattern or "", [row.key for row, _ in rows]))
    return "\n".join(line for row, owners in chosen for line in _lines(row, owners, len(names)))


def _split(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the commands and the pattern of the arguments."""
    if len(arguments) > 2 or (len(arguments) == 2 and arguments[0] not in PAGES):
        raise ListingError(
            f"{invocation.command('settings')} takes a command ({', '.join(PAGES)}) and a pattern, got:"
            f" {' '.join(arguments)}"
        )
    if arguments and arguments[0] in PAGES:
        return [arguments[0]], arguments[1] if len(arguments) == 2 else None
    return list(PAGES), arguments[0] if arguments else None


def _matches(row: Explanation, pattern: str) -> bool:
    key, pattern = row.key.lower(), pattern.partition("=")[0].lower()
    return pattern in key or fnmatchcase(key, pattern) or pattern in row.meaning.lower()


def _nothing(pattern: str, keys: Sequence[str]) -> str:
    near = difflib.get_close_matches(pattern, keys, n=1) or difflib.get_close_matches(
        pattern, {part for key in keys for part in key.split(".")}, n=1
    )
    hint = f" Did you mean {near[0]}?" if near else f" {invocation.command('settings')} lists all."
    return f"no setting has {pattern!r} in its key or meaning.{hint}"


def _lines(row: Explanation, owners: Sequence[str], of: int) -> Iterator[str]:
    first, *rest = described(row)
    yield first if of == 1 else f"{first}  ({', '.join(owners)})"
    yield from rest
