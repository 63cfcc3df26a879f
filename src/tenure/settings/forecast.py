"""Settings of the forecast of the customer base and of its worth."""

import math
from dataclasses import dataclass, field

from ..bounds import RATE_LIMIT
from .checks import require

LONGEST_DAYS = 30 * 365
LEAST_ENDLESS_RATE = 0.01  # a year: below it, a value without end depends on centuries


@dataclass
class ForecastSettings:
    """The forecast of the customer base by calendar month, and of its cohorts.

    Args:
        new_customers: customers to be acquired in each calendar month, by channel, such as {ads: [100, 120]}; without
            decide.acquisition.channel {all: [100, 120]}. The first is of the month of the first forecast day, and
            counts for the part of that month that is left; the last one is repeated. Empty: as many a day as recently.
        recent_days: what counts as recently, from 7 to 3,650.
        sample_customers: most customers, chosen by a hash of their ids, that are followed month by month, from 1,000
            up; null: all customers, who then have to fit into memory.
        churn_days: a customer has churned after so many days without a purchase, from 30 to 365.
        origins: past days from which the forecast is made once more and compared with what happened, from 0 to 6; each
            needs a fit.
    """

    new_customers: dict[str, list[float]] = field(default_factory=dict)
    recent_days: int = 90
    sample_customers: int | None = 100_000
    churn_days: int = 90
    origins: int = 2

    def __post_init__(self) -> None:
        for name, counts in self.new_customers.items():
            is_right = bool(counts) and all(math.isfinite(count) and 0 <= count <= 1e9 for count in counts)
            rule = "one or more monthly counts from 0 to 1,000,000,000"
            require(is_right, f"decide.forecast.new_customers.{name}", rule, list(counts))
        require(7 <= self.recent_days <= 3650, "decide.forecast.recent_days", "from 7 to 3,650", self.recent_days)
        is_right = self.sample_customers is None or self.sample_customers >= 1_000
        require(is_right, "decide.forecast.sample_customers", "1,000 or more, or null", self.sample_customers)
        require(30 <= self.churn_days <= 365, "decide.forecast.churn_days", "from 30 to 365", self.churn_days)
        require(0 <= self.origins <= 6, "decide.forecast.origins", "from 0 to 6", self.origins)


@dataclass
class EquitySettings:
    """The worth of the customer base.

    Args:
        horizons_days: horizons in days, ascending, from 1 to 10,950; without end is always added.
        discount_rates: annual discount rates beside score.discount_rate, from 0 to 5; below 0.01 there is no value
            without end.
        margins: margins beside score.margin, above 0 and at most 1; empty: four fifths and six fifths of it.
        acquisition_years: new customers are acquired for so many years, from 0 to 30.
    """

    horizons_days: list[int] = field(default_factory=lambda: [365, 1095, 1825])
    discount_rates: list[float] = field(default_factory=lambda: [0.08, 0.10, 0.15])
    margins: list[float] = field(default_factory=list)
    acquisition_years: float = 5.0

    def __post_init__(self) -> None:
        days = self.horizons_days
        is_right = bool(days) and sorted(set(days)) == list(days) and days[0] >= 1 and days[-1] <= LONGEST_DAYS
        rule = f"days from 1 to {LONGEST_DAYS:,} in ascending order"
        require(is_right, "decide.equity.horizons_days", rule, list(days))
        is_right = all(0 <= rate <= RATE_LIMIT for rate in self.discount_rates)
        rule = f"annual rates from 0 to {RATE_LIMIT:g} (0.10 is ten percent)"
        require(is_right, "decide.equity.discount_rates", rule, list(self.discount_rates))
        is_right = all(0 < margin <= 1 for margin in self.margins)
        require(is_right, "decide.equity.margins", "above 0 and at most 1", list(self.margins))
        years = self.acquisition_years
        require(0 <= years <= 30, "decide.equity.acquisition_years", "from 0 to 30", years)
