"""Draw the population's parameters and the spreads: find the mode without gradients, then sample by importance."""

from dataclasses import dataclass, replace

import numpy as np

from tenure.fit.importance import Densities, ImportanceDraws, importance_sample
from tenure.fit.mode import Mode, ModeError, find_mode
from tenure.fit.pareto import LIMIT
from tenure.fit.target import Target
from tenure.kernel_table import Floats

from .centred import Centred
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
class Outer:
    """Draws of a segmented target's coordinates, and the target with starts that suit them."""

    target: SegmentedTarget
    draws: ImportanceDraws


def sample_outer(target: SegmentedTarget, pooled: Target, *, draws: int, rng: np.random.Generator) -> Outer:
    """Draw the coordinates: find the mode, adapt the proposal to samples around it, and sample again."""
    centred, mode = _find(target, find_mode(pooled))
    centred = replace(centred, target=_with_starts(centred, mode, rng))
    mode = _adapt(centred, mode, rng)
    for _ in range(MOST_SAMPLES):
        sampled = importance_sample(centred, mode, draws=draws, oversample=1, rng=rng)
        if sampled.khat <= LIMIT:
            break
        mode = Mode(sampled.u.mean(axis=0), WIDER * _factor(np.cov(sampled.u.T)), mode.log_density)
    return Outer(centred.target, replace(sampled, u=centred.restore(sampled.u)))


def _adapt(centred: Centred, mode: Mode, rng: np.random.Generator) -> Mode:
    """Return the centre and the scales of samples, each drawn around those of the one before, until one is good."""
    for _ in range(MOST_PILOTS):
        pilot = importance_sample(centred, mode, draws=PILOT, oversample=1, rng=rng)
        mode = Mode(pilot.u.mean(axis=0), _factor(np.cov(pilot.u.T)), mode.log_density)
        if pilot.effective >= GOOD_PILOT * PILOT:
            break
    return mode


def _factor(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 1e-12)))


def _find(target: SegmentedTarget, pooled: Mode) -> tuple[Centred, Mode]:
    """Find the mode in standardised coordinates; they are renewed once, where the first search ended."""
    u = np.concatenate([pooled.point, np.full(target.effects, np.log(FIRST_SPREAD))])
    scales = np.concatenate([np.sqrt((pooled.factor**2).sum(axis=1)), np.full(target.effects, 0.5)])
    scales[target.places] = 1.0
    factor = np.diag(scales)
    for _ in range(2):
        target = _restart(target, u)
        centred = Centred.around(target, u)
        mode = climb(centred, centred.standardise(u[None])[0], factor)
        u, factor = centred.restore(mode.point[None])[0], mode.factor
    return centred, mode


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
