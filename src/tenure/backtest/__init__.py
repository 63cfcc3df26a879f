"""Backtests: what was foretold at a cut-off beside what came, and beside what simpler forecasts said."""

from .baselines import BASELINES, Known
from .compare import compare, comparison_metrics, wins
from .drift import ASSUMED, Drift, PastError, estimate_drift, past_error
from .drifts import Drifts, estimate_drifts
from .errors import BacktestError
from .forecast import Forecast, Samples, model_forecast, point_forecast
from .holdout import Holdout, evaluate_holdout
from .measure import METRICS, Backtest, measure
from .origins import Origin, rolling_origins
from .outcome import OUTCOMES, Outcome
from .refit_drift import measure_refit_drift
from .rolling import Rolling, roll_up
from .scores import crps
from .spend_trend import spend_change
from .tracking import track

__all__ = [
    "ASSUMED",
    "BASELINES",
    "METRICS",
    "OUTCOMES",
    "Backtest",
    "BacktestError",
    "Drift",
    "Drifts",
    "Forecast",
    "Holdout",
    "Known",
    "Origin",
    "Outcome",
    "PastError",
    "Rolling",
    "Samples",
    "compare",
    "comparison_metrics",
    "crps",
    "estimate_drift",
    "estimate_drifts",
    "evaluate_holdout",
    "measure",
    "measure_refit_drift",
    "model_forecast",
    "past_error",
    "point_forecast",
    "roll_up",
    "rolling_origins",
    "spend_change",
    "track",
    "wins",
]
