"""The drifts of a model's totals over any horizon: learnt over some, the prior's over the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from typing import Any

import numpy as np

from tenure import paths
from tenure.record import Record
from tenure.settings import DriftSettings
from tenure.streams import stream

from .drift import ASSUMED, DRAWS, ESTIMATED, Drift, PastError, estimate_drift, is_near
from .errors import BacktestError
from .outcome import OUTCOMES


@dataclass(frozen=True)
class Drifts:
    """What totals over any horizon are multiplied by; draws and numbers of days, no customer and no day of the log.

    What was learnt over one horizon is not said of another: over longer ones seasons cancel and drift adds up. There
    the prior speaks, and `source` says so.

    Args:
        assumed: the prior's drift.
        learnt: by outcome, by horizon in days.
        source_run: the backtest that taught; None where none was asked.
    """

    assumed: Drift
    estimated: Mapping[str, Mapping[int, Drift]] = field(default_factory=dict)
    source_run: str | None = None

    def __post_init__(self) -> None:
        known = [drift for by_days in self.estimated.values() for drift in by_days.values()]
        if set(self.estimated) - set(OUTCOMES) or {drift.source for drift in known} - {ESTIMATED}:
            raise BacktestError(
                f"Drifts are learnt ones of {', '.join(OUTCOMES)}, beside the prior's: {self.estimated}."
            )

    def over(self, outcome: str, horizon_days: int) -> Drift:
        """Give the drift learnt over the horizon, or one within a tenth of it; the prior's where there is none."""
        known = self.estimated.get(outcome, {})
        near = [days for days in known if is_near(days, horizon_days)]
        return known[min(near, key=lambda days: abs(days - horizon_days))] if near else self.assumed

    def source(self, horizon_days: int) -> str:
        """Say where the drifts over a horizon come from, in words."""
        said = {outcome: self._source(outcome, horizon_days) for outcome in OUTCOMES}
        if len(set(said.values())) == 1:
            return said[OUTCOMES[0]]
        return "; ".join(f"{outcome}: {words}" for outcome, words in said.items())

    def _source(self, outcome: str, horizon_days: int) -> str:
        drift = self.over(outcome, horizon_days)
        known = self.estimated.get(outcome, {})
        if drift is self.assumed:
            return ASSUMED + (f" (estimated over {_listed(known)} days only)" if known else "")
        (days,) = (days for days, one in known.items() if one is drift)
        return f"{ESTIMATED} over {days} days, {drift.periods:.1f} periods"

    def save(self, path: str | PathLike[str]) -> None:
        """Write the drifts as `.npz`: arrays of draws and a JSON text."""
        named = {
            f"{outcome}.{days}": drift for outcome, known in self.estimated.items() for days, drift in known.items()
        }
        about = {
            "source_run": self.source_run,
            "assumed_periods": self.assumed.periods,
            "periods": {name: drift.periods for name, drift in named.items()},
        }
        arrays: dict[str, Any] = {name: drift.logs for name, drift in named.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, about=np.array(json.dumps(about)), assumed=self.assumed.logs, **arrays)

    def record(self) -> Record:
        """Return the file of the drifts."""
        return Record(files={paths.DRIFT: self.save})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Drifts":
        """Read what `save` wrote; pickled content is refused."""
        with np.load(path, allow_pickle=False) as file:
            lost = [name for name in ("about", "assumed") if name not in file.files]
            if lost:
                raise BacktestError(f"{path} is not a file of drifts: it lacks {', '.join(lost)}.")
            about = json.loads(str(file["about"]))
            estimated: dict[str, dict[int, Drift]] = {}
            for name, periods in about["periods"].items():
                outcome, _, days = name.partition(".")
                estimated.setdefault(outcome, {})[int(days)] = Drift(file[name], ESTIMATED, periods)
            return cls(Drift(file["assumed"], ASSUMED, about["assumed_periods"]), estimated, about["source_run"])


def estimate_drifts(
    past_errors: Mapping[str, Sequence[PastError]],
    known_by: date,
    settings: DriftSettings,
    *,
    source_run: str | None = None,
    seed: int,
) -> Drifts:
    """Learn what the origins whose holdouts had ended by a day teach over each of their horizons.

    Args:
        past_errors: by outcome, of all horizons.
        known_by: the last day that may have taught.
        settings: the prior, and how many periods it takes.
        source_run: the run that the lessons come from.
        seed: of the draws.
    """
    rng = stream(seed, "backtest.drifts")
    estimated: dict[str, dict[int, Drift]] = {}
    for outcome, past in past_errors.items():
        for days in sorted({one.horizon_days for one in past}):
            over = [one for one in past if one.horizon_days == days]
            drift = estimate_drift(over, known_by, settings, draws=DRAWS, rng=rng)
            if drift.source == ESTIMATED:
                estimated.setdefault(outcome, {})[days] = drift
    return Drifts(estimate_drift((), known_by, settings, draws=DRAWS, rng=rng), estimated, source_run)


def _listed(days: Mapping[int, Drift]) -> str:
    *first, last = map(str, sorted(days))
    return f"{', '.join(first)} and {last}" if first else last
