"""A made-up log: its truth, its size, its dirt."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ..bounds import HORIZON_LIMIT_DAYS
from ..posterior import PURCHASE_MODELS
from .checks import require, require_day

PURCHASES_LIMIT = 5_000  # of a made-up customer on average: some buy many times as often, and blocks are held in memory
ROLES = ("customer_id", "date", "amount", "order_id")


@dataclass
class TruthSettings:
    """A population: which purchase model, and the parameters of both models; days and the log's money."""

    purchase_model: str
    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    v: float

    def __post_init__(self) -> None:
        known = f"one of {', '.join(PURCHASE_MODELS)}"
        require(self.purchase_model in PURCHASE_MODELS, "simulate.truth.purchase_model", known, self.purchase_model)
        for name in ("r", "alpha", "b", "p", "v"):
            value = getattr(self, name)
            require(1e-6 <= value <= 1e9, f"simulate.truth.{name}", "from 1e-6 to 1e9", value)
        require(0 <= self.a <= 1e9, "simulate.truth.a", "from 0 (nobody ever leaves) to 1e9", self.a)
        require(1 < self.q <= 1e9, "simulate.truth.q", "above 1 (there is no mean spend otherwise)", self.q)


@dataclass
class AcquisitionSettings:
    """When the customers of a made-up log first bought."""

    since: str | None
    until: str | None
    growth: float

    def __post_init__(self) -> None:
        require_day("simulate.acquisition.since", self.since)
        require_day("simulate.acquisition.until", self.until)
        rule = "annual and effective, from -0.9 to 10 (0.5: half as many again each year)"
        require(-0.9 <= self.growth <= 10, "simulate.acquisition.growth", rule, self.growth)


@dataclass
class SeasonSettings:
    """A yearly cycle of repeat purchases."""

    amplitude: float
    peak_day: int

    def __post_init__(self) -> None:
        require(0 <= self.amplitude < 1, "simulate.season.amplitude", "at least 0 and below 1", self.amplitude)
        require(1 <= self.peak_day <= 365, "simulate.season.peak_day", "a day of the year, 1 to 365", self.peak_day)


@dataclass
class RefundSettings:
    """Which orders of a made-up log are refunded, and how the log shows it."""

    share: float
    full: float
    delay_days: float
    matched: float
    prefix: str | None

    def __post_init__(self) -> None:
        for name in ("share", "full", "matched"):
            _require_share(f"simulate.refunds.{name}", getattr(self, name))
        require(0 <= self.delay_days <= 3650, "simulate.refunds.delay_days", "from 0 to 3650", self.delay_days)


@dataclass
class DirtSettings:
    """Shares of the rows of a made-up log that are wrong, by what is wrong with them."""

    null_ids: float
    blank_ids: float
    guest_ids: float
    float_ids: float
    null_dates: float
    epoch_dates: float
    zero_amounts: float
    null_amounts: float
    nan_amounts: float
    duplicates: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _require_share(f"simulate.dirt.{name}", value)
        for ending in ("ids", "dates", "amounts"):
            parts = {name: value for name, value in vars(self).items() if name.endswith(ending)}
            rule = "at most 1 together, as a value is wrong in one way"
            require(sum(parts.values()) <= 1, ", ".join(f"simulate.dirt.{name}" for name in parts), rule, parts)


@dataclass
class SimulateSettings:
    """A made-up purchase log: its customers, its days, and what is wrong with it."""

    customers: int
    start: str
    end: str
    dates: str
    truth: TruthSettings
    acquisition: AcquisitionSettings
    season: SeasonSettings
    refunds: RefundSettings
    dirt: DirtSettings
    segments: dict[str, dict[str, float]]

    def __post_init__(self) -> None:
        require(1 <= self.customers <= 10**9, "simulate.customers", "from 1 to 1,000,000,000", self.customers)
        require(self.dates in ("day", "time"), "simulate.dates", "day or time", self.dates)
        since, start, until, end = self._days()
        require(start <= end, "simulate.start", f"no later than simulate.end ({end})", self.start)
        rule = f"no later than simulate.start ({start}), or null"
        require(since <= start, "simulate.acquisition.since", rule, str(since))
        is_within = since <= until <= end
        require(is_within, "simulate.acquisition.until", f"from {since} to simulate.end ({end}), or null", str(until))
        span = (end - since).days + 1
        require(span <= HORIZON_LIMIT_DAYS, "simulate.end", "within 30 years of the first acquisition", self.end)
        mean = self.truth.r / self.truth.alpha * span
        rule = f"such that a customer who stays buys at most {PURCHASES_LIMIT:,} times on average"
        require(mean <= PURCHASES_LIMIT, "simulate.truth.r and alpha", rule, f"{mean:,.0f} times in {span:,} days")
        for name, shares in self.segments.items():
            _require_segment(f"simulate.segments.{name}", name, shares)

    def _days(self) -> tuple[dt.date, dt.date, dt.date, dt.date]:
        """Give the first day of births, the log's first, the last of births and the log's last."""
        found = {}
        for name, text in (
            ("start", self.start),
            ("end", self.end),
            ("births.since", self.acquisition.since or self.start),
            ("births.until", self.acquisition.until or self.end),
        ):
            require_day(f"simulate.{name}", text, or_null=False)
            found[name] = dt.date.fromisoformat(text)
            rule = "between 1980-01-01 and 2199-12-31"
            require(1980 <= found[name].year < 2200, f"simulate.{name}", rule, text)
        return found["births.since"], found["start"], found["births.until"], found["end"]


def _require_share(key: str, value: float) -> None:
    require(0 <= value <= 1, key, "a share, from 0 to 1", value)


def _require_segment(key: str, name: str, shares: Mapping[str, float]) -> None:
    require(name not in ROLES, key, f"named otherwise than {', '.join(ROLES)}", name)
    is_right = all(share > 0 for share in shares.values()) and abs(sum(shares.values()) - 1) < 1e-9
    require(is_right, key, "names with shares above 0 that add up to 1, such as {DE: 0.7, FR: 0.3}", dict(shares))
