"""Settings of campaigns: the customers and their arms, the days, what it cost, and what counts as an effect."""

import math
from dataclasses import dataclass, field

from ..bounds import HORIZON_LIMIT_DAYS, LEVEL, MARGIN
from ..language import is_locale
from .checks import require, require_day


@dataclass
class CampaignColumnSettings:
    """The columns of the table of a campaign's customers.

    Args:
        customer_id: column of the customer ids.
        arm: column of the arms: the name of what a customer got, such as mail, or of the control.
        cost: column with the cost of each customer, 0 or more; null: none.
    """

    customer_id: str = "customer_id"
    arm: str = "arm"
    cost: str | None = None

    def __post_init__(self) -> None:
        names = [name for name in (self.customer_id, self.arm, self.cost) if name is not None]
        is_right = all(name.strip() for name in names) and len(set(names)) == len(names)
        require(is_right, "campaign.columns", "different names of columns", names)


@dataclass
class CampaignSettings:
    """A campaign: its customers, arms and days.

    Args:
        customers: path of the table of its customers, CSV or Parquet; null: all customers of the log, with plan=true
            alone.
        columns: columns of that table.
        segments: further columns of it by which effects are compared.
        control: the arm that got nothing; null: there is none, and the forecast alone is compared with.
        start: the first day of the campaign; null: the day after the log, with plan=true alone.
        end: the last day that counts; null: the end of the log, or with plan=true days days in all.
        days: length that is planned, with plan=true and without end, from 1 to 10,950.
        costs: cost of one customer by arm, 0 or more, such as {mail: 1.2}; without a column of costs.
        shares: planned share of each arm, control included, such as {control: 0.5, mail: 0.5}; empty: not planned, so
            that lost customers cannot be seen.
        accept_imbalance: whether to measure although the arms differ by more than chance.
        significance: probability of an effect where there is none, above 0 and below 0.5.
        power: probability of finding the smallest detectable effect, from 0.5 to below 1.
        currency: symbol or code of the log's money on the page, such as € or EUR; null: none.
        locale: how the page writes numbers and dates, such as en, fr, de or fr_CH, and its language where there are
            texts in it: en or fr; the others have English texts.
    """

    customers: str | None = None
    columns: CampaignColumnSettings = field(default_factory=CampaignColumnSettings)
    segments: list[str] = field(default_factory=list)
    control: str | None = "control"
    start: str | None = None
    end: str | None = None
    days: int = 90
    costs: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    accept_imbalance: bool = False
    significance: float = 0.05
    power: float = 0.8
    currency: str | None = None
    locale: str = "en"

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            require_day(f"campaign.{name}", getattr(self, name))
        is_ordered = not (self.start and self.end) or self.start <= self.end
        require(is_ordered, "campaign.end", f"campaign.start ({self.start}) or later", self.end)
        rule = f"from 1 to {HORIZON_LIMIT_DAYS:,}"
        require(1 <= self.days <= HORIZON_LIMIT_DAYS, "campaign.days", rule, self.days)
        require(0 < self.significance < 0.5, "campaign.significance", "above 0 and below 0.5", self.significance)
        require(0.5 <= self.power < 1, "campaign.power", "from 0.5 to below 1", self.power)
        is_symbol = self.currency is None or (1 <= len(self.currency.strip()) <= 8 and self.currency.isprintable())
        require(is_symbol, "campaign.currency", "a symbol or code of 1 to 8 characters, or null", self.currency)
        require(is_locale(self.locale), "campaign.locale", "a locale such as en, fr, de or fr_CH", self.locale)
        self._require_arms()

    def _require_arms(self) -> None:
        """Raise SettingsError for costs and shares that are none, and for segments that are other columns."""
        for name, cost in self.costs.items():
            require(math.isfinite(cost) and cost >= 0, f"campaign.costs.{name}", "a cost of 0 or more", cost)
        is_once = not (self.costs and self.columns.cost)
        require(is_once, "campaign.costs", f"empty with campaign.columns.cost ({self.columns.cost})", self.costs)
        shares = list(self.shares.values())
        is_right = not shares or (all(0 < share < 1 for share in shares) and abs(sum(shares) - 1.0) < 1e-6)
        require(is_right, "campaign.shares", "shares above 0 and below 1 that add up to 1", self.shares)
        used = {self.columns.customer_id, self.columns.arm, self.columns.cost}
        is_other = not used & set(self.segments) and len(set(self.segments)) == len(self.segments)
        require(is_other, "campaign.segments", "further columns, each named once", self.segments)


@dataclass
class MeasureSettings:
    """Margin and level of a campaign's results, and the checks of model and customers that are skipped.

    Args:
        margin: share of spend that is kept, above 0 and at most 1.
        level: probability of the intervals, above 0 and below 1.
        allow_unit_change: whether to measure although money seems to have another unit than the model's.
        accept_failed: whether to use a training run of verdict FAIL (model=runs:/ and its id).
    """

    margin: float = MARGIN
    level: float = LEVEL
    allow_unit_change: bool = False
    accept_failed: bool = False

    def __post_init__(self) -> None:
        require(0 < self.margin <= 1, "score.margin", "above 0 and at most 1", self.margin)
        require(0 < self.level < 1, "score.level", "above 0 and below 1", self.level)
