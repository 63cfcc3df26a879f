"""The review in sentences: the one text of the terminal, the report, MLflow and notebooks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .result import Check, Finding, Review, Verdict

FIRST = 3  # findings; those after them come under a heading of their own
MEANING = {
    Verdict.PASS: "The model may be used within the limits of its model card.",
    Verdict.REVIEW: "A person has to review the findings, and decide, before the model is used.",
    Verdict.FAIL: "The model must not be used, and none of its numbers is reliable.",
}


class Kind(StrEnum):
    """The part that a line plays, by which each medium styles it."""

    VERDICT = "verdict"
    FINDING = "finding"
    CONSEQUENCE = "consequence"
    DETAIL = "detail"
    HEADING = "heading"
    NOTE = "note"


@dataclass(frozen=True)
class Line:
    """A line of the text; `verdict` is that of the check or review that it is about."""

    kind: Kind
    text: str
    verdict: Verdict | None = None


def lines(review: Review) -> list[Line]:
    """Return the verdict, the findings, the most important first, each with its key and limit, and the notes."""
    findings = review.findings
    page = [Line(Kind.VERDICT, f"Verdict: {review.verdict}. {_summary(review)}", review.verdict)]
    for at, finding in enumerate(findings):
        if at == FIRST:
            more = len(findings) - FIRST
            page.append(Line(Kind.HEADING, f"{more} further finding{'s' if more > 1 else ''}:"))
        page += _lines_of(finding)
    return page + [Line(Kind.NOTE, note) for note in review.notes]


def as_text(review: Review) -> str:
    """Return the lines as plain text."""
    indent = {Kind.DETAIL: "    ", Kind.CONSEQUENCE: "    "}
    return "".join(f"{indent.get(line.kind, '')}{line.text}\n" for line in lines(review))


def baselines_text(metrics: Mapping[str, float], verdict: Verdict) -> str:
    """Return how many baselines the model beats; that this does not outweigh a FAIL, where the verdict is one."""
    counts = (
        f"{metrics[f'{key}.beaten']:.0f} of {metrics[f'{key}.compared']:.0f} in {outcome}"
        for outcome, key in (("purchases", "baselines.purchases"), ("spend", "baselines"))
        if f"{key}.compared" in metrics
    )
    text = f"Baselines that the model beats, by mean CRPS: {', '.join(counts) or 'none was compared'}."
    if verdict is not Verdict.FAIL:
        return text
    return f"{text} The verdict is FAIL all the same: a model may beat simple forecasts and not be reliable."


def _summary(review: Review) -> str:
    count, outside = len(review.checks), len(review.concerns)
    if not outside:
        return f"{MEANING[review.verdict]} None of {count} checks is outside its limits."
    findings = len(review.findings)
    return (
        f"{MEANING[review.verdict]} {outside} of {count} checks {'are' if outside > 1 else 'is'} outside"
        f" {'their' if outside > 1 else 'its'} limits: {findings} finding{'s' if findings > 1 else ''}."
    )


def _lines_of(finding: Finding) -> Iterator[Line]:
    """Yield a finding, then a line for each check that it explains; one that fails has its key and limit too."""
    main = finding.check
    yield Line(Kind.FINDING, finding.headline, main.verdict)
    yield Line(Kind.DETAIL, _detail(main))
    for check, text in zip(finding.consequences, finding.explained, strict=True):
        if check.verdict is Verdict.FAIL:
            yield Line(Kind.CONSEQUENCE, text, check.verdict)
            yield Line(Kind.DETAIL, _detail(check))
        else:
            yield Line(Kind.CONSEQUENCE, f"{text} ({check.metric} {check.value:.4g})", check.verdict)


def _detail(check: Check) -> str:
    return f"{check.detail} ({check.limit})" if check.limit else check.detail
