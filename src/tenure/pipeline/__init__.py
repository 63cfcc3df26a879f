"""From a purchase log to a judged model, in Python: no MLflow, no printing, no figures."""

from .data import TrainingData, prepare
from .holdout import HoldoutReport, measure_holdout
from .results import Evaluation, StageFit, Training, record_base_forecast, record_new_customer
from .segment_estimates import tabulate_segments
from .training import CALIBRATION, FINAL, Observer, evaluate, fit_whole, train

__all__ = [
    "CALIBRATION",
    "FINAL",
    "Evaluation",
    "HoldoutReport",
    "Observer",
    "StageFit",
    "Training",
    "TrainingData",
    "evaluate",
    "fit_whole",
    "measure_holdout",
    "prepare",
    "record_base_forecast",
    "record_new_customer",
    "tabulate_segments",
    "train",
]
