"""Write a run's report: one HTML page that holds everything it shows, made of the run's evidence alone.

The page loads nothing, so that it opens in MLflow's artifact viewer, in a mail and on paper alike. It says what the
run logged and judges nothing; what a run did not log is named as missing. No customer is on it. Jinja is known here
and nowhere else, and escapes whatever comes from a run. Notebooks take the same tables one by one; `html` shows
them.
"""

from . import side_by_side
from .base_forecast import base_forecast_section
from .fit import STAGES, diagnostics_table, last_stage, posterior_section, refit_drift_table
from .holdout import baselines_table, tails_table, totals_table
from .origin import card, reconciliation_section, reproduce, versions
from .page import html, render
from .pictures import logged_picture
from .tables import Note, Table
from .verdict import MEANING, checks_table, concerns_table, history, registration

__all__ = [
    "MEANING",
    "STAGES",
    "Note",
    "Table",
    "base_forecast_section",
    "baselines_table",
    "card",
    "checks_table",
    "concerns_table",
    "diagnostics_table",
    "history",
    "html",
    "last_stage",
    "logged_picture",
    "posterior_section",
    "reconciliation_section",
    "refit_drift_table",
    "registration",
    "render",
    "reproduce",
    "side_by_side",
    "tails_table",
    "totals_table",
    "versions",
]
