"""The commands by name, and the settings of those that need no registered model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..bounds import LEVEL
from .backtest import BacktestSettings, OriginSettings
from .checks import require
from .fit import FitSettings
from .log import TransactionsSettings
from .model_jobs import CampaignJobSettings, DecideJobSettings, PromoteSettings, ReportJobSettings, ScoreJobSettings
from .registry import RegistrySettings
from .result import ResultSettings
from .review import ReviewSettings, read_review
from .score import ScoreSettings
from .segments import carry_segments
from .simulate import SimulateSettings
from .window import RfmSettings, RollingSettings


@dataclass
class TrainSettings:
    """The settings of `tenure-train`.

    Args:
        transactions: the purchase log.
        rfm: the days and customers that the model is fitted to.
        fit: models, priors and inference.
        score: horizon, discounting, margin and level of the forecasts.
        backtest: baselines and the drift of totals.
        review: limits of the review.
        registry: store, experiment and model.
        seed: seed of the sampler and of the simulated outcomes, from 0 to 2^63 - 1.
        result: the file that describes how the command ended.
    """

    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    rfm: RfmSettings = field(default_factory=RfmSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    score: ScoreSettings = field(default_factory=ScoreSettings)
    backtest: BacktestSettings = field(default_factory=BacktestSettings)
    review: ReviewSettings = field(default_factory=read_review)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        carry_segments(self.transactions, self.fit.segments)


@dataclass
class BacktestJobSettings:
    """The settings of `tenure-backtest`.

    Args:
        transactions: the purchase log.
        rfm: the days and customers that the model is fitted to.
        fit: models, priors and inference; one fit for each cut-off.
        origins: cut-offs and horizons.
        backtest: baselines and the drift of totals.
        level: probability of the intervals, above 0 and below 1.
        registry: store and experiment.
        seed: seed of the draws and of the simulated outcomes, from 0 to 2^63 - 1.
        result: the file that describes how the command ended.
    """

    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    rfm: RollingSettings = field(default_factory=RollingSettings)
    fit: FitSettings = field(default_factory=lambda: FitSettings(method="laplace"))
    origins: OriginSettings = field(default_factory=OriginSettings)
    backtest: BacktestSettings = field(default_factory=BacktestSettings)
    level: float = LEVEL
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        require(0 < self.level < 1, "level", "above 0 and below 1", self.level)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        carry_segments(self.transactions, self.fit.segments)
        source_run, rule = (
            self.backtest.drift.source_run,
            "null in a backtest, which estimates the drift from its own origins",
        )
        require(source_run is None, "backtest.drift.source_run", rule, source_run)


@dataclass
class SimulateJobSettings:
    """The settings of `tenure-simulate`.

    Args:
        simulate: the synthetic log.
        output: path of the log: one file if it ends in .parquet, else a new folder of parts; an atomic write.
        truth: path of a Parquet file with each customer's true rate, dropout, mean spend and departure; null: none.
        seed: seed of the log, from 0 to 2^63 - 1; the same settings and seed give the same bytes.
        result: the file that describes how the command ended.
    """

    simulate: SimulateSettings
    output: str = "simulated.parquet"
    truth: str | None = None
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        require(self.output.strip() != "", "output", "the path of a .parquet file, or of a new folder", self.output)
        is_right = self.truth is None or (self.truth.endswith(".parquet") and self.truth != self.output)
        require(is_right, "truth", "a path that ends in .parquet and is not output, or null", self.truth)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


COMMANDS: Mapping[str, type] = {
    "train": TrainSettings,
    "score": ScoreJobSettings,
    "decide": DecideJobSettings,
    "campaign": CampaignJobSettings,
    "simulate": SimulateJobSettings,
    "promote": PromoteSettings,
    "backtest": BacktestJobSettings,
    "report": ReportJobSettings,
}
