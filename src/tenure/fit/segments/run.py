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
from tenure.streams import stream

from .effects import draw_effects, inner_error
from .outer import sample_outer
from .target import SegmentedTarget

LEAST_EFFECTIVE = 0.1  # effective draws as a share
LARGEST_ERROR = 0.5  # of the integrals, in nats
MORE_NODES = (1, 5)  # of the quadrature, until the error is small
FARTHEST = 30.0  # of an effect: beyond, a parameter would leave the bounds of the scorer


class SegmentsError(InputError):
    """Segments that cannot be fitted."""

    reason = Reason.FIT_FAILED


@dataclass(frozen=True)
class SegmentedFit:
    """A model's posterior with segments.

    Args:
        target: the density of the population's coordinates and the spreads.
        sample: draws of these.
        error: of the integrals, in nats.
        seconds: how long it took.
    """

    target: SegmentedTarget
    sample: ImportanceDraws
    error: float
    seconds: float

    @property
    def numbers(self) -> dict[str, float]:
        """List the diagnostics."""
        effective, draws = self.sample.effective, len(self.sample.u)
        return {
            "proposal_khat": self.sample.khat,
            "effective_draws": effective,
            "relative_ess": effective / draws,
            "segments": float(len(self.target.segments)),
            "segments_inner_error": self.error,
            "segments_nodes": float(self.target.nodes),
            "sampling_seconds": self.seconds,
            "ess_per_second": effective / self.seconds,
        }


def fit_segments(target: SegmentedTarget, pooled: Target, *, draws: int, seed: int) -> SegmentedFit:
    """Draw the population's parameters and the spreads; `pooled` is the target without segments."""
    start = time.perf_counter()
    for nodes in MORE_NODES:
        outer = sample_outer(replace(target, nodes=nodes), pooled, draws=draws, rng=stream(seed, "fit.segments"))
        error = inner_error(outer.target, outer.draws.u)
        if error < LARGEST_ERROR:
            break
    _refuse(pooled.kind, outer.draws, error)
    return SegmentedFit(outer.target, outer.draws, error, time.perf_counter() - start)


def _refuse(kind: str, sample: ImportanceDraws, error: float) -> None:
    """Raise SegmentsError for draws that one of the two certificates refuses."""
    faults = []
    if not sample.khat <= LIMIT:
        faults.append(f"k-hat of the importance weights is {sample.khat:.2f}, above {LIMIT}")
    share = sample.effective / len(sample.u)
    if share < LEAST_EFFECTIVE:
        faults.append(f"the draws are worth {share:.0%} of independent ones, less than {LEAST_EFFECTIVE:.0%}")
    if not error < LARGEST_ERROR:
        faults.append(f"the integrals over segments have an error of {error:.2f}, above {LARGEST_ERROR}")
    if faults:
        raise SegmentsError(
            f"The segments of the model of {kind} cannot be fitted reliably: {'; '.join(faults)}. Take more customers, "
            "merge small segments, or fit without fit.segments."
        )


def all_effects(target: SegmentedTarget, u: Floats, parts: Sequence[Target], seed: int) -> dict[str, Floats]:
    """Draw the effects of all segments, by quantity, at rows of coordinates: shape (segments + 1, rows).

    Those of a segment without data are drawn from the spreads, and so are those of a new one, the last.
    """
    _, spreads = target.split(u)
    estimated = iter(draw_effects(target, u, seed))
    rng = stream(seed, "fit.segments.new")
    each = [rng.standard_normal(spreads.shape) * spreads if part.is_empty else next(estimated) for part in parts]
    each.append(rng.standard_normal(spreads.shape) * spreads)
    clipped = np.clip(np.array(each), -FARTHEST, FARTHEST)
    return {name: np.ascontiguousarray(clipped[:, :, at]) for at, name in enumerate(target.spec.segment_effects)}
