"""Score customers: probabilities, expectations, simulated outcomes, intervals, totals.

This package travels inside the registered model together with `summary` and `posterior`. The three import only each
other, NumPy, pandas and Numba, and only relatively, so that two versions can live in one process.
"""

from .answers import Futures, NewCustomer, Path, Scores, Totals
from .params import Params, ScoreError
from .score import COLUMNS, EXPECTED, RESIDUAL, HeavyTailWarning, HorizonWarning, Scorer, group

__all__ = [
    "COLUMNS",
    "EXPECTED",
    "RESIDUAL",
    "Futures",
    "HeavyTailWarning",
    "HorizonWarning",
    "NewCustomer",
    "Params",
    "Path",
    "ScoreError",
    "Scorer",
    "Scores",
    "Totals",
    "group",
]
