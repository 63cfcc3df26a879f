"""Scoring on this machine."""

from collections.abc import Sequence
from typing import Any

from tenure import registry, units
from tenure.batch import CustomerParts, PartFiles, ScoreFolder, Sums, divide
from tenure.id_hashing import IdHashing
from tenure.rfm import HISTORY
from tenure.settings import ScoreJobSettings
from tenure.summary_file import SummaryCheck
from tenure.transactions import AccountedLog

from .customers import compare_units, read_customers
from .part_scores import score_parts


class LocalEngine:
    """Scoring on this machine."""

    def __init__(
        self,
        settings: ScoreJobSettings,
        loaded: registry.Loaded,
        folder: ScoreFolder,
        segments: Sequence[str],
        hashing: IdHashing | None,
    ) -> None:
        self.settings, self.loaded, self.folder = settings, loaded, folder
        self.segments, self.hashing = segments, hashing
        self.as_of: str | None = None
        self.log: AccountedLog | None = None

    def read(self) -> None:
        """Read the customers."""
        self.customers = read_customers(self.settings, self.loaded, self.segments)
        self.as_of, self.log = self.customers.as_of, self.customers.log

    def divide(self) -> CustomerParts:
        """Check the customers and the units of their money and time, and divide them into parts."""
        settings, seen = self.settings, units.Seen()
        further = [name for name in settings.score.columns if name in HISTORY]
        further += [name for name in self.segments if name not in settings.by]
        check = SummaryCheck(settings.by, seen, self.segments)
        rows, folder = settings.score.part_rows, self.folder.customers
        self.parts = divide(self.customers.summary, folder, rows, check, further, self.hashing)
        compare_units(seen, self.customers, self.loaded.scorer, settings.score)
        return self.parts

    def part_size(self) -> dict[str, Any]:
        """Return what the bytes of the parts depend on, beside the customers."""
        return {"part_rows": self.settings.score.part_rows}

    def score(self, files: PartFiles, about: dict[str, Any]) -> Sums:
        """Write the parts that are not done; return the sums of all."""
        return score_parts(self.loaded.scorer, self.parts, files, self.settings, about)
