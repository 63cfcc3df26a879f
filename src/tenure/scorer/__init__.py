"""Score customers: probabilities, expectations, simulated outcomes, intervals, totals.

This package travels inside the registered model together with `summary` and `posterior`. The three import only each
other, NumPy, pandas and Numba, and only relatively, so that two versions can live in one process.
"""

from .answers import Futures, Months, NewCustomer, Scores, Totals
from .groups import group, refuse_groups
from .params import Params, ScoreError
from .random import customer_keys
from .score import COLUMNS, EXPECTED, RESIDUAL, HeavyTailWarning, HorizonWarning, Scorer

__all__ = [
    "COLUMNS",
    "EXPECTED",
    "RESIDUAL",
    "Futures",
    "HeavyTailWarning",
    "HorizonWarning",
    "Months",
    "NewCustomer",
    "Params",
    "ScoreError",
    "Scorer",
    "Scores",
    "Totals",
    "customer_keys",
    "group",
    "refuse_groups",
]
