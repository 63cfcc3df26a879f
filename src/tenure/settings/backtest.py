"""Settings of backtests: baselines, drift of totals, rolling origins."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from ..bounds import HORIZON_LIMIT_DAYS
from .checks import require, require_day

BASELINES = ("zero", "last_period", "own_rate", "textbook", "nbd", "boosting")
QUANTILES = (0.01, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 0.99)


@dataclass
class BoostingSettings:
    """The gradient-boosted baseline.

    Args:
        quantiles: levels of its forecast distribution: two or more, rising, above 0 and below 1.
        trees: number of trees, from 1 up.
        learning_rate: weight of each tree, above 0 and at most 1.
        leaves: most leaves of a tree, from 2 up. Four to eight suit most problems (Hastie, Tibshirani & Friedman 2009,
            section 10.11).
        least_per_leaf: fewest customers in a leaf, from 1 up.
        most_customers: size of its training set, from 100 up; of more customers a random sample is taken.
    """

    quantiles: list[float] = field(default_factory=lambda: list(QUANTILES))
    trees: int = 100
    learning_rate: float = 0.1
    leaves: int = 8
    least_per_leaf: int = 20
    most_customers: int = 50_000

    def __post_init__(self) -> None:
        key = "backtest.baselines.boosting"
        rises = all(low < high for low, high in pairwise([0.0, *self.quantiles, 1.0]))
        rule = "two or more rising levels, above 0 and below 1"
        require(rises and len(self.quantiles) >= 2, f"{key}.quantiles", rule, list(self.quantiles))
        require(0 < self.learning_rate <= 1, f"{key}.learning_rate", "above 0 and at most 1", self.learning_rate)
        for name, least in (("trees", 1), ("leaves", 2), ("least_per_leaf", 1), ("most_customers", 100)):
            value = getattr(self, name)
            require(value >= least, f"{key}.{name}", f"at least {least}", value)


@dataclass
class BaselineSettings:
    """The baselines that the model is compared with.

    Args:
        names: forecasts on the same customers and days: any of zero, last_period, own_rate, textbook, nbd, boosting.
        boosting: the gradient-boosted baseline, fitted at an earlier cut-off within the calibration window.
    """

    names: list[str] = field(default_factory=lambda: list(BASELINES))
    boosting: BoostingSettings = field(default_factory=BoostingSettings)

    def __post_init__(self) -> None:
        is_right = set(self.names) <= set(BASELINES) and len(set(self.names)) == len(self.names)
        require(is_right, "backtest.baselines.names", f"different names of {', '.join(BASELINES)}", list(self.names))


@dataclass
class DriftSettings:
    """The prior of the drift of totals, in logarithms, and when it is estimated.

    The defaults put totals between 0.77 and 1.31 times the forecast with a probability of 90%, about the biases that
    the review lets a person accept (`conf/review`).

    Args:
        bias_sd: prior standard deviation of the model's bias over a horizon, above 0 and at most 2.
        spread_sd: scale of the half-t prior of the differences between periods, above 0 and at most 2.
        spread_df: its degrees of freedom, from 1 to 1,000; with fewer, a few periods that differ have more weight.
        least_periods: holdouts' worth of days from which the drift is estimated, from 2 up; each day counts once. With
            fewer the drift is the prior's.
        source_run: run id of a tenure-backtest of the same log, to estimate the drift from; null: the drift is the
            prior's.
    """

    bias_sd: float = 0.10
    spread_sd: float = 0.10
    spread_df: float = 3
    least_periods: int = 3
    source_run: str | None = None

    def __post_init__(self) -> None:
        for name in ("bias_sd", "spread_sd"):
            value = getattr(self, name)
            require(0 < value <= 2, f"backtest.drift.{name}", "above 0 and at most 2", value)
        require(1 <= self.spread_df <= 1000, "backtest.drift.spread_df", "from 1 to 1,000", self.spread_df)
        require(self.least_periods >= 2, "backtest.drift.least_periods", "at least 2", self.least_periods)
        is_id = self.source_run is None or re.fullmatch("[0-9a-f]{32}", self.source_run) is not None
        rule = "the id of a run of tenure-backtest, 32 characters of 0-9 and a-f, or null"
        require(is_id, "backtest.drift.source_run", rule, self.source_run)


@dataclass
class BacktestSettings:
    """The baselines, the drift of totals, and the customers that are judged.

    Args:
        baselines: the baselines that the model is compared with.
        drift: the drift of totals.
        judge_customers: customers whose holdout is compared one by one, from 100 up; of more, a sample of about so
            many, by a hash of their ids. The fit, the totals and the forecast of the customer base are of all
            customers, share by share. null: all are judged, in memory.
    """

    baselines: BaselineSettings = field(default_factory=BaselineSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    judge_customers: int | None = 200_000

    def __post_init__(self) -> None:
        is_right = self.judge_customers is None or self.judge_customers >= 100
        require(is_right, "backtest.judge_customers", "from 100 up, or null", self.judge_customers)


@dataclass
class OriginSettings:
    """The cut-offs and horizons of a rolling backtest.

    Args:
        horizons_days: lengths of the holdouts in days, each from 1 to 10,950; the drift of totals is estimated for
            each.
        cutoffs: last days of calibration, such as ["1997-06-30", "1997-09-30"]; null: every step_days back from the end
            of the log.
        step_days: days between two cut-offs, from 1 up.
        least_calibration_days: the shortest calibration window in days, from 1 up.
    """

    horizons_days: list[int] = field(default_factory=lambda: [91, 182])
    cutoffs: list[str] | None = None
    step_days: int = 91
    least_calibration_days: int = 91

    def __post_init__(self) -> None:
        days = self.horizons_days
        rule = f"one or more numbers of days from 1 to {HORIZON_LIMIT_DAYS:,}"
        is_right = bool(days) and all(1 <= one <= HORIZON_LIMIT_DAYS for one in days)
        require(is_right, "origins.horizons_days", rule, list(days))
        for name in ("step_days", "least_calibration_days"):
            require(getattr(self, name) >= 1, f"origins.{name}", "at least 1", getattr(self, name))
        for day in self.cutoffs or ():
            require_day("origins.cutoffs", day)
