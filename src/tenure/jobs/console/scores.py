"""A scoring: totals, months, segments, and what the numbers rest on."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console

from tenure.outcomes import OUTCOMES
from tenure.review import Verdict
from tenure.settings import ScoreJobSettings
from tenure.summary import FADED

from .terminal import new_table, plain, print_run, stdout

if TYPE_CHECKING:
    from tenure.batch import Scored
    from tenure.scorer import Scores

SPANS = {"": "{} predictive", "adjusted_": "{} adjusted*", "mean_": "{} credible of the mean"}  # of a total, by prefix
OLD_DAYS = 31  # of a log, from which a line says so
LEAST_CHANGE = 0.005  # a smaller one is 0% in the line
SHOWN_GROUPS, SHOWN_MONTHS, MONTHS_A_YEAR = 20, 24, 12


def print_scores(scored: "Scored", settings: ScoreJobSettings, model: Mapping[str, str], ui: str) -> None:
    """Print the totals from joint draws, months and segments, and where the scores are; `model` has its tags."""
    out = stdout()
    params = scored.scores.params
    title = (
        f"\n{scored.customers:,} customers as of {scored.as_of or 'their own last day'}, "
        f"{params.horizon_days} days ahead, discounted at {params.discount_rate:.1%} a year"
    )
    level = f"{params.level:.0%}"
    totals = scored.totals_table()
    table = new_table(title, "total", "expected", *_span_titles(totals, level))
    for name, row in totals.iterrows():
        table.add_row(str(name).replace("_", " "), f"{row['expected']:,.0f}", *_spans(row))
    out.print(table)
    out.print(_adjusted_by(scored))
    _print_cautions(out, scored)
    if scored.scores.months is not None:
        _print_months(out, scored.scores, level)
    if scored.scores.by:
        print_groups(out, scored, level)
    out.print(f"\nModel {scored.model}. Written: [bold]{plain(settings.output)}[/bold]")
    for caution in (verdict_line(scored.model, model), holdout_line(model)):
        if caution is not None:
            out.print(f"[yellow]{plain(caution)}[/yellow]")
    print_run(scored.run_id, ui)


def age_line(as_of: str | None, today: date) -> str | None:
    """Return how long ago the last observed day was, where that is more than a month; None where it is not.

    >>> age_line("2024-01-01", date(2024, 3, 1)), age_line("2024-01-01", date(2024, 1, 31))
    ('The last observed day is 2024-01-01, 60 days before today: later purchases are not in these scores.', None)
    """
    age = 0 if as_of is None else (today - date.fromisoformat(as_of)).days
    if age <= OLD_DAYS:
        return None
    return f"The last observed day is {as_of}, {age:,} days before today: later purchases are not in these scores."


def verdict_line(name: str, tags: Mapping[str, str]) -> str | None:
    """Return the verdict of a model that did not pass its review, with who promoted it and why; None of a PASS.

    >>> verdict_line("models:/clv/2", {"verdict": "REVIEW", "promotion.by": "ana", "promotion.because": "a season"})
    'The verdict of models:/clv/2 is REVIEW; ana promoted it: a season'
    """
    verdict = tags.get("verdict")
    if verdict == Verdict.PASS:
        return None
    start = f"The verdict of {name} is {verdict or 'missing'}"
    if "promotion.by" not in tags or "promotion.lost_to" in tags:
        return f"{start}; nobody promoted it."
    return f"{start}; {tags['promotion.by']} promoted it: {tags.get('promotion.because', 'no reason is recorded')}"


def holdout_line(tags: Mapping[str, str]) -> str | None:
    """Return how far spend was from the forecast in the holdout of a model that did not pass its review.

    None of a PASS, and of a version or run whose tags have no bias.

    >>> holdout_line({"verdict": "REVIEW", "validated_horizon_days": "273", "holdout.spend_bias": "-0.1532"})
    'In its holdout of 273 days customers spent 18% more than it expected.'
    """
    if tags.get("verdict") == Verdict.PASS or not {"validated_horizon_days", "holdout.spend_bias"} <= set(tags):
        return None
    change = 1 / (1 + float(tags["holdout.spend_bias"])) - 1  # of the actual spend over the expected one
    if abs(change) < LEAST_CHANGE:
        difference = "about as much as"
    else:
        difference = f"{abs(change):.0%} {'more' if change > 0 else 'less'} than"
    return f"In its holdout of {int(tags['validated_horizon_days']):,} days customers spent {difference} it expected."


def _adjusted_by(scored: "Scored") -> str:
    """Return where the drift of the adjusted totals comes from, or that there is none."""
    if scored.drifts is None:
        return (
            "[yellow]No totals adjusted for drift: this model was trained without it. The intervals above allow for"
            " customers' chance and for uncertain parameters only.[/yellow]"
        )
    days, level = scored.scores.params.horizon_days, scored.scores.params.level
    spans = []
    for outcome in OUTCOMES:
        logs = scored.drifts.over(outcome, days).logs
        low, median, high = np.exp(np.quantile(logs, [(1 - level) / 2, 0.5, (1 + level) / 2]))
        spans.append(f"{outcome} {median:.2f} ({low:.2f} to {high:.2f})")
    return f"* widened for drift, a factor common to all customers, {scored.adjusted_by}: {', '.join(spans)}"


def print_groups(out: Console, scored: "Scored", level: str) -> None:
    """Print the groups of the highest clv; all are in the run."""
    scores = scored.scores
    groups = scored.group_table().query("total == 'clv'").sort_values("expected", ascending=False)
    columns = [plain(name) for name in scores.by]
    if scored.is_personal:
        out.print(
            f"\nclv by {', '.join(columns)}: {len(scores.groups):,} groups of {scored.customers:,} customers, most of"
            " them one customer each. Such a table would list customers one by one: it is neither printed nor logged;"
            " the output holds a row per customer."
        )
        return
    more = f", the {SHOWN_GROUPS} of the highest clv of {len(groups):,}" if len(groups) > SHOWN_GROUPS else ""
    title = f"\nclv by {', '.join(columns)}{more}"
    table = new_table(title, *columns, "customers", "expected", *_span_titles(groups, level))
    for _, row in groups.head(SHOWN_GROUPS).iterrows():
        names = (plain(row[name]) for name in scores.by)
        table.add_row(*names, f"{row['customers']:,}", f"{row['expected']:,.0f}", *_spans(row))
    out.print(table)


def _span_titles(totals: pd.DataFrame, level: str) -> list[str]:
    return [title.format(level) for kind, title in SPANS.items() if f"{kind}low" in totals]


def _spans(row: "pd.Series[Any]") -> list[str]:
    """Return a row's intervals, a dash where it has none."""
    ends = [(row[f"{kind}low"], row[f"{kind}high"]) for kind in SPANS if f"{kind}low" in row]
    return ["-" if pd.isna(low) else f"{low:,.0f} to {high:,.0f}" for low, high in ends]


def _print_cautions(out: Console, scored: "Scored") -> None:
    """Print which of the numbers above rest on little evidence."""
    scores, customers = scored.scores, f"{scored.customers:,} customers"
    if scored.largest is not None:
        of_clv = scored.largest_share or 0.0
        out.print(plain(f"The largest customer, {str(scored.largest.customer_id)!r}, has {of_clv:.1%} of the clv."))
    shares = ((scores.extrapolated_share, "clv"), (scored.residual_beyond, "residual clv"))
    for share, what in shares:
        if share is not None:
            out.print(f"{share:.1%} of the {what} is extrapolated: farther ahead than any customer was observed.")
    if scores.unstable_means:
        out.print(
            f"[yellow]The clv of {scores.unstable_means:,} of {customers} is an unstable mean: it rests on a few draws"
            " of the population and may be off by more than a tenth.[/yellow]"
        )
    if scores.free_repeat_buyers:
        out.print(
            f"{scores.free_repeat_buyers:,} of {customers} paid nothing for their repeat purchases: "
            "valued at the population's mean spend."
        )
    if scores.new_segment_customers:
        out.print(
            f"{scores.new_segment_customers:,} of {customers} are of segments without a name in the model: new ones,"
            " or of too few customers. They are scored as of a new segment."
        )
    if scores.without_columns:
        out.print(
            f"[yellow]{scores.without_columns:,} of {customers} lack the columns {' and '.join(FADED)}: they are scored"
            " with the model that was fitted to mean spends.[/yellow]"
        )


def _print_months(out: Console, scores: "Scores", level: str) -> None:
    """Print the months ahead, or the last of each year where they are many; all are in the run."""
    months = scores.months
    if months is None:
        return
    rows = months.table(scores.params.level)
    clv = rows[rows["total"] == "clv"].assign(sum=lambda table: table["expected"].cumsum())
    purchases = rows[rows["total"] == "purchases"]
    table = new_table("\nmonth by month", "month", "purchases", "clv", f"{level} predictive", "clv so far")
    every = 1 if len(clv) <= SHOWN_MONTHS else MONTHS_A_YEAR
    for (_, count), (_, row) in zip(purchases.iterrows(), clv.iterrows(), strict=True):
        if row["month"] % every == 0 or row["month"] == len(clv):
            numbers = (f"{number:,.0f}" for number in (count["expected"], row["expected"]))
            table.add_row(str(row["month"]), *numbers, _spans(row)[0], f"{row['sum']:,.0f}")
    out.print(table)
