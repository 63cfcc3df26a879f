"""Sums over customers that depend neither on their order nor on how they are divided into parts, to the last bit.

Floating-point addition rounds, so ordinary sums of other parts differ in their last bits. Here each addend is rounded
to a multiple of a coarse step, and what remains to a multiple of a fine one. Sums of such multiples are exact in 53
bits, hence the same in every order (the pre-rounding of Demmel & Nguyen 2013, with fixed steps). Both steps are powers
of two times a unit that depends on the model and the params alone: one purchase, or about the mean margin of one.

An addend is rounded by at most 2^-41 of the unit. Sums are exact for totals of up to 2^35 units and for up to 2^30
customers; `is_exact` of `Totals` returns whether they are.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..caching import njit

BINS = 2
COARSE, FINE = 2.0**-16, 2.0**-40  # steps, in units
MOST_UNITS, MOST_CUSTOMERS = 2.0**35, 2**30
_SHIFT = 1.5 * 2.0**52  # x + shift * step - shift * step is the multiple of the step next to x
_EXPONENTS = 600  # beyond which a unit is no more than nearly the mean, so that no step overflows


class Rounding(NamedTuple):
    """What an addend is rounded with: `_SHIFT` times the coarse and the fine step."""

    coarse: float
    fine: float


def rounding_of(unit: float) -> Rounding:
    """Return the rounding of addends that are about `unit` large, which is taken down to a power of two."""
    exponent = min(max(math.floor(math.log2(unit)), -_EXPONENTS), _EXPONENTS)
    return Rounding(_SHIFT * COARSE * 2.0**exponent, _SHIFT * FINE * 2.0**exponent)


def limit_of(rounding: Rounding) -> float:
    """Return the largest total that is exact."""
    return MOST_UNITS / COARSE / _SHIFT * rounding.coarse


@njit()
def split(value, rounding):
    """Return the multiples of the coarse and of the fine step that add up to a value, from 0 up, but for the rest."""
    coarse = (value + rounding.coarse) - rounding.coarse
    return coarse, ((value - coarse) + rounding.fine) - rounding.fine


def add_bins(sums: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the totals of sums in bins, rounded once."""
    total: NDArray[np.float64] = sums.sum(axis=axis)
    return total
