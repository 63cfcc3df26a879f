"""The drifts of a model's totals over any horizon: estimated over some, the prior's over the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from typing import Any

import numpy as np

from tenure import paths
from tenure.outcomes import OUTCOMES
from tenure.record import Record
from tenure.settings import DriftSettings
from tenure.streams import stream

from .drift import ASSUMED, DRAWS, ESTIMATED, Drift, estimate_drift, is_near
from .past_errors import PastError, PastErrorsError


@dataclass(frozen=True)
class Drifts:
    """The drift of each outcome over any horizon; it contains draws and numbers of days, no customer and no date.

    A drift estimated over one horizon does not apply to another: over longer ones seasons cancel and drift
    accumulates. Over other horizons the drift is the prior's, and `source` reports it.

    Args:
        assumed: the prior's drift.
        estimated: by outcome, by horizon in days.
        source_run: the backtest whose past errors were used; None where none was named.
    """

    assumed: Drift
    estimated: Mapping[str, Mapping[int, Drift]] = field(default_factory=dict)
    source_run: str | None = None

    def __post_init__(self) -> None:
        sources = {drift.source for by_days in self.estimated.values() for drift in by_days.values()}
        if set(self.estimated) - set(OUTCOMES) or sources - {ESTIMATED}:
            raise PastErrorsError(
                f"Drifts must be estimated ones of {', '.join(OUTCOMES)}, besides the prior's: {self.estimated}."
            )

    def over(self, outcome: str, horizon_days: int) -> Drift:
        """Return the drift estimated over the horizon, or one within a tenth of it; else the prior's."""
        by_days = self.estimated.get(outcome, {})
        near = [days for days in by_days if is_near(days, horizon_days)]
        return by_days[min(near, key=lambda days: abs(days - horizon_days))] if near else self.assumed

    def source(self, horizon_days: int) -> str:
        """Return a text on where the drifts over a horizon come from."""
        sources = {outcome: self._source(outcome, horizon_days) for outcome in OUTCOMES}
        if len(set(sources.values())) == 1:
            return sources[OUTCOMES[0]]
        return "; ".join(f"{outcome}: {source}" for outcome, source in sources.items())

    def _source(self, outcome: str, horizon_days: int) -> str:
        drift = self.over(outcome, horizon_days)
        by_days = self.estimated.get(outcome, {})
        if drift is self.assumed:
            return ASSUMED + (f" (estimated over {_listed(by_days)} days only)" if by_days else "")
        (days,) = (days for days, one in by_days.items() if one is drift)
        return f"{ESTIMATED} over {days} days, {drift.periods:.1f} periods"

    def save(self, path: str | PathLike[str]) -> None:
        """Write the drifts as `.npz`: arrays of draws and a JSON text."""
        named = {
            f"{outcome}.{days}": drift for outcome, by_days in self.estimated.items() for days, drift in by_days.items()
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
        """Read what `save` wrote; pickled content raises an error."""
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ("about", "assumed") if name not in file.files]
            if missing:
                raise PastErrorsError(f"{path} is not a file of drifts: it lacks {', '.join(missing)}.")
            about = json.loads(str(file["about"]))
            estimated: dict[str, dict[int, Drift]] = {}
            for name, periods in about["periods"].items():
                outcome, _, days = name.partition(".")
                estimated.setdefault(outcome, {})[int(days)] = Drift(file[name], ESTIMATED, periods)
            return cls(Drift(file["assumed"], ASSUMED, about["assumed_periods"]), estimated, about["source_run"])


def estimate_drifts(
    past_errors: Mapping[str, Sequence[PastError]],
    until: date,
    settings: DriftSettings,
    *,
    source_run: str | None = None,
    seed: int,
) -> Drifts:
    """Estimate the drifts over each horizon of the past errors whose holdouts ended by a day.

    Args:
        past_errors: by outcome, of all horizons.
        until: the last day that a holdout may contain.
        settings: the prior, and how many periods an estimate needs.
        source_run: the run that the past errors come from.
        seed: of the draws.
    """
    rng = stream(seed, "backtest.drifts")
    estimated: dict[str, dict[int, Drift]] = {}
    for outcome, past in past_errors.items():
        for days in sorted({one.horizon_days for one in past}):
            over = [one for one in past if one.horizon_days == days]
            drift = estimate_drift(over, until, settings, draws=DRAWS, rng=rng)
            if drift.source == ESTIMATED:
                estimated.setdefault(outcome, {})[days] = drift
    return Drifts(estimate_drift((), until, settings, draws=DRAWS, rng=rng), estimated, source_run)


def _listed(days: Mapping[int, Drift]) -> str:
    *first, last = map(str, sorted(days))
    return f"{', '.join(first)} and {last}" if first else last
