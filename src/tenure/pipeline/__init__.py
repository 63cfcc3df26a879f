"""From a purchase log to a judged model, in Python: no MLflow, no printing, no figures."""

from .data import TrainingData, prepare
from .holdout import HoldoutReport, measure_holdout
from .training import Observer, StageFit, Training, record_base_forecast, record_new_customer, train

__all__ = [
    "HoldoutReport",
    "Observer",
    "StageFit",
    "Training",
    "TrainingData",
    "measure_holdout",
    "prepare",
    "record_base_forecast",
    "record_new_customer",
    "train",
]
