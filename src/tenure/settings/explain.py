"""The settings of a command with their meanings, for `--help`, `tenure settings` and the documentation.

The text is that of the classes: the `Args:` of their docstrings. A default is that of the class, or
of a named alternative of `conf/` that a command chooses without arguments.
"""

import dataclasses
import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml  # type: ignore[import-untyped]

from .fit import PriorSettings
from .hints import described, fields_of, is_free, plain
from .jobs import COMMANDS
from .named import shipped

NAME = "NAME"  # in a key: stands for a name of the user's own
NONE = dataclasses.MISSING
_ARGUMENT = re.compile(r"    (\w+): (.*)")


@dataclass(frozen=True)
class Explanation:
    """A setting of a command.

    Args:
        key: as it is set on the command line; NAME in it stands for a name of the user's own.
        default: the value without a setting; `NONE` where one is needed.
        type: the values that it takes, in words.
        meaning: what it does, and its range.
    """

    key: str
    default: Any
    type: str
    meaning: str

    @property
    def default_text(self) -> str:
        """Return the default as it is written on the command line; empty where a value is needed."""
        return "" if self.default is NONE else _written(self.default)


def explain(command: str) -> list[Explanation]:
    """List the settings of a command, such as `train`, in the order of their classes."""
    return list(_explain(COMMANDS[command], "", defaults_of(command)))


def explain_all(commands: Iterable[str]) -> list[tuple[Explanation, list[str]]]:
    """List the settings of several commands with the commands that have each; equal ones are one."""
    owners: dict[str, tuple[Explanation, list[str]]] = {}
    for command in commands:
        for one in explain(command):
            owners.setdefault(repr(one), (one, []))[1].append(command)
    return list(owners.values())


def arguments(kind: type) -> dict[str, str]:
    """Return the meanings of a class's fields, from the `Args:` of its docstring and of those it inherits from."""
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        _, _, section = inspect.cleandoc(base.__doc__ or "").partition("\nArgs:\n")
        name = ""
        for line in section.splitlines():
            if argument := _ARGUMENT.fullmatch(line):
                name, meanings[argument[1]] = argument[1], argument[2]
            elif line.startswith("        ") and name:
                meanings[name] += f" {line.strip()}"
    return meanings


def _explain(kind: type, start: str, defaults: Mapping[str, Any], above: str = "") -> Iterator[Explanation]:
    """Yield the settings of a class, with their defaults and the text `above` in front of their meanings."""
    meanings = arguments(kind)
    for name, hint in fields_of(kind).items():
        key, meaning = f"{start}{name}", above + meanings.get(name, "")
        default, inner = defaults.get(name, NONE), plain(hint)[0]
        if dataclasses.is_dataclass(inner):
            prefix = f"{meaning.rstrip('.')}: " if inner is PriorSettings else ""
            yield from _explain(inner, f"{key}.", default, prefix)  # type: ignore[arg-type]
            continue
        yield Explanation(key, default, described(hint), meaning)
        if is_free(hint) and dataclasses.is_dataclass(entry := get_args(inner)[1]):
            yield from _explain(entry, f"{key}.{NAME}.", _of_class(entry))  # type: ignore[arg-type]


def _written(value: Any) -> str:
    if isinstance(value, str):
        is_shipped = value.startswith(shipped("data"))
        return f"{Path(value).relative_to(shipped(''))} of the project" if is_shipped else value
    if isinstance(value, Mapping):
        most = 7
        entries = [f"{name}: {_written(item)}" for name, item in value.items()]
        return f"{{{', '.join(entries)}}}" if len(entries) <= most else f"{len(entries)} entries"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


@functools.cache
def defaults_of(command: str) -> Mapping[str, Any]:
    """Return the settings of a command without arguments, without composing them by Hydra, which takes seconds."""
    values = _of_class(COMMANDS[command])
    _merge(values, _composed(Path(shipped("conf")), f"{command}.yaml", ""))
    return values


def _of_class(kind: type) -> dict[str, Any]:
    """Return the defaults of a class; a field without one is absent, or has those of its own class."""
    values = {}
    for field in dataclasses.fields(kind):
        inner = plain(fields_of(kind)[field.name])[0]
        value = field.default if field.default_factory is NONE else field.default_factory()
        if dataclasses.is_dataclass(value):
            values[field.name] = dataclasses.asdict(value)  # type: ignore[arg-type]
        elif value is not NONE:
            values[field.name] = value
        elif dataclasses.is_dataclass(inner):
            values[field.name] = _of_class(inner)  # type: ignore[arg-type]
    return values


def _composed(folder: Path, file: str, above: str) -> dict[str, Any]:
    """Read a file of settings with the options of its `defaults`, in their order."""
    own = _read(folder / file)
    entries = own.pop("defaults", [])
    own.pop("hydra", None)
    values: dict[str, Any] = {}
    for entry in entries if "_self_" in entries else [*entries, "_self_"]:
        if entry == "_self_":
            _merge(values, own)
        for group, option in entry.items() if isinstance(entry, dict) else ():
            if option is not None and not group.startswith("override "):
                _merge(values, {group: _composed(folder, f"{above}{group}/{option}.yaml", f"{above}{group}/")})
    return values


def _read(path: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), loader) or {}  # noqa: S506 (both loaders are safe)


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(values.get(name), dict):
            _merge(values[name], value)
        else:
            values[name] = value
