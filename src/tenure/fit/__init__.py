"""Fit the population: from a customer summary to the joint posterior of seven parameters.

`fit` is the way in. PyMC and pymc-marketing are known here and nowhere else.
"""

from .loo import Loo
from .mode import maximum_likelihood
from .run import Fit, FitError, fit

__all__ = ["Fit", "FitError", "Loo", "fit", "maximum_likelihood"]
