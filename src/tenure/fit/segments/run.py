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

from .effects import draw_effects, inner_errors
from .outer import Proposal, find_proposal, sample_outer
from .target import SegmentedTarget

LEAST_EFFECTIVE = 0.1  # effective draws as a share
LARGEST_ERROR = 0.5  # of the integrals, in nats
LARGEST_EFFECTS_ERROR = 0.1  # of the log-density of a segment's effects: a tenth of a standard deviation at most
MORE_NODES = (1, 3, 7)  # of the quadrature, until the error is small
# Histories of all segments, from which on polynomials take less time; of fewer customers, the posterior is so wide that
# polynomials are less exact.
MANY = 2000
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
        effects_error: of the densities that effects are drawn from, in nats.
        seconds: how long it took.
    """

    target: SegmentedTarget
    sample: ImportanceDraws
    error: float
    effects_error: float
    seconds: float = 0.0

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
            "segments_effects_error": self.effects_error,
            "segments_nodes": float(self.target.nodes),
            "segments_expanded": float(bool(self.target.evaluated)),
            "sampling_seconds": self.seconds,
            "ess_per_second": effective / self.seconds,
        }


def fit_segments(target: SegmentedTarget, pooled: Target, *, draws: int, seed: int) -> SegmentedFit:
    """Draw the population's parameters and the spreads; `pooled` is the target without segments.

    Of many customers, polynomials are in place of the likelihoods; where they are not good enough, the likelihoods
    themselves.
    """
    start, is_large = time.perf_counter(), target.histories >= MANY
    for is_expanded in (True, False) if is_large else (False,):
        rng = stream(seed, "fit.segments")
        fit = _sample(find_proposal(target, pooled, rng=rng, is_expanded=is_expanded), draws, rng)
        faults = _faults(fit)
        if not faults:
            return replace(fit, seconds=time.perf_counter() - start)
    raise SegmentsError(
        f"The segments of the model of {pooled.kind} cannot be fitted reliably: {'; '.join(faults)}. Take more "
        "customers, merge small segments, or fit without fit.segments."
    )


def _sample(proposal: Proposal, draws: int, rng: np.random.Generator) -> SegmentedFit:
    for nodes in MORE_NODES:
        outer = sample_outer(proposal, draws=draws, rng=rng, nodes=nodes)
        error, of_effects = inner_errors(outer.target, outer.draws.u)
        if error < LARGEST_ERROR:
            break
    return SegmentedFit(outer.target, outer.draws, error, of_effects)


def _faults(fit: SegmentedFit) -> list[str]:
    """Return why draws are not reliable; empty where they are."""
    faults, share = [], fit.sample.effective / len(fit.sample.u)
    if not fit.sample.khat <= LIMIT:
        faults.append(f"k-hat of the importance weights is {fit.sample.khat:.2f}, above {LIMIT}")
    if share < LEAST_EFFECTIVE:
        faults.append(f"the draws are worth {share:.0%} of independent ones, less than {LEAST_EFFECTIVE:.0%}")
    if not fit.error < LARGEST_ERROR:
        faults.append(f"the integrals over segments have an error of {fit.error:.2f}, above {LARGEST_ERROR}")
    if not fit.effects_error < LARGEST_EFFECTS_ERROR:
        faults.append(f"effects have an error of {fit.effects_error:.2f}, above {LARGEST_EFFECTS_ERROR}")
    return faults


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
