"""Backtests: what was foretold at a cut-off beside what came, and beside what simpler forecasts said."""

from .baselines import BASELINES, Known
from .compare import compare, comparison_metrics, wins
from .discrepancy import ASSUMED, Factor, Lesson, learn, lesson
from .errors import BacktestError
from .factors import Factors, learn_factors
from .forecast import Forecast, Samples, model_forecast, point_forecast
from .holdout import Holdout, face_holdout
from .measure import METRICS, Backtest, measure
from .origins import Origin, rolling_origins
from .outcome import OUTCOMES, Outcome
from .rolling import Rolling, roll_up
from .scores import crps
from .shift import shift
from .steadiness import spend_change
from .tracking import track

__all__ = [
    "ASSUMED",
    "BASELINES",
    "METRICS",
    "OUTCOMES",
    "Backtest",
    "BacktestError",
    "Factor",
    "Factors",
    "Forecast",
    "Holdout",
    "Known",
    "Lesson",
    "Origin",
    "Outcome",
    "Rolling",
    "Samples",
    "compare",
    "comparison_metrics",
    "crps",
    "face_holdout",
    "learn",
    "learn_factors",
    "lesson",
    "measure",
    "model_forecast",
    "point_forecast",
    "roll_up",
    "rolling_origins",
    "shift",
    "spend_change",
    "track",
    "wins",
]
