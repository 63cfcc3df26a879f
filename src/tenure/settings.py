"""The settings of every job, typed. The numbers live in `conf/`; here are their names, types and ranges.

Fields have no defaults: each number has one home, the YAML. Everything that can be wrong with a setting without
looking at data is refused here, with the full key. They are not frozen because OmegaConf takes frozen dataclasses for
read-only configs and would not merge the YAML into them.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import available_timezones

from .errors import InputError
from .posterior import PURCHASE_MODELS
from .review import ReviewSettings

HORIZON_LIMIT_DAYS = 30 * 365
LEAST_RATE = 1e-6  # of discount, for a value to infinity
PURCHASES_LIMIT = 5_000  # of a made-up customer on average: some buy many times as often, and blocks are held in memory
ROLES = ("customer_id", "date", "amount", "order_id")
POSITIVE = {
    "LogNormal": ("mu", "sigma"),
    "Gamma": ("alpha", "beta"),
    "InverseGamma": ("alpha", "beta"),
    "HalfNormal": ("sigma",),
    "Exponential": ("lam",),
}
UNIT_INTERVAL = {"Beta": ("alpha", "beta")}
LOG_CHOICES = {
    "format": ("auto", "csv", "parquet", "duckdb"),
    "guests": ("drop", "refuse"),
    "zero_amounts": ("count", "drop"),
    "negative_amounts": ("refund", "drop", "refuse"),
    "duplicates": ("keep", "drop"),
}
CHOICES = {
    "method": ("nuts", "laplace", "map"),
    "purchases": PURCHASE_MODELS,
    "sampler": ("nutpie", "pymc"),
    "no_repeat_buyers": ("refuse", "prior"),
}
MODEL = "models:/[^/@]+(@[^/@]+|/[1-9][0-9]*)"
BASELINES = ("zero", "last_period", "own_rate", "textbook", "nbd", "boosting")


class SettingsError(InputError):
    """A setting that is out of range; the message starts with its full key."""


def _require(is_right: bool, key: str, rule: str, value: object) -> None:
    if not is_right:
        raise SettingsError(f"{key} must be {rule}, got {value!r}.")


def _require_choice(key: str, value: object, known: tuple[str, ...]) -> None:
    _require(value in known, key, f"one of {', '.join(known)}", value)


def _require_pattern(key: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise SettingsError(f"{key} must be a regular expression, got {pattern!r}: {error}.") from error


def _require_day(key: str, value: str | None, *, or_null: bool = True) -> None:
    try:
        # fromisoformat alone takes 19970930 and week dates too.
        is_day = value is None or dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    _require(is_day, key, "a date such as 1997-09-30" + (", or null" if or_null else ""), value)


@dataclass
class ColumnSettings:
    """Which columns of the purchase log are which."""

    customer_id: str
    date: str
    amount: str
    order_id: str | None
    acquired: str | None

    def __post_init__(self) -> None:
        names = list(self.named().values())
        twice = sorted({name for name in names if names.count(name) > 1})
        _require(not twice, "transactions.columns", "a different column for each role", ", ".join(twice))

    def named(self) -> dict[str, str]:
        """Return the roles that a column is named for."""
        return {role: str(name) for role, name in vars(self).items() if name is not None}


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
class ExcludeSettings:
    """One rule that leaves rows out: a column whose text matches, or whose number lies above or below."""

    column: str
    matches: str | None = None
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        by_text, by_number = self.matches is not None, (self.above, self.below) != (None, None)
        rule = "given either `matches`, or `above` and `below` or one of them"
        _require(by_text != by_number, f"transactions.exclude (column {self.column})", rule, vars(self))
        if self.matches is not None:
            _require_pattern("transactions.exclude.*.matches", self.matches)


@dataclass
class EngineSettings:
    """How much of the machine DuckDB may use."""

    memory_limit: str
    temp_directory: str | None
    threads: int | None

    def __post_init__(self) -> None:
        is_size = re.fullmatch(r"[0-9]+(\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)", self.memory_limit) is not None
        _require(is_size, "transactions.engine.memory_limit", "a size such as 4GB", self.memory_limit)
        is_right = self.threads is None or self.threads >= 1
        _require(is_right, "transactions.engine.threads", "from 1 up, or null", self.threads)


@dataclass
class TransactionsSettings:
    """Where the purchase log is, how to read it, and by which rules its rows count."""

    path: str
    format: str
    table: str | None
    query: str | None
    columns: ColumnSettings
    csv: CsvSettings
    timezone: str | None
    stamped_in: str | None
    guests: str
    placeholders: list[str]
    zero_amounts: str
    negative_amounts: str
    cancellations: str | None
    duplicates: str
    exclude: dict[str, ExcludeSettings]
    segments: dict[str, str]
    longest_gap_days: int
    engine: EngineSettings

    def __post_init__(self) -> None:
        for name, known in LOG_CHOICES.items():
            _require_choice(f"transactions.{name}", getattr(self, name), known)
        for name, rule in self.segments.items():
            _require_choice(f"transactions.segments.{name}", rule, ("first", "mode"))
        for key in ("timezone", "stamped_in"):
            zone = getattr(self, key)
            rule = "a timezone such as Europe/Paris, or null"
            _require(zone is None or zone in available_timezones(), f"transactions.{key}", rule, zone)
        both = self.stamped_in is None or self.timezone is not None
        _require(both, "transactions.timezone", "the shop's where transactions.stamped_in is set", self.timezone)
        if self.cancellations is not None:
            _require_pattern("transactions.cancellations", self.cancellations)
            rule = "named where transactions.cancellations is set"
            _require(self.columns.order_id is not None, "transactions.columns.order_id", rule, None)
        _require(self.longest_gap_days >= 1, "transactions.longest_gap_days", "from 1 up", self.longest_gap_days)


@dataclass
class BirthWindowSettings:
    """From which day to which a customer's first purchase has to be for a model to learn from it."""

    first: str | None
    last: str | None

    def __post_init__(self) -> None:
        _require_day("rfm.births.first", self.first)
        _require_day("rfm.births.last", self.last)
        if self.first and self.last:
            rule = f"no later than rfm.births.last ({self.last})"
            _require(self.first <= self.last, "rfm.births.first", rule, self.first)


@dataclass
class RfmSettings:
    """The last day of calibration, the last day observed, and from whom a model learns."""

    cutoff: str | None
    end: str | None
    burn_in_days: int
    births: BirthWindowSettings

    def __post_init__(self) -> None:
        _require_day("rfm.cutoff", self.cutoff)
        _require_day("rfm.end", self.end)
        if self.cutoff and self.end:
            _require(self.cutoff < self.end, "rfm.cutoff", f"before rfm.end ({self.end})", self.cutoff)
        _require_burn_in(self.burn_in_days, self.births)
        first, cutoff = self.births.first, self.cutoff
        is_before = not (first and cutoff) or first <= cutoff
        _require(is_before, "rfm.births.first", f"no later than rfm.cutoff ({cutoff})", first)


def _require_burn_in(days: int, births: BirthWindowSettings) -> None:
    _require(0 <= days <= 3650, "rfm.burn_in_days", "from 0 to 3,650", days)
    rule = "0 where rfm.births.first is set: both say from when on births count"
    _require(not (days and births.first), "rfm.burn_in_days", rule, days)


@dataclass
class RollingSettings:
    """The last day observed, and from whom a model learns, where `origins` say the cut-offs."""

    end: str | None
    burn_in_days: int
    births: BirthWindowSettings

    def __post_init__(self) -> None:
        _require_day("rfm.end", self.end)
        _require_burn_in(self.burn_in_days, self.births)


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
            _require_choice(f"fit.{name}", getattr(self, name), known)
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
    spread_df: float
    least_periods: int
    learnt_from: str | None

    def __post_init__(self) -> None:
        for name in ("bias_sd", "spread_sd"):
            value = getattr(self, name)
            _require(0 < value <= 2, f"backtest.discrepancy.{name}", "above 0 and at most 2", value)
        _require(1 <= self.spread_df <= 1000, "backtest.discrepancy.spread_df", "from 1 to 1,000", self.spread_df)
        _require(self.least_periods >= 2, "backtest.discrepancy.least_periods", "at least 2", self.least_periods)
        is_id = self.learnt_from is None or re.fullmatch("[0-9a-f]{32}", self.learnt_from) is not None
        rule = "the id of a run of tenure-backtest, 32 characters of 0-9 and a-f, or null"
        _require(is_id, "backtest.discrepancy.learnt_from", rule, self.learnt_from)


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
    rfm: RollingSettings
    fit: FitSettings
    origins: OriginSettings
    backtest: BacktestSettings
    level: float
    registry: RegistrySettings
    seed: int

    def __post_init__(self) -> None:
        _require(0 < self.level < 1, "level", "above 0 and below 1", self.level)
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        learnt_from, rule = (
            self.backtest.discrepancy.learnt_from,
            "null in a backtest, which learns from its own origins",
        )
        _require(learnt_from is None, "backtest.discrepancy.learnt_from", rule, learnt_from)


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
    by_month: bool
    residual: bool
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
        rate, rule = self.score.discount_rate, f"at least {LEAST_RATE:g} with residual=true, which has no other end"
        _require(not self.residual or rate >= LEAST_RATE, "score.discount_rate", rule, rate)
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class TruthSettings:
    """A population: which purchase model, and the parameters of both models; days and the log's money."""

    purchases: str
    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    v: float

    def __post_init__(self) -> None:
        known = f"one of {', '.join(PURCHASE_MODELS)}"
        _require(self.purchases in PURCHASE_MODELS, "simulate.truth.purchases", known, self.purchases)
        for name in ("r", "alpha", "b", "p", "v"):
            value = getattr(self, name)
            _require(1e-6 <= value <= 1e9, f"simulate.truth.{name}", "from 1e-6 to 1e9", value)
        _require(0 <= self.a <= 1e9, "simulate.truth.a", "from 0 (nobody ever leaves) to 1e9", self.a)
        _require(1 < self.q <= 1e9, "simulate.truth.q", "above 1 (there is no mean spend otherwise)", self.q)


@dataclass
class BirthSettings:
    """When the customers of a made-up log first bought."""

    since: str | None
    until: str | None
    growth: float

    def __post_init__(self) -> None:
        _require_day("simulate.births.since", self.since)
        _require_day("simulate.births.until", self.until)
        rule = "annual and effective, from -0.9 to 10 (0.5: half as many again each year)"
        _require(-0.9 <= self.growth <= 10, "simulate.births.growth", rule, self.growth)


@dataclass
class SeasonSettings:
    """A yearly cycle of repeat purchases."""

    amplitude: float
    peak_day: int

    def __post_init__(self) -> None:
        _require(0 <= self.amplitude < 1, "simulate.season.amplitude", "at least 0 and below 1", self.amplitude)
        _require(1 <= self.peak_day <= 365, "simulate.season.peak_day", "a day of the year, 1 to 365", self.peak_day)


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
        _require(0 <= self.delay_days <= 3650, "simulate.refunds.delay_days", "from 0 to 3650", self.delay_days)


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
            _require(sum(parts.values()) <= 1, ", ".join(f"simulate.dirt.{name}" for name in parts), rule, parts)


@dataclass
class SimulateSettings:
    """A made-up purchase log: its customers, its days, and what is wrong with it."""

    customers: int
    start: str
    end: str
    dates: str
    truth: TruthSettings
    births: BirthSettings
    season: SeasonSettings
    refunds: RefundSettings
    dirt: DirtSettings
    segments: dict[str, dict[str, float]]

    def __post_init__(self) -> None:
        _require(1 <= self.customers <= 10**9, "simulate.customers", "from 1 to 1,000,000,000", self.customers)
        _require(self.dates in ("day", "time"), "simulate.dates", "day or time", self.dates)
        since, start, until, end = self._days()
        _require(start <= end, "simulate.start", f"no later than simulate.end ({end})", self.start)
        rule = f"no later than simulate.start ({start}), or null"
        _require(since <= start, "simulate.births.since", rule, str(since))
        is_within = since <= until <= end
        _require(is_within, "simulate.births.until", f"from {since} to simulate.end ({end}), or null", str(until))
        span = (end - since).days + 1
        _require(span <= HORIZON_LIMIT_DAYS, "simulate.end", "within 30 years of the first birth", self.end)
        mean = self.truth.r / self.truth.alpha * span
        rule = f"such that a customer who stays buys at most {PURCHASES_LIMIT:,} times on average"
        _require(mean <= PURCHASES_LIMIT, "simulate.truth.r and alpha", rule, f"{mean:,.0f} times in {span:,} days")
        for name, shares in self.segments.items():
            _require_segment(f"simulate.segments.{name}", name, shares)

    def _days(self) -> tuple[dt.date, dt.date, dt.date, dt.date]:
        """Give the first day of births, the log's first, the last of births and the log's last."""
        found = {}
        for name, text in (
            ("start", self.start),
            ("end", self.end),
            ("births.since", self.births.since or self.start),
            ("births.until", self.births.until or self.end),
        ):
            _require_day(f"simulate.{name}", text, or_null=False)
            found[name] = dt.date.fromisoformat(text)
            rule = "between 1980-01-01 and 2199-12-31"
            _require(1980 <= found[name].year < 2200, f"simulate.{name}", rule, text)
        return found["births.since"], found["start"], found["births.until"], found["end"]


def _require_share(key: str, value: float) -> None:
    _require(0 <= value <= 1, key, "a share, from 0 to 1", value)


def _require_segment(key: str, name: str, shares: Mapping[str, float]) -> None:
    _require(name not in ROLES, key, f"named otherwise than {', '.join(ROLES)}", name)
    is_right = all(share > 0 for share in shares.values()) and abs(sum(shares.values()) - 1) < 1e-9
    _require(is_right, key, "names with shares above 0 that add up to 1, such as {DE: 0.7, FR: 0.3}", dict(shares))


@dataclass
class SimulateJobSettings:
    """Everything `tenure-simulate` can be told."""

    simulate: SimulateSettings
    output: str
    truth: str | None
    seed: int

    def __post_init__(self) -> None:
        _require(self.output.strip() != "", "output", "the path of a .parquet file, or of a new folder", self.output)
        is_right = self.truth is None or (self.truth.endswith(".parquet") and self.truth != self.output)
        _require(is_right, "truth", "a path that ends in .parquet and is not output, or null", self.truth)
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class MovedLogSettings:
    """Where the challenger's purchase log is by now."""

    path: str | None


@dataclass
class PromoteSettings:
    """Everything `tenure-promote` can be told."""

    model: str
    reason: str | None
    by: str | None
    rollback: bool
    transactions: MovedLogSettings
    registry: RegistrySettings
    seed: int

    def __post_init__(self) -> None:
        is_model = re.fullmatch(MODEL, self.model) is not None
        rule = "a model by alias or number: models:/clv@challenger or models:/clv/3"
        _require(is_model, "model", rule, self.model)
        for key in ("reason", "by"):
            value = getattr(self, key)
            is_right = value is None or (bool(value.strip()) and len(value) <= 2000)
            _require(is_right, key, "some words, 2,000 characters at most, or null", value)
        _require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)

    @property
    def model_name(self) -> str:
        """Name the registered model, whichever of its versions is meant."""
        return re.split("[@/]", self.model.removeprefix("models:/"))[0]


@dataclass
class ReportJobSettings:
    """Everything `tenure-report` can be told."""

    model: str
    output: str
    registry: RegistrySettings

    def __post_init__(self) -> None:
        is_known = re.fullmatch(rf"{MODEL}|[0-9a-f]{{32}}", self.model) is not None
        rule = (
            "a model by alias or number (models:/clv@challenger, models:/clv/3) or the id of a run (32 digits, 0 to f)"
        )
        _require(is_known, "model", rule, self.model)
