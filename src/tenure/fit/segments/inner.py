"""Integrate out the effects of one segment, at many points of the population's parameters at once.

Effects are standardised: a quantity's coordinate in a segment is the population's plus its spread times z, and z is
standard normal. Arrays have one row for each point.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import logsumexp

from tenure.kernel_table import Floats

from .expansion import Likelihood

STEP = 1e-4  # of the differences of exact gradients that give a Hessian
FLATTEST = 0.1  # least curvature of a Newton step; that of the prior alone is 1
CLOSE = 1e-3  # expected rise of the log-density at which Newton's method stops; the rest is in the integral
MOST_STEPS, MOST_HALVINGS = 25, 8


@dataclass(frozen=True)
class Segment:
    """The likelihood of one segment.

    Args:
        part: the log-likelihood of its customers.
        places: of the quantities that vary, among the coordinates.
        histories: of its customers, distinct ones.
    """

    part: Likelihood
    places: tuple[int, ...]
    histories: int

    def log_density(self, u: Floats, spreads: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Compute the log-density of z given the population, without its constant, and its gradient in z."""
        rows, places = u.copy(), list(self.places)
        rows[:, places] += spreads * z
        values, slopes = self.part.likelihoods(rows)
        return values - 0.5 * (z**2).sum(axis=1), slopes[:, places] * spreads - z


@dataclass(frozen=True)
class Inner:
    """The effects of one segment given the population, approximated by a normal distribution.

    Args:
        log_integral: of the segment's likelihood over its effects, by Laplace's method.
        mode: most probable effects z, shape (points, effects).
        factor: z = mode + factor x has the curvature of x, a standard normal; shape (points, effects, effects).
    """

    log_integral: Floats
    mode: Floats
    factor: Floats


def integrate(segment: Segment, u: Floats, spreads: Floats, start: Floats) -> Inner:
    """Find the most probable effects by Newton's method, and integrate by Laplace's."""
    z = start.copy()
    value, slope = segment.log_density(u, spreads, z)
    far = ~np.isfinite(value)
    if far.any():
        z[far] = 0.0
        value[far], slope[far] = segment.log_density(u[far], spreads[far], z[far])
    possible = np.isfinite(value)
    value[~possible], slope[~possible] = -np.inf, 0.0
    factor = np.broadcast_to(np.eye(z.shape[1]), (*z.shape, z.shape[1])).copy()
    step, rise, open_rows = np.zeros_like(z), np.zeros(len(z)), np.flatnonzero(possible)
    for _ in range(MOST_STEPS):
        factor[open_rows] = _whiten(_curvature(segment, u, spreads, z, slope, open_rows))
        whitened = (factor[open_rows] * slope[open_rows, :, None]).sum(axis=1)
        step[open_rows] = (factor[open_rows] * whitened[:, None, :]).sum(axis=2)
        rise[open_rows] = 0.5 * (whitened**2).sum(axis=1)
        open_rows = open_rows[rise[open_rows] > CLOSE]
        if not open_rows.size:
            break
        _climb(segment, u, spreads, z, value, slope, step, open_rows)
        step[open_rows], rise[open_rows] = 0.0, 0.0
    return Inner(value + rise + _log_volume(factor), z + step, factor)


def _curvature(
    segment: Segment, u: Floats, spreads: Floats, z: Floats, slope: Floats, rows: "np.ndarray"
) -> Floats:  # fmt: skip
    """Compute the curvature at some rows from differences of gradients; that of the prior where it is not finite."""
    size = z.shape[1]
    matrix = np.empty((rows.size, size, size))
    for j in range(size):
        moved = z[rows]
        moved[:, j] += STEP
        matrix[:, :, j] = (slope[rows] - segment.log_density(u[rows], spreads[rows], moved)[1]) / STEP
    matrix = 0.5 * (matrix + matrix.transpose(0, 2, 1))
    matrix[~np.isfinite(matrix).all(axis=(1, 2))] = np.eye(size)
    return matrix


def _whiten(curvature: Floats) -> Floats:
    """Return factors F with F F' = the inverse of curvatures, whose least eigenvalues are lifted."""
    values, vectors = _eigen(curvature)
    return np.asarray(vectors / np.sqrt(np.maximum(values, FLATTEST))[:, None, :])


def _eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues and vectors; in closed form for up to two effects, which takes a tenth of the time."""
    if matrix.shape[1] == 1:
        return matrix[:, 0], np.ones_like(matrix)
    if matrix.shape[1] > 2:
        return np.linalg.eigh(matrix)
    middle = 0.5 * (matrix[:, 0, 0] + matrix[:, 1, 1])
    half, other = 0.5 * (matrix[:, 0, 0] - matrix[:, 1, 1]), matrix[:, 0, 1]
    distance, angle = np.hypot(half, other), 0.5 * np.arctan2(other, half)
    values, cosine, sine = np.column_stack([middle + distance, middle - distance]), np.cos(angle), np.sin(angle)
    return values, np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)


def _log_volume(factor: Floats) -> Floats:
    return np.asarray(np.linalg.slogdet(factor)[1])


def _climb(
    segment: Segment, u: Floats, spreads: Floats, z: Floats, value: Floats, slope: Floats, step: Floats,
    rows: "np.ndarray",
) -> None:  # fmt: skip
    """Move some rows by their steps, or by the half of them and so on until the density rises."""
    scale = 1.0
    for _ in range(MOST_HALVINGS):
        trial = z[rows] + scale * step[rows]
        new_value, new_slope = segment.log_density(u[rows], spreads[rows], trial)
        is_higher = new_value > value[rows]
        better = rows[is_higher]
        z[better], value[better], slope[better] = trial[is_higher], new_value[is_higher], new_slope[is_higher]
        rows = rows[~is_higher]
        if not rows.size:
            return
        scale *= 0.5


def quadrature(segment: Segment, u: Floats, spreads: Floats, inner: Inner, nodes: int) -> Floats:
    """Integrate by Gauss-Hermite quadrature around the mode with so many nodes for each effect."""
    terms = np.array([term for _, term in _terms(segment, u, spreads, inner, nodes)])
    top, size = terms.max(axis=0), inner.mode.shape[1]
    with np.errstate(invalid="ignore"):
        total = top + np.log(np.exp(terms - top).sum(axis=0)) + _log_volume(inner.factor)
    total -= 0.5 * size * math.log(math.pi)
    return np.where(np.isfinite(inner.log_integral), total, -np.inf)


def mean_ratio(
    exact: Segment, evaluated: Segment, u: Floats, spreads: Floats, inner: Inner, nodes: int
) -> tuple[Floats, float]:
    """Compute the log of the mean ratio of a density to another over the latter's effects, by quadrature.

    Returns it by point, and the root mean square over all points of the standard deviation of the log-ratio.
    """
    both = []
    for z, base in _nodes(inner, nodes):
        both.append([base + of.log_density(u, spreads, z)[0] for of in (exact, evaluated)])
    of_exact, of_evaluated = np.array(both).transpose(1, 0, 2)
    total = logsumexp(of_evaluated, axis=0)
    weights = np.exp(of_evaluated - total)
    with np.errstate(invalid="ignore"):  # where both are zero, so is the weight
        near = np.where(weights > 0.0, of_exact - of_evaluated, 0.0)  # far away a ratio may be infinite
    spread = (weights * (near - (weights * near).sum(axis=0)) ** 2).sum(axis=0)
    return np.asarray(logsumexp(of_exact, axis=0) - total), float(np.sqrt(spread.mean()))


def _terms(
    segment: Segment, u: Floats, spreads: Floats, inner: Inner, nodes: int
) -> Iterator[tuple[Floats, Floats]]:  # fmt: skip
    """Yield the effects at each node, and the logs of the density there times its weight."""
    for z, base in _nodes(inner, nodes):
        yield z, segment.log_density(u, spreads, z)[0] + base


def _nodes(inner: Inner, nodes: int) -> Iterator[tuple[Floats, float]]:
    """Yield the effects at each node, and the log of its weight."""
    x, log_weights = _grid(nodes, inner.mode.shape[1])
    for place, log_weight in zip(x, log_weights, strict=True):
        yield inner.mode + math.sqrt(2.0) * (inner.factor @ place), float(place @ place + log_weight)


def _grid(nodes: int, size: int) -> tuple[Floats, Floats]:
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    x = np.array(list(product(points, repeat=size)))
    log_weights = np.array([sum(row) for row in product(np.log(weights), repeat=size)])
    return x, log_weights


def propose(inner: Inner, degrees: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw effects from a multivariate t around the mode; return them and their log-density, without its constant."""
    points, size = inner.mode.shape
    x = rng.standard_normal((points, size)) * np.sqrt(degrees / rng.chisquare(degrees, (points, 1)))
    z = inner.mode + (inner.factor @ x[:, :, None])[:, :, 0]
    return z, -0.5 * (degrees + size) * np.log1p((x**2).sum(axis=1) / degrees)
