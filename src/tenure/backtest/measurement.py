"""The measurement of a forecast against the holdout.

It measures and does not judge: no number here is a threshold (`review` has those). Every figure about
spread uses sampled outcomes, because the interval of an expectation covers almost no customer; every
interval of a total is computed from column sums, because a sum of customers' quantiles is not a quantile of their sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.outcomes import OUTCOMES

from .forecast import Forecast
from .metrics import METRICS, coverage_metrics, facts, outcome_metrics, p_purchase_metrics, spend_metrics
from .outcome import BacktestError, Outcome, Total
from .scores import brier, crps, randomized_pit, share_buying
from .tables import (
    COLUMNS,
    GROUPS,
    sort_into_deciles,
    tabulate_coverage,
    tabulate_customers,
    tabulate_deciles,
    tabulate_frequencies,
    tabulate_reliability,
)

if TYPE_CHECKING:
    from tenure.rfm import Split

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Backtest:
    """A forecast measured against a holdout that it did not use. It names no customer.

    Args:
        forecast: the forecast's name.
        is_point: its samples have no spread: CRPS is absolute error, and intervals have no width.
        metrics: every name of `METRICS`; NaN where the holdout does not determine it. `<name>_se` is the standard error
            of `<name>` when the forecast is right (`crps_se`, `brier_se`: of the mean as it is).
        by_frequency: calibration frequency 0 to 6 and 7 or more, always eight rows: customers, mean outcomes.
        deciles: customers in ten equal groups by expected spend, 1 the highest: mean outcomes, and the share
            whose randomised PIT lies in the central `level`.
        coverage: shares of customers inside, below and above central intervals, by outcome, group and level.
        reliability: customers by predicted probability of a purchase, in tenths: its mean, and the share who bought.
        purchases, spend: the measured outcomes, by customer.
        brier: the Brier score of the probability of a purchase, by customer.
    """

    forecast: str
    is_point: bool
    metrics: dict[str, float]
    by_frequency: pd.DataFrame
    deciles: pd.DataFrame
    coverage: pd.DataFrame
    reliability: pd.DataFrame
    purchases: Outcome = field(repr=False)
    spend: Outcome = field(repr=False)
    brier: Floats = field(repr=False)

    def __post_init__(self) -> None:
        faults = [f"metric {name} is missing" for name in METRICS if name not in self.metrics]
        faults += [f"metric {name} is unknown" for name in self.metrics if name not in METRICS]
        for table, columns in COLUMNS.items():
            if tuple(getattr(self, table).columns) != columns:
                faults.append(f"{table} must have the columns {', '.join(columns)}")
        if faults:
            raise BacktestError(f"This is not a backtest: {'; '.join(faults)}.")

    def outcome(self, name: str) -> Outcome:
        """Return one of `OUTCOMES` by its name."""
        return {"purchases": self.purchases, "spend": self.spend}[name]

    @property
    def pit(self) -> pd.DataFrame:
        """Return the randomised PIT of every customer, uniform on (0, 1) when the forecast is right."""
        return pd.DataFrame({"purchases": self.purchases.pit, "spend": self.spend.pit})


def measure_forecast(
    split: "Split",
    forecast: Forecast,
    *,
    level: float,
    rng: np.random.Generator,
    totals: Mapping[str, Total] | None = None,
) -> Backtest:
    """Measure a forecast of the holdout against the actual one, a block of customers at a time.

    Args:
        split: the customers of the calibration window and their actual outcomes in the holdout.
        forecast: of the same customers over the days of the holdout.
        level: the level of the predictive intervals.
        rng: for the randomised PIT and the order of customers of equal expected spend.
        totals: by outcome, of all customers, where the split has a sample of them.
    """
    customers = split.calibration.table
    if forecast.customers != len(customers):
        raise BacktestError(
            f"The forecast {forecast.name} is of {forecast.customers:,} customers, the calibration of "
            f"{len(customers):,}."
        )
    if not 0 < level < 1:
        raise BacktestError(f"level must be between 0 and 1, got {level:g}.")
    purchases, spend, p_purchase = _measure_customers(split, forecast, rng, totals or {})
    decile = sort_into_deciles(spend.expected, rng)
    frequency = customers["frequency"].to_numpy()
    members = (np.ones(len(customers), bool), frequency == 0, frequency > 0, decile == 1)
    groups = dict(zip(GROUPS, members, strict=True))
    coverage = tabulate_coverage({"purchases": purchases, "spend": spend}, groups)
    deciles = tabulate_deciles(decile, purchases, spend, level)
    bought = purchases.actual > 0
    reliability, scores = tabulate_reliability(p_purchase, bought), brier(p_purchase, bought, forecast.draws)
    metrics = {
        **outcome_metrics("purchases", purchases, deciles, level),
        **outcome_metrics("spend", spend, deciles, level),
        **coverage_metrics(coverage),
        **p_purchase_metrics(p_purchase, bought, reliability, scores),
        **spend_metrics(purchases, spend),
        **facts(split, level),
    }
    return Backtest(
        forecast.name,
        forecast.is_point,
        {name: float(number) for name, number in metrics.items()},
        tabulate_frequencies(frequency, tabulate_customers(purchases, spend)),
        deciles,
        coverage,
        reliability,
        purchases,
        spend,
        scores,
    )


def _measure_customers(
    split: "Split", forecast: Forecast, rng: np.random.Generator, of_everyone: Mapping[str, Total]
) -> tuple[Outcome, Outcome, Floats]:
    """Measure block by block; a few numbers per customer and one total per draw are kept."""
    size = forecast.customers
    actual = [split.holdout[name].to_numpy(np.float64) for name in OUTCOMES]
    uniform = rng.random((2, size))  # before the blocks, so that their size changes nothing
    expected, scores, pit = (np.empty((2, size)) for _ in range(3))
    totals, p_purchase = np.zeros((2, forecast.draws)), np.empty(size)
    for rows, samples in forecast.blocks():
        p_purchase[rows] = share_buying(samples.purchases)
        pairs = ((samples.purchases, samples.expected_purchases), (samples.spend, samples.expected_spend))
        for at, (simulated, mean) in enumerate(pairs):
            expected[at, rows] = mean
            scores[at, rows] = crps(simulated, actual[at][rows])
            pit[at, rows] = randomized_pit(simulated, actual[at][rows], uniform[at, rows])
            totals[at] += simulated.sum(axis=0, dtype=np.float64)
    purchases, spend = (
        Outcome(actual[at], expected[at], scores[at], pit[at], totals[at], of_everyone.get(name))
        for at, name in enumerate(OUTCOMES)
    )
    return purchases, spend, p_purchase
