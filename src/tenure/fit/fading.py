"""How fast evidence on spend fades: one number, where the posterior is highest."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import xlog1py, xlogy

from tenure.kernel_table import Floats
from tenure.settings import PriorSettings

from .descent import descend, downhill

LEAST = 0.05
STEP = 1e-3  # of the search


class _Density(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...

    def density(self, u: Floats) -> tuple[float, Floats]: ...


def most_likely_delta(at: Callable[[float], _Density], prior: PriorSettings) -> float:
    """Return the delta at which the highest density, times the prior of delta, is highest; `at` returns the target."""
    alpha, beta = (prior.parameters[name] for name in ("alpha", "beta"))
    best: dict[str, Floats] = {}

    def top(delta: float) -> float:
        target = at(delta)
        start = best.get("u", np.zeros(len(target.names)))
        lowest = descend(downhill(target.density), start)
        best["u"] = lowest.x
        return -float(lowest.fun) + float(xlogy(alpha - 1.0, delta) + xlog1py(beta - 1.0, -delta))

    return highest(top)


def highest(value: Callable[[float], float]) -> float:
    """Return where in (0, 1] a function of delta is highest; 1 unless another is higher by more than rounding."""
    inside = minimize_scalar(
        lambda delta: -value(delta), bounds=(LEAST, 1.0), method="bounded", options={"xatol": STEP}
    )
    # Rounded, so that the number that is shown gives the columns of a summary exactly.
    return round(float(inside.x), 3) if -inside.fun > value(1.0) + 1e-6 else 1.0
