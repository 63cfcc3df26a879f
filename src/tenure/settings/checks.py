"""Checks of settings; each error starts with the full key."""

import datetime as dt
import re

from ..errors import InputError


class SettingsError(InputError):
    """An invalid setting; the message starts with its full key."""


def require(is_right: bool, key: str, rule: str, value: object) -> None:
    """Raise SettingsError for a setting that breaks its rule."""
    if not is_right:
        raise SettingsError(f"{key} must be {rule}, got {value!r}.")


def require_choice(key: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise SettingsError for a value that is not one of the choices."""
    require(value in choices, key, f"one of {', '.join(choices)}", value)


def require_pattern(key: str, pattern: str) -> None:
    """Raise SettingsError for a text that is not a regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise SettingsError(f"{key} must be a regular expression, got {pattern!r}: {error}.") from error


def require_day(key: str, value: str | None, *, or_null: bool = True) -> None:
    """Raise SettingsError for a text that is not a calendar day."""
    try:
        # fromisoformat alone accepts 19970930 and week dates too.
        is_day = value is None or dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    require(is_day, key, "a date such as 1997-09-30" + (", or null" if or_null else ""), value)
