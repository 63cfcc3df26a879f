"""What the model has to beat: forecasts that need no model of customers, or a simpler one.

Each sees the days up to the cut-off and nothing after it. Those that know one number per customer hand it over as a
sample without spread: their CRPS is their absolute error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from tenure.posterior import Posterior
from tenure.settings import BaselineSettings
from tenure.summary import CustomerSummary
from tenure.transactions import Transactions

from .boosting import boosting
from .forecast import Forecast, point_forecast
from .history import bought_between
from .nbd import nbd

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What a forecaster may know: the log, of which it reads the days up to the cut-off, and the calibration.

    Args:
        transactions: the log.
        calibration: the summary at the cut-off.
        horizon_days: how far ahead to foretell.
        posterior: the calibration's own, whose spend model the NBD borrows.
        draws: how many outcomes to sample per customer.
        seed: of the sampled outcomes.
        settings: which baselines, and how the regression is trained.
    """

    transactions: Transactions
    calibration: CustomerSummary
    horizon_days: int
    posterior: Posterior
    draws: int
    seed: int
    settings: BaselineSettings

    @property
    def cutoff(self) -> date:
        """Return the last day that may be known."""
        if self.calibration.as_of is None:
            raise ValueError("A calibration says which day it is as of.")
        return self.calibration.as_of

    def column(self, name: str) -> Floats:
        """Give a column of the summary."""
        return self.calibration.table[name].to_numpy(np.float64)


def zero(known: Known) -> Forecast:
    """Foretell nothing: the point that half of most bases lives up to."""
    nothing = np.zeros(len(known.calibration.table))
    return point_forecast("zero", nothing, nothing, known.draws)


def last_period(known: Known) -> Forecast:
    """Foretell for the next period what the last one of the same length brought, first purchases included."""
    after = known.cutoff - timedelta(days=known.horizon_days)
    customers = known.calibration.table["customer_id"]
    bought = bought_between(known.transactions, after, known.cutoff, customers)
    return point_forecast("last_period", bought["purchases"].to_numpy(), bought["spend"].to_numpy(), known.draws)


def own_rate(known: Known) -> Forecast:
    """Foretell each customer's own repeat purchases per day, and mean spend on them, for the days ahead.

    Who was born on the cut-off day has no rate yet and is foretold nothing.
    """
    rate = known.column("frequency") / np.maximum(known.column("T"), 1)
    purchases = rate * known.horizon_days
    return point_forecast("own_rate", purchases, purchases * known.column("monetary_value"), known.draws)


def textbook(known: Known) -> Forecast:
    """Foretell average order value x purchase frequency x lifespan, the same for every customer.

    The order value is the base's mean spend per repeat purchase, the frequency its repeat purchases per customer and
    day, the lifespan the mean days from first to last purchase of those who came back, of which at most the horizon
    lies ahead. It is how marketing guides compute a lifetime value, cut at the horizon.
    """
    frequency, days = known.column("frequency"), known.column("T")
    repeats = frequency.sum()
    order_value = (frequency * known.column("monetary_value")).sum() / max(repeats, 1)
    lifespan = known.column("recency").sum() / max(np.count_nonzero(frequency), 1)
    purchases = repeats / max(days.sum(), 1) * min(lifespan, known.horizon_days)
    everyone = np.ones_like(frequency)
    return point_forecast("textbook", purchases * everyone, purchases * order_value * everyone, known.draws)


def without_dropout(known: Known) -> Forecast:
    """Foretell by an NBD: rates differ, nobody leaves; spend by the model's own Gamma-Gamma."""
    return nbd(known.calibration, known.posterior, known.horizon_days, known.draws, known.seed)


def regression(known: Known) -> Forecast:
    """Foretell by gradient-boosted quantiles, learnt from an earlier cut-off inside the calibration."""
    return boosting(
        known.transactions, known.calibration, known.horizon_days, known.draws, known.seed, known.settings.boosting
    )


BASELINES: dict[str, Callable[[Known], Forecast]] = {
    "zero": zero,
    "last_period": last_period,
    "own_rate": own_rate,
    "textbook": textbook,
    "nbd": without_dropout,
    "boosting": regression,
}
