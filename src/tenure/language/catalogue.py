"""The catalogues: texts by key, a file for each language."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DEFAULT = "en"


def languages() -> list[str]:
    """Return the languages that have a catalogue."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def load_catalogue(language: str) -> dict[str, str]:
    """Return the texts of a language by key, such as `value.so_far`."""
    with (FOLDER / f"{language}.toml").open("rb") as file:
        return dict(_flatten(tomllib.load(file)))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield prefix + name, value
        else:
            yield from _flatten(value, f"{prefix}{name}.")
