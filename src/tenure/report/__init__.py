"""The report of a run: one HTML page, built from the run's evidence alone.

The page loads nothing, so it opens in MLflow's artifact viewer, in a mail and on paper. It shows what the run logged
and adds no judgement of its own; what a run did not log is listed as missing. It names no customer. Jinja is used here
alone, and escapes everything that comes from a run. Notebooks use the same tables one by one, through `html`.
"""

from . import side_by_side
from .base_forecast import base_forecast_section
from .campaign import render_campaign
from .decisions import render_decisions
from .description import describe_findings
from .fit import STAGES, diagnostics_table, last_stage, posterior_section, refit_drift_table
from .holdout import baselines_table, tails_table, totals_table
from .origin import card, reconciliation_section, reproduce, versions
from .page import html, render
from .pictures import logged_picture
from .tables import Note, Table
from .verdict import checks_table, findings, promotion_history, registration

__all__ = [
    "STAGES",
    "Note",
    "Table",
    "base_forecast_section",
    "baselines_table",
    "card",
    "checks_table",
    "describe_findings",
    "diagnostics_table",
    "findings",
    "html",
    "last_stage",
    "logged_picture",
    "posterior_section",
    "promotion_history",
    "reconciliation_section",
    "refit_drift_table",
    "registration",
    "render",
    "render_campaign",
    "render_decisions",
    "reproduce",
    "side_by_side",
    "tails_table",
    "totals_table",
    "versions",
]
