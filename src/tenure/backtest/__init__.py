"""Backtests: forecasts of the model and of baselines, compared with the holdout."""

from .baselines import BASELINES, BaselineInputs
from .comparison import compare_forecasts, compare_measures, comparison_metrics, list_wins
from .forecast import Forecast, Samples, model_forecast, point_forecast
from .groups import GROUP_METRICS, describe_groups, measure_groups, tabulate_groups
from .holdout import Holdout, evaluate_holdout
from .measurement import Backtest, measure_forecast
from .metrics import METRICS
from .outcome import BacktestError, Outcome
from .rolling import Origin, Rolling, roll_up, rolling_origins
from .scores import crps
from .stationarity import measure_refit_drift, measure_spend_change
from .tracking import track_purchases

__all__ = [
    "BASELINES",
    "GROUP_METRICS",
    "METRICS",
    "Backtest",
    "BacktestError",
    "BaselineInputs",
    "Forecast",
    "Holdout",
    "Origin",
    "Outcome",
    "Rolling",
    "Samples",
    "compare_forecasts",
    "compare_measures",
    "comparison_metrics",
    "crps",
    "describe_groups",
    "evaluate_holdout",
    "list_wins",
    "measure_forecast",
    "measure_groups",
    "measure_refit_drift",
    "measure_spend_change",
    "model_forecast",
    "point_forecast",
    "roll_up",
    "rolling_origins",
    "tabulate_groups",
    "track_purchases",
]
