"""The density that a fit explores: log-likelihood plus log-prior in unconstrained coordinates, compiled, with gradient.

Coordinates are logs of the quantities that the priors are on, or logits of shares; the change of variables is in the
density. `pymc_model` writes the same with PyMC, and a test compares the two.
"""

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tenure import purchase, spend
from tenure.caching import njit
from tenure.kernel_table import Floats, HistoryTable, ReleasedTable
from tenure.model_spec import Spec
from tenure.rfm import CompressedSummary, Spends
from tenure.settings import FitSettings, PriorSettings
from tenure.summary import Amounts, Orders

from .fading import most_likely_delta

# Families by number, for compiled code; parameters in PyMC's order.
FAMILIES = {
    "LogNormal": (0, ("mu", "sigma")),
    "Gamma": (1, ("alpha", "beta")),
    "InverseGamma": (2, ("alpha", "beta")),
    "HalfNormal": (3, ("sigma",)),
    "Exponential": (4, ("lam",)),
    "Beta": (5, ("alpha", "beta")),
}


@njit()
def _log_prior(family, first, second, u):
    """Compute a prior's log-density in u = log x (or logit x), Jacobian included, constants left out; and its slope."""
    if family == 0:
        z = (u - first) / second
        return -0.5 * z * z, -z / second
    if family == 1:
        rate = second * math.exp(u)
        return first * u - rate, first - rate
    if family == 2:
        rate = second * math.exp(-u)
        return -first * u - rate, rate - first
    if family == 3:
        z = math.exp(2.0 * u) / (first * first)
        return u - 0.5 * z, 1.0 - z
    if family == 4:
        rate = first * math.exp(u)
        return u - rate, 1.0 - rate
    share = 1.0 / (1.0 + math.exp(-u))
    log_share = -math.log1p(math.exp(-u)) if u > 0 else u - math.log1p(math.exp(u))
    return first * log_share + second * (log_share - u), first * (1.0 - share) - second * share


@njit(nogil=True)
def _add_priors(u, priors, value, gradient):
    """Add the log-priors to a value, which is returned, and their slopes to a gradient, in place."""
    if value == -np.inf:
        return value
    for i in range(u.size):
        log_density, slope = _log_prior(int(priors[i, 0]), priors[i, 1], priors[i, 2], u[i])
        value += log_density
        gradient[i] += slope
    return value


@njit(nogil=True)
def _add_rows(values, u, priors):
    """Add the log-priors to the values of rows of coordinates, in place."""
    for i in range(u.shape[0]):
        values[i] = _add_priors(u[i], priors, values[i], np.zeros(u.shape[1]))


@dataclass(frozen=True)
class Target:
    """A model's posterior density in unconstrained coordinates.

    Args:
        kind: `purchases` or `spend`.
        spec: of the model.
        likelihood: the model's module.
        table: the data.
        priors: by quantity, in the order of the coordinates.
        scale: days, or units of the log's money, in one unit of the table's.
        plugged: parameters that are one number each, by name.
    """

    kind: str
    spec: Spec
    likelihood: ModuleType
    table: HistoryTable
    priors: Mapping[str, PriorSettings]
    scale: float
    plugged: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the coordinates' quantities."""
        return tuple(self.spec.quantities)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the model's parameters that are estimated with uncertainty."""
        return self.spec.estimated

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was observed, so that the posterior is the prior."""
        return self.table.count.size == 0

    def without_data(self) -> Self:
        """Return the target without its data, which may be larger than all else: only coordinates are converted."""
        return replace(self, table=ReleasedTable())

    @cached_property
    def _table_arrays(self) -> tuple[NDArray[np.generic], ...]:
        return self.table.arrays()

    @cached_property
    def _prior_array(self) -> Floats:
        rows = []
        for name in self.names:
            family, parameters = FAMILIES[self.priors[name].distribution]
            values = [self.priors[name].parameters[parameter] for parameter in parameters]
            rows.append([float(family), *values, *[0.0] * (2 - len(values))])
        return np.array(rows)

    def density(self, u: Floats) -> tuple[float, Floats]:
        """Compute the log-density, up to a constant, and its gradient, shape (coordinates,)."""
        value, gradient = self.likelihood.density(u, *self._table_arrays)
        return _add_priors(u, self._prior_array, value, gradient), gradient

    def likelihoods(self, u: Floats) -> tuple[Floats, Floats]:
        """Compute the log-likelihood at rows of coordinates, shape (rows, coordinates), with its gradients."""
        values, slopes, u = np.empty(len(u)), np.empty(u.shape), np.ascontiguousarray(u)
        self.likelihood.gradients(values, slopes, u, *self._table_arrays)
        return values, slopes

    def densities(self, u: Floats) -> Floats:
        """Compute the log-density at rows of coordinates, on all cores."""
        out, u = np.empty(len(u)), np.ascontiguousarray(u)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        edges = np.linspace(0, len(u), 4 * cores + 1).astype(int)
        with ThreadPoolExecutor(cores) as pool:
            for job in [pool.submit(self._fill, out[lo:hi], u[lo:hi]) for lo, hi in pairwise(edges)]:
                job.result()
        return out

    def _fill(self, out: Floats, u: Floats) -> None:
        self.likelihood.densities(out, u, *self._table_arrays)
        _add_rows(out, u, self._prior_array)

    def quantities(self, u: Floats) -> dict[str, Floats]:
        """Compute the priors' quantities and the model's parameters from coordinates, shape (..., coordinates)."""
        with np.errstate(over="ignore"):
            own = {
                name: 1.0 / (1.0 + np.exp(-u[..., at])) if quantity.is_share else np.exp(u[..., at])
                for at, (name, quantity) in enumerate(self.spec.quantities.items())
            }
        plugged = {name: np.full(u.shape[:-1], value) for name, value in self.plugged.items()}
        return {**own, **self.likelihood.to_parameters(u, self.scale), **plugged}

    def restore(self, u: Floats) -> Floats:
        """Return coordinates as they are; see `ridge.Straightened`."""
        return u

    def log_prior(self, u: Floats) -> Floats:
        """Compute the log-prior, up to a constant, of rows of coordinates; a density in the coordinates."""
        out = np.zeros(len(u))
        _add_rows(out, np.ascontiguousarray(u), self._prior_array)
        return out


def spend_spec(base: CompressedSummary, model: str) -> Spec:
    """Return the spec of a spend model, or of the one for customers whose single amounts are not at hand."""
    spec = spend.MODELS[model]
    if spec.on_orders and base.orders is None:
        return spend.MODELS[spec.without_amounts]
    # Where nobody paid for a repeat purchase there is nothing to fit, and either model is the prior.
    if not spec.without_amounts or base.spends.count.size == 0:
        return spec
    if spec.on_orders:
        is_there = base.orders is not None and base.orders.amounts.size > 0
    else:
        is_there = base.amounts is not None and base.amounts.count.size > 0
    return spec if is_there else spend.MODELS[spec.without_amounts]


class SpendRows(NamedTuple):
    """The data of a spend model: distinct customers by their paid purchases `x` and mean spend, and how many have both.

    `single` are the sums of logs, or `orders` the orders, of models that need them.
    """

    x: Floats
    mean: Floats
    customers: Floats
    single: tuple[Floats, ...] = ()
    orders: Orders | None = None

    @classmethod
    def of(cls, base: CompressedSummary, spec: Spec) -> "SpendRows":
        """Return the data that a model is fitted to."""
        if spec.on_orders and base.orders is not None:
            return cls._of_orders(base.orders if spec.with_first_order else base.orders.without_first())
        rows: Amounts | Spends = base.spends
        single: tuple[Floats, ...] = ()
        if spec.without_amounts and base.amounts is not None:
            rows, single = base.amounts, (base.amounts.log_ratio,)
        return cls(rows.frequency.astype(float), rows.mean, rows.count.astype(float), single)

    @classmethod
    def _of_orders(cls, orders: Orders) -> "SpendRows":
        if not orders.amounts.size:  # first orders alone leave the spend on later ones to the prior
            orders = orders.take(np.empty(0, np.int64))
        x, sums = (orders.first > 0) + orders.repeats, orders.first + orders.faded(1.0)[1]
        return cls(x.astype(float), sums / x, orders.count.astype(float), orders=orders)

    @property
    def densities(self) -> float:
        """Count the densities in the likelihood: of amounts, or of means."""
        return float(self.customers @ self.x if self.single or self.orders else self.customers.sum())

    def columns(self, unit: float = 1.0) -> tuple[Any, ...]:
        """Return what the likelihood's `Table.of` takes, with money in some unit of the log's."""
        if self.orders is not None:
            return (self.orders.scaled(unit),)
        return (self.x, self.mean / unit, self.customers, *self.single)

    def take(self, at: NDArray[np.int64]) -> tuple[Any, ...]:
        """Return what the likelihood's `pointwise` takes, of some rows."""
        if self.orders is not None:
            return (self.orders.take(at),)
        return (self.x[at], self.mean[at], *(column[at] for column in self.single))


def purchase_target(base: CompressedSummary, settings: FitSettings) -> Target:
    """Build the purchase model's target; the scale of time is the mean T unless set."""
    rows, spec = base.histories, purchase.MODELS[settings.purchase_model]
    likelihood = purchase.model_part(spec.name, "likelihood")
    mean = float(rows.T @ rows.count / max(base.customers, 1))
    scale = settings.scale.time_days or (mean if mean > 0 else 1.0)
    count = rows.count.astype(float)
    table = likelihood.Table.of(rows.frequency, rows.recency / scale, rows.T / scale, count, **spec.options)
    return Target("purchases", spec, likelihood, table, settings.priors_of(spec.name), scale)


def spend_target(base: CompressedSummary, settings: FitSettings, spec: Spec | None = None) -> Target:
    """Build the spend model's target; the scale of money is the geometric mean of the mean spends unless set.

    `spec` is that of the whole base, where these customers are one of its segments.
    """
    spec = spec or spend_spec(base, settings.models[1])
    likelihood, rows = spend.model_part(spec.name, "likelihood"), SpendRows.of(base, spec)
    mean_log = np.log(rows.mean) @ rows.customers / max(rows.customers.sum(), 1.0)
    scale = settings.scale.money or float(np.exp(mean_log))
    columns, priors = rows.columns(scale), settings.priors_of(spec.name)

    def at(**delta: float) -> Target:
        table = likelihood.Table.of(*columns, **delta, **spec.options)
        return Target("spend", spec, likelihood, table, priors, scale, {**spec.plugged, **delta})

    if spec.is_fading and rows.customers.size:
        return at(delta=most_likely_delta(lambda delta: at(delta=delta), settings.delta_prior))
    return at(delta=1.0) if spec.on_orders else at()
