"""The mode of a density, and the scales around it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenure import purchase, spend
from tenure.kernel_table import Floats, HistoryTable
from tenure.rfm import CompressedSummary
from tenure.summary import CustomerSummary

from .descent import descend, downhill, hessian
from .fading import highest
from .ridge import Density
from .target import SpendRows, spend_spec

FLATTEST = 1e-2  # curvature; a direction in which the density is level is given a standard deviation of 10


class ModeError(RuntimeError):
    """No mode was found."""


@dataclass(frozen=True)
class Mode:
    """The mode of a density, and the matrix that whitens there: u = point + factor z."""

    point: Floats
    factor: Floats
    log_density: float


def find_mode(target: Density) -> Mode:
    """Find the mode from two starts, and factor the curvature there.

    Where the Hessian is not positive definite (a ridge) its eigenvalues are lifted, so that the scale stays wide there.
    """
    function, best = downhill(target.density), None
    for start in (0.0, -1.0):
        result = descend(function, np.full(len(target.names), start))
        if np.isfinite(result.fun) and (best is None or result.fun < best.fun):
            best = result
    if best is None:
        raise ModeError(f"No mode of the model of {target.kind} was found: the density is finite at neither start.")
    values, vectors = np.linalg.eigh(hessian(function, best.x))
    return Mode(best.x, vectors / np.sqrt(np.maximum(values, FLATTEST)), -float(best.fun))


def maximum_likelihood(
    data: CustomerSummary | CompressedSummary, purchase_model: str = "bg_nbd", spend_model: str = "gamma_gamma"
) -> dict[str, float]:
    """Find the models' parameters with flat priors, and both maxima, for comparison with published estimates.

    Returns the parameters (time in days, money as in the log) with `purchases_log_likelihood` and
    `spend_log_likelihood`. Times and money are scaled while searching, so that one tolerance fits every unit.
    """
    base = data if isinstance(data, CompressedSummary) else CompressedSummary.of(data)
    return {**_most_likely_purchases(base, purchase_model), **_most_likely_spend(base, spend_model)}


def _most_likely_purchases(base: CompressedSummary, model: str) -> dict[str, float]:
    rows, spec = base.histories, purchase.MODELS[model]
    count = rows.count.astype(float)
    scale = max(float(rows.T @ count) / base.customers, 1.0)
    likelihood = purchase.model_part(model, "likelihood")
    table = likelihood.Table.of(rows.frequency, rows.recency / scale, rows.T / scale, count, **spec.options)
    theta, top = _climb(likelihood.kernel, table, np.array(spec.start))
    parameters = {
        name: value * (scale if name in spec.scaled else 1.0)
        for name, value in zip(spec.parameters, theta.tolist(), strict=True)
    }
    return {**parameters, "purchases_log_likelihood": top - float(rows.frequency @ count) * np.log(scale)}


def _most_likely_spend(base: CompressedSummary, model: str) -> dict[str, float]:
    spec = spend_spec(base, model)
    rows, likelihood = SpendRows.of(base, spec), spend.model_part(spec.name, "likelihood")
    money = float(np.exp(np.log(rows.mean) @ rows.customers / rows.customers.sum()))
    columns, start = rows.columns(money), np.array(spec.start)

    def climb(**delta: float) -> tuple[Floats, float]:
        return _climb(likelihood.kernel, likelihood.Table.of(*columns, **delta, **spec.options), start)

    delta = {"delta": 1.0} if spec.on_orders else {}
    if spec.is_fading:
        delta = {"delta": highest(lambda delta: climb(delta=delta)[1])}
    theta, top = climb(**delta)
    parameters = {
        name: value * (money if name in spec.scaled else 1.0)
        for name, value in zip(spec.estimated, theta.tolist(), strict=True)
    }
    return {**parameters, **spec.plugged, **delta, "spend_log_likelihood": top - rows.densities * np.log(money)}


def _climb(kernel: Callable[..., Any], table: HistoryTable, start: Floats) -> tuple[Floats, float]:
    def function(log_theta: Floats) -> tuple[float, Floats]:
        theta = np.exp(log_theta)
        value, gradient = kernel(theta, *table.arrays())
        return -float(value), -gradient * theta

    result = descend(function, np.log(start))
    return np.exp(result.x), -float(result.fun)
