"""Lay the page out, the verdict first."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tenure.registry import Evidence
from tenure.review import Review, Verdict

from .business import business
from .cells import NONE, Cell, Table
from .fit import STAGES, posterior
from .holdout import baselines, calibration, deciles, totals
from .origin import card, reconciliation, reproduce, versions
from .pictures import picture

MEANING = {
    Verdict.PASS: "Every check is within its limits: the model may be used as the card below says.",
    Verdict.REVIEW: "A person has to look at what is listed here, and decide, before the model is used.",
    Verdict.FAIL: "The model must not be used, and no number below may be relied on.",
}


def render(evidence: Evidence) -> str:
    """Write the page of a training run."""
    # The page is handed to a browser: what a run's tags or settings say must not become part of it.
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return jinja.get_template("page.html.j2").render(_content(evidence))


def _content(evidence: Evidence) -> dict[str, Any]:
    """Gather what the template shows, by section."""
    stage = "final" if _has_final(evidence) else "calibration"
    return {
        "evidence": evidence,
        **_verdict(evidence),
        **business(evidence),
        "tracking": [totals(evidence), picture(evidence, "backtest/tracking")],
        "calibration": calibration(evidence),
        "deciles": [picture(evidence, "backtest/deciles"), deciles(evidence)],
        "baselines": baselines(evidence),
        "wins": evidence.tags.get("baselines.wins", NONE),
        "fitted_to": STAGES[stage],
        "posterior": posterior(evidence, stage),
        **reconciliation(evidence),
        "card": card(evidence),
        "purchases": evidence.params.get("fit.purchases", NONE),
        "reproduce": reproduce(evidence),
        "command": evidence.command(),
        "versions": versions(evidence),
    }


def _has_final(evidence: Evidence) -> bool:
    return any(key.startswith("final.") for key in evidence.metrics)


def _verdict(evidence: Evidence) -> dict[str, Any]:
    review = evidence.review()
    return {
        "verdict": review.verdict.value,
        "meaning": MEANING[review.verdict],
        "concerns": review.concerns,
        "checks": _checks(review),
        "registered": _registered(evidence),
    }


def _checks(review: Review) -> Table:
    rows = [
        [Cell(check.verdict.value), Cell(check.name), Cell(check.finding), Cell(check.limit)] for check in review.checks
    ]
    caption = "Each number beside its limits; why they are what they are stands in the run's review/review.json."
    return Table(caption, ("verdict", "check", "finding", "limits"), rows)


def _registered(evidence: Evidence) -> str:
    tags = evidence.tags
    if "model" not in tags:
        return "No model was registered."
    told = f"Registered as {tags['model']}, {tags.get('alias', 'without an alias')} at the time."
    if "promotion.because" in tags:
        became = "Became champion" if tags.get("promotion.promoted") == "True" else "Did not become champion"
        told += f" {became}: {tags['promotion.because']}"
    return told
