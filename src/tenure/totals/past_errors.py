"""Past errors: how far the forecast total of a holdout was from the actual one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tenure.errors import InputError

type Floats = NDArray[np.float64]


class PastErrorsError(InputError):
    """Past errors or drifts that are not valid."""


@dataclass(frozen=True)
class PastError:
    """The error of one outcome's total at one origin.

    Args:
        cutoff, end: the last days of the calibration window and of the holdout.
        log_ratio: d, log of actual over expected total.
        log_sd: s, the standard deviation of the log total by the model's own joint draws.
    """

    cutoff: date
    end: date
    log_ratio: float
    log_sd: float

    def __post_init__(self) -> None:
        if not (self.cutoff < self.end and np.isfinite([self.log_ratio, self.log_sd]).all() and self.log_sd >= 0):
            raise PastErrorsError(
                f"A past error has a holdout, a finite log ratio and a standard deviation from 0 up: {self}."
            )

    @classmethod
    def of(cls, actual: float, expected: float, totals: Floats, *, cutoff: date, end: date) -> "PastError | None":
        """Compute the error of a total from its joint draws; None where the actual or the expected total is 0."""
        positive = totals[totals > 0]
        if actual <= 0 or expected <= 0 or positive.size < 2:
            return None
        return cls(cutoff, end, float(np.log(actual / expected)), float(np.log(positive).std(ddof=1)))

    @property
    def horizon_days(self) -> int:
        """Return the length of the holdout."""
        return (self.end - self.cutoff).days


def day_shares(past_errors: Sequence[PastError]) -> Floats:
    """Compute the weight of each holdout: the mean over its days of 1/k, where k holdouts contain the day.

    >>> first = PastError(date(2024, 1, 1), date(2024, 1, 11), 0.0, 0.1)
    >>> later = PastError(date(2024, 1, 6), date(2024, 1, 16), 0.0, 0.1)
    >>> day_shares([first, later])
    array([0.75, 0.75])
    """
    if not past_errors:
        return np.zeros(0)
    start = min(one.cutoff for one in past_errors)
    holdouts = [slice((one.cutoff - start).days, (one.end - start).days) for one in past_errors]
    cover = np.zeros(max(days.stop for days in holdouts))
    for days in holdouts:
        cover[days] += 1
    return np.array([(1 / cover[days]).mean() for days in holdouts])
