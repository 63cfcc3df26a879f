"""The page of a run, the verdict first."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tenure.registry import Evidence
from tenure.review import baselines_text

from .base_forecast import base_forecast_section
from .fit import STAGES, last_stage, posterior_section
from .holdout import baselines_table, calibration_section, deciles_table, totals_table
from .origin import card, model_specs, reconciliation_section, reproduce, title_of, versions
from .pictures import Picture, logged_picture
from .tables import NONE, Note, Table
from .verdict import checks_table, findings, registration

type Part = Table | Picture | Note | list[tuple[str, str]]


def render(evidence: Evidence) -> str:
    """Return the page of a training run."""
    return environment().get_template("page.html.j2").render(_content(evidence))


def html(*parts: Part) -> str:
    """Return tables, figures, paragraphs and facts as HTML, for a notebook."""
    return environment().from_string('{% from "parts.html.j2" import parts %}{{ parts(shown) }}').render(shown=parts)


def environment() -> Environment:
    """Return the templates, which escape everything."""
    # Tags and settings of a run may contain HTML, which must not reach the browser as such.
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _content(evidence: Evidence) -> dict[str, Any]:
    """Return the content of the template, by section."""
    stage = last_stage(evidence)
    return {
        "evidence": evidence,
        "title": title_of(evidence),
        **_verdict(evidence),
        "base_forecast": base_forecast_section(evidence),
        "tracking": [totals_table(evidence), logged_picture(evidence, "backtest/tracking")],
        "calibration": calibration_section(evidence),
        "deciles": [logged_picture(evidence, "backtest/deciles"), deciles_table(evidence)],
        "baselines": baselines_table(evidence),
        "wins": evidence.tags.get("baselines.wins", NONE),
        "fitted_to": STAGES[stage],
        "posterior": posterior_section(evidence, stage),
        "reconciliation": reconciliation_section(evidence),
        "card": card(evidence),
        "limits": [limit for spec in model_specs(evidence) for limit in spec.limits],
        "reproduce": reproduce(evidence),
        "command": evidence.command(),
        "versions": versions(evidence),
    }


def _verdict(evidence: Evidence) -> dict[str, Any]:
    review = evidence.review()
    return {
        "verdict": review.verdict.value,
        "findings": findings(review),
        "outside": len(review.concerns),
        "checks": checks_table(review),
        "against_baselines": baselines_text(evidence.metrics, review.verdict),
        "registered": registration(evidence),
    }
