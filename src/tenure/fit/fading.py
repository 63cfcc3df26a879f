"""How fast evidence on spend fades: one number, where the posterior is highest."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.optimize import minimize_scalar

from tenure.kernel_table import Floats

from .descent import descend, downhill

# The prior of delta is Beta(PRIOR, 1), whose mode is 1: without evidence to the contrary nothing fades. Half of it is
# above 0.84, and one in ten below 0.56.
PRIOR = 4.0
LEAST = 0.05
STEP = 1e-3  # of the search


class _Density(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...

    def density(self, u: Floats) -> tuple[float, Floats]: ...


def most_likely_delta(at: Callable[[float], _Density]) -> float:
    """Return the delta at which the highest density, times the prior of delta, is highest; `at` returns the target."""
    best: dict[str, Floats] = {}

    def top(delta: float) -> float:
        target = at(delta)
        start = best.get("u", np.zeros(len(target.names)))
        lowest = descend(downhill(target.density), start)
        best["u"] = lowest.x
        return -float(lowest.fun) + (PRIOR - 1.0) * float(np.log(delta))

    return highest(top)


def highest(value: Callable[[float], float]) -> float:
    """Return where in (0, 1] a function of delta is highest; 1 unless another is higher by more than rounding."""
    inside = minimize_scalar(
        lambda delta: -value(delta), bounds=(LEAST, 1.0), method="bounded", options={"xatol": STEP}
    )
    # Rounded, so that the number that is shown gives the columns of a summary exactly.
    return round(float(inside.x), 3) if -inside.fun > value(1.0) + 1e-6 else 1.0
