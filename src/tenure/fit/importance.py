"""Exact draws by importance sampling from the Laplace approximation.

Proposals are from a multivariate t around the mode, weights from the density itself. Pareto smoothing bounds the
largest weights, and its k-hat shows whether they are reliable. The result is draws of the posterior, not of the
approximation.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tenure.kernel_table import Floats

from .mode import Mode
from .pareto import smooth

DEGREES = 7.0  # of freedom of the proposal: tails heavy enough for the weights to be bounded in practice
OVERSAMPLE = 2


@dataclass(frozen=True)
class ImportanceDraws:
    """Draws in unconstrained coordinates, shape (draws, coordinates), with their diagnostics.

    `effective` is the number of independent draws that they are worth, which depends on how unequal the weights are
    and on how many proposals are taken more than once.
    """

    u: Floats
    khat: float
    effective: float


class Densities(Protocol):
    """A log-density at rows of coordinates."""

    def densities(self, u: Floats) -> Floats:
        """Compute the log-density at rows of coordinates."""


def importance_sample(
    target: Densities, mode: Mode, *, draws: int, rng: np.random.Generator, oversample: int = OVERSAMPLE
) -> ImportanceDraws:
    """Draw from the posterior: propose, weigh, smooth, resample."""
    proposed, size = oversample * draws, mode.point.size
    z = rng.standard_normal((proposed, size)) * np.sqrt(DEGREES / rng.chisquare(DEGREES, (proposed, 1)))
    u = mode.point + z @ mode.factor.T
    log_proposal = -0.5 * (DEGREES + size) * np.log1p((z**2).sum(axis=1) / DEGREES)
    log_weights = target.densities(u) - mode.log_density - log_proposal
    log_weights = np.maximum(log_weights, log_weights.max() - 700.0)
    khat = smooth(log_weights, 1.0)
    weights = np.exp(log_weights)
    # Systematic resampling: each proposal is taken in proportion to its weight, to within one.
    positions = (rng.random() + np.arange(draws)) / draws
    chosen = np.minimum(np.searchsorted(np.cumsum(weights), positions), proposed - 1)
    times = np.bincount(chosen, minlength=proposed)
    effective = min(1.0 / float(weights @ weights), draws**2 / float(times @ times))
    return ImportanceDraws(u[rng.permutation(chosen)], float(khat), effective)
