"""Where customers are scored: on this machine, or in the executors of a Spark cluster."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from tenure import registry
from tenure.batch import PartFiles, ScoreFolder, Sums
from tenure.id_hashing import IdHashing
from tenure.settings import SPARK, ScoreJobSettings
from tenure.transactions import AccountedLog

from .local_engine import LocalEngine


class Parts(Protocol):
    """Checked customers in parts; `numbers` are those of the parts that have customers, once they are scored."""

    @property
    def digest(self) -> str:
        """Return a digest of the customers."""

    @property
    def further(self) -> dict[str, str]:
        """Return the digests of further columns."""

    @property
    def groups(self) -> list[tuple[Any, ...]]:
        """Return the values of the columns to total by."""

    @property
    def hashing(self) -> IdHashing | None:
        """Return the hashing of the ids; None where they are as in the input."""

    @property
    def customers(self) -> int:
        """Count the customers."""

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of the parts that have customers."""


class Engine(Protocol):
    """What reads, checks and scores customers: this machine, or Spark.

    Attributes:
        as_of: the last day of the customers' observation, after they are read.
        log: the log that they come from, if any.
    """

    as_of: str | None
    log: AccountedLog | None

    def read(self) -> None:
        """Read the customers."""

    def divide(self) -> Parts:
        """Check the customers and the units of their money and time, and divide them into parts."""

    def part_size(self) -> dict[str, Any]:
        """Return what the bytes of the parts depend on, beside the customers."""

    def score(self, files: PartFiles, about: dict[str, Any]) -> Sums:
        """Write the parts that are not done; return the sums of all."""


def engine_of(
    settings: ScoreJobSettings,
    loaded: registry.Loaded,
    folder: ScoreFolder,
    segments: Sequence[str],
    hashing: IdHashing | None,
) -> AbstractContextManager[Engine]:
    """Return the engine of the settings, which is open within the block."""
    if settings.engine != SPARK:
        return nullcontext(LocalEngine(settings, loaded, folder, segments, hashing))
    from .spark_engine import open_engine  # noqa: PLC0415 (an optional dependency)

    return open_engine(settings, loaded, folder, segments)
