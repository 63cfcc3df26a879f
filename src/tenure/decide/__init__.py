"""Decisions from a model and a log: value, tiers, lifecycle stages, acquisition ceilings, win-back.

`history` reads what is needed of each customer's past in one query, `costs` checks what their acquisition cost.
`futures` simulates customers block by block; `value`, `ranking`, `lifecycle` (with `survival`), `acquisition` (with
`single`), `returns` and `offers` answer one question each. `sums` adds the customers up part by part, `tables` and
`decisions` tabulate, `dictionary` names every column. Each number comes from the model's scorer or its processes.
"""

from .costs import require_cost_names, require_costs
from .decisions import NAMING_CUSTOMERS, Decisions, derive, summary_of
from .futures import require_model
from .history import Days, DecideError, refuse_names, stream_histories
from .history_file import HistoryFile
from .question import Question
from .segments import ALL, names_of

__all__ = [
    "ALL",
    "NAMING_CUSTOMERS",
    "Days",
    "DecideError",
    "Decisions",
    "HistoryFile",
    "Question",
    "derive",
    "names_of",
    "refuse_names",
    "require_cost_names",
    "require_costs",
    "require_model",
    "stream_histories",
    "summary_of",
]
