"""The settings of each command."""

import re
from dataclasses import dataclass, field

from ..bounds import LEAST_RATE, LEVEL
from .backtest import BacktestSettings, OriginSettings
from .checks import require
from .fit import FitSettings
from .log import MovedLogSettings, SummarySettings, TransactionsSettings
from .review import ReviewSettings, read_review
from .score import DAY_COLUMNS, LOG_COLUMNS, BatchScoreSettings, ScoreSettings
from .simulate import SimulateSettings
from .window import ObservedSettings, RfmSettings, RollingSettings

MODEL = "models:/[^/@]+(@[^/@]+|/[^/@]+)"  # the registry refuses other texts
RUN = "runs:/[0-9a-f]{32}"

CHAMPION = "models:/clv@champion"

LONGEST_NAME, LONGEST_TAG = 250, 5000
TAG = r"(?![/.])[\w\-.:/ ]{1,250}(?<!/)"


@dataclass
class RegistrySettings:
    """The tracking store, the experiment and the model.

    Args:
        tracking_uri: the MLflow store; MLFLOW_TRACKING_URI in the environment wins.
        experiment: the MLflow experiment.
        name: the registered model.
        register: null: a single run registers, the runs of a sweep do not.
        run_name: the name of the run.
        tags: further tags of the run.
    """

    tracking_uri: str = "sqlite:///mlflow.db"
    experiment: str = "tenure"
    name: str = "clv"
    register: bool | None = None
    run_name: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise SettingsError for names that MLflow would refuse after the work is done."""
        rule = f"1 to {LONGEST_NAME} characters, none of them / : . % or a quote"
        is_right = len(self.name.strip()) > 0 and len(self.name) <= LONGEST_NAME and not set(self.name) & set("/:.%\"'")
        require(is_right and self.name.isprintable(), "registry.name", rule, self.name)
        names = {"registry.experiment": self.experiment, "registry.run_name": self.run_name}
        for key, name in names.items():
            is_named = name is None or (len(name.strip()) > 0 and len(name) <= LONGEST_NAME and name.isprintable())
            require(is_named, key, f"1 to {LONGEST_NAME} printable characters", name)
        for key, value in self.tags.items():
            is_tag = re.fullmatch(TAG, key) is not None and ".." not in key.split("/")
            require(is_tag, "registry.tags", "named by letters, digits, spaces and _ - . : /, 250 at most", key)
            require(len(value) <= LONGEST_TAG, f"registry.tags.{key}", f"{LONGEST_TAG:,} characters at most", value)


@dataclass
class TrainSettings:
    """The settings of `tenure-train`.

    Args:
        transactions: the purchase log.
        rfm: the cut-off, the end of observation and the customers.
        fit: models, priors, inference.
        score: params of the forecast of the customer base.
        backtest: baselines and drift.
        review: limits of the review; its values are in conf/review.
        registry: store, experiment, model.
        seed: of the sampler and of the simulated outcomes.
    """

    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    rfm: RfmSettings = field(default_factory=RfmSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    score: ScoreSettings = field(default_factory=ScoreSettings)
    backtest: BacktestSettings = field(default_factory=BacktestSettings)
    review: ReviewSettings = field(default_factory=read_review)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class BacktestJobSettings:
    """The settings of `tenure-backtest`.

    Args:
        transactions: the purchase log.
        rfm: the end of observation and the customers.
        fit: models, priors, inference; by laplace, because a fit per cut-off should take seconds.
        origins: cut-offs and horizons.
        backtest: baselines and drift.
        level: probability of the intervals.
        registry: store and experiment.
        seed: of the sampler and of the simulated outcomes.
    """

    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    rfm: RollingSettings = field(default_factory=RollingSettings)
    fit: FitSettings = field(default_factory=lambda: FitSettings(method="laplace"))
    origins: OriginSettings = field(default_factory=OriginSettings)
    backtest: BacktestSettings = field(default_factory=BacktestSettings)
    level: float = LEVEL
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.level < 1, "level", "above 0 and below 1", self.level)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        source_run, rule = (
            self.backtest.drift.source_run,
            "null in a backtest, which estimates the drift from its own origins",
        )
        require(source_run is None, "backtest.drift.source_run", rule, source_run)


@dataclass
class ScoreJobSettings:
    """The settings of `tenure-score`.

    Args:
        model: by alias, models:/clv/3, models:/clv/latest, or a training run: runs:/ and its id.
        output: the Parquet file of the scores; an atomic write: complete or absent.
        by: columns to total by, such as [country]: of summary.path, or transactions.segments.
        by_month: true: also purchases and clv by month: columns of lists, and a table of totals.
        residual: true: also the clv without a horizon: columns residual_clv, residual_low, residual_high, ...
        transactions: the purchase log.
        summary: a customer summary instead of a log.
        rfm: the end of observation.
        score: params, further columns, checks to skip.
        registry: store, experiment, model.
        seed: of the simulated outcomes.
    """

    model: str = CHAMPION
    output: str = "scores.parquet"
    by: list[str] = field(default_factory=list)
    by_month: bool = False
    residual: bool = False
    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    summary: SummarySettings = field(default_factory=SummarySettings)
    rfm: ObservedSettings = field(default_factory=ObservedSettings)
    score: BatchScoreSettings = field(default_factory=BatchScoreSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0

    def __post_init__(self) -> None:
        is_model = re.fullmatch(f"{MODEL}|{RUN}", self.model) is not None
        rule = "a model (models:/clv@champion, models:/clv/3, models:/clv/latest) or a training run (runs:/ and its id)"
        require(is_model, "model", rule, self.model)
        require(self.output.endswith(".parquet"), "output", "a path that ends in .parquet", self.output)
        rate, rule = self.score.discount_rate, f"at least {LEAST_RATE:g} with residual=true, which has no other end"
        require(not self.residual or rate >= LEAST_RATE, "score.discount_rate", rule, rate)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        if self.summary.path is not None:
            self._require_summary_columns()

    def _require_summary_columns(self) -> None:
        """Raise SettingsError for columns of `score.columns` that a customer summary does not have."""
        unknown = [name for name in self.score.columns if name in LOG_COLUMNS]
        rule = f"without {', '.join(unknown)} for summary.path: a summary has no first order, so score a purchase log"
        require(not unknown, "score.columns", rule, self.score.columns)
        dated = [name for name in self.score.columns if name in DAY_COLUMNS]
        rule = f"the day up to which the summary counts, which {', '.join(dated)} of score.columns needs"
        require(not dated or self.summary.as_of is not None, "summary.as_of", rule, self.summary.as_of)


@dataclass
class SimulateJobSettings:
    """The settings of `tenure-simulate`.

    Args:
        simulate: the named truth: population, days, acquisition (simulate=cdnow, heavy or loyal).
        output: one file if it ends in .parquet, else a new folder of parts; an atomic write.
        truth: a Parquet file with each customer's true rate, dropout, mean spend and departure; null: none.
        seed: of the simulation.
    """

    simulate: SimulateSettings
    output: str = "simulated.parquet"
    truth: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.output.strip() != "", "output", "the path of a .parquet file, or of a new folder", self.output)
        is_right = self.truth is None or (self.truth.endswith(".parquet") and self.truth != self.output)
        require(is_right, "truth", "a path that ends in .parquet and is not output, or null", self.truth)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class PromoteSettings:
    """The settings of `tenure-promote`.

    Args:
        model: by alias, or models:/clv/3.
        reason: why a person promotes it; outweighs the comparison, never a FAIL.
        by: who promotes; null: the login on this machine.
        rollback: true: the champion before this one is champion again.
        transactions: the present place of the challenger's log.
        registry: store, experiment, model.
        seed: of both fits and of the simulated outcomes.
    """

    model: str = "models:/clv@challenger"
    reason: str | None = None
    by: str | None = None
    rollback: bool = False
    transactions: MovedLogSettings = field(default_factory=MovedLogSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0

    def __post_init__(self) -> None:
        is_model = re.fullmatch(MODEL, self.model) is not None
        rule = "a model by alias or number: models:/clv@challenger or models:/clv/3"
        require(is_model, "model", rule, self.model)
        for key in ("reason", "by"):
            value = getattr(self, key)
            is_right = value is None or (bool(value.strip()) and len(value) <= 2000)
            require(is_right, key, "a text of 2,000 characters at most, or null", value)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)

    @property
    def model_name(self) -> str:
        """Return the name of the registered model, without alias and version."""
        return re.split("[@/]", self.model.removeprefix("models:/"))[0]


@dataclass
class ReportJobSettings:
    """The settings of `tenure-report`.

    Args:
        model: by alias, or models:/clv/3, or the id of a training run.
        output: the page; an atomic write: complete or absent.
        registry: store, experiment, model.
    """

    model: str = CHAMPION
    output: str = "report.html"
    registry: RegistrySettings = field(default_factory=RegistrySettings)

    def __post_init__(self) -> None:
        is_model = re.fullmatch(rf"{MODEL}|[0-9a-f]{{32}}", self.model) is not None
        rule = (
            "a model by alias or number (models:/clv@challenger, models:/clv/3) or the id of a run (32 digits, 0 to f)"
        )
        require(is_model, "model", rule, self.model)
