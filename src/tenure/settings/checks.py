"""What a setting may be: refusals that start with its full key."""

import datetime as dt
import re

from ..errors import InputError


class SettingsError(InputError):
    """A setting that is out of range; the message starts with its full key."""


def require(is_right: bool, key: str, rule: str, value: object) -> None:
    """Refuse a setting that breaks its rule."""
    if not is_right:
        raise SettingsError(f"{key} must be {rule}, got {value!r}.")


def require_choice(key: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse a setting that is none of the known ones."""
    require(value in known, key, f"one of {', '.join(known)}", value)


def require_pattern(key: str, pattern: str) -> None:
    """Refuse a text that is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise SettingsError(f"{key} must be a regular expression, got {pattern!r}: {error}.") from error


def require_day(key: str, value: str | None, *, or_null: bool = True) -> None:
    """Refuse a text that is no calendar day."""
    try:
        # fromisoformat alone takes 19970930 and week dates too.
        is_day = value is None or dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    require(is_day, key, "a date such as 1997-09-30" + (", or null" if or_null else ""), value)
