"""Replicate the calibration data from the posterior, for posterior-predictive checks.

A replicate is a whole base of *new* customers, observed for as long as the real ones, under one posterior
draw: it shares nothing with the real customers but the population, so its spread is what the model says
chance can do.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenure.posterior import PURCHASE_PARAMETERS, SPEND_PARAMETERS, Posterior
from tenure.simulate import PurchaseProcess, SpendProcess, draw_mean_spends

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


class PredictiveError(ValueError):
    """Data that no customer of the model can have."""


def replicate_purchases(posterior: Posterior, T: NDArray[Any], rng: np.random.Generator, replicates: int) -> Ints:
    """Draw repeat purchases for customers observed for `T` days, shape (replicates, customers).

    x = min(K - c, N): K, geometric with the customer's dropout, counts chances to leave up to the one taken, c of
    them right after the first purchase; N, Poisson with mean rate * T, counts the repeat purchases for which there
    was time. Rates are Gamma(r, alpha), dropouts Beta(a, b): the assumptions of the BG/NBD (c = 0), Fader, Hardie &
    Lee (2005), and of the MBG/NBD (c = 1), Batislam et al. (2007), Int. J. of Research in Marketing 24.
    """
    days = _days(T)
    drawn = np.empty((replicates, days.size), np.int64)
    for row, population in enumerate(_populations(posterior, PURCHASE_PARAMETERS, replicates)):
        process = PurchaseProcess(posterior.purchase_model, *map(float, population))
        rate, dropout = process.rates(days.size, rng), process.dropouts(days.size, rng)
        drawn[row] = np.minimum(process.repeats_until_departure(dropout, rng), rng.poisson(rate * days))
    return drawn


def replicate_spends(
    posterior: Posterior, frequency: NDArray[Any], rng: np.random.Generator, replicates: int
) -> Floats:
    """Draw mean spends over `frequency` repeat purchases each, shape (replicates, buyers).

    nu ~ Gamma(q, v); a purchase is Gamma(p, nu), so the mean of x of them is Gamma(p x, nu x). Fader & Hardie
    (2013), note 025.
    """
    bought = _frequencies(frequency)
    drawn = np.empty((replicates, bought.size))
    for row, population in enumerate(_populations(posterior, SPEND_PARAMETERS, replicates)):
        drawn[row] = draw_mean_spends(SpendProcess(*map(float, population)), bought, rng)
    return drawn


def _populations(posterior: Posterior, names: tuple[str, ...], replicates: int) -> Iterator[tuple[Any, ...]]:
    """Take one posterior draw per replicate, spread evenly over all; they come round again if too few."""
    joint = posterior.joint(min(replicates, posterior.size))
    return zip(*(np.resize(joint[name], replicates) for name in names), strict=True)


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
