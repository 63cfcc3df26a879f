"""Read a command line before Hydra: texts as they are typed, and clear messages for values that do not fit.

Hydra's own grammar stays for numbers, lists, tables, sweeps and groups. A text setting takes the text as typed, unless
it is quoted, null or a sweep. A value that Hydra's grammar cannot express becomes a config of its own.
"""

import copy
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

import yaml  # type: ignore[import-untyped]
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override, QuotedString
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tenure.settings.hints import described, is_free, plain
from tenure.settings.named import OWN

from .grammar import parse, parse_value, written
from .groups import Command
from .keys import FaultError, Place, checked, find, unknown
from .prior_files import PRIORS, store_priors

_PREFIX = re.compile(r"~|\+{0,2}")
_BESIDE = "+command_line=typed"
_OF_HYDRA = ("hydra", "now")  # functions that are there once it runs
_QUOTED = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')(?=\s*(?:,|$))"""
_PIECE = re.compile(rf"\s*({_QUOTED}|(?:\$\{{[^}}]*\}}|[^,])*)(?:,|$)")
_REFERENCE = re.compile(r"\$\{\s*([^{}:$]*)((?::[^}]*)?)\}")


@dataclass
class Reading:
    """A command line as Hydra gets it: arguments, the form that the user typed of each, and a config for the rest."""

    arguments: list[str] = field(default_factory=list)
    typed: dict[str, list[str]] = field(default_factory=dict)  # by argument of Hydra
    beside: dict[str, Any] = field(default_factory=dict)  # values that no argument can express
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)  # of each free table, without those of sweeps
    forms: dict[str, str] = field(default_factory=dict)  # the argument that holds them
    faults: list[str] = field(default_factory=list)

    def as_typed(self, arguments: Sequence[str]) -> list[str]:
        """Return the arguments as the user typed them; those of a run of a sweep in quotes."""
        return [form for argument in arguments for form in self.typed.get(argument) or [_quoted(argument)]]


def read(typed: Sequence[str], command: Command) -> Reading:
    """Read the arguments of a command that set something; faults are collected, one line each."""
    reading = Reading()
    for argument in typed:
        try:
            _read_one(argument, command, reading)
        except FaultError as fault:
            reading.faults.append(str(fault))
    if reading.beside:
        ConfigStore.instance().store("typed", reading.beside, group="command_line", package="_global_")
        reading.arguments.append(_BESIDE)
    return reading


def _quoted(argument: str) -> str:
    """Return an argument of a sweep whose text has escapes with the text in quotes."""
    parsed = parse(argument) if "\\" in argument else None
    if parsed is None or not isinstance(parsed.value(), str):
        return argument
    return f"{parsed.get_key_element()}={written(parsed.value())}"


def _read_one(argument: str, command: Command, reading: Reading) -> None:
    prefix = _PREFIX.match(argument)[0]  # type: ignore[index]
    key, sign, raw = argument[len(prefix) :].partition("=")
    group, at, _ = key.partition("@")
    if key.startswith(("hydra.", "hydra/")) or (at and group in command.groups):
        reading.arguments.append(argument)
        return
    if not sign and prefix != "~":
        raise FaultError(f"{argument!r} is no setting: write key=value")
    if key in ("fit.priors", PRIORS) and raw.endswith(OWN):
        place = find(command.root, "fit.priors")
        if place is None:
            raise FaultError(unknown(key, command.name, command.commands, command.groups))
        form = store_priors(raw, place.hint)
        reading.arguments.append(form)
        reading.typed[form] = [argument]
        return
    parsed = parse_value(raw)
    is_table = parsed is not None and isinstance(parsed.value(), dict)
    if (key in command.groups or "/" in key.partition(".")[0]) and not is_table:
        _require_option(key, parsed, raw, prefix, command)
        bare = argument if prefix == "~" else f"{key}={raw}"  # a group of the command needs no plus
        reading.arguments.append(bare)
        reading.typed[bare] = [argument]
        return
    place = find(command.root, key)
    if place is None:
        raise FaultError(unknown(key, command.name, command.commands, command.groups))
    if prefix == "~":
        if not place.names:
            raise FaultError(f"{key} cannot be removed: set another value")
        reading.arguments.append(argument)
        return
    group = key.replace(".", "/")
    if group in command.groups and raw in command.options(group):
        raise FaultError(f"{key} takes {described(place.hint)}, got {raw!r}. Did you mean {group}={raw}?")
    _hand_over(argument, key, place, _value(key, raw, parsed, place.hint, command), reading)


def _require_option(key: str, parsed: Override | None, raw: str, prefix: str, command: Command) -> None:
    """Raise FaultError where the command has no such group, or the group no such option."""
    if key not in command.groups:
        raise FaultError(unknown(key, command.name, command.commands, command.groups))
    if prefix == "~" or (parsed is not None and parsed.value_type is not None and "GLOB" in parsed.value_type.name):
        return
    options = command.options(key)
    chosen = [raw] if parsed is None else _elements(parsed) if command.is_sweep else [parsed.value()]
    for option in chosen:
        if not (option in options or option is None or (isinstance(option, list) and set(option) <= set(options))):
            raise FaultError(f"there is no {key}={raw}. The options of {key} are: {', '.join(options)}")


def _elements(parsed: Override) -> list[Any]:
    if not parsed.is_sweep_override():
        return [parsed.value()]
    if parsed.is_choice_sweep() or parsed.is_range_sweep():
        return [Override._convert_value(value) for value in parsed.sweep_iterator()]
    return []


def _value(key: str, raw: str, parsed: Override | None, hint: Any, command: Command) -> Any:
    """Return the typed value; the values of a sweep as `_Sweep`."""
    kind, _ = plain(hint)
    is_quoted = parsed is not None and isinstance(parsed._value, QuotedString)
    if parsed is not None and parsed.is_sweep_override():
        if command.is_sweep:
            return _Sweep([checked(item, hint, key) for item in _elements(parsed)], raw)
        if kind is not str:
            raise FaultError(f"{key} takes {described(hint)}, got {raw!r}; -m runs several values one after another")
    if kind is str:
        is_null = parsed is not None and parsed.value() is None
        text = None if is_null else parsed.value() if parsed is not None and is_quoted else raw
        return checked(text if text is None else _settled(str(text), command), hint, key)
    if get_origin(kind) is list and get_args(kind) == (str,) and raw.startswith("[") and raw.endswith("]"):
        return checked(_texts(raw[1:-1], command), hint, key)
    value = parsed.value() if parsed is not None else _as_yaml(raw)
    if isinstance(value, str) and "${" in value and not _refers(value, command):
        raise FaultError(f"{key} takes {described(hint)}, got {raw!r}")
    if get_origin(kind) is list and isinstance(value, str | int | float) and "${" not in str(value):
        form = shlex.quote(f"{key}=[{raw.strip('()')}]")
        raise FaultError(f"{key} takes {described(hint)}, got {raw!r}: write {form}")
    got = "null" if value is None else None if isinstance(value, dict | list) else repr(raw)
    return checked(_all_settled(value, command), hint, key, got)


@dataclass(frozen=True)
class _Sweep:
    values: list[Any]
    raw: str


def _as_yaml(raw: str) -> Any:
    """Parse a list or a table that Hydra's grammar refuses, such as {matches: ^test}."""
    if not raw.startswith(("[", "{")):
        return raw
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError:
        return raw


def _texts(inner: str, command: Command) -> list[Any]:
    """Split a list of texts at its commas; quotes and references keep theirs."""
    pieces = [piece.strip() for piece in _PIECE.findall(inner)]
    texts = pieces[:-1] if pieces[-1] == "" else pieces  # the end matches too
    return [_settled(_unquoted(text), command) for text in texts]


def _unquoted(text: str) -> str:
    parsed = parse_value(text)
    return str(parsed.value()) if parsed is not None and isinstance(parsed._value, QuotedString) else text


def _settled(text: str, command: Command) -> str:
    r"""Return a text for the settings: ${...} is a reference where such a setting or function exists, else text."""
    if "${" not in text or _refers(text, command):
        return text
    return re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)


def _all_settled(value: Any, command: Command) -> Any:
    if isinstance(value, str):
        return _settled(value, command)
    if isinstance(value, list):
        return [_all_settled(item, command) for item in value]
    return {name: _all_settled(item, command) for name, item in value.items()} if isinstance(value, dict) else value


def _refers(text: str, command: Command) -> bool:
    """Return whether a text has a valid ${...} that names an existing setting or function."""
    try:
        OmegaConf.create({"text": text})
    except OmegaConfBaseException:
        return False
    exist = (
        (name in _OF_HYDRA or OmegaConf.has_resolver(name)) if function else find(command.root, name) is not None
        for name, function in _REFERENCE.findall(text)
    )
    return any(exist)


def _hand_over(argument: str, key: str, place: Place, value: Any, reading: Reading) -> None:
    """Add an argument for Hydra: as typed where Hydra reads it right, else in another form."""
    if not place.names:
        same = f"{key}={argument.partition('=')[2]}"
        forms = [same] if isinstance(value, _Sweep) else [same, f"{key}={written(value)}"]
        if is_free(place.hint) or isinstance(value, dict):
            forms = [f"++{form}" for form in forms]
        wanted = value
    else:
        forms, wanted = _entry(place, value, reading)
    for form in forms:
        parsed = parse(form)
        if parsed is not None and (isinstance(value, _Sweep) or _same(parsed.value(), wanted)):
            reading.arguments.append(form)
            reading.typed[form] = [*_replaced(place, value, form, reading), argument]
            if not isinstance(value, _Sweep):  # a sweep rewrites the settings that it does not vary
                reading.typed[f"{parsed.get_key_element()}={parsed.get_value_element_as_str()}"] = reading.typed[form]
            return
    if isinstance(value, _Sweep):
        raise FaultError(f"{key} cannot sweep: its name has characters that a sweep does not allow")
    _put(reading.beside, place.above.split("."), wanted)
    reading.typed.setdefault(_BESIDE, []).append(argument)


def _entry(place: Place, value: Any, reading: Reading) -> tuple[list[str], Any]:
    """Return the entries of a free table so far, this one included, as one argument that Hydra merges.

    They are one argument, because a sweep keeps only the last of two with one key.
    """
    values = value.values if isinstance(value, _Sweep) else [value]
    tables = [copy.deepcopy(reading.entries.get(place.above, {})) for _ in values]
    for table, item in zip(tables, values, strict=True):
        _put(table, place.names, item)
    return [f"++{place.above}={','.join(map(written, tables))}"], tables[0]


def _replaced(place: Place, value: Any, form: str, reading: Reading) -> list[str]:
    """Remove the argument of a free table's earlier entries, which `form` includes; return its typed form."""
    if not place.names or isinstance(value, _Sweep):
        return []
    _put(reading.entries.setdefault(place.above, {}), place.names, value)
    earlier = reading.forms.get(place.above)
    reading.forms[place.above] = form
    if earlier is None or earlier == form:
        return []
    reading.arguments.remove(earlier)
    return reading.typed.pop(earlier, [])


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, types included, within lists and tables too."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)  # nan included


def _put(table: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        table = table.setdefault(name, {})
    if isinstance(value, dict) and isinstance(table.get(path[-1]), dict):
        for name, item in value.items():
            _put(table[path[-1]], [name], item)
    else:
        table[path[-1]] = value
