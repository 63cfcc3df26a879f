"""Fit the population: from a customer base to the joint posterior of seven parameters.

`fit` is the way in. PyMC, nutpie and pymc-marketing are known here and nowhere else, and imported only when asked for.
"""

from .check import FitReport, check
from .fitted import FittedModel
from .loo import LEAST_ELPD, Loo, LooDifference, compare
from .mode import maximum_likelihood
from .pareto import LIMIT as KHAT_LIMIT
from .prior import Consequences
from .run import Fit, FitError, fit, require_spend
from .stock import library_model

__all__ = [
    "KHAT_LIMIT",
    "LEAST_ELPD",
    "Consequences",
    "Fit",
    "FitError",
    "FitReport",
    "FittedModel",
    "Loo",
    "LooDifference",
    "check",
    "compare",
    "fit",
    "library_model",
    "maximum_likelihood",
    "require_spend",
]
