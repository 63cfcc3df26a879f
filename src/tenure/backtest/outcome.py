"""The measured outcome: what tables, metrics and comparisons are computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenure.errors import InputError

type Floats = NDArray[np.float64]


class BacktestError(InputError):
    """Inputs that cannot be compared, or a result that is not a backtest."""


@dataclass(frozen=True)
class Outcome:
    """One outcome of every customer, measured.

    Args:
        actual, expected, crps, pit: one number per customer, in the order of the calibration window's customers.
        totals: the sampled outcomes summed over customers within each draw: joint draws of the total.
    """

    actual: Floats
    expected: Floats
    crps: Floats
    pit: Floats
    totals: Floats

    def __post_init__(self) -> None:
        if not bool(((self.pit >= 0) & (self.pit <= 1)).all()):
            raise BacktestError("This is not a measured outcome: pit must lie between 0 and 1.")
