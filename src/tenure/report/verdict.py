"""The review of a run, and what was registered."""

from tenure.registry import Evidence, Version
from tenure.review import Review, Verdict

from .tables import Cell, Note, Table

MEANING = {
    Verdict.PASS: "Every check is within its limits: the model may be used within the limits of the model card below.",
    Verdict.REVIEW: "A person has to review the checks listed here, and decide, before the model is used.",
    Verdict.FAIL: "The model must not be used, and no number below is reliable.",
}
EVENTS = {"promotion": "promoted to champion", "rollback": "rolled back"}


def concerns_table(review: Review) -> Table | Note:
    """List the checks that did not pass, the worst first, with advice."""
    if not review.concerns:
        return Note("Nothing is outside its limits.")
    rows = [[Cell(check.verdict.value), Cell(check.finding), Cell(check.advice)] for check in review.concerns]
    caption = f"{len(rows)} of {len(review.checks)} checks are outside their limits. Read these first."
    return Table(caption, ("verdict", "finding", "what to do"), rows)


def checks_table(review: Review) -> Table:
    """Build the table of every check and its limits."""
    rows = [
        [Cell(check.verdict.value), Cell(check.name), Cell(check.finding), Cell(check.limit)] for check in review.checks
    ]
    caption = "Each number and its limits. The reasons for the limits are in the run's review/review.json."
    if review.skipped:
        caption += f" Not in the table: {'; '.join(review.skipped)}."
    return Table(caption, ("verdict", "check", "finding", "limits"), rows)


def registration(evidence: Evidence) -> str:
    """Return what was registered at the end of the run, and whether it became champion."""
    tags = evidence.tags
    if "model" not in tags:
        return "No model was registered."
    text = f"Registered as {tags['model']}, {tags.get('alias', 'without an alias')} at the time."
    if "promotion.because" in tags:
        became = "Became champion" if tags.get("promotion.promoted") == "True" else "Did not become champion"
        text += f" {became}: {tags['promotion.because']}"
    return text


def promotion_history(version: Version) -> list[Table | Note]:
    """List the version's present tags of promotion and rollback: who, when, why, by which figures."""
    tags = [(key.partition("."), value) for key, value in sorted(version.tags.items())]
    rows = [
        [Cell(EVENTS[group]), Cell(fact), Cell(value)]
        for group in EVENTS
        for (of, _, fact), value in tags
        if of == group
    ]
    if not rows:
        return [Note(f"{version.uri} was never promoted or rolled back.", "missing")]
    return [Table(f"History of {version.uri}, from its present tags.", ("", "", ""), rows)]
