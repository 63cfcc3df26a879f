"""One holdout in the open run: foretold, measured, followed week by week, logged."""

from collections.abc import Mapping, Sequence

import numpy as np

from tenure import figures, registry
from tenure.backtest import Holdout, PastError, evaluate_holdout, track
from tenure.failures import Failures
from tenure.posterior import Posterior
from tenure.rfm import AcquisitionWindow, Split, daily_counts
from tenure.scorer import Scorer
from tenure.settings import BacktestSettings
from tenure.transactions import Transactions


def log_holdout(
    transactions: Transactions,
    parts: Split,
    window: AcquisitionWindow,
    posterior: Posterior,
    settings: BacktestSettings,
    *,
    past_errors: Mapping[str, Sequence[PastError]],
    level: float,
    seed: int,
    failures: Failures,
) -> Holdout:
    """Foretell the holdout by the model and by the baselines, and log what came of it.

    Args:
        transactions: the log.
        parts: its calibration and its holdout.
        window: whom the calibration learnt from.
        posterior: the calibration's; one that has seen a day of the holdout is refused.
        settings: the baselines, and the prior of the totals' drift.
        past_errors: by outcome, what other origins taught of totals.
        level: of the intervals.
        seed: of what is drawn.
        failures: takes the baselines and figures that fail, which are then left out.
    """
    posterior.require_unseen(parts.cutoff)
    scorer = Scorer(posterior)
    backtest, holdout = evaluate_holdout(
        transactions, parts, scorer, settings, level=level, seed=seed, past_errors=past_errors, failures=failures
    )
    counts = daily_counts(transactions, parts.cutoff, parts.end, window)
    curve, forecast = scorer.expected_new_customer(np.arange(len(counts))), holdout.metrics["purchases.expected_total"]
    tracking = track(counts, curve, cutoff=parts.cutoff, level=level, forecast=forecast)
    pictures = {
        "tracking": lambda: figures.weekly_tracking(tracking, parts.cutoff, level),
        "pit": lambda: figures.pit(backtest.pit, level),
        "reliability": lambda: figures.reliability(backtest.reliability),
        "by_frequency": lambda: figures.by_frequency(backtest.by_frequency),
        "deciles": lambda: figures.deciles(backtest.deciles),
    }
    registry.log_backtest(backtest, holdout, tracking, figures.draw("backtest", pictures, failures))
    return holdout
