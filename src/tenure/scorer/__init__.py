"""Score customers: probabilities, expectations, simulated outcomes, intervals, totals.

This package travels inside the registered model together with `summary` and `posterior`. The three import only each
other, NumPy, pandas and Numba, and only relatively, so that two versions can live in one process.
"""

from .score import COLUMNS, EXPECTED, Futures, HorizonWarning, Params, ScoreError, Scorer, Scores, Totals, group

__all__ = [
    "COLUMNS",
    "EXPECTED",
    "Futures",
    "HorizonWarning",
    "Params",
    "ScoreError",
    "Scorer",
    "Scores",
    "Totals",
    "group",
]
