"""The measured outcome: what tables, metrics and comparisons are computed from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tenure.errors import InputError

type Floats = NDArray[np.float64]


class BacktestError(InputError):
    """Inputs that cannot be compared, or a result that is not a backtest."""


class Total(NamedTuple):
    """One outcome of all customers together.

    Args:
        actual, expected: sums over customers.
        draws: joint draws of the sum.
        largest: the largest expectation of a customer.
    """

    actual: float
    expected: float
    draws: Floats
    largest: float


@dataclass(frozen=True)
class Outcome:
    """One outcome of every customer, measured.

    Args:
        actual, expected, crps, pit: one number per customer, in the order of the calibration window's customers.
        totals: the sampled outcomes summed over customers within each draw: joint draws of the total.
        of_everyone: the total of all customers, where those that are measured are a sample of them.
    """

    actual: Floats
    expected: Floats
    crps: Floats
    pit: Floats
    totals: Floats
    of_everyone: Total | None = None

    def __post_init__(self) -> None:
        if not bool(((self.pit >= 0) & (self.pit <= 1)).all()):
            raise BacktestError("This is not a measured outcome: pit must lie between 0 and 1.")

    @property
    def total(self) -> Total:
        """Return the total of all customers, also of those who are not measured one by one."""
        if self.of_everyone is not None:
            return self.of_everyone
        return Total(self.actual.sum(), self.expected.sum(), self.totals, self.expected.max())
