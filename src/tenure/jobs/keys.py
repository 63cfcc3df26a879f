"""The keys that a command line may set, their types, and messages for values that do not fit."""

import dataclasses
import difflib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from tenure import invocation
from tenure.settings import SettingsError
from tenure.settings.hints import described, fields_of, is_free, plain

YES, NO = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")


class FaultError(SettingsError):
    """An argument of the command line that cannot be taken, in one line."""


@dataclass(frozen=True)
class Place:
    """The setting of a key: its type, and the part of the key within a free table such as `transactions.segments`."""

    hint: Any
    above: str  # the key of the free table, or the whole key
    names: tuple[str, ...] = ()  # within the free table; the first is the user's own word


def find(root: type, key: str) -> Place | None:
    """Find the setting of a dotted key of a command; None where there is no such setting."""
    hint: Any = root
    names = key.split(".")
    for at, name in enumerate(names):
        kind, _ = plain(hint)
        if is_free(kind):
            return _find_within(kind, ".".join(names[:at]), names[at:])
        if not dataclasses.is_dataclass(kind) or name not in fields_of(kind):  # type: ignore[arg-type]
            return None
        hint = fields_of(kind)[name]  # type: ignore[arg-type]
    return Place(hint, key)


def _find_within(table: Any, above: str, names: list[str]) -> Place | None:
    """Find a setting within a free table: one name for an entry that has fields, else the rest of the key."""
    element = get_args(table)[1]
    kind, _ = plain(element)
    has_fields = dataclasses.is_dataclass(kind)
    if not all(names) or (has_fields and len(names) > 1 and names[-1] not in fields_of(kind)):
        return None
    if has_fields and len(names) > 1:
        inner = fields_of(kind)[names[-1]]
        return Place(inner, above, (".".join(names[:-1]), names[-1]))
    if is_free(kind) and len(names) > 1:
        return Place(get_args(kind)[1], above, (names[0], ".".join(names[1:])))
    return Place(element, above, (".".join(names),))


def keys_of(root: type, start: str = "") -> Iterator[str]:
    """Yield every key of a command, tables of settings before the settings in them."""
    for name, hint in fields_of(root).items():
        yield start + name
        kind, _ = plain(hint)
        if dataclasses.is_dataclass(kind):
            yield from keys_of(kind, f"{start}{name}.")  # type: ignore[arg-type]


def unknown(key: str, name: str, commands: Mapping[str, type], groups: list[str]) -> str:
    """Return the message that a command has no such setting, with the one that may be meant."""
    if others := [invocation.title(other) for other, root in commands.items() if other != name and find(root, key)]:
        have = "has" if len(others) == 1 else "have"
        return f"there is no setting {key} in {invocation.title(name)}: {_listed(others)} {have} it"
    nearest = _nearest(key, [*keys_of(commands[name]), *groups])
    return f"there is no setting {key}." + (f" Did you mean {nearest}?" if nearest else _see(name))


def _see(name: str) -> str:
    return f" {invocation.command('settings', name)} lists them"


def _nearest(key: str, keys: list[str]) -> str | None:
    """Return the nearest key: one with the same end first, then the most similar one."""
    last = key.rsplit(".", 1)[-1]
    same_end = [other for other in keys if other.rsplit(".", 1)[-1] == last]
    if matches := difflib.get_close_matches(key, same_end, n=1, cutoff=0.0):
        return matches[0]
    if matches := difflib.get_close_matches(key, keys, n=1, cutoff=0.7):
        return matches[0]
    ends = {other.rsplit(".", 1)[-1]: other for other in reversed(keys)}
    matches = difflib.get_close_matches(last, list(ends), n=1, cutoff=0.7)
    return ends[matches[0]] if matches else None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def checked(value: Any, hint: Any, key: str, got: str | None = None) -> Any:
    """Return a value converted to its type; raise FaultError where it does not fit."""
    kind, may_be_null = plain(hint)
    if value == "???":
        raise FaultError(f"{key} needs a value, got '???'")
    if value is None and may_be_null:
        return None
    if isinstance(value, str) and "${" in value and kind is not str:
        return value  # refers to another setting, whose type is checked later
    if value is None and kind is str:
        raise FaultError(f"{key} takes a text, got null{_quoted_null(key)}")
    if isinstance(value, dict) and (is_free(kind) or dataclasses.is_dataclass(kind)):
        return _checked_table(value, kind, key)
    if isinstance(value, list) and get_origin(kind) is list:
        (element,) = get_args(kind)
        return [checked(item, element, f"{key}[{at}]") for at, item in enumerate(value)]
    scalar = _scalar(value, kind)
    if scalar is None:
        raise FaultError(f"{key} takes {described(hint)}, got {got or _shown(value)}")
    return scalar


def _quoted_null(key: str) -> str:
    quoted = shlex.quote(f'{key}="null"')
    return f"; as a text: {quoted}" if "[" not in key else ""


def _checked_table(value: dict[Any, Any], kind: Any, key: str) -> dict[str, Any]:
    hints = None if is_free(kind) else fields_of(kind)
    table = {}
    for name, item in value.items():
        if hints is not None and name not in hints:
            near = difflib.get_close_matches(str(name), list(hints), n=1)
            hint = f" Did you mean {key}.{near[0]}?" if near else f" {key} has {', '.join(hints)}"
            raise FaultError(f"there is no setting {key}.{name}.{hint}")
        element = get_args(kind)[1] if hints is None else hints[name]
        table[str(name)] = checked(item, element, f"{key}.{name}")
    return table


def _scalar(value: Any, kind: Any) -> Any:
    """Return a number, a text or a truth value; None where the value is none of that type."""
    if kind is str and isinstance(value, str | int | float):
        return value if isinstance(value, str) else str(value)
    if kind is bool:
        word = str(value).lower()
        return True if word in YES else False if word in NO else None
    if kind in (int, float) and not isinstance(value, bool):
        return _number(value, kind)
    return None


def _number(value: Any, kind: Any) -> Any:
    if isinstance(value, float) and kind is int:
        return None
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
