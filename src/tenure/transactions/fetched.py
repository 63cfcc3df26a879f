"""Copy a log that is not on this machine, once: what is read later is the copy, at one moment of its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenure import places

from . import files
from .fault import LogUnreachableError, TransactionsError

if TYPE_CHECKING:
    from tenure.settings import EngineSettings, TransactionsSettings

FOLDER, TABLE = "source", "table.parquet"


@dataclass(frozen=True)
class LogFiles:
    """The files of a log.

    Attributes:
        paths: the files, which are copies where the log is not on this machine.
        kind: their format.
        name: the log, as messages name it.
        addresses: the addresses of copies, by their paths.
        digest: of the rows of a table; None where it is that of the files.
    """

    paths: list[Path]
    kind: str
    name: str
    addresses: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None

    @contextmanager
    def named(self) -> Iterator[None]:
        """Replace the paths of copies in the messages of errors by their addresses."""
        try:
            yield
        except TransactionsError as error:
            for copy, address in self.addresses.items():
                error.args = tuple(str(one).replace(copy, address) for one in error.args)
                error.faults = tuple(fault.replace(copy, address) for fault in error.faults)
            raise


def local_files(settings: TransactionsSettings) -> LogFiles:
    """Find the files of a log on this machine."""
    paths = files.find(settings)
    kind = files.kind(settings.path, paths, settings.format)
    return LogFiles(paths, kind, str(Path(settings.path).expanduser()))


def fetch(place: places.Place, settings: TransactionsSettings, folder: Path) -> LogFiles:
    """Copy a log to a folder.

    Raises TransactionsError where it cannot be used, LogUnreachableError where it cannot be reached.
    """
    folder = folder / FOLDER
    folder.mkdir()
    try:
        return _fetch_objects(place, settings, folder) if place.kind == places.S3 else _table(place, settings, folder)
    except places.UnreachablePlaceError as error:
        raise LogUnreachableError(place.address, error.why) from error
    except places.PlaceError as error:
        fault = TransactionsError(place.address, error.why)
        fault.reason = error.reason
        raise fault from error


def _fetch_objects(place: places.Place, settings: TransactionsSettings, folder: Path) -> LogFiles:
    from tenure.places import objects  # noqa: PLC0415 (starts threads of its own)

    addresses = objects.copy_objects(place, folder)
    paths = [Path(copy) for copy in addresses]
    log = LogFiles(paths, "", place.address, addresses)
    with log.named():
        return LogFiles(paths, files.kind(settings.path, paths, settings.format), place.address, addresses)


def _table(place: places.Place, settings: TransactionsSettings, folder: Path) -> LogFiles:
    from tenure.places import lakes, postgres  # noqa: PLC0415 (optional packages)

    given = {"transactions.format": settings.format != "auto", "transactions.table": settings.table is not None}
    for key in [key for key, is_given in given.items() if is_given]:
        default = "auto" if key.endswith("format") else "null"
        raise TransactionsError(place.address, f"is a table of its own: {key} must be {default}.")
    copy = folder / TABLE
    copy_table = postgres.copy_table if place.kind == places.POSTGRES else lakes.copy_table
    digest = copy_table(place, copy, settings.columns.date, _limits(settings.engine, folder))
    return LogFiles([copy], "parquet", place.address, {str(copy): place.address}, digest)


def _limits(engine: EngineSettings, folder: Path) -> dict[str, Any]:
    threads = {} if engine.threads is None else {"threads": engine.threads}
    return {"memory_limit": engine.memory_limit, "temp_directory": str(folder.parent), **threads}
