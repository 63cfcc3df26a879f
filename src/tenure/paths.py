"""Paths of a run's artifacts, for those who write them and those who read them.

Tables and figures have no suffix here: a table is logged as `.csv` and `.html`, a figure as `.png`.
"""

import re
from typing import Final

SETTINGS: Final = "config/resolved.yaml"
PARAMS: Final = "config/params.json"  # every setting under its full key; MLflow shows some of them
VERSIONS: Final = "config/versions.json"  # of the libraries
METRICS: Final = "metrics.json"  # every number of the run; MLflow shows some of them
REPORT: Final = "report.html"

DATA: Final = "data"  # a folder of figures
RECONCILIATION: Final = f"{DATA}/reconciliation.json"
ACQUISITIONS: Final = f"{DATA}/acquisitions"  # table and figure

POSTERIORS: Final = "posterior"  # a folder
DRIFT: Final = f"{POSTERIORS}/drift.npz"

BACKTEST: Final = "backtest"  # a folder of figures
BY_FREQUENCY: Final = f"{BACKTEST}/by_frequency"  # table and figure, as deciles and reliability
DECILES: Final = f"{BACKTEST}/deciles"
RELIABILITY: Final = f"{BACKTEST}/reliability"
COVERAGE: Final = f"{BACKTEST}/coverage"
BY_GROUP: Final = f"{BACKTEST}/by_group"
BASELINES: Final = f"{BACKTEST}/baselines"
TRACKING: Final = f"{BACKTEST}/tracking"  # CSV and figure
PIT: Final = f"{BACKTEST}/pit"  # CSV and figure

ROLLING_TOTALS: Final = "rolling/totals"
ROLLING_FORECASTS: Final = "rolling/forecasts"
ROLLING_DRIFTS: Final = "rolling/drifts"
PAST_ERRORS: Final = "rolling/past_errors"
ROLLING_WINS: Final = "rolling/wins.txt"

REVIEW: Final = "review/review"  # table; the checks as they were judged are REVIEW_CHECKS
REVIEW_CHECKS: Final = "review/review.json"
FINDINGS: Final = "review/findings.txt"

SCORE_TOTALS: Final = "scores/totals"
SCORE_GROUPS: Final = "scores/groups"
SCORE_MONTHS: Final = "scores/months"  # table and figure

CAMPAIGN: Final = "campaign"  # a folder of tables and the page, none of which names a customer
DECISIONS: Final = "decisions"  # a folder of tables and the page, none of which names a customer

NEW_BY_SEGMENT: Final = "new_customer/by_segment"

COMPARISON: Final = "promotion/comparison"


def posterior(stage: str) -> str:
    """Return the file of the draws of a fit, `calibration` or `final`."""
    return f"{POSTERIORS}/{stage}.npz"


def diagnostics(stage: str, name: str = "") -> str:
    """Return a table or figure of a fit's diagnostics, or their folder.

    >>> diagnostics("final", "prior_consequences")
    'diagnostics/final/prior_consequences'
    """
    return f"diagnostics/{stage}/{name}".removesuffix("/")


def trace(stage: str, model: str) -> str:
    """Return the file of a model's draws for ArviZ."""
    return diagnostics(stage, f"{model}.nc")


def loo(stage: str, model: str) -> str:
    """Return the file of a model's leave-one-out."""
    return diagnostics(stage, f"{model}_loo.npz")


def failure(part: str) -> str:
    """Return the file of the trace of a part that failed.

    >>> failure("figure backtest/pit")
    'failures/figure_backtest_pit.txt'
    """
    return f"failures/{re.sub(r'[^A-Za-z0-9]+', '_', part)}.txt"


def csv(table: str) -> str:
    """Return the CSV file of a table."""
    return f"{table}.csv"


def png(figure: str) -> str:
    """Return the file of a figure."""
    return f"{figure}.png"
