"""Settings of a synthetic log: its truth, its size, its dirt."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..bounds import HORIZON_LIMIT_DAYS
from ..purchase import MODELS as PURCHASE_MODELS
from ..spend import MODELS as SPEND_MODELS
from .checks import require, require_choice, require_day

PURCHASES_LIMIT = 5_000  # of a customer on average: some buy many times as often, and blocks are in memory
ROLES = ("customer_id", "date", "amount", "order_id")


@dataclass
class TruthSettings:
    """A population: its models and their parameters; time in days, money as in the log.

    Args:
        purchase_model: model of purchases and dropout: bg_nbd, mbg_nbd, pareto_nbd or zi_bg_nbd.
        spend_model: model of the spend per purchase: gamma_gamma (gamma_gamma_transactions has the same
            process), gamma_gamma_fading, gamma_gamma_first_order or gamma_gamma_orders.
        parameters: parameters of both models by name, such as r, alpha, a, b, p, q, v.
    """

    purchase_model: str
    spend_model: str
    parameters: dict[str, float]

    def __post_init__(self) -> None:
        require_choice("simulate.truth.purchase_model", self.purchase_model, tuple(PURCHASE_MODELS))
        require_choice("simulate.truth.spend_model", self.spend_model, tuple(SPEND_MODELS))
        specs = PURCHASE_MODELS[self.purchase_model], SPEND_MODELS[self.spend_model]
        parameters = {name: parameter for spec in specs for name, parameter in spec.parameters.items()}
        rule = f"exactly {', '.join(parameters)} for {self.purchase_model} and {self.spend_model}"
        require(set(self.parameters) == set(parameters), "simulate.truth.parameters", rule, sorted(self.parameters))
        for name, parameter in parameters.items():
            low, high = parameter.truth
            is_right = low <= self.parameters[name] <= high
            require(
                is_right, f"simulate.truth.parameters.{name}", f"from {low:.10g} to {high:g}", self.parameters[name]
            )

    @property
    def mean_rate(self) -> float:
        """Return the mean repeat purchases a day of customers while they stay."""
        return float(PURCHASE_MODELS[self.purchase_model].mean.value(self.parameters))

    def of(self, model: str) -> dict[str, float]:
        """Return the parameters of one of the models."""
        spec = PURCHASE_MODELS.get(model) or SPEND_MODELS[model]
        return {name: self.parameters[name] for name in spec.parameters}


@dataclass
class AcquisitionSettings:
    """When the customers of a synthetic log first bought.

    Args:
        since: first day of acquisitions; null: the log's first day. An earlier one gives left-truncated customers.
        until: last day of acquisitions; null: the log's last day.
        growth: annual growth of acquisitions, effective, from -0.9 to 10 (0.5: half as many again each year).
    """

    since: str | None = None
    until: str | None = None
    growth: float = 0.0

    def __post_init__(self) -> None:
        require_day("simulate.acquisition.since", self.since)
        require_day("simulate.acquisition.until", self.until)
        rule = "annual and effective, from -0.9 to 10 (0.5: half as many again each year)"
        require(-0.9 <= self.growth <= 10, "simulate.acquisition.growth", rule, self.growth)


@dataclass
class SeasonSettings:
    """A yearly cycle of repeat purchases; first purchases have none.

    Args:
        amplitude: purchases on the peak day over those on an average day, less 1; at least 0 and below 1.
        peak_day: day of the year with the most purchases, 1 to 365.
    """

    amplitude: float = 0.0
    peak_day: int = 345

    def __post_init__(self) -> None:
        require(0 <= self.amplitude < 1, "simulate.season.amplitude", "at least 0 and below 1", self.amplitude)
        require(1 <= self.peak_day <= 365, "simulate.season.peak_day", "a day of the year, 1 to 365", self.peak_day)


@dataclass
class RefundSettings:
    """Which orders of a synthetic log are refunded, and how the log shows it.

    Args:
        share: share of the orders that are refunded, from 0 to 1.
        full: share of the refunds that are full, from 0 to 1; the others are for a part of the amount, uniform.
        delay_days: mean days until a refund, exponential, from 0 to 3,650; refunds after the end of the log are left
            out.
        matched: share of the refunds with the id of their order, from 0 to 1; the others have another id.
        prefix: prefix of the order ids of refunds, such as C; null: none.
    """

    share: float = 0.0
    full: float = 0.7
    delay_days: float = 14
    matched: float = 1.0
    prefix: str | None = None

    def __post_init__(self) -> None:
        for name in ("share", "full", "matched"):
            _require_share(f"simulate.refunds.{name}", getattr(self, name))
        require(0 <= self.delay_days <= 3650, "simulate.refunds.delay_days", "from 0 to 3650", self.delay_days)


@dataclass
class DirtSettings:
    """Shares of the rows of a synthetic log that are wrong, by the kind of fault.

    Args:
        null_ids: share of rows without an id, from 0 to 1.
        blank_ids: share of rows with a blank id, from 0 to 1.
        guest_ids: share of rows with the id GUEST, from 0 to 1.
        float_ids: share of rows with an id such as 17.0, from 0 to 1.
        null_dates: share of rows without a date, from 0 to 1.
        epoch_dates: share of rows dated 1970-01-01, from 0 to 1.
        zero_amounts: share of rows with an amount of 0, from 0 to 1.
        null_amounts: share of rows without an amount, from 0 to 1.
        nan_amounts: share of rows with an amount that is not a number, from 0 to 1.
        duplicates: share of rows that repeat another, from 0 to 1.
    """

    null_ids: float = 0.0
    blank_ids: float = 0.0
    guest_ids: float = 0.0
    float_ids: float = 0.0
    null_dates: float = 0.0
    epoch_dates: float = 0.0
    zero_amounts: float = 0.0
    null_amounts: float = 0.0
    nan_amounts: float = 0.0
    duplicates: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _require_share(f"simulate.dirt.{name}", value)
        for ending in ("ids", "dates", "amounts"):
            shares = {name: value for name, value in vars(self).items() if name.endswith(ending)}
            rule = "at most 1 together, as a value is wrong in one way"
            require(sum(shares.values()) <= 1, ", ".join(f"simulate.dirt.{name}" for name in shares), rule, shares)


@dataclass
class SimulateSettings:
    """A synthetic purchase log: its customers, its days, and its faults.

    Args:
        customers: number of customers, from 1 to 1,000,000,000.
        start: first day of the log.
        end: last day of the log, within 30 years of the first acquisition.
        truth: the population.
        acquisition: when the customers first bought.
        dates: form of the dates. day: days; time: time stamps without a zone.
        season: a yearly cycle of repeat purchases.
        refunds: which orders are refunded.
        dirt: shares of wrong rows.
        segments: segments with the shares of their values, such as {country: {DE: 0.7, FR: 0.3}}; shares add up to 1.
        effects: how segments differ in truth, such as {country: {FR: {mean_rate: 0.5, mean_spend: 2}}}: factors of the
            population's mean rate, mean spend, or odds of dropout (dropout_mean), from 0.001 to 1,000.
    """

    customers: int
    start: str
    end: str
    truth: TruthSettings
    acquisition: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    dates: str = "day"
    season: SeasonSettings = field(default_factory=SeasonSettings)
    refunds: RefundSettings = field(default_factory=RefundSettings)
    dirt: DirtSettings = field(default_factory=DirtSettings)
    segments: dict[str, dict[str, float]] = field(default_factory=dict)
    effects: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

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
        for name, shares in self.segments.items():
            _require_segment(f"simulate.segments.{name}", name, shares)
        self._require_effects()
        mean = self.truth.mean_rate * span * self._fastest()
        rule = f"such that a customer who stays buys at most {PURCHASES_LIMIT:,} times on average"
        require(mean <= PURCHASES_LIMIT, "simulate.truth.parameters", rule, f"{mean:,.0f} times in {span:,} days")

    def _fastest(self) -> float:
        """Return the largest factor of the mean rate of any combination of segments."""
        largest = [
            max([1.0, *(factors.get("mean_rate", 1.0) for factors in values.values())])
            for values in self.effects.values()
        ]
        return math.prod(largest)

    def _require_effects(self) -> None:
        """Raise SettingsError for effects of no segment, on no quantity, or out of range."""
        specs = PURCHASE_MODELS[self.truth.purchase_model], SPEND_MODELS[self.truth.spend_model]
        quantities = tuple(name for spec in specs for name in spec.segment_effects)
        for name, values in self.effects.items():
            key = f"simulate.effects.{name}"
            require(name in self.segments, key, "of a segment of simulate.segments", name)
            for value, factors in values.items():
                require_choice(f"{key} (a value)", value, tuple(self.segments[name]))
                for quantity, factor in factors.items():
                    require_choice(f"{key}.{value} (a quantity)", quantity, quantities)
                    require(0.001 <= factor <= 1000, f"{key}.{value}.{quantity}", "from 0.001 to 1,000", factor)

    def _days(self) -> tuple[dt.date, dt.date, dt.date, dt.date]:
        """Return the first day of acquisitions, the log's first, the last of acquisitions and the log's last."""
        days = {}
        for name, text in (
            ("start", self.start),
            ("end", self.end),
            ("acquisition.since", self.acquisition.since or self.start),
            ("acquisition.until", self.acquisition.until or self.end),
        ):
            require_day(f"simulate.{name}", text, or_null=False)
            days[name] = dt.date.fromisoformat(text)
            rule = "between 1980-01-01 and 2199-12-31"
            require(1980 <= days[name].year < 2200, f"simulate.{name}", rule, text)
        return days["acquisition.since"], days["start"], days["acquisition.until"], days["end"]


def _require_share(key: str, value: float) -> None:
    require(0 <= value <= 1, key, "a share, from 0 to 1", value)


def _require_segment(key: str, name: str, shares: Mapping[str, float]) -> None:
    require(name not in ROLES, key, f"a name other than {', '.join(ROLES)}", name)
    is_right = all(share > 0 for share in shares.values()) and abs(sum(shares.values()) - 1) < 1e-9
    require(is_right, key, "names with shares above 0 that add up to 1, such as {DE: 0.7, FR: 0.3}", dict(shares))
