"""Fit the population: from a customer base to the joint posterior of the models' parameters.

`fit` is the entry point. PyMC, nutpie and pymc-marketing are imported here and in the models' `pymc` modules alone, and
only when they are needed.
"""

from .check import FitReport, check_fit
from .fitted import FittedModel
from .library import LibraryModels, library_model
from .loo import LEAST_ELPD, Loo, LooDifference, compare
from .mode import maximum_likelihood
from .nuts import Progress
from .pareto import LIMIT as KHAT_LIMIT
from .prior import Consequences, summarize_prior
from .requirements import FitError, require_spend
from .run import Fit, fit_models, prior_population

__all__ = [
    "KHAT_LIMIT",
    "LEAST_ELPD",
    "Consequences",
    "Fit",
    "FitError",
    "FitReport",
    "FittedModel",
    "LibraryModels",
    "Loo",
    "LooDifference",
    "Progress",
    "check_fit",
    "compare",
    "fit_models",
    "library_model",
    "maximum_likelihood",
    "prior_population",
    "require_spend",
    "summarize_prior",
]
