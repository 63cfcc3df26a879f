"""Settings of scoring."""

from dataclasses import dataclass, field
from typing import Any

from ..bounds import DISCOUNT_RATE, HORIZON_DAYS, HORIZON_LIMIT_DAYS, LEVEL, MARGIN, RATE_LIMIT
from .checks import require, require_choice

# Further columns of the output, by what they need.
MODEL_COLUMNS = ("horizon_days", "model_version")
DAY_COLUMNS = ("as_of", "first_purchase", "last_purchase")
LOG_COLUMNS = ("historic_spend",)
MOST_PART_ROWS = 1_000_000
SCORE_COLUMNS = ("as_of", "horizon_days", "model_version", "first_purchase", "last_purchase", "historic_spend")


@dataclass
class ScoreSettings:
    """Params of the scorer: horizon, discounting, margin, interval level.

    Args:
        horizon_days: days ahead, from 1 to 10,950.
        discount_rate: annual effective rate, from 0 to 5 (0.10 is ten percent): a purchase t days ahead is discounted
            by (1 + d)^(-t / 365).
        margin: share of spend that is kept, above 0 and at most 1.
        level: probability of the intervals, above 0 and below 1.
    """

    horizon_days: int = HORIZON_DAYS
    discount_rate: float = DISCOUNT_RATE
    margin: float = MARGIN
    level: float = LEVEL

    def __post_init__(self) -> None:
        days = 1 <= self.horizon_days <= HORIZON_LIMIT_DAYS
        require(days, "score.horizon_days", f"from 1 to {HORIZON_LIMIT_DAYS:,}", self.horizon_days)
        rule = f"an annual effective rate, at least 0 and at most {RATE_LIMIT:g} (0.10 is ten percent)"
        require(0 <= self.discount_rate <= RATE_LIMIT, "score.discount_rate", rule, self.discount_rate)
        require(0 < self.margin <= 1, "score.margin", "above 0 and at most 1", self.margin)
        require(0 < self.level < 1, "score.level", "above 0 and below 1", self.level)

    def params(self) -> dict[str, Any]:
        """Return the scorer's params by its own names."""
        return {name: getattr(self, name) for name in ("horizon_days", "discount_rate", "margin", "level")}


@dataclass
class TrustedScoreSettings(ScoreSettings):
    """Params of the scorer, and the checks of model and customers that are skipped.

    Args:
        allow_unit_change: whether to score although money or time seems to have another unit than the model's.
        accept_failed: whether to score with a training run of verdict FAIL (model=runs:/ and its id).
    """

    allow_unit_change: bool = False
    accept_failed: bool = False


@dataclass
class BatchScoreSettings(TrustedScoreSettings):
    """Params of `tenure-score`, the checks that it skips, and the further columns that it writes.

    Args:
        columns: columns to add: any of as_of, horizon_days, model_version, first_purchase, last_purchase,
            historic_spend.
        part_rows: customers of a part, about, from 1 to 1,000,000: what is in memory at a time, and what a stopped job
            scores again at most.
    """

    columns: list[str] = field(default_factory=list)
    part_rows: int = 250_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            1 <= self.part_rows <= MOST_PART_ROWS, "score.part_rows", f"from 1 to {MOST_PART_ROWS:,}", self.part_rows
        )
        for name in self.columns:
            require_choice("score.columns", name, SCORE_COLUMNS)
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        require(not twice, "score.columns", "a list that names each column once", self.columns)
