"""A folder for downloads from the store, removed when the process ends: MLflow leaves its own behind."""

import tempfile
from functools import cache
from pathlib import Path


def new_folder() -> Path:
    """Return a new folder that lasts as long as the process."""
    return Path(tempfile.mkdtemp(dir=_home().name))


@cache
def _home() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tenure-", ignore_cleanup_errors=True)
