"""Synthetic evidence of runs, for tests of its readers."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from tenure import registry


@dataclass(frozen=True)
class InFolder(registry.Evidence):
    """Evidence with files in a folder."""

    folder: Path = field(kw_only=True)

    def holds(self, path: str) -> bool:
        return (self.folder / path).is_file()

    def file(self, path: str) -> Path:
        return self.folder / path


def write(folder: Path, path: str, content: str | bytes | pd.DataFrame) -> None:
    """Write a file of a run; a table as CSV."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        target.write_bytes(content)
    else:
        target.write_text(content if isinstance(content, str) else content.to_csv())
