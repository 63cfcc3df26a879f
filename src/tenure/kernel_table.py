"""What the models' likelihoods share: arrays for compiled code, and how far coordinates may go."""

from dataclasses import dataclass, fields
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from .caching import njit

type Floats = NDArray[np.float64]
RELEASED = "The data of this fit were released after its diagnostics: fit again to evaluate its density."
FARTHEST = 300.0  # in any coordinate; beyond, exp would leave the doubles


@njit()
def are_positive(values):
    """Return whether all values are positive and finite."""
    are = True
    for value in values:
        are = are and 0.0 < value < np.inf
    return are


@njit()
def are_near(coordinates):
    """Return whether no coordinate is too far from 0, or missing."""
    are = True
    for value in coordinates:
        are = are and abs(value) <= FARTHEST
    return are


class HistoryTable(Protocol):
    """The table of a model's likelihood."""

    @property
    def count(self) -> Floats:
        """Return the number of customers by history."""

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """List the kernel's data arguments, in its order."""


@dataclass(frozen=True)
class KernelTable:
    """A dataclass of arrays in the order of the kernel's arguments."""

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """List the kernel's data arguments, in its order."""
        return tuple(getattr(self, field.name) for field in fields(self))


class ReleasedTable:
    """The table of a target whose data are no longer in memory."""

    @property
    def count(self) -> NoReturn:
        """Raise RuntimeError."""
        raise RuntimeError(RELEASED)

    def arrays(self) -> NoReturn:
        """Raise RuntimeError."""
        raise RuntimeError(RELEASED)
