"""What the review said, and what became of the model."""

from tenure.registry import Evidence, Version
from tenure.review import Review, Verdict

from .tables import Cell, Note, Table

MEANING = {
    Verdict.PASS: "Every check is within its limits: the model may be used as the card below says.",
    Verdict.REVIEW: "A person has to look at what is listed here, and decide, before the model is used.",
    Verdict.FAIL: "The model must not be used, and no number below may be relied on.",
}
FATES = {"promotion": "made champion", "rollback": "sent back"}


def concerns_table(review: Review) -> Table | Note:
    """List what did not pass, the worst first, with advice."""
    if not review.concerns:
        return Note("Nothing is outside its limits.")
    rows = [[Cell(check.verdict.value), Cell(check.finding), Cell(check.advice)] for check in review.concerns]
    caption = (
        f"{len(rows)} of {len(review.checks)} checks are outside their limits. Look at these before anything else."
    )
    return Table(caption, ("verdict", "finding", "what to do"), rows)


def checks_table(review: Review) -> Table:
    """Lay out every check beside its limits."""
    rows = [
        [Cell(check.verdict.value), Cell(check.name), Cell(check.finding), Cell(check.limit)] for check in review.checks
    ]
    caption = "Each number beside its limits; why they are what they are stands in the run's review/review.json."
    if review.skipped:
        caption += f" Not in the table: {'; '.join(review.skipped)}."
    return Table(caption, ("verdict", "check", "finding", "limits"), rows)


def registration(evidence: Evidence) -> str:
    """Tell what was registered at the end of the run, and whether it became champion then."""
    tags = evidence.tags
    if "model" not in tags:
        return "No model was registered."
    told = f"Registered as {tags['model']}, {tags.get('alias', 'without an alias')} at the time."
    if "promotion.because" in tags:
        became = "Became champion" if tags.get("promotion.promoted") == "True" else "Did not become champion"
        told += f" {became}: {tags['promotion.because']}"
    return told


def history(version: Version) -> list[Table | Note]:
    """Lay out the version's tags of promotion and rollback as they are now: who, when, why, by which figures."""
    kept = [(key.partition("."), value) for key, value in sorted(version.tags.items())]
    rows = [
        [Cell(FATES[group]), Cell(fact), Cell(value)] for group in FATES for (of, _, fact), value in kept if of == group
    ]
    if not rows:
        return [Note(f"{version.uri} was never promoted, nor sent back.", "missing")]
    return [Table(f"What became of {version.uri}, from its tags as they are now.", ("", "", ""), rows)]
