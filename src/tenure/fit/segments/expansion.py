"""Polynomials in place of the log-likelihoods of segments, which cost a thousandth of them.

Where the posterior has its mass, the log-likelihood of a segment is nearly a polynomial of a low degree in the few
coordinates that it depends on. The polynomial fits values and gradients at some points of that region by least squares.
The points are the same for all segments in coordinates that are standardised by segment, so one matrix serves all.
Outside the region the likelihood itself is evaluated. `effects.inner_errors` measures what the polynomials change.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tenure.caching import njit
from tenure.kernel_table import Floats
from tenure.streams import stream

DEGREE = 4
STRETCH = 1.3  # standard deviations of the points, in those of the posterior
EQUATIONS = 4  # for each coefficient
FARTHEST = 6.0  # standard deviations from the centre, where the region ends

type Places = NDArray[np.int64]


class Likelihood(Protocol):
    """The log-likelihood of a segment."""

    def likelihoods(self, u: Floats) -> tuple[Floats, Floats]:
        """Compute the log-likelihood at rows of coordinates, with its gradients."""


class Monomials(NamedTuple):
    """Monomials in order of their degree, each but the first, which is 1, a product of an earlier one and a variable.

    Attributes:
        parents: places of the earlier ones; that of the first is -1.
        variables: places of the variables.
    """

    parents: Places
    variables: Places


@lru_cache
def monomials(variables: int, degree: int = DEGREE) -> Monomials:
    """List the monomials of some variables up to a degree."""
    rows, level = [(-1, 0)], [0]
    for _ in range(degree):
        # The variables of a product never fall, so that it is there once.
        new = [(at, v) for at in level for v in range(rows[at][1] if rows[at][0] >= 0 else 0, variables)]
        level = list(range(len(rows), len(rows) + len(new)))
        rows += new
    return Monomials(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int64))


@njit(nogil=True)
def _evaluate(values, slopes, u, centre, inverse, farthest, coefficients, parents, variables):
    """Evaluate a polynomial at rows, and its gradient backwards through the products; NaN beyond the region."""
    size, terms = centre.size, coefficients.size
    w, slope, powers, shares = np.empty(size), np.empty(size), np.empty(terms), np.empty(terms)
    for i in range(u.shape[0]):
        distance = 0.0
        for j in range(size):
            w[j] = 0.0
            for k in range(size):
                w[j] += inverse[j, k] * (u[i, k] - centre[k])
            distance += w[j] * w[j]
        if not distance <= farthest * farthest:
            values[i] = np.nan
            continue
        powers[0], value = 1.0, coefficients[0]
        for m in range(1, terms):
            powers[m] = powers[parents[m]] * w[variables[m]]
            shares[m] = coefficients[m]
            value += coefficients[m] * powers[m]
        values[i] = value
        for j in range(size):
            slope[j] = 0.0
        shares[0] = 0.0
        for m in range(terms - 1, 0, -1):
            shares[parents[m]] += shares[m] * w[variables[m]]
            slope[variables[m]] += shares[m] * powers[parents[m]]
        for k in range(size):
            slopes[i, k] = 0.0
            for j in range(size):
                slopes[i, k] += slope[j] * inverse[j, k]


@dataclass(frozen=True)
class Expansion:
    """A polynomial in place of a segment's log-likelihood.

    Args:
        exact: the log-likelihood.
        centre: of the region.
        inverse: w = inverse (u - centre) are the standardised coordinates.
        coefficients: of the monomials of w.
    """

    exact: Likelihood
    centre: Floats
    inverse: Floats
    coefficients: Floats

    def likelihoods(self, u: Floats) -> tuple[Floats, Floats]:
        """Compute the log-likelihood at rows of coordinates, with its gradients: the exact one beyond the region."""
        values, slopes = np.empty(len(u)), np.empty(u.shape)
        form = monomials(self.centre.size)
        _evaluate(
            values, slopes, np.ascontiguousarray(u), self.centre, self.inverse, FARTHEST, self.coefficients, *form
        )
        beyond = np.isnan(values)
        if beyond.any():
            values[beyond], slopes[beyond] = self.exact.likelihoods(u[beyond])
        return values, slopes


def expand(exact: Likelihood, centre: Floats, factor: Floats) -> Likelihood:
    """Fit a polynomial around a centre, where `factor` whitens; the exact one where it is not finite at a point."""
    w, solve = _design(centre.size)
    values, slopes = exact.likelihoods(centre + w @ factor.T)
    right = np.concatenate([values, (slopes @ factor).T.ravel()])
    if not np.isfinite(right).all():
        return exact
    level = values.mean()  # large log-likelihoods would cancel
    right[: len(w)] -= level
    coefficients = solve @ right
    coefficients[0] += level
    return Expansion(exact, centre, np.asarray(np.linalg.inv(factor), np.float64), coefficients)


@lru_cache
def _design(variables: int) -> tuple[Floats, Floats]:
    """Return the points, shape (points, variables), and the matrix from values and slopes there to coefficients."""
    form = monomials(variables)
    points = EQUATIONS * len(form.parents) // (1 + variables)
    w = STRETCH * stream(0, "fit.segments.expansion").standard_normal((points, variables))
    columns = np.empty((points * (1 + variables), len(form.parents)))
    for m, unit in enumerate(np.eye(len(form.parents))):
        values, slopes = np.empty(points), np.empty((points, variables))
        _evaluate(values, slopes, w, np.zeros(variables), np.eye(variables), np.inf, unit, *form)
        columns[:, m] = np.concatenate([values, slopes.T.ravel()])
    return w, np.asarray(np.linalg.pinv(columns), np.float64)
