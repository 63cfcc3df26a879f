"""The file of `result.path`: how a command ended, for programs that started it."""

import json
import logging
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
from tenure.errors import Reason
from tenure.opened import RUNS
from tenure.text import LogFormatter, shown

from .sweeps import Result

KEY = "result.path"
SUFFIX = ".json"
OF_TENURE = "tenure_version"  # a key of every such file
WRONG = 2


class _Warnings(logging.Handler):
    """The warnings and errors that are logged, as texts."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(LogFormatter("%(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).strip().removeprefix("warning: "))


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
        self.reason: Reason | None = None
        self.reasons: dict[int, Reason | None] = {}  # of the runs of a sweep, by exit code
        self.warnings = _Warnings()
        self.opened = len(RUNS)
        self.runs: list[str] = []
        self.result: Result | None = None
        if self.path is not None:
            with suppress(OSError):  # such as a folder that is a file, which is refused later
                Path(self.path).expanduser().unlink()  # a killed command leaves none

    def keep(self, message: str, reason: Reason) -> None:
        """Keep an error for the file."""
        self.errors.append(shown(message))
        self.reason = reason

    def refuse(self, message: str, reason: Reason) -> None:
        """Print an error, and keep it for the file."""
        self.keep(message, reason)
        print(f"error: {shown(message)}", file=sys.stderr)

    def begin(self, path: str | None) -> None:
        """Check the path of the settings before a run; raise InputError where it cannot be written."""
        from tenure.output import OutputError, require_writable  # noqa: PLC0415 (PyArrow)

        self.errors, self.reason, self.opened, self.result = [], None, len(RUNS), None
        self.warnings.lines = []
        logging.getLogger().addHandler(self.warnings)  # Hydra sets up logging anew for each run
        if path is None:
            return
        self.path = None  # while it is checked
        require_writable(path, KEY)
        if not _is_replaceable(path):
            raise OutputError(f"{KEY} {path!r} exists and is no result of Tenure: name another file.")
        self.path = path

    def write_run(self, number: int, exit_code: int, overrides: Sequence[str]) -> None:
        """Write the file of a run of a sweep: its number is added to the name."""
        self.reasons.setdefault(exit_code, self._reason())
        if self.path is not None:
            path = Path(self.path).with_name(f"{Path(self.path).stem}-{number}{SUFFIX}")
            self._write(str(path), {**self._run(exit_code), "overrides": [mask(one) for one in overrides]})
            self.runs.append(str(path))
            self.errors, self.warnings.lines = [], []  # those of the run are in its file

    def finish(self, exit_code: int) -> int:
        """Write the file of the command; return its exit code, which is 2 where the file cannot be written."""
        logging.getLogger().removeHandler(self.warnings)
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
            "reason": self.reasons.get(exit_code, self._reason()) if exit_code else None,
            "error": "\n".join(self.errors) or None,
            "warnings": self.warnings.lines,
        }

    def _reason(self) -> Reason | None:
        return self.reason or (None if self.result is None else self.result.reason)

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
            "model_verdict": result.model_verdict,
            "version": int(number) if number and number.isdecimal() else None,
            "alias": result.alias,
            "as_of": result.as_of,
            "customers": result.customers,
            "not_scored": _strict(result.not_scored),
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
            self.refuse(f"{KEY} {path!r} cannot be written: {error}", Reason.BAD_SETTING)
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


def nested(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers named `clv.low` as tables by the first part of their names; others stay.

    >>> nested({"clv.low": 1.0, "clv.high": 2.0, "buying_share": 0.5})
    {'clv': {'low': 1.0, 'high': 2.0}, 'buying_share': 0.5}
    """
    tables: dict[str, Any] = {}
    for name, value in numbers.items():
        group, dot, rest = name.partition(".")
        if dot:
            tables.setdefault(group, {})[rest] = value
        else:
            tables[name] = value
    return tables


def _strict(value: Any) -> Any:
    """Return numbers as JSON has them: null for one that is not finite."""
    if isinstance(value, Mapping):
        return {str(name): _strict(item) for name, item in value.items()}
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
