"""Draw each segment's effects given the population's parameters and the spreads, and measure the inner error."""

from functools import partial

import numpy as np

from tenure.kernel_table import Floats
from tenure.streams import stream

from .inner import Inner, Segment, mean_ratio, propose, quadrature
from .target import SegmentedTarget

DEGREES = 7.0
CANDIDATES = 6
CHECKED = 32  # draws of the outer coordinates at which the integrals are compared
NODES = 9  # for each effect, of the integral that is compared with
RATIO_NODES = 3  # of the mean ratio of the exact density to the evaluated one, which is nearly 1


def draw_effects(target: SegmentedTarget, u: Floats, seed: int) -> list[Floats]:
    """Draw the effects of each segment with data, in units of the coordinates, shape (draws, effects) each.

    Of a few proposals around the mode one is taken in proportion to its weight.
    """
    population, spreads = target.split(u)

    def draw(at: int) -> Floats:
        inner = target.integral(at, u)
        rng = stream(seed, "fit.segments.effects", at)
        return _resample(target.segment(at), population, spreads, inner, rng) * spreads

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


def inner_errors(target: SegmentedTarget, u: Floats) -> tuple[float, float]:
    """Compute the error of the integrals and that of the densities that effects are drawn from, in nats.

    The first is the standard deviation over some draws of all segments' sum: a constant error would change no weight.
    The second is that of one segment's log-density over its effects, of the segment where it is largest; zero unless
    polynomials are in place of likelihoods.
    """
    some = u[np.linspace(0, len(u) - 1, min(CHECKED, len(u))).astype(int)]
    integrals, densities = zip(*target.for_each(partial(_differences, target, some)), strict=True)
    return float(np.std(sum(integrals))), max(densities)


def _differences(target: SegmentedTarget, u: Floats, at: int) -> tuple[Floats, float]:
    population, spreads = target.split(u)
    inner, evaluated, exact = target.integral(at, u), target.segment(at), target.segments[at]
    integral = quadrature(evaluated, population, spreads, inner, NODES) - inner.log_integral
    if evaluated is exact:
        return integral, 0.0
    of_ratio, spread = mean_ratio(exact, evaluated, population, spreads, inner, RATIO_NODES)
    return integral + of_ratio, spread
