"""Coordinates in which NUTS does not meet a corner.

Mean spends over about x purchases per customer determine within^2 / x + between^2, the variation of means, well. They
determine its parts poorly when all customers have about the same x: the posterior is then an L in the logs of the two
parts. In t = log(within^2 / x + between^2) / 2 and s = log(within / between) it is a band along s.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from tenure.kernel_table import Floats

from .target import Target


class Density(Protocol):
    """What a search or a sampler needs of a target."""

    @property
    def kind(self) -> str:
        """Return which model it is, for messages."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the coordinates."""

    def density(self, u: Floats) -> tuple[float, Floats]:
        """Compute the log-density, up to a constant, and its gradient, shape (coordinates,)."""


@dataclass(frozen=True)
class Straightened:
    """A target in t and s in place of its spec's `ridge`. The change of variables has the determinant 1.

    Args:
        target: in its own coordinates.
        within: place of log(within) among the coordinates, and of t.
        between: place of log(between), and of s.
        log_x: log of the typical number of purchases of a customer.
    """

    target: Target
    within: int
    between: int
    log_x: float

    @property
    def kind(self) -> str:
        """Return which model it is, for messages."""
        return self.target.kind

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the target's coordinates."""
        return self.target.names

    def density(self, u: Floats) -> tuple[float, Floats]:
        """Compute the log-density, up to a constant, and its gradient, shape (coordinates,)."""
        value, gradient = self.target.density(self.restore(u))
        share = 1.0 / (1.0 + math.exp(min(self.log_x - 2.0 * u[self.between], 700.0)))  # of within^2 / x in the whole
        within, between = gradient[self.within], gradient[self.between]
        gradient[self.within] = within + between
        gradient[self.between] = (1.0 - share) * within - share * between
        return value, gradient

    def restore(self, u: Floats) -> Floats:
        """Compute the target's coordinates, shape (..., coordinates)."""
        t, s = u[..., self.within], u[..., self.between]
        log_between = t - 0.5 * np.logaddexp(0.0, 2.0 * s - self.log_x)
        restored = u.copy()
        restored[..., self.within], restored[..., self.between] = log_between + s, log_between
        return restored


def straighten(target: Target) -> Target | Straightened:
    """Return the target in coordinates without a corner; itself where its model has none."""
    if not target.spec.ridge:
        return target
    within, between = (target.names.index(name) for name in target.spec.ridge)
    return Straightened(target, within, between, math.log(cast(Any, target.table).typical_x))
