"""Score customers: probabilities, expectations, simulated outcomes, intervals, totals.

This package travels inside the registered model together with `summary`, `posterior` and what it needs of the purchase
and spend models. They import only each other, NumPy, pandas and Numba, and only relatively, so that two versions can be
loaded in one process.
"""

from ..counter_random import customer_keys
from .by_segment import NEW_SEGMENT, tabulate_new_customers
from .columns import COLUMNS, COUNTS, EXPECTED, RESIDUAL, TOTALS
from .exact_sums import BINS
from .frames import HeavyTailWarning
from .groups import group, refuse_groups
from .params import Params, ScoreError
from .paths import Follower, Paths
from .results import Futures, Months, NewCustomer, Scores, Totals
from .score import HorizonWarning, Scorer

__all__ = [
    "BINS",
    "COLUMNS",
    "COUNTS",
    "EXPECTED",
    "NEW_SEGMENT",
    "RESIDUAL",
    "TOTALS",
    "Follower",
    "Futures",
    "HeavyTailWarning",
    "HorizonWarning",
    "Months",
    "NewCustomer",
    "Params",
    "Paths",
    "ScoreError",
    "Scorer",
    "Scores",
    "Totals",
    "customer_keys",
    "group",
    "refuse_groups",
    "tabulate_new_customers",
]
