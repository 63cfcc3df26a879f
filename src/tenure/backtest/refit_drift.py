"""How far a refit on the whole log has moved from the calibration that the holdout vouches for."""

import numpy as np
from numpy.typing import NDArray

from tenure.posterior import Posterior
from tenure.scorer import Scorer

type Floats = NDArray[np.float64]

METRICS = (
    "purchases.refit_drift",
    "purchases.refit_drift_se",
    "spend.refit_drift",
    "spend.refit_drift_se",
)


def measure_refit_drift(judged: Posterior, refit: Posterior, horizon_days: int) -> dict[str, float]:
    """Compare what two posteriors expect of a new customer: the refit's median over the judged one's, less 1.

    Of purchases, within the horizon and within the horizon that follows it, where dropout tells: the one that moved
    further. Of spend, the mean of one purchase. In these words and not in the parameters', because parameters that the
    data hardly tell apart may move far and change nothing. `_se` is the spread of the judged posterior itself. When one
    population made all the days, a refit that learns from the judged days and more moves by no more than that
    (Hausman 1978, Econometrica 46).
    """
    before, after = (_expected_purchases(posterior, horizon_days) for posterior in (judged, refit))
    purchases = max(map(_moved, before, after), key=lambda found: abs(found[0]))
    spend = _moved(_mean_spend(judged), _mean_spend(refit))
    return dict(zip(METRICS, (*purchases, *spend), strict=True))


def _expected_purchases(posterior: Posterior, horizon_days: int) -> Floats:
    """Expect a new customer's repeat purchases within the horizon and in the one after, shape (2, draws)."""
    ends = Scorer(posterior).expected_new_customer(np.array([horizon_days, 2 * horizon_days]))
    return np.diff(ends, axis=1, prepend=0.0).T


def _mean_spend(posterior: Posterior) -> Floats:
    """Return the population's mean spend by draw: Fader & Hardie (2013), note 025, eq. 5 with x = 0."""
    joint = posterior.joint()
    return joint["p"] * joint["v"] / (joint["q"] - 1.0)


def _moved(before: Floats, after: Floats) -> tuple[float, float]:
    """Give the relative move of the median, and half the width of the middle 68% of `before`: no tail moves either."""
    low, middle, high = np.quantile(before, (0.16, 0.5, 0.84))
    return float(np.median(after) / middle - 1), float((high - low) / (2 * middle))
