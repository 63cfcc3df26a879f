"""Draw each segment's effects given the population's parameters and the spreads, and measure the inner error."""

from functools import partial

import numpy as np

from tenure.kernel_table import Floats
from tenure.streams import stream

from .inner import Inner, Segment, propose, quadrature
from .target import SegmentedTarget

DEGREES = 7.0
CANDIDATES = 6
CHECKED = 64  # draws of the outer coordinates at which the integrals are compared
NODES = 9  # for each effect, of the integral that is compared with


def draw_effects(target: SegmentedTarget, u: Floats, seed: int) -> list[Floats]:
    """Draw the effects of each segment with data, in units of the coordinates, shape (draws, effects) each.

    Of a few proposals around the mode one is taken in proportion to its weight.
    """
    population, spreads = target.split(u)

    def draw(at: int) -> Floats:
        inner = target.integral(at, u)
        rng = stream(seed, "fit.segments.effects", at)
        return _resample(target.segments[at], population, spreads, inner, rng) * spreads

    return target.for_each(draw)


def _resample(segment: Segment, u: Floats, spreads: Floats, inner: Inner, rng: np.random.Generator) -> Floats:
    """Return one z for each row, by sampling-importance-resampling; Gumbel's trick chooses it."""
    best, chosen = np.full(len(u), -np.inf), inner.mode.copy()
    for _ in range(CANDIDATES):
        z, log_proposal = propose(inner, DEGREES, rng)
        score = segment.log_density(u, spreads, z)[0] - log_proposal + rng.gumbel(size=len(u))
        is_better = score > best
        chosen[is_better], best[is_better] = z[is_better], score[is_better]
    return chosen


def inner_error(target: SegmentedTarget, u: Floats) -> float:
    """Compute the error of Laplace's integrals: standard deviation over some draws, in nats, of all segments' sum.

    A constant error would change no weight.
    """
    some = u[np.linspace(0, len(u) - 1, min(CHECKED, len(u))).astype(int)]
    return float(np.std(sum(target.for_each(partial(_difference, target, some)))))


def _difference(target: SegmentedTarget, u: Floats, at: int) -> Floats:
    population, spreads = target.split(u)
    inner = target.integral(at, u)
    return np.asarray(quadrature(target.segments[at], population, spreads, inner, NODES) - inner.log_integral)
