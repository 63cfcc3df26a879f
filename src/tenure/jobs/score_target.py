"""Where scores are written: a path of this machine, or a place to which their parts are published at the end."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tenure.batch import ABOUT, MANIFEST, PartFiles, ScoreFolder
from tenure.output import OutputError, refuse_input
from tenure.places import POSTGRES, S3, Place, place_of

from . import console

NEEDED = ("customer_id", "p_alive", "clv")  # columns by which a table of scores is recognised
SERVERS = ("PGSERVICE", "PGHOST", "PGPORT", "PGDATABASE", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class _Publisher(Protocol):
    def require_writable(self) -> None: ...
    def claim(self, job: str, *, restart: bool) -> None: ...
    def publish(self, files: list[Path], manifest: Path) -> None: ...


@dataclass(frozen=True)
class ScoreTarget:
    """The output of a scoring.

    Attributes:
        output: the setting.
    """

    output: str

    @cached_property
    def place(self) -> Place | None:
        """Return the place; None for a path of this machine, and for addresses that are not written."""
        place = place_of(self.output)
        return place if place is not None and place.kind in (POSTGRES, S3) else None

    @cached_property
    def folder(self) -> ScoreFolder:
        """Return the folder of the parts: for a place, a hidden one in the working directory until they are there."""
        if self.place is None:
            return ScoreFolder(self.output)
        server = "\n".join([self.output, *(os.environ.get(name, "") for name in SERVERS)])
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", self.output).strip("-")[:60]
        return ScoreFolder(f"{Path.cwd()}/.tenure-{slug}-{hashlib.sha256(server.encode()).hexdigest()[:8]}/")

    @cached_property
    def _publisher(self) -> _Publisher:
        from tenure.places import objects, postgres  # noqa: PLC0415 (start threads, or need optional packages)

        assert self.place is not None  # noqa: S101 (only a place is published to)
        if self.place.kind == POSTGRES:
            return postgres.PostgresTable(self.place, NEEDED)
        return objects.ObjectFolder(self.place, ABOUT, MANIFEST)

    def __str__(self) -> str:
        return str(self.folder.target) if self.place is None else self.output

    def require_writable(self) -> None:
        """Raise an error where it cannot be written, before any work."""
        self.folder.require_writable()
        if self.place is not None:
            self._publisher.require_writable()

    def refuse_input(self, inputs: Iterable[str]) -> None:
        """Raise OutputError for an output that is an input."""
        if self.place is None:
            refuse_input(self.output, inputs)
            return
        for given in inputs:
            other = place_of(given)
            if other is not None and other.names == self.place.names:
                raise OutputError(f"output {self.output!r} is the input {given!r}: name another one.")

    def claim(self, job: Mapping[str, Mapping[str, Any]], *, restart: bool) -> str:
        """Write what the scoring is made from beside the parts; return its digest."""
        digest = self.folder.claim(job, restart=restart)
        if self.place is not None:
            self._publisher.claim(digest, restart=restart)
        return digest

    def publish(self, files: PartFiles, numbers: list[int]) -> None:
        """Write the finished parts to the place; on this machine they are there already."""
        if self.place is None:
            return
        with console.stage(f"write {self.output}"):
            self._publisher.publish([files.rows_of(number) for number in numbers], self.folder.about / MANIFEST)

    def discard(self) -> None:
        """Remove the parts where they are not the output itself; until then a job that is stopped continues."""
        if self.folder.is_file or self.place is not None:
            self.folder.discard()

    def remove_folder(self) -> None:
        """Remove the empty folder of parts that were published, after its lock."""
        if self.place is not None:
            with suppress(OSError):
                self.folder.about.rmdir()
            with suppress(OSError):
                self.folder.path.rmdir()
