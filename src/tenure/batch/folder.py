"""The folder of a scoring in parts: what it is made from, its lock, and its manifest, which is written last.

A job that is stopped at any moment leaves parts, each whole; the next one of the same job continues. Files depend on
the job alone: none of them holds the time, the machine or the run.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..output import (
    PARTIAL,
    OutputError,
    created,
    describe,
    require_parts_writable,
    require_unlocked,
    require_writable,
    sole_writer,
    write_durably,
)
from .part_files import ABOUT, MANIFEST, STEM, PartFiles, digest_of_json, seal, unseal

FORMAT = 1  # of the folder
FILE_SUFFIX = ".parquet"
JOB, LOCK, CUSTOMERS = "job.json", "lock", "customers"
OWN = 0o700  # the mode of a folder that is its owner's alone
DIGEST = 64  # characters, of what is not shown


@dataclass(frozen=True)
class ScoreFolder:
    """Where the parts of a scoring are: the output's own folder, or one beside a file, until that is joined.

    Attributes:
        output: the setting.
    """

    output: str

    @property
    def target(self) -> Path:
        """Return the path of the output."""
        return Path(self.output).expanduser().resolve()

    @property
    def is_file(self) -> bool:
        """Return whether the output is one file."""
        return self.output.endswith(FILE_SUFFIX)

    @property
    def path(self) -> Path:
        """Return the path of the folder."""
        return self.target.with_name(f".{self.target.name}.parts") if self.is_file else self.target

    @property
    def about(self) -> Path:
        """Return the path of the folder of what is not rows."""
        return self.path / ABOUT

    @property
    def customers(self) -> Path:
        """Return the folder of the customers' temporary files."""
        return self.about / CUSTOMERS

    def require_writable(self) -> None:
        """Raise OutputError where it cannot be written or another process writes it, before any work."""
        (require_writable if self.is_file else require_parts_writable)(self.output)
        others = [] if self.is_file or not self.path.is_dir() else [one.name for one in self.path.iterdir()]
        if others and ABOUT not in others:
            raise OutputError(
                f"output {self.output!r} is a folder with other files, such as {sorted(others)[0]!r}: name another one."
            )
        require_unlocked(self.about / LOCK, self.output)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder and hold its lock; afterwards remove temporary files, and the folder if nothing is done."""
        is_new = self.is_file or not self.path.exists()
        with created(self.target.parent):
            try:
                with sole_writer(self.about / LOCK, self.output):
                    try:
                        self._remove_temporary()
                        if self.is_file:
                            self.path.chmod(OWN)  # nobody else reads a file before it is complete
                        self.customers.mkdir(OWN)
                        yield
                    finally:
                        self._remove_temporary()
                        if not self._parts():
                            self.discard()
            finally:
                with suppress(OSError):  # it is in use, or has parts
                    self.about.rmdir()
                    if is_new:
                        self.path.rmdir()

    def claim(self, job: Mapping[str, Mapping[str, Any]], *, restart: bool) -> str:
        """Write what the scoring is made from; return its digest.

        Args:
            job: by name what it is made from: the model, the params, the input, the part size.
            restart: whether to discard the parts of another job.

        Raises OutputError where there are parts of another job, naming what differs.
        """
        content = {**job, "format": FORMAT}
        before, digest = unseal(self.about / JOB), digest_of_json(content)
        if before is not None and before != content and self._parts():
            if not restart and not self._is_joined(before):
                raise self._other(before, content)
            self.discard()
        for number, part in self._parts().items():
            if (unseal(part) or {}).get("job") != digest:
                self._remove_part(number)
        if before != content:
            write_durably(self.about / JOB, lambda path: _write(path, seal(content)))
        return digest

    def _is_joined(self, before: Mapping[str, Any]) -> bool:
        """Return whether the parts of another job are in their file already, so that they are not needed."""
        with suppress(OutputError, OSError, pa.ArrowException):
            return self.is_file and describe(self.target).get("job") == digest_of_json(before)
        return False

    def _other(self, before: Mapping[str, Any], content: Mapping[str, Any]) -> OutputError:
        names = [name for name in content if not _agrees(before.get(name), content[name])]
        changes = [change for name in names for change in _changes(before.get(name), content[name])]
        shown = f" ({'; '.join(changes[:4])})" if changes else ""
        what = "parts of an unfinished scoring" if self.is_file else "the parts of another scoring"
        return OutputError(
            f"output {self.output!r} has {what} with another {' and another '.join(names)}{shown}. Name another output,"
            " or set restart=true to discard these parts."
        )

    def _parts(self) -> dict[str, Path]:
        """Return the descriptions of parts by name."""
        return {path.stem: path for path in sorted(self.about.glob(f"{STEM}*.json"))}

    def _remove_part(self, name: str) -> None:
        for path in (self.about / f"{name}.json", self.about / f"{name}.npz", self.path / f"{name}{FILE_SUFFIX}"):
            path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the parts and their descriptions, the manifest first."""
        (self.about / MANIFEST).unlink(missing_ok=True)
        files = (*self.about.glob(f"{STEM}*"), *self.path.glob(f"{STEM}*{FILE_SUFFIX}"))
        for name in sorted({path.stem for path in files}):
            self._remove_part(name)
        (self.about / JOB).unlink(missing_ok=True)

    def finish(self, files: PartFiles, numbers: list[int], facts: Mapping[str, Any]) -> None:
        """Write the manifest: with it the folder is complete."""
        parts = {files.rows_of(number).name: files.digest(number) for number in numbers}
        content = {"job": files.job, "parts": parts, **facts}
        write_durably(self.about / MANIFEST, lambda path: _write(path, seal(content)))

    def _remove_temporary(self) -> None:
        shutil.rmtree(self.customers, ignore_errors=True)
        for folder in (self.path, self.about):
            for partial in folder.glob(f".*{PARTIAL}"):
                partial.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _agrees(before: Any, now: Any) -> bool:
    """Return whether two values agree in what both have: columns to keep are named by the params."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return all(_agrees(before[name], now[name]) for name in before.keys() & now.keys())
    return bool(before == now)


def _changes(before: Any, now: Any) -> Iterator[str]:
    """Yield what differs, without digests."""
    if isinstance(now, Mapping):
        for name, value in now.items():
            old = before.get(name) if isinstance(before, Mapping) else None
            is_digest = isinstance(value, Mapping) or (isinstance(value, str) and len(value) == DIGEST)
            if old != value and not is_digest:
                yield f"{name} {old}, now {value}"
