"""The density of the population's parameters and the spreads between segments, with the effects integrated out."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tenure.fit.target import Target
from tenure.kernel_table import Floats
from tenure.model_spec import Quantity, Spec
from tenure.settings import PriorSettings

from .inner import Inner, Segment, integrate, quadrature

SPREAD = "_spread"  # ends the name of a spread


@dataclass(frozen=True)
class Starts:
    """Where the search for a segment's effects starts: linear in the outer coordinates.

    Args:
        origin: the coordinates for which the constants are.
        coefficients: of the constant and of each coordinate less its origin, shape (segments, 1 + coordinates,
            effects).
    """

    origin: Floats
    coefficients: Floats

    @classmethod
    def at_zero(cls, coordinates: int, segments: int, effects: int) -> "Starts":
        """Return the starts of a search without a guess."""
        return cls(np.zeros(coordinates), np.zeros((segments, 1 + coordinates, effects)))

    @classmethod
    def constant(cls, origin: Floats, effects: Floats) -> "Starts":
        """Return the starts at effects that do not depend on the coordinates, shape (segments, effects)."""
        coefficients = np.zeros((len(effects), 1 + origin.size, effects.shape[1]))
        coefficients[:, 0] = effects
        return cls(origin, coefficients)

    def of(self, segment: int, u: Floats) -> Floats:
        """Return the start of one segment at rows of coordinates."""
        constant, slopes = self.coefficients[segment, 0], self.coefficients[segment, 1:]
        return np.asarray(constant + (u - self.origin) @ slopes)


@dataclass(frozen=True, kw_only=True)
class SegmentedTarget(Target):
    """The density of the population's coordinates, followed by the logs of the spreads.

    Args:
        segments: those with data.
        evaluated: the same, with polynomials in place of likelihoods; empty to evaluate `segments` themselves.
        starts: of the searches for effects.
        nodes: of the quadrature for each effect; 1 is Laplace's method.
    """

    segments: tuple[Segment, ...]
    starts: Starts
    evaluated: tuple[Segment, ...] = ()
    nodes: int = 1

    @classmethod
    def of(cls, pooled: Target, parts: Sequence[Target], spread_prior: PriorSettings) -> "SegmentedTarget":
        """Build the density of a model from the customers of all segments and of each."""
        varying = tuple(pooled.spec.segment_effects)
        places = tuple(pooled.names.index(name) for name in varying)
        spreads = {name + SPREAD: _spread_of(pooled.spec, name) for name in varying}
        spec = replace(pooled.spec, quantities={**pooled.spec.quantities, **spreads})
        priors = {**pooled.priors, **dict.fromkeys(spreads, spread_prior)}
        segments = tuple(Segment(part, places, part.table.count.size) for part in parts if not part.is_empty)
        starts = Starts.at_zero(len(spec.quantities), len(segments), len(varying))
        of_pooled = (pooled.kind, spec, pooled.likelihood, pooled.table, priors, pooled.scale)
        return cls(*of_pooled, segments=segments, starts=starts)

    def without_data(self) -> Self:
        """Return the target without its data and that of its segments."""
        return replace(super().without_data(), segments=(), evaluated=())

    @property
    def effects(self) -> int:
        """Count the quantities that vary between segments."""
        return len(self.spec.segment_effects)

    @property
    def histories(self) -> int:
        """Count the distinct histories of all segments."""
        return sum(one.histories for one in self.segments)

    @property
    def places(self) -> list[int]:
        """Return the places of those quantities among the coordinates."""
        return [self.names.index(name) for name in self.spec.segment_effects]

    def split(self, u: Floats) -> tuple[Floats, Floats]:
        """Split coordinates into the population's and the spreads."""
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(u[..., : -self.effects]), np.exp(u[..., -self.effects :])

    def density(self, u: Floats) -> tuple[float, Floats]:
        """Raise TypeError: the gradient of an integral is not at hand."""
        raise TypeError("A density whose segments are integrated out has no gradient.")

    def densities(self, u: Floats) -> Floats:
        """Compute the log-density at rows of coordinates, on all cores."""
        total: Floats = np.sum(self.for_each(lambda at: self.integral(at, u).log_integral), axis=0)
        return total + self.log_prior(u)

    def integrals(self, u: Floats) -> list[Inner]:
        """Integrate out each segment's effects at rows of coordinates."""
        return self.for_each(lambda at: self.integral(at, u))

    def integral(self, at: int, u: Floats) -> Inner:
        """Integrate out one segment's effects."""
        population, spreads = self.split(u)
        segment = self.segment(at)
        inner = integrate(segment, population, spreads, self.starts.of(at, u))
        if self.nodes == 1:
            return inner
        return replace(inner, log_integral=quadrature(segment, population, spreads, inner, self.nodes))

    def segment(self, at: int) -> Segment:
        """Return a segment as it is evaluated."""
        return self.evaluated[at] if self.evaluated else self.segments[at]

    def for_each[T](self, function: Callable[[int], T]) -> list[T]:
        """Return the results of a function of each segment's place, in order, on all cores."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        places, shares = range(len(self.segments)), range(cores)
        if cores == 1:
            return [function(at) for at in places]
        with ThreadPoolExecutor(cores) as pool:
            parts = list(pool.map(lambda first: [function(at) for at in places[first::cores]], shares))
        return [parts[at % cores][at // cores] for at in places]


def _spread_of(spec: Spec, name: str) -> Quantity:
    of = "log odds" if spec.quantities[name].is_share else "log"
    return Quantity(f"standard deviation between segments of the {of} of: {spec.quantities[name].label}")
