"""The description of a run and of its model version in MLflow: a short Markdown text for people."""

import re

from tenure import paths
from tenure.outcomes import OUTCOMES
from tenure.registry import Evidence
from tenure.review import Kind, Line, Review, Verdict, baselines_text, lines

from .tables import NONE, count, interval, money, percent

MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def describe_findings(evidence: Evidence) -> str:
    """Return the verdict, the findings, the totals and a link to the report, as Markdown."""
    review = evidence.review()
    parts = [findings_markdown(review), _holdout(evidence), escaped(baselines_text(evidence.metrics, review.verdict))]
    if review.verdict is not Verdict.FAIL:
        parts.append(_forecast(evidence))
    return "\n\n".join(filter(None, [*parts, _links(evidence)]))


def findings_markdown(review: Review) -> str:
    """Return the lines of a review as Markdown."""
    return "\n\n".join(_line(line) for line in lines(review))


def _line(line: Line) -> str:
    text = escaped(line.text)
    if line.kind is Kind.DETAIL:
        return f"<sub>{text}</sub>"
    start = "> " if line.kind is Kind.CONSEQUENCE else ""
    if line.verdict is None or line.kind is Kind.VERDICT:  # its text starts lists, which show Markdown as it is
        return start + text
    return start + text.replace(line.verdict, f"**{line.verdict}**", 1)


def escaped(text: str) -> str:
    """Return a text without marks that Markdown would read."""
    return MARKS.sub(r"\\\1", text)


def _holdout(evidence: Evidence) -> str:
    """Return the totals of the holdout beside the forecast."""
    metrics = evidence.metrics
    if "purchases.bias" not in metrics:
        return ""
    title = f"Holdout, {count(metrics.get('horizon_days')).text} days to {evidence.tags.get('end', NONE)}:"
    totals = [
        f"- {outcome}: {count(metrics.get(f'{outcome}.actual_total')).text} actual, "
        f"{count(metrics.get(f'{outcome}.expected_total')).text} expected "
        f"({percent(metrics.get(f'{outcome}.bias'), signed=True).text}); "
        f"coverage {percent(metrics.get(f'{outcome}.pit_coverage')).text}"
        for outcome in OUTCOMES
    ]
    return "\n".join([title, "", *totals])


def _forecast(evidence: Evidence) -> str:
    """Return the totals of the customer base and the clv of a new customer."""
    metrics, params = evidence.metrics, evidence.params
    if "base.clv.expected" not in metrics:
        return ""
    customers = count(metrics.get("base.customers")).text
    level = f"{float(params.get('score.level', 'nan')):.0%}"
    lines_of = [
        f"Forecast, {params.get('score.horizon_days', NONE)} days at margin {params.get('score.margin', NONE)}:",
        "",
        *(
            f"- {total} of {customers} customers: {count(metrics[f'base.{total}.expected']).text} "
            f"({interval(metrics, f'base.{total}.', 'adjusted_').text}, {level} predictive, adjusted for drift)"
            for total in ("purchases", "clv")
        ),
    ]
    if "new_customer.clv" in metrics:
        of_mean = interval(metrics, "new_customer.clv_", "mean_", money).text
        lines_of.append(
            f"- mean clv of new customers: {money(metrics['new_customer.clv']).text} ({of_mean}, {level} credible)"
        )
    return "\n".join(lines_of)


def _links(evidence: Evidence) -> str:
    """Return where the report is: a page of the run in MLflow, and the command that writes it."""
    experiment, run_id = evidence.experiment_id, evidence.run_id
    command = f"`tenure-report model={run_id}`"
    if not experiment:
        return f"The report is {paths.REPORT} of run {run_id}; {command} writes it again."
    address = f"#/experiments/{experiment}/runs/{run_id}/artifacts/{paths.REPORT}"
    return f"[Report of the run]({address}): {paths.REPORT} among its artifacts; {command} writes it again."
