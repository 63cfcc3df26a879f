"""The highest point of a density, and the scales around it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize

from tenure.rfm import CompressedSummary
from tenure.summary import CustomerSummary

from .likelihood import Floats, PurchaseTable, SpendTable, gamma_gamma_kernel, purchase_kernel
from .target import Target

type Downhill = Callable[[Floats], tuple[float, Floats]]
STEP = 1e-4  # of the differences that make a Hessian out of exact gradients
FLATTEST = 1e-2  # curvature; a direction in which the density is level is given a standard deviation of 10


class ModeError(RuntimeError):
    """No mode was found."""


@dataclass(frozen=True)
class Mode:
    """The highest point of a density, and the matrix that whitens there: u = point + factor z."""

    point: Floats
    factor: Floats
    log_density: float


def find_mode(target: Target) -> Mode:
    """Climb to the mode from two starts, and factor the curvature there.

    Where the Hessian is not positive definite (a ridge) its eigenvalues are lifted, so that the scale stays wide there.
    """

    def downhill(u: Floats) -> tuple[float, Floats]:
        value, gradient = target.density(u)
        return -value, -gradient

    best = None
    for start in (0.0, -1.0):
        found = _descend(downhill, np.full(len(target.names), start))
        if np.isfinite(found.fun) and (best is None or found.fun < best.fun):
            best = found
    if best is None:
        raise ModeError(f"No mode of the {target.model} model was found: the density is finite at neither start.")
    values, vectors = np.linalg.eigh(_hessian(downhill, best.x))
    return Mode(best.x, vectors / np.sqrt(np.maximum(values, FLATTEST)), -float(best.fun))


def _descend(function: Downhill, start: Floats) -> Any:
    """Minimise by Newton steps within a trust region, which neither ridges nor saddles mislead."""
    return minimize(
        function, start, jac=True, hess=partial(_hessian, function), method="trust-exact", options={"maxiter": 500}
    )


def _hessian(function: Downhill, point: Floats) -> Floats:
    rows = [
        (function(point + STEP * unit)[1] - function(point - STEP * unit)[1]) / (2 * STEP)
        for unit in np.eye(point.size)
    ]
    matrix = np.array(rows)
    return np.asarray(0.5 * (matrix + matrix.T))


def maximum_likelihood(data: CustomerSummary | CompressedSummary, purchases: str = "bg_nbd") -> dict[str, float]:
    """Find r, alpha, a, b and p, q, v with flat priors, and both maxima, for comparison with published estimates.

    Returns the parameters (alpha in days, v in the log's money) with `purchases_log_likelihood` and
    `spend_log_likelihood`. Times are scaled while searching, so that one tolerance fits every unit.
    """
    base = data if isinstance(data, CompressedSummary) else CompressedSummary.of(data)
    rows, pairs = base.histories, base.spends
    count, buyers = rows.count.astype(float), pairs.count.astype(float)
    scale = max(float(rows.T @ count) / base.customers, 1.0)
    money = float(np.exp(np.log(pairs.mean) @ buyers / buyers.sum()))
    histories = PurchaseTable.of(rows.frequency, rows.recency / scale, rows.T / scale, count, model=purchases)
    spends = SpendTable.of(pairs.frequency.astype(float), pairs.mean / money, buyers)
    (r, alpha, a, b), top_purchases = _climb(purchase_kernel, histories, np.array([0.5, 0.5, 0.5, 1.5]))
    (p, q, v), top_spend = _climb(gamma_gamma_kernel, spends, np.array([4.0, 3.0, 1.0]))
    return {
        "r": r,
        "alpha": alpha * scale,
        "a": a,
        "b": b,
        "p": p,
        "q": q,
        "v": v * money,
        "purchases_log_likelihood": top_purchases - float(rows.frequency @ count) * np.log(scale),
        "spend_log_likelihood": top_spend - buyers.sum() * np.log(money),
    }


def _climb(kernel: Callable[..., Any], table: PurchaseTable | SpendTable, start: Floats) -> tuple[Floats, float]:
    def downhill(log_theta: Floats) -> tuple[float, Floats]:
        theta = np.exp(log_theta)
        value, gradient = kernel(theta, *table.arrays())
        return -float(value), -gradient * theta

    found = _descend(downhill, np.log(start))
    return np.exp(found.x), -float(found.fun)
