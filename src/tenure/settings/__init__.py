"""The typed settings of every job: names, types and ranges. The values are in `conf/`.

Fields have no defaults: each value is in one place, the YAML. A setting that is invalid whatever the data raises an
error that starts with its full key. The classes are not frozen: OmegaConf takes a frozen dataclass as a read-only
config and would not merge the YAML into it.
"""

from .backtest import (
    BASELINES,
    BacktestSettings,
    BaselineSettings,
    BoostingSettings,
    DriftSettings,
    OriginSettings,
)
from .checks import SettingsError
from .fit import FitSettings, Priors, PriorSettings, ScaleSettings
from .jobs import (
    COMMANDS,
    BacktestJobSettings,
    PromoteSettings,
    RegistrySettings,
    ReportJobSettings,
    ResultSettings,
    ScoreJobSettings,
    SimulateJobSettings,
    TrainSettings,
)
from .log import (
    ColumnSettings,
    CsvSettings,
    EngineSettings,
    ExcludeSettings,
    MovedLogSettings,
    SummarySettings,
    TransactionsSettings,
)
from .review import LimitSettings, ReviewSettings, ReviewSettingsError
from .score import SCORE_COLUMNS, BatchScoreSettings, ScoreSettings
from .simulate import AcquisitionSettings, DirtSettings, RefundSettings, SeasonSettings, SimulateSettings, TruthSettings
from .window import AcquisitionWindowSettings, ObservedSettings, RfmSettings, RollingSettings

__all__ = [
    "BASELINES",
    "COMMANDS",
    "SCORE_COLUMNS",
    "AcquisitionSettings",
    "AcquisitionWindowSettings",
    "BacktestJobSettings",
    "BacktestSettings",
    "BaselineSettings",
    "BatchScoreSettings",
    "BoostingSettings",
    "ColumnSettings",
    "CsvSettings",
    "DirtSettings",
    "DriftSettings",
    "EngineSettings",
    "ExcludeSettings",
    "FitSettings",
    "LimitSettings",
    "MovedLogSettings",
    "ObservedSettings",
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
    "SummarySettings",
    "TrainSettings",
    "TransactionsSettings",
    "TruthSettings",
]
