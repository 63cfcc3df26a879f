"""The metrics and params that MLflow shows of a run: those that people sort, filter and compare runs by.

A run has hundreds of numbers and settings. All of them are in its files `metrics.json` and `config/params.json`, which
`Evidence` reads; a page with all of them as metrics and params is not readable.
"""

from fnmatch import fnmatchcase

METRICS = (
    *(f"{outcome}.{name}" for name in ("bias", "crps", "pit_coverage", "expected_total", "actual_total")
      for outcome in ("purchases", "spend")),
    "p_purchase.brier", "p_purchase.largest_gap", "baselines.won", "baselines.purchases.won", "spend_change",
    "calibration.purchases.loo_elpd", "calibration.spend.loo_elpd",
    "calibration.purchases.rhat_max", "calibration.spend.rhat_max",
    "final.purchases.refit_drift", "final.spend.refit_drift",
    "base.purchases.expected", "base.clv.expected", "base.clv.adjusted_low", "base.clv.adjusted_high",
    "new_customer.clv", "review.failed", "review.to_review", "customers", "repeat_buyers", "horizon_days",
    "score.*", "total.*.expected", "total.*.low", "total.*.high", "total.*.adjusted_low", "total.*.adjusted_high",
    "decide.*", "campaign.*", "rolling.*", "promotion.customers", "promotion.purchases.*", "promotion.spend.*",
)  # fmt: skip
PARAMS = (
    "transactions.path", "transactions.zero_amounts", "transactions.guests", "rfm.cutoff", "rfm.end",
    "rfm.burn_in_days", "rfm.acquisition.first", "rfm.acquisition.last", "fit.method", "fit.purchase_model",
    "fit.spend_model", "fit.segments", "fit.priors", "fit.draws", "fit.tune", "fit.chains", "fit.joint_draws",
    "fit.target_accept",
    "score.horizon_days", "score.discount_rate", "score.margin", "score.level", "review.level", "seed",
    "origins.*", "level", "model", "output", "by", "by_month", "residual", "engine", "summary.path",
    "summary.table", "reason", "rollback",
    "decide.*", "campaign.*", "plan",
)  # fmt: skip


def is_shown(key: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a key is one of the shown ones.

    >>> is_shown("purchases.bias", METRICS), is_shown("purchases.rmse", METRICS)
    (True, False)
    """
    return place_of(key, patterns) is not None


def place_of(key: str, patterns: tuple[str, ...]) -> int | None:
    """Return the place of the first pattern that a key matches; None where it is not shown."""
    return next((place for place, pattern in enumerate(patterns) if fnmatchcase(key, pattern)), None)
