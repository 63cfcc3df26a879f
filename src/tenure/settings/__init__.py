"""The typed settings of every job: names, types, ranges, meanings and defaults.

`conf/` has named alternatives only: priors, limits of the review, populations to simulate, experiments. Each value is
in one place. The `Args` of a class are the only text that explains its settings. A setting that is invalid whatever the
data raises an error that starts with its full key. The classes are not frozen: OmegaConf takes a frozen dataclass as a
read-only config and would not merge YAML into it.
"""

from .backtest import (
    BASELINES,
    BacktestSettings,
    BaselineSettings,
    BoostingSettings,
    DriftSettings,
    OriginSettings,
)
from .campaign import CampaignColumnSettings, CampaignSettings, MeasureSettings
from .checks import SettingsError
from .decide import REST, AcquisitionCostSettings, DecideSettings, OfferSettings, StageSettings
from .fit import AUTO, DEFAULT_PRIORS, DEFAULT_SPEND, FitSettings, Priors, PriorSettings, ScaleSettings, read_priors
from .forecast import EquitySettings, ForecastSettings
from .jobs import COMMANDS, BacktestJobSettings, SimulateJobSettings, TrainSettings
from .log import (
    ColumnSettings,
    CsvSettings,
    EngineSettings,
    ExcludeSettings,
    MovedLogSettings,
    SummarySettings,
    TransactionsSettings,
)
from .model_jobs import CampaignJobSettings, DecideJobSettings, PromoteSettings, ReportJobSettings, ScoreJobSettings
from .named import read_named, shipped
from .registry import RegistrySettings
from .result import ResultSettings
from .review import LimitSettings, ReviewSettings, ReviewSettingsError, read_review
from .score import SCORE_COLUMNS, BatchScoreSettings, ScoreSettings, TrustedScoreSettings
from .segments import carry_segments
from .simulate import AcquisitionSettings, DirtSettings, RefundSettings, SeasonSettings, SimulateSettings, TruthSettings
from .spark import ENGINES, LOCAL, SPARK, SparkSettings
from .window import AcquisitionWindowSettings, ObservedSettings, RfmSettings, RollingSettings

__all__ = [
    "AUTO",
    "BASELINES",
    "COMMANDS",
    "DEFAULT_PRIORS",
    "DEFAULT_SPEND",
    "ENGINES",
    "LOCAL",
    "REST",
    "SCORE_COLUMNS",
    "SPARK",
    "AcquisitionCostSettings",
    "AcquisitionSettings",
    "AcquisitionWindowSettings",
    "BacktestJobSettings",
    "BacktestSettings",
    "BaselineSettings",
    "BatchScoreSettings",
    "BoostingSettings",
    "CampaignColumnSettings",
    "CampaignJobSettings",
    "CampaignSettings",
    "ColumnSettings",
    "CsvSettings",
    "DecideJobSettings",
    "DecideSettings",
    "DirtSettings",
    "DriftSettings",
    "EngineSettings",
    "EquitySettings",
    "ExcludeSettings",
    "FitSettings",
    "ForecastSettings",
    "LimitSettings",
    "MeasureSettings",
    "MovedLogSettings",
    "ObservedSettings",
    "OfferSettings",
    "OriginSettings",
    "PriorSettings",
    "Priors",
    "PromoteSettings",
    "RefundSettings",
    "RegistrySettings",
    "ReportJobSettings",
    "ResultSettings",
    "ReviewSettings",
    "ReviewSettingsError",
    "RfmSettings",
    "RollingSettings",
    "ScaleSettings",
    "ScoreJobSettings",
    "ScoreSettings",
    "SeasonSettings",
    "SettingsError",
    "SimulateJobSettings",
    "SimulateSettings",
    "SparkSettings",
    "StageSettings",
    "SummarySettings",
    "TrainSettings",
    "TransactionsSettings",
    "TrustedScoreSettings",
    "TruthSettings",
    "carry_segments",
    "read_named",
    "read_priors",
    "read_review",
    "shipped",
]
