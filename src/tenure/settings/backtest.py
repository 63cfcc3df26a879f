"""What a holdout is measured beside, and the cut-offs of several."""

import re
from dataclasses import dataclass
from itertools import pairwise

from ..bounds import HORIZON_LIMIT_DAYS
from .checks import require, require_day

BASELINES = ("zero", "last_period", "own_rate", "textbook", "nbd", "boosting")


@dataclass
class BoostingSettings:
    """How the regression among the baselines is trained."""

    quantiles: list[float]
    trees: int
    learning_rate: float
    leaves: int
    least_per_leaf: int
    most_customers: int

    def __post_init__(self) -> None:
        key = "backtest.baselines.boosting"
        rises = all(low < high for low, high in pairwise([0.0, *self.quantiles, 1.0]))
        rule = "two levels or more, rising, above 0 and below 1"
        require(rises and len(self.quantiles) >= 2, f"{key}.quantiles", rule, list(self.quantiles))
        require(0 < self.learning_rate <= 1, f"{key}.learning_rate", "above 0 and at most 1", self.learning_rate)
        for name, least in (("trees", 1), ("leaves", 2), ("least_per_leaf", 1), ("most_customers", 100)):
            value = getattr(self, name)
            require(value >= least, f"{key}.{name}", f"at least {least}", value)


@dataclass
class BaselineSettings:
    """What the model is compared with."""

    names: list[str]
    boosting: BoostingSettings

    def __post_init__(self) -> None:
        is_right = set(self.names) <= set(BASELINES) and len(set(self.names)) == len(self.names)
        require(is_right, "backtest.baselines.names", f"different ones of {', '.join(BASELINES)}", list(self.names))


@dataclass
class DriftSettings:
    """The prior of the factor by which totals are off, in logarithms, and when it is learnt."""

    bias_sd: float
    spread_sd: float
    spread_df: float
    least_periods: int
    source_run: str | None

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
    """What a holdout is measured beside."""

    baselines: BaselineSettings
    drift: DriftSettings


@dataclass
class OriginSettings:
    """The cut-offs of a rolling backtest, and how far it looks ahead from each."""

    horizons_days: list[int]
    cutoffs: list[str] | None
    step_days: int
    least_calibration_days: int

    def __post_init__(self) -> None:
        days = self.horizons_days
        rule = f"one or more numbers of days from 1 to {HORIZON_LIMIT_DAYS:,}"
        is_right = bool(days) and all(1 <= one <= HORIZON_LIMIT_DAYS for one in days)
        require(is_right, "origins.horizons_days", rule, list(days))
        for name in ("step_days", "least_calibration_days"):
            require(getattr(self, name) >= 1, f"origins.{name}", "at least 1", getattr(self, name))
        for day in self.cutoffs or ():
            require_day("origins.cutoffs", day)
