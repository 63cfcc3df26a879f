"""Fit one model with segments."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tenure.errors import InputError, Reason
from tenure.fit.importance import ImportanceDraws
from tenure.fit.pareto import LIMIT
from tenure.fit.target import Target
from tenure.kernel_table import Floats
from tenure.settings import PriorSettings
from tenure.streams import stream

from .effects import draw_effects, inner_error
from .outer import sample_outer
from .target import SegmentedTarget

LARGEST_ERROR = 0.5  # of the integrals, in nats
MORE_NODES = (1, 5)  # of the quadrature, until the error is small


class SegmentsError(InputError):
    """Segments that cannot be fitted."""

    reason = Reason.FIT_FAILED


@dataclass(frozen=True)
class SegmentedFit:
    """A model's posterior with segments.

    Args:
        target: the density of the population's coordinates and the spreads.
        sample: draws of these.
        segments: draws of the effects, shape (segments + 1, effects, draws).
        error: of the integrals, in nats.
        nodes: of the quadrature.
        seconds: how long it took.
    """

    target: SegmentedTarget
    sample: ImportanceDraws
    effects: Floats
    error: float
    seconds: float


def fit_segments(
    pooled: Target, parts: Sequence[Target], spread_prior: PriorSettings, *, draws: int, seed: int
) -> SegmentedFit:
    """Fit a model to customers of all segments (`pooled`) and of each (`parts`)."""
    start = time.perf_counter()
    target, error = SegmentedTarget.of(pooled, parts, spread_prior), np.inf
    for nodes in MORE_NODES:
        outer = sample_outer(replace(target, nodes=nodes), pooled, draws=draws, rng=stream(seed, "fit.segments"))
        error = inner_error(outer.target, outer.draws.u)
        if error < LARGEST_ERROR:
            break
    _refuse(pooled.kind, outer.draws, error)
    effects = _all_effects(outer.target, outer.draws.u, parts, seed)
    return SegmentedFit(outer.target, outer.draws, effects, error, time.perf_counter() - start)


def _refuse(kind: str, sample: ImportanceDraws, error: float) -> None:
    faults = []
    if not sample.khat <= LIMIT:
        faults.append(f"k-hat of the importance weights is {sample.khat:.2f}, above {LIMIT}")
    if not error < LARGEST_ERROR:
        faults.append(f"the integrals over segments have an error of {error:.2f}, above {LARGEST_ERROR}")
    if faults:
        raise SegmentsError(
            f"The segments of the model of {kind} cannot be fitted reliably: {'; '.join(faults)}. Merge small segments, "
            "take narrower priors, or fit without fit.segments."
        )


def _all_effects(target: SegmentedTarget, u: Floats, parts: Sequence[Target], seed: int) -> Floats:
    """Return the effects of all segments in order, of those without data and of a new one too."""
    _, spreads = target.split(u)
    estimated = iter(draw_effects(target, u, seed))
    rng = stream(seed, "fit.segments.new")
    each = [rng.standard_normal(spreads.shape) * spreads if part.is_empty else next(estimated) for part in parts]
    each.append(rng.standard_normal(spreads.shape) * spreads)
    return np.array(each).transpose(0, 2, 1)
