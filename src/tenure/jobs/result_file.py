"""The file of `result.path`: how a command ended, for programs that started it."""

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tenure.addresses import mask
from tenure.opened import RUNS
from tenure.text import shown

from .sweeps import Result

KEY = "result.path"
SUFFIX = ".json"
OF_TENURE = "tenure_version"  # a key of every such file
WRONG = 2


class ResultFile:
    """The result of a command, and of each run of a sweep, as JSON.

    The path is that of the command line until the settings are composed. A file that is no result is never replaced.
    """

    def __init__(self, command: str, arguments: Sequence[str]) -> None:
        self.command, self.arguments = command, list(arguments)
        self.started, self.clock = datetime.now(UTC), time.monotonic()
        typed = typed_path(arguments)
        self.path = typed if typed is not None and _is_replaceable(typed) else None
        self.errors: list[str] = []
        self.opened = len(RUNS)
        self.runs: list[str] = []
        self.result: Result | None = None
        if self.path is not None:
            with suppress(OSError):  # such as a folder that is a file, which is refused later
                Path(self.path).expanduser().unlink()  # a killed command leaves none

    def refuse(self, message: str) -> None:
        """Print an error, and keep it for the file."""
        self.errors.append(shown(message))
        print(f"error: {shown(message)}", file=sys.stderr)

    def begin(self, path: str | None) -> None:
        """Check the path of the settings before a run; raise InputError where it cannot be written."""
        from tenure.output import OutputError, require_writable  # noqa: PLC0415 (PyArrow)

        self.errors, self.opened, self.result = [], len(RUNS), None
        if path is None:
            return
        self.path = None  # while it is checked
        require_writable(path, KEY)
        if not _is_replaceable(path):
            raise OutputError(f"{KEY} {path!r} exists and is no result of Tenure: name another file.")
        self.path = path

    def write_run(self, number: int, exit_code: int, overrides: Sequence[str]) -> None:
        """Write the file of a run of a sweep: its number is added to the name."""
        if self.path is not None:
            path = Path(self.path).with_name(f"{Path(self.path).stem}-{number}{SUFFIX}")
            self._write(str(path), {**self._run(exit_code), "overrides": [mask(one) for one in overrides]})
            self.runs.append(str(path))
            self.errors = []  # those of the run are in its file

    def finish(self, exit_code: int) -> int:
        """Write the file of the command; return its exit code, which is 2 where the file cannot be written."""
        if self.path is None:
            return exit_code
        content = self._command(exit_code) | {"runs": self.runs} if self.runs else self._run(exit_code)
        return exit_code if self._write(self.path, content) or exit_code else WRONG

    def _command(self, exit_code: int) -> dict[str, Any]:
        return {
            OF_TENURE: version("tenure"),
            "command": self.command,
            "arguments": [mask(argument) for argument in self.arguments],
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.clock, 1),
            "exit_code": exit_code,
            "error": "\n".join(self.errors) or None,
        }

    def _run(self, exit_code: int) -> dict[str, Any]:
        result = self.result or Result(exit_code)
        opened = RUNS[self.opened] if len(RUNS) > self.opened else None
        model = result.model
        number = None if model is None else model.rpartition("/")[2]
        return self._command(exit_code) | {
            "run_id": result.run_id or opened,
            "run_name": result.name,
            "verdict": result.verdict,
            "model": model,
            "version": int(number) if number and number.isdecimal() else None,
            "alias": result.alias,
            "totals": _strict(result.totals),
            "paths": {name: mask(path) for name, path in result.paths.items()},
        }

    def _write(self, path: str, content: Mapping[str, Any]) -> bool:
        """Write a file atomically; return whether that was possible, and print the error where not."""
        from tenure.output import OutputError, atomic_file  # noqa: PLC0415 (PyArrow)

        try:
            with atomic_file(path) as partial:
                partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        except (OSError, OutputError) as error:
            self.refuse(f"{KEY} {path!r} cannot be written: {error}")
            return False
        return True


def typed_path(arguments: Sequence[str]) -> str | None:
    """Return the path that a command line sets, as far as it can be read before the settings are.

    >>> typed_path(["seed=1", "result.path='a b.json'"]), typed_path(["result.path=1.json,2.json"])
    ('a b.json', None)
    """
    values = [one.partition("=")[2] for one in arguments if one.lstrip("+").startswith(f"{KEY}=")]
    path = values[-1].strip("'\"") if values else ""
    is_path = path.endswith(SUFFIX) and "," not in path and "${" not in path and "://" not in path
    return path if is_path else None


def _is_replaceable(path: str) -> bool:
    """Return whether there is nothing at a path, or an earlier result."""
    target = Path(path).expanduser()
    if not target.exists():
        return True
    with suppress(OSError, ValueError):
        content = json.loads(target.read_text(encoding="utf-8"))
        return isinstance(content, dict) and OF_TENURE in content
    return False


def _strict(value: Any) -> Any:
    """Return numbers as JSON has them: null for one that is not finite."""
    if isinstance(value, Mapping):
        return {str(name): _strict(item) for name, item in value.items()}
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
