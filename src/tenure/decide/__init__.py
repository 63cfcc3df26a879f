"""Decisions from a model and a log: value, tiers, lifecycle stages, acquisition ceilings, win-back.

`history` reads what is needed of each customer's past in one query; `futures` simulates customers block by block, and
`ranking`, `lifecycle`, `value`, `offers` and `acquisition` answer one question each; `decisions` runs them over all
parts and tabulates; `dictionary` names every column. Each number comes from the model's own scorer.
"""

from .decisions import WIN_BACK_FILE, Decisions, Question, derive, require_channels, summary_of
from .futures import require_model
from .history import Days, DecideError, refuse_names, stream_histories

__all__ = [
    "WIN_BACK_FILE",
    "Days",
    "DecideError",
    "Decisions",
    "Question",
    "derive",
    "refuse_names",
    "require_channels",
    "require_model",
    "stream_histories",
    "summary_of",
]
