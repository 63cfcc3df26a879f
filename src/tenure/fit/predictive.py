"""Replicate the calibration data from the posterior, for posterior-predictive checks.

A replicate is a customer base of *new* customers, observed for as long as the real ones, under one posterior draw: it
shares nothing with the real customers but the population, so its spread is the model's chance variation.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.model_spec import Spec
from tenure.posterior import Posterior
from tenure.simulate import purchase_process, spend_process
from tenure.summary import segment_codes

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


class PredictiveError(ValueError):
    """Data that no customer of the model can have."""


def by_segment(posterior: Posterior, customers: pd.DataFrame) -> Iterator[tuple[Posterior, Ints]]:
    """Yield the posterior of each segment with the places of its customers; without segments, that of all."""
    if posterior.segments is None:
        yield posterior, np.arange(len(customers))
        return
    codes = segment_codes(customers, posterior.segments.names, posterior.segments.values)
    for at in np.unique(codes):
        yield posterior.of_segment(int(at)), np.flatnonzero(codes == at)


def replicate_purchases(posterior: Posterior, T: NDArray[Any], rng: np.random.Generator, replicates: int) -> Ints:
    """Draw repeat purchases for customers observed for `T` days, shape (replicates, customers)."""
    days = _days(T)
    counts = np.empty((replicates, days.size), np.int64)
    for row, parameters in enumerate(_populations(posterior, posterior.specs[0], replicates)):
        counts[row] = purchase_process(posterior.purchase_model, parameters).draw_counts(days, rng)
    return counts


def replicate_spends(
    posterior: Posterior, frequency: NDArray[Any], rng: np.random.Generator, replicates: int
) -> Floats:
    """Draw mean spends over `frequency` repeat purchases each, shape (replicates, buyers)."""
    bought = _frequencies(frequency)
    means = np.empty((replicates, bought.size))
    for row, parameters in enumerate(_populations(posterior, posterior.specs[1], replicates)):
        means[row] = spend_process(posterior.spend_model, parameters).draw_means(bought, rng)
    return means


def _populations(posterior: Posterior, spec: Spec, replicates: int) -> Iterator[dict[str, float]]:
    """Yield a model's parameters by replicate: posterior draws, spread evenly over all, and repeated if too few."""
    joint = posterior.joint(min(replicates, posterior.size))
    for row in range(replicates):
        yield {name: float(joint[name][row % joint[name].size]) for name in spec.parameters}


def _days(T: NDArray[Any]) -> Floats:
    days = np.asarray(T, np.float64)
    _refuse(days, days >= 0, "T must be a number of days, 0 or more")
    return days


def _frequencies(frequency: NDArray[Any]) -> Floats:
    bought = np.asarray(frequency, np.float64)
    _refuse(bought, bought >= 1, "a mean spend needs one repeat purchase or more")
    return bought


def _refuse(values: Floats, are_right: NDArray[np.bool_], rule: str) -> None:
    wrong = values[~(are_right & np.isfinite(values))]
    if wrong.size:
        first = ", ".join(f"{value:g}" for value in wrong[:3])
        raise PredictiveError(f"{wrong.size:,} of {values.size:,} values are wrong (first: {first}): {rule}.")
