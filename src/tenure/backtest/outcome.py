"""One outcome of every customer, measured: what all tables and comparisons are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import BacktestError

type Floats = NDArray[np.float64]

OUTCOMES = ("purchases", "spend")


@dataclass(frozen=True)
class Outcome:
    """One outcome of every customer, measured.

    Args:
        actual, expected, crps, pit: one number per customer, in the calibration's order.
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
