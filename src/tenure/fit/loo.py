"""Leave-one-customer-out cross-validation by Pareto-smoothed importance sampling, once per distinct history.

A history's own log-likelihood is what leaving *one* customer out removes, however many customers share it; counts
enter only afterwards, in the sum, the standard error and the shares of k-hat. (Weighting the log-likelihood by the
count before smoothing would leave all of them out at once, with no alarm.)
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenure import purchase, spend
from tenure.caching import njit
from tenure.rfm import CompressedSummary
from tenure.streams import stream

from .pareto import LIMIT, smooth
from .target import SpendRows

if TYPE_CHECKING:
    from .run import Fit

type Floats = NDArray[np.float64]
type Pointwise = Callable[[int, NDArray[np.int64]], Floats]
CHUNK = 256
# With more distinct histories than this, so many are left out exactly, and the others by a cheap approximation: half of
# them those that depend most on the posterior's spread, half chosen at random, customer by customer.
EXACT = 4000
APPROXIMATION_DRAWS = 100


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density of one left-out customer, summed over customers.

    Args:
        elpd: sum over customers; log densities per day and per unit of the log's money.
        se: its standard error over customers.
        p_loo: effective number of parameters.
        khat_max: largest Pareto k of those computed; above 0.7 the sum is not reliable.
        khat_bad: number of customers above 0.7 among those computed.
        subsampling_se: error from not leaving everyone out; 0 where everyone was.
        pointwise: elpd of one customer of each history, aligned with `count`.
        count: customers per history.
    """

    elpd: float
    se: float
    p_loo: float
    khat_max: float
    khat_bad: int
    subsampling_se: float
    pointwise: Floats
    count: Floats

    def numbers(self) -> dict[str, float]:
        """List what a run logs."""
        return {
            "loo_elpd": self.elpd,
            "loo_se": self.se,
            "loo_p": self.p_loo,
            "loo_subsampling_se": self.subsampling_se,
            "khat_max": self.khat_max,
            "khat_bad": float(self.khat_bad),
        }

    def save(self, path: str | Path) -> None:
        """Write an npz file, for a paired comparison with another run."""
        np.savez_compressed(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> "Loo":
        """Read what `save` wrote."""
        with np.load(path) as file:
            read = {name: file[name] for name in file.files}
        return cls(**{name: value if value.ndim else value.item() for name, value in read.items()})


# Below such a difference in elpd its standard error is not to be relied on: Sivula, Magnusson, Matamoros & Vehtari
# (2020), arXiv:2008.10296.
LEAST_ELPD = 4.0


@dataclass(frozen=True)
class LooDifference:
    """Difference in elpd of two models, summed over the same customers; positive where the first predicts better."""

    elpd: float
    se: float


def leave_one_out(fit: "Fit", base: CompressedSummary, *, seed: int) -> dict[str, Loo]:
    """Estimate the elpd of both models, leaving out one customer at a time."""
    rows, pairs = base.histories, SpendRows.of(base, fit.posterior.specs[1])
    recency, T = rows.recency.astype(float), rows.T.astype(float)
    size, joint = fit.posterior.size, fit.posterior.joint()
    models = [
        (package.model_part(spec.name, "likelihood").pointwise, spec.options)
        for package, spec in zip((purchase, spend), fit.posterior.specs, strict=True)
    ]

    def of_purchases(draws: int, at: NDArray[np.int64]) -> Floats:
        pointwise, options = models[0]
        values: Floats = pointwise(few(joint, size, draws), rows.frequency[at], recency[at], T[at], **options)
        return values

    def of_spend(draws: int, at: NDArray[np.int64]) -> Floats:
        pointwise, options = models[1]
        values: Floats = pointwise(few(joint, size, draws), *pairs.take(at), **options)
        return values

    loos = {}
    for name, pointwise, count in (("purchases", of_purchases, rows.count), ("spend", of_spend, pairs.customers)):
        if fit.models[name].is_estimated:
            relative_ess = fit.models[name].diagnostics.get("relative_ess", 1.0)
            rng = stream(seed, "fit.loo", name)
            loos[name] = loo(pointwise, count.astype(float), draws=size, relative_ess=relative_ess, rng=rng)
    return loos


def few(joint: dict[str, Floats], size: int, draws: int) -> dict[str, Floats]:
    """Return few of all draws, spread evenly."""
    step = size // draws
    return {name: values[::step][:draws] for name, values in joint.items()}


def loo(pointwise: Pointwise, count: Floats, *, draws: int, relative_ess: float, rng: np.random.Generator) -> Loo:
    """Estimate the elpd of one left-out customer. Vehtari, Gelman & Gabry (2017), Statistics and Computing 27.

    With more than `EXACT` histories, by the difference estimator of Magnusson, Vehtari, Jonasson & Andersen (2020),
    AISTATS: an approximation for every history, and exact values for some of them.

    Args:
        pointwise: returns the (draws, histories) log-likelihood, one customer each, by a number of draws and rows.
        count: customers per history.
        draws: how many draws there are.
        relative_ess: effective draws per draw, which sets the length of the smoothed tail.
        rng: of the subsample.
    """
    if count.size <= EXACT:
        elpd, p_loo, khat = _exact(pointwise, np.arange(count.size), draws, relative_ess)
        return _summed(elpd, float(count @ p_loo), khat, count, count, 0.0)
    approximate, spread = _approximate(pointwise, count.size, min(draws, APPROXIMATION_DRAWS))
    # Histories whose density varies most over the posterior have the largest k, and the worst approximation.
    certain = np.argsort(spread)[-EXACT // 2 :]
    rest = np.setdiff1d(np.arange(count.size), certain)
    chance = count[rest] / count[rest].sum()
    chosen = rng.choice(rest, EXACT // 2, replace=True, p=chance)
    some = np.unique(np.concatenate([certain, chosen]))
    elpd, p_loo, khat = _exact(pointwise, some, draws, relative_ess)
    error = np.zeros(count.size)
    error[some] = elpd - approximate[some]
    # Each of the others is chosen in proportion to its customers, so errors are averaged over customers.
    estimate = approximate + np.where(np.isin(np.arange(count.size), some), error, error[chosen].mean())
    p_each = np.zeros(count.size)
    p_each[some] = p_loo
    p_total = count[certain] @ p_each[certain] + count[rest].sum() * p_each[chosen].mean()
    doubt = count[rest].sum() * error[chosen].std(ddof=1) / np.sqrt(chosen.size)
    return _summed(estimate, p_total, khat, count, count[some], float(doubt))


def compare(first: Loo, second: Loo) -> LooDifference:
    """Compare two models on the same histories: the paired difference and its standard error over customers."""
    if first.count.shape != second.count.shape or (first.count != second.count).any():
        raise ValueError("The two models were not fitted to the same histories, so their difference means nothing.")
    each = first.pointwise - second.pointwise
    return LooDifference(float(first.count @ each), _standard_error(each, first.count))


def _summed(elpd: Floats, p_loo: float, khat: Floats, count: Floats, khat_count: Floats, doubt: float) -> Loo:
    return Loo(
        elpd=float(count @ elpd),
        se=_standard_error(elpd, count),
        p_loo=float(p_loo),
        khat_max=float(khat.max()),
        khat_bad=int(khat_count[khat > LIMIT].sum()),
        subsampling_se=doubt,
        pointwise=elpd,
        count=count,
    )


def _standard_error(each: Floats, count: Floats) -> float:
    customers = count.sum()
    spread = count @ (each - count @ each / customers) ** 2
    return float(np.sqrt(spread * customers / max(customers - 1.0, 1.0)))


def _approximate(pointwise: Pointwise, size: int, draws: int) -> tuple[Floats, Floats]:
    """Estimate each elpd from few draws, log density less its variance; return that variance too."""
    value, spread = np.empty(size), np.empty(size)

    def fill(start: int) -> None:
        at = np.arange(start, min(start + CHUNK * 64, size))
        each = pointwise(draws, at)
        top = each.max(axis=0)
        spread[at] = each.var(axis=0)
        value[at] = top + np.log(np.exp(each - top).mean(axis=0)) - spread[at]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, size, CHUNK * 64)))
    return value, spread


def _exact(
    pointwise: Pointwise, rows: NDArray[np.int64], draws: int, relative_ess: float
) -> tuple[Floats, Floats, Floats]:
    """Compute elpd, effective parameters and k-hat of one customer of each row."""
    out = np.empty((3, rows.size))

    def fill(start: int) -> None:
        values = pointwise(draws, rows[start : start + CHUNK])
        _leave_out(np.ascontiguousarray(values.T), relative_ess, out[:, start : start + CHUNK])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, rows.size, CHUNK)))
    return out[0], out[1], out[2]


@njit(nogil=True)
def _leave_out(values, relative_ess, out):
    for i in range(values.shape[0]):
        log_weights = -values[i]
        out[2, i] = smooth(log_weights, relative_ess)
        out[0, i] = _log_sum_exp(log_weights + values[i])
        out[1, i] = _log_sum_exp(values[i]) - np.log(values.shape[1]) - out[0, i]


@njit()
def _log_sum_exp(values):
    top = values.max()
    return top + np.log(np.exp(values - top).sum())
