"""Drift: the error of totals that is common to all customers, estimated from past errors.

A customer-base model accounts for chance in each customer and for uncertainty of the population. It assumes that the
population stays the same: no seasons, no campaigns, no decline of the shop. The error of that assumption is common to
all customers, so it does not shrink with their number, and the interval of a total without it is far too narrow.
Rolling origins show it, and the drift is estimated from them.

The model. At origin o the actual total A_o and the expected one M_o differ by

    d_o = log A_o - log M_o = delta + eta_o + e_o,    eta_o ~ N(0, tau^2),    e_o ~ N(0, s_o^2)

delta is the model's bias over such a horizon, eta_o the effect of a period, e_o the model's own uncertainty: s_o is the
standard deviation of the log of its joint draws of the total. The prior is delta ~ N(0, bias_sd^2) and
tau ~ spread_sd |t|, t with spread_df degrees of freedom: a handful of periods holds little information on tau, and the
tail of a half-t lets periods that differ much outweigh the prior, where that of a half-normal does not (Gelman 2006,
Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1). A new period's drift is
exp(delta + eta) with eta ~ N(0, tau^2), and every joint draw of the total is multiplied by one. A normal hierarchy with
known variances: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4; a discrepancy in addition to a
model's own uncertainty: Kennedy & O'Hagan (2001), Bayesian calibration of computer models, JRSS B 63.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tenure.settings import DriftSettings

from .past_errors import PastError, day_shares

type Floats = NDArray[np.float64]

GRID = 1000
DRAWS = 4000  # of a drift: the Monte Carlo error of its 90% interval's width is 2%; with 500 draws 7%
NEAR = 0.1  # horizons that differ by no more than this share of the longer one count as one
ASSUMED, ESTIMATED = "assumed by default, not measured on this log", "estimated"


@dataclass(frozen=True)
class Drift:
    """A distribution of the number that joint draws of a total are multiplied by.

    Args:
        logs: draws of the log drift.
        source: `ESTIMATED`, or `ASSUMED` where it is the prior's.
        periods: how many holdouts' worth of days the past errors contain, each day counted once.
    """

    logs: Floats
    source: str
    periods: float

    def adjust(self, totals: Floats, rng: np.random.Generator) -> Floats:
        """Return joint draws of a total times draws of the drift; all of both are used, the fewer repeated."""
        size = max(totals.size, self.logs.size)
        with np.errstate(over="ignore"):  # a heavy tail may contain draws beyond any float, and beyond any interval
            adjusted: Floats = np.resize(totals, size) * np.exp(rng.permutation(np.resize(self.logs, size)))
        return adjusted


def estimate_drift(
    past_errors: Sequence[PastError], until: date, settings: DriftSettings, *, draws: int, rng: np.random.Generator
) -> Drift:
    """Estimate the drift of one outcome over one horizon from the past errors whose holdouts ended by a day.

    Holdouts that overlap contain the same days. A past error is weighted by its days, each shared among all holdouts
    that contain it, so the weights add up to the periods observed. With fewer than `least_periods` the drift is the
    prior's.
    """
    ended = [one for one in past_errors if one.end <= until]
    weights = day_shares(ended)
    periods = float(weights.sum())
    if periods < settings.least_periods - 1e-9:
        tau = settings.spread_sd * np.abs(rng.standard_t(settings.spread_df, draws))
        return Drift(rng.normal(0.0, settings.bias_sd, draws) + rng.normal(0.0, tau), ASSUMED, periods)
    ratios, sds = (np.array([getattr(one, name) for one in ended]) for name in ("log_ratio", "log_sd"))
    return Drift(_draw_posterior(ratios, sds, weights, settings, draws, rng), ESTIMATED, periods)


def is_near(days: int, others: int) -> bool:
    """Return whether a drift estimated over one horizon applies to another.

    >>> is_near(182, 180), is_near(91, 182)
    (True, False)
    """
    return abs(days - others) <= NEAR * max(days, others)


def _draw_posterior(
    ratios: Floats, sds: Floats, weights: Floats, settings: DriftSettings, draws: int, rng: np.random.Generator
) -> Floats:
    """Draw log drifts of a new period: tau on a grid, delta given tau exactly, then the period."""
    # Points of equal prior mass: the grid represents the prior, however far its tail reaches.
    place = 0.5 + (np.arange(GRID) + 0.5) / (2 * GRID)
    tau: Floats = settings.spread_sd * np.asarray(stdtrit(settings.spread_df, place), np.float64)
    variances = tau[:, None] ** 2 + np.maximum(sds, 1e-6) ** 2
    precision = (weights / variances).sum(axis=1) + settings.bias_sd**-2
    mean = (weights * ratios / variances).sum(axis=1) / precision
    fit = (weights * (ratios**2 / variances + np.log(variances))).sum(axis=1) - mean**2 * precision
    log_likelihood = -0.5 * (fit + np.log(precision))
    weight = np.exp(log_likelihood - log_likelihood.max())
    at = rng.choice(GRID, draws, p=weight / weight.sum())
    delta = rng.normal(mean[at], precision[at] ** -0.5)
    log_drifts: Floats = rng.normal(delta, tau[at])
    return log_drifts
