"""Outer coordinates in which the posterior has neither a funnel nor a long tail.

With few segments the population's quantity is as uncertain as the spread is large. Given the spread, the segments'
estimates determine its mean and its standard error, as in a random-effects meta-analysis (DerSimonian & Laird 1986,
Controlled Clinical Trials 7); the coordinate is the standardised difference from that mean.

A spread may be nearly zero, so its logarithm has an exponential tail to the left, which the tails of a proposal cover
badly. Below its mode the coordinate is stretched, so that this tail is as light as a normal one.
"""

from dataclasses import dataclass

import numpy as np

from tenure.kernel_table import Floats

from .target import SegmentedTarget

LEAST_CURVATURE = 0.04  # of a segment's likelihood: a standard error of 5 in a log is no information


@dataclass(frozen=True)
class Centred:
    """A segmented target in standardised coordinates.

    Args:
        target: in its own coordinates.
        estimates: each segment's own estimate of the quantities that vary, shape (segments, effects).
        variances: of the estimates, alike.
        knots: logs of the spreads below which the coordinates are stretched, shape (effects,).
    """

    target: SegmentedTarget
    estimates: Floats
    variances: Floats
    knots: Floats

    @classmethod
    def around(cls, target: SegmentedTarget, u: Floats) -> "Centred":
        """Estimate each segment by its curvature at one point."""
        population, spreads = target.split(u)
        estimates, variances = [], []
        for inner in target.integrals(u[None]):
            precision = np.linalg.inv(inner.factor[0] @ inner.factor[0].T) - np.eye(target.effects)
            values, vectors = np.linalg.eigh(precision / np.outer(spreads, spreads))
            covariance = (vectors / np.maximum(values, LEAST_CURVATURE)) @ vectors.T
            z = inner.mode[0]
            estimates.append(population[target.places] + spreads * z + covariance @ (z / spreads))
            variances.append(np.diag(covariance))
        return cls(target, np.array(estimates), np.array(variances), u[-target.effects :])

    def mean(self, spreads: Floats) -> tuple[Floats, Floats]:
        """Compute the population's quantities and their standard errors given the spreads, shape (rows, effects)."""
        weights = 1.0 / (self.variances + spreads[:, None, :] ** 2)
        total = weights.sum(axis=1)
        return (weights * self.estimates).sum(axis=1) / total, 1.0 / np.sqrt(total)

    def restore(self, v: Floats) -> Floats:
        """Compute the target's coordinates."""
        u, own = v.copy(), v[:, -self.target.effects :]
        u[:, -self.target.effects :] = self.knots + own - 0.5 * np.minimum(own, 0.0) ** 2
        mean, error = self.mean(np.exp(u[:, -self.target.effects :]))
        u[:, self.target.places] = mean + error * v[:, self.target.places]
        return u

    def standardise(self, u: Floats) -> Floats:
        """Compute these coordinates from the target's."""
        v, beyond = u.copy(), u[:, -self.target.effects :] - self.knots
        mean, error = self.mean(np.exp(u[:, -self.target.effects :]))
        v[:, self.target.places] = (u[:, self.target.places] - mean) / error
        below = 1.0 - np.sqrt(1.0 - 2.0 * np.minimum(beyond, 0.0))
        v[:, -self.target.effects :] = np.where(beyond < 0.0, below, beyond)
        return v

    def densities(self, v: Floats) -> Floats:
        """Compute the log-density at rows of coordinates."""
        u, own = self.restore(v), v[:, -self.target.effects :]
        _, error = self.mean(np.exp(u[:, -self.target.effects :]))
        stretch = 1.0 - np.minimum(own, 0.0)
        return np.asarray(self.target.densities(u) + (np.log(error) + np.log(stretch)).sum(axis=1))
