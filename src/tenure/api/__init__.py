"""The Python API: an estimator and a few functions, with the words and the defaults of the commands.

It prints nothing and needs no MLflow, except to load a registered model.
"""

from .campaigns import Campaign
from .decisions import Decisions
from .estimator import CLV
from .fitted import NotFittedError, UnitWarning
from .functions import Training, load, summarize, train
from .saved import SavedModelError
from .scores import Scores

__all__ = [
    "CLV",
    "Campaign",
    "Decisions",
    "NotFittedError",
    "SavedModelError",
    "Scores",
    "Training",
    "UnitWarning",
    "load",
    "summarize",
    "train",
]
