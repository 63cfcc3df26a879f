"""Hydra's grammar of overrides: parse one, write a value in it."""

import functools
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException


@functools.cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def parse_value(raw: str, key: str = "x") -> Override | None:
    """Parse a value by Hydra's grammar; None where that fails."""
    try:
        return _parser().parse_override(f"{key}={raw}")
    except (HydraException, ValueError, TypeError, RecursionError):
        return None


def written(value: Any) -> str:
    """Return a value in Hydra's grammar, each text in quotes."""
    return str(Override._get_value_element_as_str(_with_quotes(value)))


def _with_quotes(value: Any) -> Any:
    if isinstance(value, str):
        return QuotedString(value, Quote.single)
    if isinstance(value, list):
        return [_with_quotes(item) for item in value]
    return {name: _with_quotes(item) for name, item in value.items()} if isinstance(value, dict) else value


def parse(form: str) -> Override | None:
    """Parse an argument by Hydra's grammar; None where that fails."""
    try:
        return _parser().parse_override(form)
    except (HydraException, ValueError, TypeError):
        return None
