"""The settings of every job, typed. The numbers live in `conf/`; here are their names, types and ranges.

Fields have no defaults: each number has one home, the YAML. Everything that can be wrong with a setting without
looking at data is refused here, with the full key. They are not frozen because OmegaConf takes frozen dataclasses for
read-only configs and would not merge the YAML into them.
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
    BacktestJobSettings,
    PromoteSettings,
    RegistrySettings,
    ReportJobSettings,
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
