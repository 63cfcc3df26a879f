"""The parts of the documentation that are generated from the code: settings and words of the Python API."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import get_type_hints

from tenure.api.words import AllWords, places
from tenure.settings import COMMANDS
from tenure.settings.explain import Explanation, explain, explain_all


def settings() -> str:
    """Return the settings of all commands by group: key, default, type, commands, meaning and range."""
    rows = sorted(explain_all(COMMANDS), key=lambda row: _group(row[0].key))  # within a group, as in the classes
    lines = []
    for group, entries in groupby(rows, key=lambda row: _group(row[0].key)):
        lines += [f"## {group}", ""]
        for one, commands in entries:
            lines += _entry(one, commands)
    return "\n".join(lines)


def words() -> str:
    """Return the words of the Python API, each with its key."""
    keys = {one.key: one for one in explain("train")}
    rows = ["| word | setting of the commands | default |", "|---|---|---|"]
    for word in get_type_hints(AllWords):
        key = places()[word]
        default = _code(keys[key].default_text) if key in keys else f"a table of `{key}.*`"
        rows.append(f"| `{word}` | `{key}` | {default} |")
    return "\n".join(rows)


def _group(key: str) -> str:
    group, dot, _ = key.partition(".")
    return group if dot else "Single settings"


def _entry(one: Explanation, commands: list[str]) -> Iterator[str]:
    """Yield a setting as an entry of a list of definitions."""
    default = f"default {_code(one.default_text)}" if one.default_text else "no default"
    yield f"{_code(one.key)}"
    yield f": {default} · {_escaped(one.type)} · {', '.join(commands)}"
    yield ""
    yield f"  {_escaped(one.meaning)}"
    yield ""


def _code(text: str) -> str:
    """Return a text as code, whatever backticks and bars it has."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|") if text else ""


def _escaped(text: str) -> str:
    """Return a text in which nothing but code is Markdown."""
    parts = text.split("`")
    plain = [part if number % 2 else _plain(part) for number, part in enumerate(parts)]
    return "`".join(plain)


def _plain(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\*_[]<>|$^{}~#" else sign for sign in text)


GENERATED: Mapping[str, Callable[[], str]] = {"settings": settings, "words": words}
