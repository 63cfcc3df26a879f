"""The door to scikit-learn: gradient-boosted quantiles, fitted at an earlier cut-off and applied at the cut-off."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tenure.outcomes import OUTCOMES
from tenure.rfm import split_log
from tenure.settings import BoostingSettings
from tenure.streams import derive_seed, stream
from tenure.summary import CustomerSummary
from tenure.transactions import Transactions

from .forecast import Forecast, Samples
from .outcome import BacktestError

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Regression:
    """The mean and quantiles of one outcome over the training period, given a customer's summary."""

    mean: "HistGradientBoostingRegressor | float"
    quantiles: "list[HistGradientBoostingRegressor] | Floats"

    def expect(self, features: Floats) -> Floats:
        """Return the mean, shape (customers,)."""
        if isinstance(self.mean, float):
            return np.full(len(features), self.mean)
        return np.asarray(np.maximum(self.mean.predict(features), 0.0), dtype=np.float64)

    def quantile(self, features: Floats) -> Floats:
        """Return the quantiles, shape (customers, levels), sorted where the regressions cross.

        Chernozhukov, Fernandez-Val & Galichon (2010), Quantile and probability curves without crossing,
        Econometrica 78.
        """
        if isinstance(self.quantiles, np.ndarray):
            return np.tile(self.quantiles, (len(features), 1))
        quantiles = np.column_stack([level.predict(features) for level in self.quantiles])
        return np.sort(np.maximum(quantiles, 0.0), axis=1)


def forecast_by_boosting(
    transactions: Transactions,
    calibration: CustomerSummary,
    horizon_days: int,
    draws: int,
    seed: int,
    settings: BoostingSettings,
) -> Forecast:
    """Forecast by regression: fitted on summaries at an earlier cut-off and the outcomes from then to the cut-off.

    The earlier cut-off lies a horizon back, but never before half of the calibration window; outcomes of a shorter
    period are scaled up in proportion to its days. Outcomes are sampled by inverting the quantiles, linear between
    levels and constant beyond them, with one uniform number per customer and draw for both outcomes. Friedman (2001),
    Greedy function approximation: a gradient boosting machine, Annals of Statistics 29.
    """
    cutoff = calibration.as_of
    if cutoff is None:
        raise BacktestError("A calibration has the day that it is as of.")
    period = min(horizon_days, (cutoff - transactions.first_day).days // 2)
    if period < 1:
        raise BacktestError(f"The calibration to {cutoff} has no earlier cut-off to fit a regression at.")
    past = split_log(transactions, cutoff - timedelta(days=period), cutoff, with_orders=False)
    rng = stream(seed, "backtest.boosting.sample")
    size = len(past.holdout)
    chosen = rng.choice(size, min(size, settings.most_customers), replace=False)
    features = _features(past.calibration)[chosen]
    purchases, spend = (
        _fit(
            features,
            past.holdout[name].to_numpy(np.float64)[chosen],
            settings,
            derive_seed(seed, "backtest.boosting.trees", name),
        )
        for name in OUTCOMES
    )
    present, scale = _features(calibration), horizon_days / period

    def sample(rows: slice) -> Samples:
        customers = present[rows]
        uniform = stream(seed, "backtest.boosting.outcomes", rows.start).random((len(customers), draws))
        with threadpool_limits(1):
            quantiles = [one.quantile(customers) for one in (purchases, spend)]
            means = [scale * one.expect(customers) for one in (purchases, spend)]
        sampled_purchases, sampled_spend = (scale * _invert(one, settings.quantiles, uniform) for one in quantiles)
        return Samples(np.rint(sampled_purchases), sampled_spend, *means)

    return Forecast("boosting", len(present), draws, sample)


def _features(summary: CustomerSummary) -> Floats:
    """Return the summary's columns, the days since the last purchase and the purchase rate."""
    x, recency, days, spend = (
        summary.table[name].to_numpy(np.float64) for name in ("frequency", "recency", "T", "monetary_value")
    )
    return np.column_stack([x, recency, days, spend, days - recency, x / np.maximum(days, 1.0)])


def _fit(features: Floats, target: Floats, settings: BoostingSettings, seed: int) -> Regression:
    if not target.any():  # nothing was bought, and a Poisson mean of 0 has no logarithm
        return Regression(0.0, np.zeros(len(settings.quantiles)))
    from sklearn.ensemble import HistGradientBoostingRegressor

    shared = {
        "max_iter": settings.trees,
        "learning_rate": settings.learning_rate,
        "max_leaf_nodes": settings.leaves,
        "min_samples_leaf": settings.least_per_leaf,
        "early_stopping": False,
        "random_state": seed,
    }
    # One thread: sums have one order on every machine, and busy cores are not waited for.
    with threadpool_limits(1):
        mean = HistGradientBoostingRegressor(loss="poisson", **shared).fit(features, target)
        quantiles = [
            HistGradientBoostingRegressor(loss="quantile", quantile=level, **shared).fit(features, target)
            for level in settings.quantiles
        ]
    return Regression(mean, quantiles)


def _invert(quantiles: Floats, levels: list[float], uniform: Floats) -> Floats:
    """Compute outcomes from uniform numbers by the quantiles of each customer."""
    at_levels = np.asarray(levels)
    right = np.clip(np.searchsorted(at_levels, uniform), 1, len(at_levels) - 1)
    share = np.clip((uniform - at_levels[right - 1]) / (at_levels[right] - at_levels[right - 1]), 0.0, 1.0)
    low, high = (np.take_along_axis(quantiles, at, axis=1) for at in (right - 1, right))
    outcomes: Floats = low + share * (high - low)
    return outcomes
