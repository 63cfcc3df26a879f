"""Draw the population's parameters and the spreads: find the mode without gradients, then sample by importance."""

from dataclasses import dataclass, replace

import numpy as np

from tenure.fit.importance import Densities, ImportanceDraws, importance_sample
from tenure.fit.mode import Mode, ModeError, find_mode
from tenure.fit.pareto import LIMIT
from tenure.fit.target import Target
from tenure.kernel_table import Floats

from .centred import Centred
from .expansion import expand
from .inner import Segment
from .target import SegmentedTarget, Starts

FIRST_SPREAD = 0.3
FLATTEST = 0.25  # curvature in coordinates whitened so far: a step at most doubles a standard deviation
LONGEST = 4.0  # of a step, in the same
SHORTER = (1.0, 0.5, 0.2, 0.05)
MOST_STEPS = 20
CLOSE = 0.02  # expected rise of the log-density at which the search ends: importance sampling corrects the rest
DESIGN = 12  # points for each coefficient of the linear starts
PILOT, MOST_PILOTS = 1000, 8
MOST_SAMPLES, WIDER = 4, 1.3  # where weights are unreliable, the next proposal is wider by this factor
GOOD_PILOT = 0.5  # effective draws of a pilot, as a share


@dataclass(frozen=True)
class Proposal:
    """A target in standardised coordinates, with starts that suit likely ones, and a proposal of them."""

    centred: Centred
    mode: Mode


@dataclass(frozen=True)
class Outer:
    """Draws of a segmented target's coordinates, and the target as it was evaluated."""

    target: SegmentedTarget
    draws: ImportanceDraws


def find_proposal(
    target: SegmentedTarget, pooled: Target, *, rng: np.random.Generator, is_expanded: bool
) -> Proposal:  # fmt: skip
    """Find the mode, and adapt the proposal to samples around it, each drawn around those before, until one is good.

    With `is_expanded`, polynomials are evaluated in place of likelihoods, and are fitted where the proposal is.
    """
    centred, mode = _find(target, find_mode(pooled), is_expanded)
    centred = replace(centred, target=_with_starts(centred, mode, rng))
    for _ in range(MOST_PILOTS):
        centred = _renewed(centred, mode)
        pilot = importance_sample(centred, mode, draws=PILOT, oversample=1, rng=rng)
        mode = Mode(pilot.u.mean(axis=0), _factor(np.cov(pilot.u.T)), mode.log_density)
        if pilot.effective >= GOOD_PILOT * PILOT:
            break
    return Proposal(_renewed(centred, mode), mode)


def _renewed(centred: Centred, mode: Mode) -> Centred:
    """Return the target with polynomials around other coordinates, if it has any."""
    if not centred.target.evaluated:
        return centred
    return replace(centred, target=expand_around(centred.target, centred.restore(_corners(mode))))


def sample_outer(proposal: Proposal, *, draws: int, rng: np.random.Generator, nodes: int) -> Outer:
    """Draw the coordinates, with the integrals over segments by some nodes."""
    mode, target = proposal.mode, replace(proposal.centred.target, nodes=nodes)
    centred = replace(proposal.centred, target=target)
    for _ in range(MOST_SAMPLES):
        sampled = importance_sample(centred, mode, draws=draws, oversample=1, rng=rng)
        if sampled.khat <= LIMIT:
            break
        mode = Mode(sampled.u.mean(axis=0), WIDER * _factor(np.cov(sampled.u.T)), mode.log_density)
    return Outer(target, replace(sampled, u=centred.restore(sampled.u)))


def _factor(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 1e-12)))


def _find(target: SegmentedTarget, pooled: Mode, is_expanded: bool) -> tuple[Centred, Mode]:
    """Find the mode in standardised coordinates; they are renewed once, where the first search ended."""
    u = np.concatenate([pooled.point, np.full(target.effects, np.log(FIRST_SPREAD))])
    scales = np.concatenate([np.sqrt((pooled.factor**2).sum(axis=1)), np.full(target.effects, 0.5)])
    factor, wide = np.diag(scales), scales.copy()
    factor[target.places, target.places] = 1.0
    wide[target.places] = np.hypot(scales[target.places], FIRST_SPREAD / np.sqrt(len(target.segments)))
    corners = _corners(Mode(u, np.diag(wide), 0.0))
    for _ in range(2):
        if is_expanded:
            target = expand_around(target, corners)
        target = _restart(target, u)
        centred = Centred.around(target, u)
        mode = climb(centred, centred.standardise(u[None])[0], factor)
        u, factor, corners = centred.restore(mode.point[None])[0], mode.factor, centred.restore(_corners(mode))
    return centred, mode


def _corners(mode: Mode) -> Floats:
    """Return points around a mode whose mean and covariance are those of the normal distribution there."""
    steps = np.sqrt(mode.point.size) * mode.factor.T
    return np.concatenate([mode.point + steps, mode.point - steps])


def expand_around(target: SegmentedTarget, corners: Floats) -> SegmentedTarget:
    """Return the target with polynomials in place of likelihoods, around the coordinates at some points."""
    population, spreads = target.split(corners)

    def expanded(at: int) -> Segment:
        inner, segment = target.integral(at, corners), target.segments[at]
        own, places = population.copy(), np.ix_(target.places, target.places)
        own[:, target.places] += spreads * inner.mode
        scaled = spreads[:, :, None] * inner.factor
        covariance = np.cov(own.T, ddof=0)
        covariance[places] += np.mean(scaled @ scaled.transpose(0, 2, 1), axis=0)
        return replace(segment, part=expand(segment.part, own.mean(axis=0), _factor(covariance)))

    return replace(target, evaluated=tuple(target.for_each(expanded)))


def _restart(target: SegmentedTarget, u: Floats) -> SegmentedTarget:
    """Return the target whose searches start at the effects at one point."""
    modes = [inner.mode[0] for inner in target.integrals(u[None])]
    return replace(target, starts=Starts.constant(u, np.array(modes)))


def climb(target: Densities, point: Floats, factor: Floats) -> Mode:
    """Find the mode by Newton steps over differences of one standard deviation.

    Such differences are not disturbed by rounding in the integrals. `factor` whitens roughly, and is renewed.
    """
    value = float(target.densities(point[None])[0])
    if not np.isfinite(value):
        raise ModeError("No mode of a model with segments was found: its density is not finite at the start.")
    for _ in range(MOST_STEPS):
        slope, curvature = _differences(target, point, factor, value)
        values, vectors = np.linalg.eigh(curvature)
        step = vectors @ ((vectors.T @ slope) / np.maximum(values, FLATTEST))
        step *= min(1.0, LONGEST / max(float(np.linalg.norm(step)), 1e-300))
        trials = point + np.outer(SHORTER, factor @ step)
        reached = target.densities(trials)
        factor = factor @ (vectors / np.sqrt(np.maximum(values, FLATTEST)))
        best = int(np.argmax(np.where(np.isfinite(reached), reached, -np.inf)))
        if not reached[best] > value:
            break
        rise, point, value = float(reached[best]) - value, trials[best], float(reached[best])
        if rise < CLOSE:
            break
    return Mode(point, factor, value)


def _differences(target: Densities, point: Floats, factor: Floats, value: float) -> tuple[Floats, Floats]:
    """Compute the slope and the curvature (the negative Hessian) in whitened coordinates."""
    size = point.size
    pairs = [(i, j) for i in range(size) for j in range(i)]
    unit = np.eye(size)
    rows = np.concatenate([unit, -unit, np.array([unit[i] + unit[j] for i, j in pairs]).reshape(-1, size)])
    reached = target.densities(point + rows @ factor.T)
    reached = np.where(np.isfinite(reached), reached, value - 50.0) - value
    up, down, both = reached[:size], reached[size : 2 * size], reached[2 * size :]
    curvature = np.diag(-(up + down))
    for (i, j), at in zip(pairs, both, strict=True):
        curvature[i, j] = curvature[j, i] = -(at - up[i] - up[j])
    # f(e_i + e_j) = f_i + f_j + H_ij: a difference of one step in each direction.
    return 0.5 * (up - down), curvature


def _with_starts(centred: Centred, mode: Mode, rng: np.random.Generator) -> SegmentedTarget:
    """Return the target whose searches start near the effects at any likely point: a regression on some of them."""
    target = centred.target
    z = rng.standard_normal((DESIGN * (1 + mode.point.size), mode.point.size))
    u = centred.restore(mode.point + z @ mode.factor.T)
    origin = u.mean(axis=0)
    design = np.column_stack([np.ones(len(u)), u - origin])
    effects = [np.linalg.lstsq(design, inner.mode, rcond=None)[0] for inner in target.integrals(u)]
    return replace(target, starts=Starts(origin, np.array(effects)))
