"""One holdout: the forecast of the model and of the baselines, measured and tracked week by week."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from tenure import paths
from tenure.backtest import (
    Backtest,
    Holdout,
    describe_groups,
    evaluate_holdout,
    list_wins,
    measure_groups,
    tabulate_groups,
    track_purchases,
)
from tenure.failures import Failures
from tenure.posterior import Posterior
from tenure.record import Record, finite
from tenure.rfm import AcquisitionWindow, Split, daily_counts
from tenure.scorer import Scorer
from tenure.settings import BacktestSettings
from tenure.spreadsheets import spreadsheet_safe
from tenure.streams import stream
from tenure.totals import PastError
from tenure.transactions import Transactions

MOST_CUSTOMERS = 50_000  # whose PIT is logged one by one; a larger customer base is sampled


@dataclass(frozen=True)
class HoldoutReport:
    """Everything that was measured on one holdout.

    Args:
        cutoff: the last day of calibration.
        end: the last day of the holdout.
        backtest: the model's outcomes by group and by customer.
        holdout: the numbers of the model and of the baselines.
        tracking: purchases by week, actual and expected, of `backtest.track_purchases`.
        groups: bias and coverage by group of customers, of `backtest.tabulate_groups`.
    """

    cutoff: date
    end: date
    backtest: Backtest
    holdout: Holdout
    tracking: pd.DataFrame
    groups: pd.DataFrame

    @property
    def metrics(self) -> dict[str, float]:
        """Return the metrics of the holdout, and those of groups of customers."""
        return {**self.holdout.metrics, **measure_groups(self.groups)}

    def record(self) -> Record:
        """Return the metrics, the tables, and the wins of baselines."""
        backtest, holdout = self.backtest, self.holdout
        defined = finite(self.metrics)
        undefined = ", ".join(sorted(set(self.metrics) - set(defined)))
        tags = {"baselines.wins": "; ".join(list_wins(holdout.comparison)) or "none"}
        tags |= {"metrics.undefined": undefined} if undefined else {}
        tags["groups.finding"] = describe_groups(self.groups)
        return Record(
            metrics=defined,
            tags=tags | {f"{name}.adjusted": drift.source for name, drift in holdout.drifts.items()},
            tables={
                paths.BY_FREQUENCY: backtest.by_frequency,
                paths.DECILES: backtest.deciles,
                paths.COVERAGE: backtest.coverage,
                paths.RELIABILITY: backtest.reliability,
                paths.BASELINES: holdout.comparison,
                paths.BY_GROUP: self.groups,
            },
            files={paths.csv(paths.TRACKING): _csv(self.tracking), paths.csv(paths.PIT): _csv(_sample(backtest.pit))},
        )


def measure_holdout(
    transactions: Transactions,
    split: Split,
    window: AcquisitionWindow,
    posterior: Posterior,
    settings: BacktestSettings,
    *,
    past_errors: Mapping[str, Sequence[PastError]],
    level: float,
    seed: int,
    failures: Failures,
    advance: Callable[[int], None] | None = None,
) -> HoldoutReport:
    """Forecast a holdout by the model and by the baselines, and measure the forecasts.

    Args:
        transactions: the log.
        split: its calibration and its holdout.
        window: the acquisition window of the calibration.
        posterior: the calibration's; one that was fitted to a day of the holdout is refused.
        settings: the baselines, and the prior of the drift of totals.
        past_errors: by outcome, the errors of totals of other origins.
        level: of the intervals.
        seed: of the draws.
        failures: takes the baselines that fail, which are then left out.
        advance: called with numbers of customers whose totals are forecast, where the split has a sample of them.
    """
    posterior.require_unseen(split.cutoff)
    scorer = Scorer(posterior)
    backtest, holdout = evaluate_holdout(
        transactions,
        split,
        scorer,
        settings,
        level=level,
        seed=seed,
        past_errors=past_errors,
        failures=failures,
        advance=advance,
    )
    counts = daily_counts(transactions, split.cutoff, split.end, window)
    curve, forecast = scorer.expected_new_customer(np.arange(len(counts))), holdout.metrics["purchases.expected_total"]
    tracking = track_purchases(counts, curve, cutoff=split.cutoff, level=level, forecast=forecast)
    segments = () if posterior.segments is None else posterior.segments.names
    groups = tabulate_groups(backtest, split.calibration.table, segments)
    return HoldoutReport(split.cutoff, split.end, backtest, holdout, tracking, groups)


def _sample(pit: pd.DataFrame) -> pd.DataFrame:
    if len(pit) <= MOST_CUSTOMERS:
        return pit
    return pit.sample(MOST_CUSTOMERS, random_state=stream(0, "registry.pit"))


def _csv(table: pd.DataFrame) -> str:
    return spreadsheet_safe(table).to_csv(index=False)
