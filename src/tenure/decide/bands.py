"""Bands of joint futures, widened for the drift of totals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..settings import DriftSettings
from ..streams import stream
from ..totals import Drifts, estimate_drifts
from .futures import Floats
from .question import Question

BANDS = (0.5, 0.9)


@dataclass(frozen=True)
class Widening:
    """The factors that joint futures are multiplied by: one for all days of a future, as drift is common to them.

    Attributes:
        purchases, spend: factors, shape (futures,); at least as many as there are draws.
    """

    purchases: Floats
    spend: Floats

    @classmethod
    def of(cls, drifts: Drifts, horizon: int, draws: int, seed: int) -> "Widening":
        """Return the factors of a horizon."""
        return cls(*(_factors(drifts, outcome, horizon, draws, seed) for outcome in ("purchases", "spend")))

    @classmethod
    def none(cls, draws: int) -> "Widening":
        """Return factors that change nothing."""
        return cls(np.ones(draws), np.ones(draws))

    def futures(self, outcome: str, moved: Floats, fixed: Floats | float = 0.0) -> Floats:
        """Return futures of sums by draw, their last axis: `moved` times the factors, plus what drift does not move."""
        factors = getattr(self, outcome)
        shape = (*moved.shape[:-1], factors.size)
        repeated = np.resize(np.arange(moved.shape[-1]), factors.size)
        rest = np.broadcast_to(np.asarray(fixed, np.float64), moved.shape)[..., repeated]
        return np.asarray(np.broadcast_to(factors, shape) * moved[..., repeated] + rest)


def _factors(drifts: Drifts, outcome: str, horizon: int, draws: int, seed: int) -> Floats:
    logs = drifts.over(outcome, horizon).logs
    shuffled = stream(seed, "decide.drift", outcome).permutation(np.resize(logs, max(draws, logs.size)))
    with np.errstate(over="ignore"):  # a heavy tail may contain draws beyond any float, and beyond any interval
        return np.asarray(np.exp(shuffled))


def drifts_of(question: Question) -> Drifts:
    """Return the drifts of the model's totals, or those of the prior where it has none."""
    if question.drifts is not None:
        return question.drifts
    return estimate_drifts({}, question.days.end, DriftSettings(), seed=question.params.seed)


def quantiles(futures: Floats, levels: Sequence[float] = BANDS) -> Floats:
    """Return the ends of central intervals of the last axis, shape (2 levels, ...): low and high of each level."""
    places = [end for level in levels for end in ((1 - level) / 2, (1 + level) / 2)]
    return np.asarray(np.quantile(futures, places, axis=-1, method="inverted_cdf"))
