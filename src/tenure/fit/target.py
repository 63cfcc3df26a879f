"""The density that is explored: log-likelihood plus log-prior in unconstrained coordinates, compiled, with gradient.

Coordinates are logs of the quantities that the priors are on, and the logit of a share; the change of variables is in
the density. `models` says the same in PyMC's words, and a test holds the two equal.
"""

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tenure.caching import njit
from tenure.rfm import CompressedSummary
from tenure.settings import FitSettings, PriorSettings

from .likelihood import Floats, PurchaseTable, SpendTable, gamma_gamma_kernel, purchase_kernel

# Families by number, for compiled code; parameters in PyMC's order.
FAMILIES = {
    "LogNormal": (0, ("mu", "sigma")),
    "Gamma": (1, ("alpha", "beta")),
    "InverseGamma": (2, ("alpha", "beta")),
    "HalfNormal": (3, ("sigma",)),
    "Exponential": (4, ("lam",)),
    "Beta": (5, ("alpha", "beta")),
}
# Variation of spend below a thousandth cannot be told from rounding to cents: the priors are on what exceeds it. Where
# all spends are equal, the likelihood would otherwise rise without end.
ROUNDING = 1e-3
FARTHEST = 300.0  # in any coordinate; beyond, exp would leave the doubles


@njit()
def _log_prior(family, first, second, u):  # type: ignore[no-untyped-def]
    """Give a prior's log-density in u = log x (or logit x), Jacobian included, constants left out; and its slope."""
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


@njit()
def _add_priors(u, priors, value, gradient):  # type: ignore[no-untyped-def]
    for i in range(u.size):
        log_density, slope = _log_prior(int(priors[i, 0]), priors[i, 1], priors[i, 2], u[i])
        value += log_density
        gradient[i] += slope
    return value


@njit(nogil=True)
def purchase_density(u, priors, *table):  # type: ignore[no-untyped-def]
    """Evaluate at u = (log mean rate, log r, logit dropout mean, log concentration): value and gradient."""
    gradient = np.zeros(4)
    if not np.abs(u).max() <= FARTHEST:
        return -np.inf, gradient
    r, share, concentration = math.exp(u[1]), 1.0 / (1.0 + math.exp(-u[2])), math.exp(u[3])
    other = 1.0 / (1.0 + math.exp(u[2]))
    alpha, a, b = math.exp(u[1] - u[0]), share * concentration, other * concentration
    if not (0.0 < a < np.inf and 0.0 < b < np.inf and 0.0 < alpha < np.inf and 0.0 < r < np.inf):
        return -np.inf, gradient
    value, slope = purchase_kernel(np.array([r, alpha, a, b]), *table)
    gradient[0] = -slope[1] * alpha
    gradient[1] = slope[0] * r + slope[1] * alpha
    gradient[2] = (slope[2] - slope[3]) * concentration * share * other
    gradient[3] = slope[2] * a + slope[3] * b
    return _add_priors(u, priors, value.item(), gradient), gradient


@njit(nogil=True)
def spend_density(u, priors, *table):  # type: ignore[no-untyped-def]
    """Evaluate at u = (log mean spend, log variation within, log variation between): value and gradient."""
    gradient = np.zeros(3)
    if not np.abs(u).max() <= FARTHEST:
        return -np.inf, gradient
    within, between = ROUNDING + math.exp(u[1]), ROUNDING + math.exp(u[2])
    p, q_less_one, v = within**-2, between**-2, math.exp(u[0]) * (within / between) ** 2
    if not (0.0 < p < np.inf and 0.0 < q_less_one < np.inf and 0.0 < v < np.inf):
        return -np.inf, gradient
    value, slope = gamma_gamma_kernel(np.array([p, 1.0 + q_less_one, v]), *table)
    gradient[0] = slope[2] * v
    gradient[1] = 2.0 * (slope[2] * v - slope[0] * p) * (1.0 - ROUNDING / within)
    gradient[2] = -2.0 * (slope[1] * q_less_one + slope[2] * v) * (1.0 - ROUNDING / between)
    return _add_priors(u, priors, value.item(), gradient), gradient


@njit(nogil=True)
def _purchase_densities(out, u, priors, *table):  # type: ignore[no-untyped-def]
    for i in range(u.shape[0]):
        out[i] = purchase_density(u[i], priors, *table)[0]


@njit(nogil=True)
def _spend_densities(out, u, priors, *table):  # type: ignore[no-untyped-def]
    for i in range(u.shape[0]):
        out[i] = spend_density(u[i], priors, *table)[0]


@njit(nogil=True)
def _log_priors(out, u, priors):  # type: ignore[no-untyped-def]
    for i in range(u.shape[0]):
        out[i] = _add_priors(u[i], priors, 0.0, np.zeros(u.shape[1]))


@dataclass(frozen=True)
class Target:
    """A model's posterior density in unconstrained coordinates.

    Args:
        priors: by quantity, in the order of the coordinates.
        scale: days, or units of the log's money, in one unit of the table's.
    """

    table: PurchaseTable | SpendTable
    priors: Mapping[str, PriorSettings]
    scale: float
    model: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    _density: ClassVar[Callable[..., tuple[float, Floats]]]
    _fill_densities: ClassVar[Callable[..., None]]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name the coordinates' quantities."""
        return tuple(self.priors)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was observed, so that the posterior is the prior."""
        return self.table.count.size == 0

    @cached_property
    def _arguments(self) -> tuple[NDArray[np.generic], ...]:
        rows = []
        for prior in self.priors.values():
            family, names = FAMILIES[prior.distribution]
            values = [prior.parameters[name] for name in names]
            rows.append([float(family), *values, *[0.0] * (2 - len(values))])
        return np.array(rows), *self.table.arrays()

    def density(self, u: Floats) -> tuple[float, Floats]:
        """Evaluate the log-density, up to a constant, and its gradient, shape (coordinates,)."""
        value, gradient = type(self)._density(u, *self._arguments)
        return value, gradient

    def densities(self, u: Floats) -> Floats:
        """Evaluate the log-density at rows of coordinates, on all cores."""
        out, u = np.empty(len(u)), np.ascontiguousarray(u)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        edges = np.linspace(0, len(u), 4 * cores + 1).astype(int)
        with ThreadPoolExecutor(cores) as pool:
            for job in [
                pool.submit(type(self)._fill_densities, out[lo:hi], u[lo:hi], *self._arguments)
                for lo, hi in pairwise(edges)
            ]:
                job.result()
        return out

    def quantities(self, u: Floats) -> dict[str, Floats]:
        """Turn coordinates, shape (..., coordinates), into the priors' quantities and the model's parameters."""
        raise NotImplementedError

    def log_prior(self, u: Floats) -> Floats:
        """Evaluate the log-prior, up to a constant, of rows of coordinates; a density in the coordinates."""
        out = np.empty(len(u))
        _log_priors(out, np.ascontiguousarray(u), self._arguments[0])
        return out

    def _own(self, u: Floats) -> dict[str, Floats]:
        with np.errstate(over="ignore"):
            values = (
                1.0 / (1.0 + np.exp(-u[..., at])) if prior.distribution == "Beta" else np.exp(u[..., at])
                for at, prior in enumerate(self.priors.values())
            )
            return dict(zip(self.names, values, strict=True))


class PurchaseTarget(Target):
    """BG/NBD or MBG/NBD; time in units of `scale` days."""

    model = "purchases"
    parameters = ("r", "alpha", "a", "b")
    _density = purchase_density
    _fill_densities = _purchase_densities

    @classmethod
    def of(cls, base: CompressedSummary, settings: FitSettings) -> "PurchaseTarget":
        """Scale the histories' days; the scale is their mean T unless set."""
        rows = base.histories
        mean = float(rows.T @ rows.count / max(base.customers, 1))
        scale = settings.scale.time_days or (mean if mean > 0 else 1.0)
        table = PurchaseTable.of(
            rows.frequency,
            rows.recency / scale,
            rows.T / scale,
            rows.count.astype(float),
            model=settings.purchase_model,
        )
        return cls(table, _by_name(settings.priors.purchases), scale)

    def quantities(self, u: Floats) -> dict[str, Floats]:
        """Give the priors' quantities, and r, alpha (days), a, b."""
        own = self._own(u)
        share, concentration = own["dropout_mean"], own["dropout_concentration"]
        alpha = np.exp(u[..., 1] - u[..., 0]) * self.scale
        other = 1.0 / (1.0 + np.exp(u[..., 2]))
        return {
            **own,
            "r": own["heterogeneity"],
            "alpha": alpha,
            "a": share * concentration,
            "b": other * concentration,
        }


class SpendTarget(Target):
    """Gamma-Gamma; money in units of `scale`."""

    model = "spend"
    parameters = ("p", "q", "v")
    _density = spend_density
    _fill_densities = _spend_densities

    @classmethod
    def of(cls, base: CompressedSummary, settings: FitSettings) -> "SpendTarget":
        """Scale the mean spends; the scale is their geometric mean over repeat buyers unless set."""
        rows = base.spends
        mean_log = np.log(rows.mean) @ rows.count / max(base.paying_repeat_buyers, 1)
        scale = settings.scale.money or float(np.exp(mean_log))
        table = SpendTable.of(rows.frequency.astype(float), rows.mean / scale, rows.count.astype(float))
        return cls(table, _by_name(settings.priors.spend), scale)

    def quantities(self, u: Floats) -> dict[str, Floats]:
        """Give the priors' quantities, and p, q, v (the log's money)."""
        own = self._own(u)
        within, between = ROUNDING + own["variation_within"], ROUNDING + own["variation_between"]
        v = own["mean_spend"] * (within / between) ** 2 * self.scale
        return {**own, "p": within**-2, "q": 1.0 + between**-2, "v": v}


def _by_name(group: object) -> dict[str, PriorSettings]:
    return {name: getattr(group, name) for name in asdict(group)}  # type: ignore[call-overload]
