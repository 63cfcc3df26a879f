"""A command, its settings, and the groups of files that hold them."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tenure.settings.hints import fields_of, plain, required_of

from .keys import find


@dataclass(frozen=True)
class Command:
    """A command: its settings and those of the others, its groups, and whether it is a sweep."""

    name: str
    commands: Mapping[str, type]
    folders: tuple[Path, ...]
    is_sweep: bool = False

    @property
    def root(self) -> type:
        """Return the class of its settings."""
        return self.commands[self.name]

    @functools.cached_property
    def groups(self) -> list[str]:
        """List the groups whose options the command chooses from."""
        return list(self._groups_of(f"{self.name}.yaml", ""))

    def _groups_of(self, file: str, above: str) -> Iterator[str]:
        for entry in self.read(file).get("defaults", []):
            for group, option in entry.items() if isinstance(entry, dict) else ():
                if not group.startswith("override "):
                    yield above + group
                    yield from self._groups_of(f"{above}{group}/{option}.yaml", f"{above}{group}/")

    def read(self, file: str) -> dict[str, Any]:
        """Read a file of settings, the user's own before the shipped one; empty where there is none."""
        for folder in self.folders:
            if (folder / file).is_file():
                with (folder / file).open(encoding="utf-8") as opened:
                    content = yaml.safe_load(opened)
                return content if isinstance(content, dict) else {}
        return {}

    def options(self, group: str) -> list[str]:
        """List the options of a group that fit the settings of this command."""
        names = {path.stem for folder in self.folders for path in (folder / group).glob("*.yaml")}
        place = find(self.root, group.replace("/", "."))
        return sorted(name for name in names if place is None or self._fits(group, name, place.hint))

    def _fits(self, group: str, option: str, hint: Any) -> bool:
        """Return whether an option has only settings of the type, and all of them that have no default."""
        content, kind = self.read(f"{group}/{option}.yaml"), plain(hint)[0]
        keys = set(content) - {"defaults"}
        return keys <= set(fields_of(kind)) and ("defaults" in content or required_of(kind) <= keys)
