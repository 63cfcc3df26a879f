"""The review of a run, and what was registered."""

from tenure.registry import Evidence, Version
from tenure.review import Review, lines

from .tables import Cell, Note, Table

EVENTS = {"promotion": "promoted to champion", "rollback": "rolled back"}


def findings(review: Review) -> list[Note]:
    """Return the verdict and the findings, each line in its style."""
    return [Note(line.text, " ".join(filter(None, (line.kind, line.verdict)))) for line in lines(review)]


def checks_table(review: Review) -> Table:
    """Build the table of every check and its limits."""
    rows = [
        [Cell(check.verdict.value), Cell(check.name), Cell(check.detail), Cell(check.limit)] for check in review.checks
    ]
    caption = "Each number and its limits. The reasons for the limits are in the run's review/review.json."
    if review.skipped:
        caption += f" Not in the table: {'; '.join(review.skipped)}."
    return Table(caption, ("verdict", "check", "value", "limits"), rows)


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
