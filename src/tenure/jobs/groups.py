"""A command as its line is read: its settings, and the groups of files that it chooses them from."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from .keys import fields_of, find, plain


@dataclass(frozen=True)
class Command:
    """A command as its line is read: its settings and those of the others, its groups, and whether values may sweep."""

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
        """Read a file of settings, the user's own before the one that is shipped; nothing where there is none."""
        for folder in self.folders:
            if (folder / file).is_file():
                with (folder / file).open(encoding="utf-8") as opened:
                    content = yaml.safe_load(opened)
                return content if isinstance(content, dict) else {}
        return {}

    def options(self, group: str) -> list[str]:
        """List the options of a group that hold what this command's settings there need."""
        found = {path.stem for folder in self.folders for path in (folder / group).glob("*.yaml")}
        place = find(self.root, group.replace("/", "."))
        return sorted(name for name in found if place is None or self._fits(f"{group}/{name}.yaml", place.hint))

    def _fits(self, file: str, hint: Any) -> bool:
        content, known = self.read(file), set(fields_of(plain(hint)[0]))
        keys = set(content) - {"defaults"}
        return keys <= known and ("defaults" in content or keys == known)
