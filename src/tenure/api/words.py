"""The settings of the Python API: the last words of the commands' keys, as keyword arguments."""

import dataclasses
import datetime as dt
import difflib
import numbers
from collections.abc import Callable, Mapping
from copy import deepcopy
from os import PathLike, fspath
from typing import Any, TypedDict, get_args, get_origin, get_type_hints

import numpy as np

from tenure.settings import SettingsError, TrainSettings, read_named, read_priors, read_review
from tenure.settings.hints import described, plain
from tenure.settings.named import OWN

from .named_priors import check_priors, spend_models

type Table = Mapping[str, Any]
type Day = str | dt.date


class LogWords(TypedDict, total=False):
    """How a purchase log is read: the words of `transactions.*` and `transactions.columns.*`."""

    customer_id: str
    date: str
    amount: str
    order_id: str | None
    acquired: str | None
    format: str
    table: str | None
    query: str | None
    allow_paths: list[str]
    currency: str | None
    csv: Table
    timezone: str | None
    stamped_in: str | None
    guests: str
    placeholders: list[str]
    not_placeholders: list[str]
    normalize_ids: list[str]
    id_type: str | None
    zero_amounts: str
    negligible_amount: float
    negative_amounts: str
    cancellations: str | None
    duplicates: str
    exclude: Mapping[str, Table]
    segments: Mapping[str, str] | list[str]
    first_day: Day | None
    longest_gap_days: int
    allow_quiet_end: bool
    engine: Table


class WindowWords(LogWords, total=False):
    """The log, the end of observation and the customers: the words of `rfm.*` without the cut-off."""

    end: Day | None
    burn_in_days: int
    acquisition: Table


class FitWords(WindowWords, total=False):
    """The words of the log, of `fit.*`, `backtest.*` and `review`, and the seed."""

    method: str
    purchase_model: str
    spend_model: str
    sampler: str
    chains: int
    tune: int
    draws: int
    target_accept: float
    joint_draws: int
    compare_segments: bool
    segment_spread: Table
    delta_prior: Table
    no_repeat_buyers: str
    scale: Table
    priors: Any
    baselines: Table
    drift: Table
    judge_customers: int | None
    review: Any
    seed: int


class TrainWords(FitWords, total=False):
    """The words of a fit, and those of `score.*` for the forecast of the customer base."""

    horizon_days: int
    discount_rate: float
    margin: float
    level: float


class AllWords(TrainWords, total=False):
    """All words, the cut-off among them, which functions take by name."""

    cutoff: Day | None


# The parts of the settings whose fields are words, as keys of `TrainSettings`.
PARTS = ("transactions", "transactions.columns", "rfm", "fit", "score", "backtest", "")
SEGMENTS, CARRIED = "segments", "transactions.segments"  # a list is fitted by, a table of rules is carried through
HIDDEN = ("path", "columns", "registry", "result", *(part for part in PARTS if part))  # fields that are no words


def places() -> dict[str, str]:
    """Return the key of each word, such as `fit.method` of `method`."""
    keys = {}
    for part in PARTS:
        kind = _kind_of(part)
        for name in get_type_hints(kind):
            if name not in HIDDEN:
                keys[name] = f"{part}.{name}".lstrip(".")
    return keys


def day_of(day: Day | None, name: str) -> str | None:
    """Return a day as text; raise SettingsError for anything else."""
    if day is None:
        return None
    text = day.date().isoformat() if isinstance(day, dt.datetime) else str(day)
    try:
        if isinstance(day, str | dt.date) and dt.date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise SettingsError(f"{name} must be a date such as 1997-09-30, or None, got {day!r}.")


def settings_of(words: Mapping[str, Any], allowed: type, caller: str) -> TrainSettings:
    """Return the settings of a training with the values of some words; the others have their defaults.

    Args:
        words: by word.
        allowed: the words that the caller takes, a `TypedDict`.
        caller: for messages.

    Raises SettingsError for an unknown word, a value of another type, one out of its range, or priors of other models.
    """
    names, keys = list(get_type_hints(allowed)), places()
    changes: dict[str, Any] = {}
    for word, value in words.items():
        if word not in names:
            raise SettingsError(_unknown(word, names, caller))
        key = CARRIED if word == SEGMENTS and isinstance(value, Mapping) else keys[word]
        *parts, last = key.split(".")
        table = changes
        for part in parts:
            table = table.setdefault(part, {})
        table[last] = deepcopy(value)
    built: TrainSettings = changed_settings(TrainSettings(), changes, "")
    check_priors(words.get("priors"), (built.fit.purchase_model,), spend_models(built.fit))
    return built


def _kind_of(part: str) -> Any:
    kind: Any = TrainSettings
    for name in filter(None, part.split(".")):
        kind = get_type_hints(kind)[name]
    return kind


def _unknown(word: str, names: list[str], caller: str) -> str:
    close = difflib.get_close_matches(word.rsplit(".", 1)[-1], names, n=1, cutoff=0.6)
    advice = f"Did you mean {close[0]}?" if close else f"It has {', '.join(names)}."
    return f"{caller} has no setting {word!r}. {advice}"


def changed_settings(settings: Any, changes: Mapping[str, Any], above: str) -> Any:
    """Return settings with other values of some fields, checked; `above` is the start of their keys."""
    hints = get_type_hints(type(settings))
    values = {}
    for name, value in changes.items():
        key = f"{above}{name}"
        if name not in hints:
            raise SettingsError(_unknown(name, list(hints), above.rstrip(".")))
        values[name] = _converted(value, hints[name], key, getattr(settings, name))
    return dataclasses.replace(settings, **values)


def _converted(value: Any, hint: Any, key: str, default: Any = None) -> Any:
    """Return a value of the type of a setting; raise SettingsError for a value of another type."""
    if key in _NAMED and isinstance(value, str | PathLike):
        name = fspath(value)
        if not name.endswith(OWN):
            return _NAMED[key](name)
        value = read_named(key.replace(".", "/"), name)
    kind, may_be_null = plain(hint)
    if value is None and may_be_null:
        return None
    if dataclasses.is_dataclass(kind):
        converted = _settings(value, kind, key, default)
    elif get_origin(kind) is dict:
        converted = _table(value, get_args(kind)[1], key, default or {})
    elif get_origin(kind) is list:
        is_list = isinstance(value, list | tuple)
        converted = [_converted(item, get_args(kind)[0], key) for item in value] if is_list else None
    else:
        converted = _scalar(value, kind)
    if converted is None:
        raise SettingsError(f"{key} takes {described(hint)}, got {value!r}.")
    return converted


def _settings(value: Any, kind: Any, key: str, default: Any) -> Any:
    """Return the settings of a table, which change those of the default; others of the class as they are."""
    if not isinstance(value, Mapping):
        return value if isinstance(value, kind) else None
    if default is not None:
        return changed_settings(default, value, f"{key}.")
    hints = get_type_hints(kind)
    required = [
        one.name for one in dataclasses.fields(kind) if one.default is one.default_factory is dataclasses.MISSING
    ]
    lost = [name for name in required if name not in value]
    if lost:
        raise SettingsError(f"{key} lacks {', '.join(lost)}.")
    for name in value:
        if name not in hints:
            raise SettingsError(_unknown(name, list(hints), key))
    return kind(**{name: _converted(item, hints[name], f"{key}.{name}") for name, item in value.items()})


def _table(value: Any, hint: Any, key: str, default: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a free table; one of settings keeps the entries of the default that it does not change."""
    if not isinstance(value, Mapping):
        return None
    kept = default if dataclasses.is_dataclass(hint) else {}
    entries = {str(name): _converted(item, hint, f"{key}.{name}", kept.get(str(name))) for name, item in value.items()}
    return {**kept, **entries}


def _scalar(value: Any, kind: Any) -> Any:
    """Return a text, a number or a truth value of the type; None where the value is of another type."""
    if kind is bool:
        return bool(value) if isinstance(value, bool | np.bool_) else None
    if kind is str and isinstance(value, dt.date):
        return value.date().isoformat() if isinstance(value, dt.datetime) else value.isoformat()
    if kind is str:
        return str(value) if isinstance(value, str) else None
    is_number = isinstance(value, numbers.Integral if kind is int else numbers.Real)
    return kind(value) if is_number and not isinstance(value, bool | np.bool_) else None


# Settings that a name, the path of a YAML file or a table sets; the last two change the default.
_NAMED: Mapping[str, Callable[[str], Any]] = {"fit.priors": read_priors, "review": read_review}
