"""The minimum of a function with a gradient, which the searches for a mode share."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize

from tenure.kernel_table import Floats

type Sloped = Callable[[Floats], tuple[float, Floats]]
STEP = 1e-4  # of the differences of exact gradients that give a Hessian


def downhill(density: Sloped) -> Sloped:
    """Return a density and its gradient with the signs turned, whose minimum is the mode."""

    def turned(u: Floats) -> tuple[float, Floats]:
        value, gradient = density(u)
        return -value, -gradient

    return turned


def descend(function: Sloped, start: Floats) -> Any:
    """Find a minimum by Newton steps within a trust region, which neither ridges nor saddles mislead."""
    return minimize(
        function, start, jac=True, hess=partial(hessian, function), method="trust-exact", options={"maxiter": 500}
    )


def hessian(function: Sloped, point: Floats) -> Floats:
    """Compute the Hessian at a point."""
    rows = [
        (function(point + STEP * unit)[1] - function(point - STEP * unit)[1]) / (2 * STEP)
        for unit in np.eye(point.size)
    ]
    matrix = np.array(rows)
    return np.asarray(0.5 * (matrix + matrix.T))
