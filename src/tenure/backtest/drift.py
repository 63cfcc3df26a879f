"""How far totals have been off before, carried into the intervals of totals.

A model of customers knows the chance that is in customers and what it does not know of the population. It does not
know that the world changes: seasons, campaigns, a shop that goes out of fashion. That error is common to all
customers, so it does not shrink with their number, and the interval of a total that lacks it is far too narrow. It
shows at rolling origins, and from there it is learnt.

The model. At origin o the actual total A_o and the foretold one M_o differ by

    d_o = log A_o - log M_o = delta + eta_o + e_o,    eta_o ~ N(0, tau^2),    e_o ~ N(0, s_o^2)

delta is what the model always gets wrong over such a horizon, eta_o what a period brings, e_o the error that the model
itself admits: s_o is the standard deviation of the log of its joint draws of the total. The prior is
delta ~ N(0, bias_sd^2) and tau ~ spread_sd |t|, t with spread_df degrees of freedom: a handful of periods say little of
tau, and the tail of a half-t lets those that differ much overrule it, where that of a half-normal does not (Gelman
2006, Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1). A new period's drift is
exp(delta + eta) with eta ~ N(0, tau^2), and every joint draw of the total is multiplied by one. A normal hierarchy with
known variances: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4; a drift beside a model's own
uncertainty: Kennedy & O'Hagan (2001), Bayesian calibration of computer models, JRSS B 63.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tenure.settings import DriftSettings

from .errors import BacktestError
from .outcome import Outcome
from .scores import central

type Floats = NDArray[np.float64]

GRID = 1000
DRAWS = 4000  # of a drift; by chance the width of its 90% interval is then 2% off, with 500 draws 7%
NEAR = 0.1  # horizons that differ by no more than this share of the longer one are taken for one
ASSUMED, ESTIMATED = "assumed from the prior", "estimated"


@dataclass(frozen=True)
class PastError:
    """What one origin teaches of an outcome's totals.

    Args:
        cutoff, end: the last days of its calibration and of its holdout.
        log_ratio: d, log of actual over expected total.
        log_sd: s, the standard deviation of the log total by the model's own joint draws.
    """

    cutoff: date
    end: date
    log_ratio: float
    log_sd: float

    def __post_init__(self) -> None:
        if not (self.cutoff < self.end and np.isfinite([self.log_ratio, self.log_sd]).all() and self.log_sd >= 0):
            raise BacktestError(f"A lesson has a holdout, a finite log ratio and a standard deviation: {self}.")

    @property
    def horizon_days(self) -> int:
        """Count the days of the holdout."""
        return (self.end - self.cutoff).days


@dataclass(frozen=True)
class Drift:
    """What to multiply joint draws of a total by.

    Args:
        logs: draws of the log drift.
        source: `learnt`, or `assumed, not learnt` where it is the prior's.
        periods: how many holdouts' worth of days it was learnt from, days in several counted once.
    """

    logs: Floats
    source: str
    periods: float

    def adjust(self, totals: Floats, rng: np.random.Generator) -> Floats:
        """Multiply joint draws of a total by draws of the drift, all of both: the fewer are taken in turns."""
        size = max(totals.size, self.logs.size)
        with np.errstate(over="ignore"):  # a heavy tail may hold a draw beyond any number, and beyond any interval
            adjusted: Floats = np.resize(totals, size) * np.exp(rng.permutation(np.resize(self.logs, size)))
        return adjusted


def past_error(outcome: Outcome, cutoff: date, end: date) -> PastError | None:
    """Take the lesson of one origin; there is none of a ratio where nothing was bought or nothing foretold."""
    actual, expected = outcome.actual.sum(), outcome.expected.sum()
    drawn = outcome.totals[outcome.totals > 0]
    if actual <= 0 or expected <= 0 or drawn.size < 2:
        return None
    return PastError(cutoff, end, float(np.log(actual / expected)), float(np.log(drawn).std(ddof=1)))


def estimate_drift(
    past_errors: Sequence[PastError], known_by: date, settings: DriftSettings, *, draws: int, rng: np.random.Generator
) -> Drift:
    """Learn the drift of one outcome and horizon from the origins whose holdouts had ended by a day.

    Holdouts that overlap show the same days: a lesson weighs what its days are worth when each day is shared among
    all the holdouts that hold it, so the weights add up to the periods that were seen. Fewer than
    `least_periods` of them leave the prior as it is.
    """
    ended = [one for one in past_errors if one.end <= known_by]
    weights = day_shares(ended)
    periods = float(weights.sum())
    if periods < settings.least_periods - 1e-9:
        tau = settings.spread_sd * np.abs(rng.standard_t(settings.spread_df, draws))
        return Drift(rng.normal(0.0, settings.bias_sd, draws) + rng.normal(0.0, tau), ASSUMED, periods)
    ratios, sds = (np.array([getattr(one, name) for one in ended]) for name in ("log_ratio", "log_sd"))
    return Drift(_draw_posterior(ratios, sds, weights, settings, draws, rng), ESTIMATED, periods)


def is_near(days: int, others: int) -> bool:
    """Tell whether what was learnt over one horizon may be said of another.

    >>> is_near(182, 180), is_near(91, 182)
    (True, False)
    """
    return abs(days - others) <= NEAR * max(days, others)


def day_shares(past_errors: Sequence[PastError]) -> Floats:
    """Weigh each holdout by its days, a day in k holdouts counting as 1/k for each.

    >>> first = PastError(date(2024, 1, 1), date(2024, 1, 11), 0.0, 0.1)
    >>> later = PastError(date(2024, 1, 6), date(2024, 1, 16), 0.0, 0.1)
    >>> day_shares([first, later])
    array([0.75, 0.75])
    """
    if not past_errors:
        return np.zeros(0)
    start = min(one.cutoff for one in past_errors)
    held = [slice((one.cutoff - start).days, (one.end - start).days) for one in past_errors]
    cover = np.zeros(max(days.stop for days in held))
    for days in held:
        cover[days] += 1
    return np.array([(1 / cover[days]).mean() for days in held])


def adjusted_metrics(outcome: Outcome, drift: Drift, *, level: float, rng: np.random.Generator) -> dict[str, float]:
    """Measure the total with the drift on it: its median, its interval, whether that holds the actual total.

    Not its mean, which a drift with so heavy a tail does not have. The raw total and its interval stay beside it, and
    no customer's number is touched.
    """
    adjusted = drift.adjust(outcome.totals, rng)
    low, high = central(adjusted, level)
    return {
        "adjusted_total": float(np.median(adjusted)),
        "adjusted_low": float(low),
        "adjusted_high": float(high),
        "adjusted_covers_actual": float(low <= outcome.actual.sum() <= high),
        "adjusted_is_estimated": float(drift.source == ESTIMATED),
    }


def _draw_posterior(
    ratios: Floats, sds: Floats, weights: Floats, settings: DriftSettings, draws: int, rng: np.random.Generator
) -> Floats:
    """Draw log drifts of a new period: tau on a grid, delta given tau exactly, then the period."""
    # Points that the prior gives equal mass: the grid is the prior, however far its tail reaches.
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
    drawn: Floats = rng.normal(delta, tau[at])
    return drawn
