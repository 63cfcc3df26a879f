"""Write a run's report: one HTML page that holds everything it shows, made of the run's evidence alone.

The page loads nothing, so that it opens in MLflow's artifact viewer, in a mail and on paper alike. It says what the
run logged and judges nothing; what a run did not log is named as missing. No customer is on it. Jinja is known here
and nowhere else, and escapes whatever comes from a run. Notebooks take the same tables one by one; `html` shows
them.
"""

from . import side_by_side
from .base_forecast import business
from .cells import Note, Table
from .fit import STAGES, diagnostics, last_stage, posterior, refit_drift
from .holdout import baselines, tails, totals
from .origin import card, reconciliation, reproduce, versions
from .page import html, render
from .pictures import picture
from .verdict import MEANING, checks, concerns, history, registered

__all__ = [
    "MEANING",
    "STAGES",
    "Note",
    "Table",
    "baselines",
    "business",
    "card",
    "checks",
    "concerns",
    "diagnostics",
    "history",
    "html",
    "last_stage",
    "picture",
    "posterior",
    "reconciliation",
    "refit_drift",
    "registered",
    "render",
    "reproduce",
    "side_by_side",
    "tails",
    "totals",
    "versions",
]
