"""Settings of decisions: tiers, lifecycle stages, acquisition, offers, and the words of the page."""

import math
from dataclasses import dataclass, field

from ..bounds import HORIZON_LIMIT_DAYS
from ..language import is_locale
from .checks import require, require_choice, require_day
from .forecast import EquitySettings, ForecastSettings

PAID = ("contact", "redemption")
TIERS = {"top": 0.1, "middle": 0.2}  # a default table would be merged with the user's own
REST = "rest"  # the tier of the customers that no other tier has


@dataclass
class StageSettings:
    """The lifecycle stages of customers by the dates of their purchases, and the levels of the model's view.

    Args:
        new_days: a customer is new for so many days after the first purchase, 1 or more.
        inactive_days: a customer without a purchase for so many days is inactive, 1 or more.
        dormant_days: a customer without a purchase for so many days is dormant, more than inactive_days.
        since: day before the end of observation whose stages are compared with today's; null: 90 days before the end.
        overdue_share: a silence is overdue beyond this quantile of the wait for the next purchase, above 0 and below 1.
        alive_level: the day on which P(alive) falls below this level is listed, above 0 and below 1.
        doubtful: a new or active customer whose P(purchase) is below this probability is a disagreement, from 0 to 1.
        likely: an inactive or dormant customer whose P(purchase) is at least this probability is one too, from 0 to 1.
    """

    new_days: int = 90
    inactive_days: int = 90
    dormant_days: int = 365
    since: str | None = None
    overdue_share: float = 0.9
    alive_level: float = 0.5
    doubtful: float = 0.1
    likely: float = 0.5

    def __post_init__(self) -> None:
        for name in ("new_days", "inactive_days"):
            days = getattr(self, name)
            require(1 <= days <= HORIZON_LIMIT_DAYS, f"decide.stages.{name}", f"from 1 to {HORIZON_LIMIT_DAYS:,}", days)
        is_later = self.inactive_days < self.dormant_days <= HORIZON_LIMIT_DAYS
        rule = f"more than decide.stages.inactive_days ({self.inactive_days}) and at most {HORIZON_LIMIT_DAYS:,}"
        require(is_later, "decide.stages.dormant_days", rule, self.dormant_days)
        require_day("decide.stages.since", self.since)
        for name in ("overdue_share", "alive_level"):
            level = getattr(self, name)
            require(0 < level < 1, f"decide.stages.{name}", "above 0 and below 1", level)
        for name in ("doubtful", "likely"):
            level = getattr(self, name)
            require(0 <= level <= 1, f"decide.stages.{name}", "from 0 to 1", level)


@dataclass
class AcquisitionCostSettings:
    """What acquired customers cost, and what a new one may cost.

    Args:
        channel: name of the segment with each customer's channel, of transactions.segments; null: the segments of the
            model, and all customers are one channel where it has none.
        costs: cost of one acquired customer by channel, 0 or more, such as {ads: 25}; all is of those not named.
        cost_segment: name of a segment with each customer's own cost, of transactions.segments; null: none.
        horizons_days: horizons of the ceilings in days, ascending, from 1 to 10,950; without end is always added.
        ratio: the clv of a new customer is to be at least so many times the cost, 1 or more.
    """

    channel: str | None = None
    costs: dict[str, float] = field(default_factory=dict)
    cost_segment: str | None = None
    horizons_days: list[int] = field(default_factory=lambda: [365, 730, 1095])
    ratio: float = 3.0

    def __post_init__(self) -> None:
        for name, cost in self.costs.items():
            require(_is_money(cost), f"decide.acquisition.costs.{name}", "a cost of 0 or more", cost)
        days = self.horizons_days
        is_right = bool(days) and sorted(set(days)) == list(days) and days[0] >= 1 and days[-1] <= HORIZON_LIMIT_DAYS
        rule = f"days from 1 to {HORIZON_LIMIT_DAYS:,} in ascending order"
        require(is_right, "decide.acquisition.horizons_days", rule, days)
        require(self.ratio >= 1 and math.isfinite(self.ratio), "decide.acquisition.ratio", "1 or more", self.ratio)


@dataclass
class OfferSettings:
    """An offer to inactive and dormant customers, and what it may change.

    Args:
        cost: cost of one offer, above 0.
        paid: when the cost is paid: redemption (by everybody who buys) or contact (for everybody who is written to).
        lift: what the offer adds to P(purchase), above 0 and at most 1.
        multiplicative: whether lift is a share of P(purchase) instead of points.
        budget: most expected cost of all offers, above 0; null: no bound.
        most_customers: most customers in the list, from 1 to 1,000,000.
        largest_gap: gains are not claimed where the backtest's P(purchase) was farther off than this beyond chance,
            from 0 to 1.
    """

    cost: float = 5.0
    paid: str = "redemption"
    lift: float = 0.05
    multiplicative: bool = False
    budget: float | None = None
    most_customers: int = 100_000
    largest_gap: float = 0.05

    def __post_init__(self) -> None:
        require(_is_money(self.cost) and self.cost > 0, "decide.offer.cost", "above 0", self.cost)
        require_choice("decide.offer.paid", self.paid, PAID)
        require(0 < self.lift <= 1, "decide.offer.lift", "above 0 and at most 1", self.lift)
        is_right = self.budget is None or (_is_money(self.budget) and self.budget > 0)
        require(is_right, "decide.offer.budget", "above 0, or null", self.budget)
        most, rule = self.most_customers, "from 1 to 1,000,000"
        require(1 <= most <= 1_000_000, "decide.offer.most_customers", rule, most)
        require(0 <= self.largest_gap <= 1, "decide.offer.largest_gap", "from 0 to 1", self.largest_gap)


@dataclass
class DecideSettings:
    """The settings of decisions, beside the horizon, discount rate and margin of `score`.

    Args:
        tiers: share of the customers in each tier, the best first, such as {best: 0.05, good: 0.2}; the other customers
            are the tier rest; empty: {top: 0.1, middle: 0.2}.
        threshold_customers: most customers, chosen by a hash of their ids, that thresholds of tiers are computed from,
            from 100 to 1,000,000.
        lifespan_years: lifespan of the textbook value, above 0 and at most 30.
        order_cost: cost to serve one order, 0 or more; of new customers.
        active_day_cost: cost to keep one active customer for one day, 0 or more; of new customers.
        currency: symbol or code of the log's money on the page, such as € or EUR; null: none.
        locale: how the page writes numbers and dates, such as en, fr, de or fr_CH, and its language where there are
            texts in it: en or fr; the others have English texts.
        stages: lifecycle stages.
        acquisition: costs and ceilings of acquired customers.
        offer: an offer to win customers back.
        forecast: of the customer base by month, and of its cohorts.
        equity: worth of the customer base.
    """

    tiers: dict[str, float] = field(default_factory=dict)
    threshold_customers: int = 100_000
    lifespan_years: float = 3.0
    order_cost: float = 0.0
    active_day_cost: float = 0.0
    currency: str | None = None
    locale: str = "en"
    stages: StageSettings = field(default_factory=StageSettings)
    acquisition: AcquisitionCostSettings = field(default_factory=AcquisitionCostSettings)
    offer: OfferSettings = field(default_factory=OfferSettings)
    forecast: ForecastSettings = field(default_factory=ForecastSettings)
    equity: EquitySettings = field(default_factory=EquitySettings)

    def __post_init__(self) -> None:
        self._require_tiers()
        number = self.threshold_customers
        require(100 <= number <= 1_000_000, "decide.threshold_customers", "from 100 to 1,000,000", number)
        years = self.lifespan_years
        require(0 < years <= 30, "decide.lifespan_years", "above 0 and at most 30", years)
        for name in ("order_cost", "active_day_cost"):
            cost = getattr(self, name)
            require(_is_money(cost), f"decide.{name}", "a cost of 0 or more", cost)
        is_symbol = self.currency is None or (1 <= len(self.currency.strip()) <= 8 and self.currency.isprintable())
        require(is_symbol, "decide.currency", "a symbol or code of 1 to 8 characters, or null", self.currency)
        require(is_locale(self.locale), "decide.locale", "a locale such as en, fr, de or fr_CH", self.locale)

    @property
    def shares(self) -> dict[str, float]:
        """Return the share of the customers in each tier but the last, the best first."""
        return self.tiers or TIERS

    def _require_tiers(self) -> None:
        """Raise SettingsError for shares that are no shares, or together more than all."""
        rule = "one or more names with shares above 0 and below 1, which add up to less than 1"
        shares = list(self.shares.values())
        is_right = bool(shares) and all(0 < share < 1 for share in shares) and sum(shares) < 1
        require(is_right, "decide.tiers", rule, self.tiers)
        names = list(self.tiers)
        is_named = all(name.isidentifier() and name != REST for name in names)
        require(is_named, "decide.tiers", f"named by letters, digits and _, none of them {REST}", names)


def _is_money(value: float) -> bool:
    return math.isfinite(value) and value >= 0
