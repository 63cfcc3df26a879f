"""Figures of a training run: of a fit and of its holdout, by name, each plotted when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tenure.streams import stream

from .fit import consequences, prior_posterior, purchases_check, spend_check
from .holdout import by_frequency, deciles, pit, reliability, weekly_tracking
from .sampler import energy, rank, trace

if TYPE_CHECKING:
    from tenure.fit import FittedModel
    from tenure.pipeline import HoldoutReport, StageFit
    from tenure.posterior import Posterior

MOST_CUSTOMERS = 50_000  # of the posterior-predictive pictures; a larger customer base is sampled
REPLICATES = 200

type Pictures = Mapping[str, Callable[[], Figure]]


def fit_pictures(fitted: StageFit, level: float) -> Pictures:
    """Return the figures of a fit; intervals are of `level`."""
    both = fitted.report.consequences
    pictures: dict[str, Callable[[], Figure]] = {
        "prior_consequences": partial(consequences, both.prior, both.posterior, level)
    }
    for name, model in fitted.report.fit.models.items():
        pictures |= {f"{name}_{kind}": picture for kind, picture in _model_pictures(model).items()}
    customers = _sample(fitted)
    pictures["purchases_check"] = partial(_purchases_check, fitted.posterior, customers, fitted.seed, level)
    paid = customers[customers["monetary_value"] > 0]
    if len(paid):
        pictures["spend_check"] = partial(_spend_check, fitted.posterior, paid, fitted.seed, level)
    return pictures


def _model_pictures(model: FittedModel) -> Pictures:
    tree, parameters = model.tree(), model.target.parameters
    pictures: dict[str, Callable[[], Figure]] = {}
    if model.method == "nuts":  # the others have no chains
        pictures["trace"] = partial(trace, tree, parameters)
        pictures["rank"] = partial(rank, tree, parameters)
        pictures["energy"] = partial(energy, tree)
    if not model.is_point:
        pictures["prior_posterior"] = partial(prior_posterior, tree, parameters)
    return pictures


def _sample(fitted: StageFit) -> pd.DataFrame:
    customers = fitted.summary.table
    if len(customers) <= MOST_CUSTOMERS:
        return customers
    rng = stream(fitted.seed, "tenure-train.pictured_customers")
    return customers.iloc[rng.choice(len(customers), MOST_CUSTOMERS, replace=False)]


def _purchases_check(posterior: Posterior, customers: pd.DataFrame, seed: int, level: float) -> Figure:
    from tenure.fit import predictive

    rng = stream(seed, "tenure-train.replicated_purchases")
    replicated = np.empty((REPLICATES, len(customers)), np.int64)
    for part, rows in predictive.by_segment(posterior, customers):
        days = customers["T"].to_numpy()[rows]
        replicated[:, rows] = predictive.replicate_purchases(part, days, rng=rng, replicates=REPLICATES)
    return purchases_check(customers["frequency"].to_numpy(), replicated, level)


def _spend_check(posterior: Posterior, paid: pd.DataFrame, seed: int, level: float) -> Figure:
    from tenure.fit import predictive

    rng = stream(seed, "tenure-train.replicated_spends")
    replicated = np.empty((REPLICATES, len(paid)))
    for part, rows in predictive.by_segment(posterior, paid):
        counts = paid["frequency"].to_numpy()[rows]
        replicated[:, rows] = predictive.replicate_spends(part, counts, rng=rng, replicates=REPLICATES)
    return spend_check(paid["monetary_value"].to_numpy(float), replicated, level)


def holdout_pictures(report: HoldoutReport, level: float) -> Pictures:
    """Return the figures of a holdout; intervals are of `level`."""
    backtest = report.backtest
    return {
        "tracking": lambda: weekly_tracking(report.tracking, report.cutoff, level, report.metrics, report.end),
        "pit": lambda: pit(backtest.pit, level),
        "reliability": lambda: reliability(backtest.reliability),
        "by_frequency": lambda: by_frequency(backtest.by_frequency),
        "deciles": lambda: deciles(backtest.deciles),
    }
