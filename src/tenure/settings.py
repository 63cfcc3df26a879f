"""The settings of every job, typed. The numbers live in `conf/`; here are their names, types and ranges.

Fields have no defaults: each number has one home, the YAML. Everything that can be wrong with a setting without
looking at data is refused here, with the full key. They are not frozen because OmegaConf takes frozen dataclasses for
read-only configs and would not merge the YAML into them.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from .errors import InputError
from .posterior import PURCHASE_MODELS
from .review import ReviewSettings

HORIZON_LIMIT_DAYS = 30 * 365
POSITIVE = {
    "LogNormal": ("mu", "sigma"),
    "Gamma": ("alpha", "beta"),
    "InverseGamma": ("alpha", "beta"),
    "HalfNormal": ("sigma",),
    "Exponential": ("lam",),
}
UNIT_INTERVAL = {"Beta": ("alpha", "beta")}
CHOICES = {
    "method": ("nuts", "laplace", "map"),
    "purchases": PURCHASE_MODELS,
    "sampler": ("nutpie", "pymc"),
    "no_repeat_buyers": ("refuse", "prior"),
}
BASELINES = ("zero", "last_period", "own_rate", "textbook", "nbd", "boosting")


class SettingsError(InputError):
    """A setting that is out of range; the message starts with its full key."""


def _require(is_right: bool, key: str, rule: str, value: object) -> None:
    if not is_right:
        raise SettingsError(f"{key} must be {rule}, got {value!r}.")


def _require_day(key: str, value: str | None) -> None:
    try:
        # fromisoformat alone takes 19970930 and week dates too.
        is_day = value is None or dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    _require(is_day, key, "a date such as 1997-09-30, or null", value)


@dataclass
class ColumnSettings:
    """Which columns of the purchase log are which."""

    customer_id: str
    date: str
    amount: str
    order_id: str | None


@dataclass
class CsvSettings:
    """How a CSV purchase log is written."""

    separator: str
    decimal: str
    thousands: str | None
    encoding: str
    date_format: str | None
    day_first: bool

    def __post_init__(self) -> None:
        _require(len(self.separator) == 1, "transactions.csv.separator", "one character", self.separator)
        _require(len(self.decimal) == 1, "transactions.csv.decimal", "one character", self.decimal)
        apart = len({self.separator, self.decimal, self.thousands}) == 3
        rule = "different from the separator and the thousands mark"
        _require(apart, "transactions.csv.decimal", rule, self.decimal)


@dataclass
class TransactionsSettings:
    """Where the purchase log is and how to read it."""

    path: str
    format: str
    columns: ColumnSettings
    csv: CsvSettings
    zero_amounts: str

    def __post_init__(self) -> None:
        formats = ("auto", "csv", "parquet")
        _require(self.format in formats, "transactions.format", f"one of {', '.join(formats)}", self.format)
        rules = ("count", "drop")
        _require(self.zero_amounts in rules, "transactions.zero_amounts", "count or drop", self.zero_amounts)


@dataclass
class RfmSettings:
    """The last day of calibration and the last day observed."""

    cutoff: str | None
    end: str | None

    def __post_init__(self) -> None:
        _require_day("rfm.cutoff", self.cutoff)
        _require_day("rfm.end", self.end)
        if self.cutoff and self.end:
            _require(self.cutoff < self.end, "rfm.cutoff", f"before rfm.end ({self.end})", self.cutoff)


@dataclass
class ObservedSettings:
    """The last day observed, where nothing is held out."""

    end: str | None

    def __post_init__(self) -> None:
        _require_day("rfm.end", self.end)


@dataclass
class PriorSettings:
    """One prior: a distribution by PyMC's name and its parameters."""

    distribution: str
    parameters: dict[str, float]

    def check(self, key: str, families: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse a distribution whose support or parameters are not those that `key` needs."""
        names = ", ".join(families)
        _require(self.distribution in families, f"{key}.distribution", f"one of {names}", self.distribution)
        wanted = families[self.distribution]
        rule = f"exactly {', '.join(wanted)} for {self.distribution}"
        _require(set(self.parameters) == set(wanted), f"{key}.parameters", rule, sorted(self.parameters))
        for name, value in self.parameters.items():
            is_right = name == "mu" or value > 0
            _require(is_right and abs(value) < 1e6, f"{key}.parameters.{name}", "positive and finite", value)


@dataclass
class PurchasePriors:
    """Priors of the purchase model, time in units of `fit.scale.time_days`."""

    mean_rate: PriorSettings
    heterogeneity: PriorSettings
    dropout_mean: PriorSettings
    dropout_concentration: PriorSettings

    def __post_init__(self) -> None:
        for name in ("mean_rate", "heterogeneity", "dropout_concentration"):
            getattr(self, name).check(f"fit.priors.purchases.{name}", POSITIVE)
        self.dropout_mean.check("fit.priors.purchases.dropout_mean", UNIT_INTERVAL)


@dataclass
class SpendPriors:
    """Priors of the spend model, money in units of `fit.scale.money`."""

    mean_spend: PriorSettings
    variation_within: PriorSettings
    variation_between: PriorSettings

    def __post_init__(self) -> None:
        for name in ("mean_spend", "variation_within", "variation_between"):
            getattr(self, name).check(f"fit.priors.spend.{name}", POSITIVE)


@dataclass
class Priors:
    """The whole prior."""

    purchases: PurchasePriors
    spend: SpendPriors


@dataclass
class ScaleSettings:
    """The constants that take the units out of the priors; null means from the log."""

    time_days: float | None
    money: float | None

    def __post_init__(self) -> None:
        for name in ("time_days", "money"):
            value = getattr(self, name)
            _require(value is None or 0 < value < 1e12, f"fit.scale.{name}", "positive, or null", value)


@dataclass
class FitSettings:
    """How the posterior is found."""

    method: str
    purchases: str
    sampler: str
    chains: int
    tune: int
    draws: int
    target_accept: float
    joint_draws: int
    no_repeat_buyers: str
    scale: ScaleSettings
    priors: Priors

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            _require(value in known, f"fit.{name}", f"one of {', '.join(known)}", value)
        _require(2 <= self.chains <= 64, "fit.chains", "from 2 (R-hat compares chains) to 64", self.chains)
        _require(100 <= self.tune <= 100_000, "fit.tune", "from 100 to 100,000", self.tune)
        _require(100 <= self.draws <= 100_000, "fit.draws", "from 100 to 100,000", self.draws)
        most = self.chains * self.draws
        _require(100 <= self.joint_draws <= most, "fit.joint_draws", f"from 100 to {most:,}", self.joint_draws)
        is_right = 0.5 <= self.target_accept < 1
        _require(is_right, "fit.target_accept", "at least 0.5 and below 1", self.target_accept)


@dataclass
class ScoreSettings:
    """What the scorer answers: horizon, discounting, margin, interval level."""

    horizon_days: int
    discount_rate: float
    margin: float
    level: float

    def __post_init__(self) -> None:
        days = 1 <= self.horizon_days <= HORIZON_LIMIT_DAYS
        _require(days, "score.horizon_days", f"from 1 to {HORIZON_LIMIT_DAYS:,}", self.horizon_days)
        rule = "an annual effective rate, at least 0 and at most 5 (0.10 is ten percent)"
        _require(0 <= self.discount_rate <= 5, "score.discount_rate", rule, self.discount_rate)
        _require(0 < self.margin <= 1, "score.margin", "above 0 and at most 1", self.margin)
        _require(0 < self.level < 1, "score.level", "above 0 and below 1", self.level)


@dataclass
class RegistrySettings:
    """Where runs and models go. `register` null: a single run registers, a sweep does not."""

    tracking_uri: str
    experiment: str
    name: str
    register: bool | None
    run_name: str | None
    tags: dict[str, str]


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
        _require(rises and len(self.quantiles) >= 2, f"{key}.quantiles", rule, list(self.quantiles))
        _require(0 < self.learning_rate <= 1, f"{key}.learning_rate", "above 0 and at most 1", self.learning_rate)
        for name, least in (("trees", 1), ("leaves", 2), ("least_per_leaf", 1), ("most_customers", 100)):
            value = getattr(self, name)
            _require(value >= least, f"{key}.{name}", f"at least {least}", value)


@dataclass
class BaselineSettings:
    """What the model is compared with."""

    names: list[str]
    boosting: BoostingSettings

    def __post_init__(self) -> None:
        is_right = set(self.names) <= set(BASELINES) and len(set(self.names)) == len(self.names)
        _require(is_right, "backtest.baselines.names", f"different ones of {', '.join(BASELINES)}", list(self.names))


@dataclass
class DiscrepancySettings:
    """The prior of the factor by which totals are off, in logarithms, and when it is learnt."""

    bias_sd: float
    spread_sd: float
    least_periods: int

    def __post_init__(self) -> None:
        for name in ("bias_sd", "spread_sd"):
            value = getattr(self, name)
            _require(0 < value <= 2, f"backtest.discrepancy.{name}", "above 0 and at most 2", value)
        _require(self.least_periods >= 2, "backtest.discrepancy.least_periods", "at least 2", self.least_periods)


@dataclass
class BacktestSettings:
    """What a holdout is measured beside."""

    baselines: BaselineSettings
    discrepancy: DiscrepancySettings


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
        _require(is_right, "origins.horizons_days", rule, list(days))
        for name in ("step_days", "least_calibration_days"):
            _require(getattr(self, name) >= 1, f"origins.{name}", "at least 1", getattr(self, name))
        for day in self.cutoffs or ():
            _require_day("origins.cutoffs", day)


@dataclass
class TrainSettings:
    """Everything `tenure-train` can be told."""

    transactions: TransactionsSettings
    rfm: RfmSettings
    fit: FitSettings
    score: ScoreSettings
    backtest: BacktestSettings
    review: ReviewSettings
    registry: RegistrySettings
    seed: int

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class BacktestJobSettings:
    """Everything `tenure-backtest` can be told."""

    transactions: TransactionsSettings
    rfm: ObservedSettings
    fit: FitSettings
    origins: OriginSettings
    backtest: BacktestSettings
    level: float
    registry: RegistrySettings
    seed: int

    def __post_init__(self) -> None:
        _require(0 < self.level < 1, "level", "above 0 and below 1", self.level)
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class SummarySettings:
    """A customer summary to score instead of a purchase log."""

    path: str | None
    as_of: str | None

    def __post_init__(self) -> None:
        _require_day("summary.as_of", self.as_of)


@dataclass
class ScoreJobSettings:
    """Everything `tenure-score` can be told."""

    model: str
    output: str
    by: list[str]
    transactions: TransactionsSettings
    summary: SummarySettings
    rfm: ObservedSettings
    score: ScoreSettings
    registry: RegistrySettings
    seed: int

    def __post_init__(self) -> None:
        is_model = self.model.startswith(("models:/", "runs:/"))
        _require(is_model, "model", "a model URI such as models:/clv@champion or models:/clv/3", self.model)
        _require(self.output.endswith(".parquet"), "output", "a path that ends in .parquet", self.output)
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
