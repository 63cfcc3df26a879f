"""Decisions from a model and a log: value, tiers, lifecycle stages, acquisition ceilings, win-back.

`history` reads what is needed of each customer's past in one query, `costs` checks what their acquisition cost.
`futures` simulates customers block by block; `value`, `ranking`, `lifecycle` (with `survival`), `acquisition` (with
`single`), `returns` and `offers` answer one question each. `sums` adds the customers up part by part, `tables` and
`decisions` tabulate, `dictionary` names every column. Each number comes from the model's scorer or its processes.

`following` follows a sample of the customers over the periods of `timeline`, `newcomers` those of a `plan`. From these
futures `forecast`, `retention` and `equity` tabulate what lies ahead, with `bands` that account for drift;
`past_forecasts` compares earlier forecasts with what happened, `prospects` brings all of it together.
"""

from .costs import require_cost_names, require_costs
from .decisions import NAMING_CUSTOMERS, Decisions, derive, summary_of
from .futures import require_model
from .history import Days, DecideError, refuse_names, stream_histories
from .history_file import HistoryFile
from .observation import Observed, observe
from .plan import require_plan
from .prospects import Prospects
from .question import Question
from .segments import ALL, names_of

__all__ = [
    "ALL",
    "NAMING_CUSTOMERS",
    "Days",
    "DecideError",
    "Decisions",
    "HistoryFile",
    "Observed",
    "Prospects",
    "Question",
    "derive",
    "names_of",
    "observe",
    "refuse_names",
    "require_cost_names",
    "require_costs",
    "require_model",
    "require_plan",
    "stream_histories",
    "summary_of",
]
