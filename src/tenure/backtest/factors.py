"""The factors of a model's totals over any horizon: learnt over some, the prior's over the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from typing import Any

import numpy as np

from tenure.settings import DiscrepancySettings
from tenure.streams import stream

from .discrepancy import ASSUMED, DRAWS, LEARNT, Factor, Lesson, is_near, learn
from .errors import BacktestError
from .outcome import OUTCOMES


@dataclass(frozen=True)
class Factors:
    """What totals over any horizon are multiplied by; draws and numbers of days, no customer and no day of the log.

    What was learnt over one horizon is not said of another: over longer ones seasons cancel and drift adds up. There
    the prior speaks, and `source` says so.

    Args:
        assumed: the prior's factor.
        learnt: by outcome, by horizon in days.
        learnt_from: the backtest that taught; None where none was asked.
    """

    assumed: Factor
    learnt: Mapping[str, Mapping[int, Factor]] = field(default_factory=dict)
    learnt_from: str | None = None

    def __post_init__(self) -> None:
        known = [factor for by_days in self.learnt.values() for factor in by_days.values()]
        if set(self.learnt) - set(OUTCOMES) or {factor.source for factor in known} - {LEARNT}:
            raise BacktestError(f"Factors are learnt ones of {', '.join(OUTCOMES)}, beside the prior's: {self.learnt}.")

    def over(self, outcome: str, horizon_days: int) -> Factor:
        """Give the factor learnt over the horizon, or one within a tenth of it; the prior's where there is none."""
        known = self.learnt.get(outcome, {})
        near = [days for days in known if is_near(days, horizon_days)]
        return known[min(near, key=lambda days: abs(days - horizon_days))] if near else self.assumed

    def source(self, horizon_days: int) -> str:
        """Say where the factors over a horizon come from, in words."""
        said = {outcome: self._source(outcome, horizon_days) for outcome in OUTCOMES}
        if len(set(said.values())) == 1:
            return said[OUTCOMES[0]]
        return "; ".join(f"{outcome}: {words}" for outcome, words in said.items())

    def _source(self, outcome: str, horizon_days: int) -> str:
        factor = self.over(outcome, horizon_days)
        known = self.learnt.get(outcome, {})
        if factor is self.assumed:
            return ASSUMED + (f" (learnt over {_listed(known)} days only)" if known else "")
        (days,) = (days for days, one in known.items() if one is factor)
        return f"{LEARNT} over {days} days, {factor.periods:.1f} periods"

    def save(self, path: str | PathLike[str]) -> None:
        """Write the factors as `.npz`: arrays of draws and a JSON text."""
        named = {
            f"{outcome}.{days}": factor for outcome, known in self.learnt.items() for days, factor in known.items()
        }
        about = {
            "learnt_from": self.learnt_from,
            "assumed_periods": self.assumed.periods,
            "periods": {name: factor.periods for name, factor in named.items()},
        }
        arrays: dict[str, Any] = {name: factor.logs for name, factor in named.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, about=np.array(json.dumps(about)), assumed=self.assumed.logs, **arrays)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Factors":
        """Read what `save` wrote; pickled content is refused."""
        with np.load(path, allow_pickle=False) as file:
            lost = [name for name in ("about", "assumed") if name not in file.files]
            if lost:
                raise BacktestError(f"{path} is not a file of factors: it lacks {', '.join(lost)}.")
            about = json.loads(str(file["about"]))
            learnt: dict[str, dict[int, Factor]] = {}
            for name, periods in about["periods"].items():
                outcome, _, days = name.partition(".")
                learnt.setdefault(outcome, {})[int(days)] = Factor(file[name], LEARNT, periods)
            return cls(Factor(file["assumed"], ASSUMED, about["assumed_periods"]), learnt, about["learnt_from"])


def learn_factors(
    lessons: Mapping[str, Sequence[Lesson]],
    known_by: date,
    settings: DiscrepancySettings,
    *,
    learnt_from: str | None = None,
    seed: int,
) -> Factors:
    """Learn what the origins whose holdouts had ended by a day teach over each of their horizons.

    Args:
        lessons: by outcome, of all horizons.
        known_by: the last day that may have taught.
        settings: the prior, and how many periods it takes.
        learnt_from: the run that the lessons come from.
        seed: of the draws.
    """
    rng = stream(seed, "backtest.factors")
    learnt: dict[str, dict[int, Factor]] = {}
    for outcome, taught in lessons.items():
        for days in sorted({one.horizon_days for one in taught}):
            over = [one for one in taught if one.horizon_days == days]
            factor = learn(over, known_by, settings, draws=DRAWS, rng=rng)
            if factor.source == LEARNT:
                learnt.setdefault(outcome, {})[days] = factor
    return Factors(learn((), known_by, settings, draws=DRAWS, rng=rng), learnt, learnt_from)


def _listed(days: Mapping[int, Factor]) -> str:
    *first, last = map(str, sorted(days))
    return f"{', '.join(first)} and {last}" if first else last
