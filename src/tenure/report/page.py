"""Lay the page out, the verdict first."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tenure.registry import Evidence

from .base_forecast import business
from .cells import NONE, Note, Table
from .fit import STAGES, last_stage, posterior
from .holdout import baselines, calibration, deciles, totals
from .origin import card, model_specs, reconciliation, reproduce, versions
from .pictures import Picture, picture
from .verdict import MEANING, checks, registered

type Part = Table | Picture | Note | list[tuple[str, str]]


def render(evidence: Evidence) -> str:
    """Write the page of a training run."""
    return _jinja().get_template("page.html.j2").render(_content(evidence))


def html(*parts: Part) -> str:
    """Write tables, pictures, paragraphs and facts as the page shows them, for a notebook."""
    return _jinja().from_string('{% from "parts.html.j2" import parts %}{{ parts(shown) }}').render(shown=parts)


def _jinja() -> Environment:
    # What is written is handed to a browser: what a run's tags or settings say must not become part of it.
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _content(evidence: Evidence) -> dict[str, Any]:
    """Gather what the template shows, by section."""
    stage = last_stage(evidence)
    return {
        "evidence": evidence,
        **_verdict(evidence),
        "business": business(evidence),
        "tracking": [totals(evidence), picture(evidence, "backtest/tracking")],
        "calibration": calibration(evidence),
        "deciles": [picture(evidence, "backtest/deciles"), deciles(evidence)],
        "baselines": baselines(evidence),
        "wins": evidence.tags.get("baselines.wins", NONE),
        "fitted_to": STAGES[stage],
        "posterior": posterior(evidence, stage),
        "reconciliation": reconciliation(evidence),
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
        "meaning": MEANING[review.verdict],
        "concerns": review.concerns,
        "checks": checks(review),
        "registered": registered(evidence),
    }
