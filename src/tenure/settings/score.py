"""What is asked of every customer."""

from dataclasses import dataclass

from .checks import require

HORIZON_LIMIT_DAYS = 30 * 365
LEAST_RATE = 1e-6  # of discount, for a value to infinity


@dataclass
class ScoreSettings:
    """What the scorer answers: horizon, discounting, margin, interval level."""

    horizon_days: int
    discount_rate: float
    margin: float
    level: float

    def __post_init__(self) -> None:
        days = 1 <= self.horizon_days <= HORIZON_LIMIT_DAYS
        require(days, "score.horizon_days", f"from 1 to {HORIZON_LIMIT_DAYS:,}", self.horizon_days)
        rule = "an annual effective rate, at least 0 and at most 5 (0.10 is ten percent)"
        require(0 <= self.discount_rate <= 5, "score.discount_rate", rule, self.discount_rate)
        require(0 < self.margin <= 1, "score.margin", "above 0 and at most 1", self.margin)
        require(0 < self.level < 1, "score.level", "above 0 and below 1", self.level)
