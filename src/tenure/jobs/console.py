"""What a person reads in the terminal: results on stdout."""

import sys
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from tenure.backtest import wins
from tenure.posterior import PARAMETERS
from tenure.review import Review, Verdict
from tenure.settings import ScoreJobSettings, TrainSettings

if TYPE_CHECKING:
    import pandas as pd

    from tenure.backtest import Holdout, Rolling
    from tenure.batch import Scored
    from tenure.fit import Fit
    from tenure.jobs.training import Trained
    from tenure.scorer import Scores

WORDS = {
    "r": "heterogeneity of purchase rates",
    "alpha": "scale of purchase rates, days",
    "a": "dropout, first shape",
    "b": "dropout, second shape",
    "p": "shape of one customer's purchases",
    "q": "shape across customers",
    "v": "scale of spend, the log's money",
}
SHOWN_GROUPS = 20
COLOURS = {Verdict.PASS: "green", Verdict.REVIEW: "yellow", Verdict.FAIL: "red"}


def is_terminal() -> bool:
    """Tell whether a person watches, so that progress bars make sense."""
    return sys.stderr.isatty()


def print_training(trained: "Trained", settings: TrainSettings, ui: str) -> None:
    """Print what was registered, the verdict, the parameters, the holdout, and where to look next."""
    out = _console()
    fitted = trained.final or trained.calibration
    window = "the whole log" if trained.final else "the calibration days"
    out.print()
    out.print(_parameters(fitted.fit, window))
    for warning in fitted.warnings:
        out.print(f"[yellow]{warning}[/yellow]")
    out.print(_holdout(trained))
    out.print(_against_baselines(trained.holdout))
    out.print(_verdict(trained.review))
    out.print(_registered(trained, settings.registry.name))
    out.print(f"\nRun [bold]{trained.run_id}[/bold]. To look at it:  {ui}")


def _console() -> Console:
    # Lines are not broken: commands and URIs are there to be copied, and a pipe has no width.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right")
    return table


def _parameters(fitted: "Fit", window: str) -> Table:
    posterior = fitted.posterior
    is_point = "map" in fitted.methods.values()
    what = "a point estimate, without intervals" if is_point else "90% credible"
    table = _table(
        f"Population, fitted to {window} by {posterior.origin['method']}: {what}", "", "mean", "low", "high", ""
    )
    table.columns[-1].justify = "left"
    for name in PARAMETERS:
        draws = posterior.draws[name]
        ends: list[float] = [] if is_point else list(np.quantile(draws, [0.05, 0.95]))
        numbers = [f"{value:.4g}" for value in (draws.mean(), *ends)]
        table.add_row(name, *numbers, *["-"] * (3 - len(numbers)), f"[dim]{WORDS[name]}[/dim]")
    return table


def _holdout(trained: "Trained") -> Table:
    metrics, parts = trained.holdout.metrics, trained.split
    level = f"{metrics['level']:.0%}"
    title = f"\nHoldout, {parts.horizon_days} days to {parts.end}: {len(parts.calibration.customers):,} customers"
    intervals = (f"{level} predictive of the total", "holds", "adjusted*", "holds")
    table = _table(title, "", "actual", "expected", *intervals, "bias", "PIT inside")
    for name in ("purchases", "value"):
        number = {key.removeprefix(f"{name}."): value for key, value in metrics.items() if key.startswith(f"{name}.")}
        table.add_row(
            name,
            f"{number['actual_total']:,.0f}",
            f"{number['expected_total']:,.0f}",
            f"{number['total_low']:,.0f} to {number['total_high']:,.0f}",
            "yes" if number["total_holds_actual"] else "no",
            f"{number['adjusted_low']:,.0f} to {number['adjusted_high']:,.0f}",
            "yes" if number["adjusted_holds_actual"] else "no",
            f"{number['bias']:+.1%}",
            f"{number['pit_coverage']:.1%}",
        )
    return table


def _against_baselines(holdout: "Holdout") -> str:
    metrics = holdout.metrics
    sources = " and ".join(dict.fromkeys(factor.source for factor in holdout.factors.values()))
    counts = (
        f"{metrics[f'{key}.beaten']:.0f} of {metrics[f'{key}.compared']:.0f} in {outcome}"
        for outcome, key in (("purchases", "baselines.purchases"), ("value", "baselines"))
    )
    lines = [
        f"* for a world that changes, by a factor that is {sources}; tenure-backtest learns one",
        f"Baselines that the model beats, by mean CRPS: {', '.join(counts)}",
    ]
    return "\n".join([*lines, *(f"  [yellow]{line}[/yellow]" for line in wins(holdout.comparison))])


def print_backtest(rolling: "Rolling", run_id: str, level: float, ui: str) -> None:
    """Print totals by origin, forecasts by horizon, where baselines win, and what the log teaches of totals."""
    out = _console()
    out.print(_totals_by_origin(rolling, level))
    for (days, outcome), part in rolling.forecasts.groupby(["horizon_days", "outcome"]):
        out.print(
            _forecasts(
                part, f"\nForecasts of {outcome}, {days} days ahead: means over {part['cutoff'].nunique()} origins"
            )
        )
    lost = [f"  [yellow]{line}[/yellow]" for line in rolling.wins] or ["  No baseline is better than the model."]
    out.print("\n".join(["\n[bold]Where a baseline wins[/bold] by more than two paired standard errors", *lost]))
    table = _table(
        "\nFactor of totals after the end of the log", "days", "outcome", "median", f"{level:.0%}", "periods", ""
    )
    for row in rolling.factors.to_dict("records"):
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        table.add_row(
            str(row["horizon_days"]),
            row["outcome"],
            f"{row['factor']:.2f}",
            span,
            f"{row['periods']:.1f}",
            row["source"],
        )
    out.print(table)
    out.print(f"\nRun [bold]{run_id}[/bold]. To look at it:  {ui}")


def _totals_by_origin(rolling: "Rolling", level: float) -> Table:
    raw, adjusted = f"{level:.0%} raw", f"{level:.0%} adjusted"
    table = _table(
        "\nTotals by origin", "cut-off", "days", "", "actual", "expected", "bias", raw, "holds", adjusted, "holds", ""
    )
    for row in rolling.totals.to_dict("records"):
        spans = (
            f"{low:,.0f} to {high:,.0f}"
            for low, high in ((row["low"], row["high"]), (row["adjusted_low"], row["adjusted_high"]))
        )
        held = ("yes" if holds else "no" for holds in (row["holds"], row["adjusted_holds"]))
        pairs = [text for pair in zip(spans, held, strict=True) for text in pair]
        numbers = (f"{row['actual']:,.0f}", f"{row['expected']:,.0f}", f"{row['bias']:+.1%}")
        table.add_row(row["cutoff"], str(row["horizon_days"]), row["outcome"], *numbers, *pairs, row["factor"])
    return table


def _forecasts(part: "pd.DataFrame", title: str) -> Table:
    """Lay forecasts side by side; the model wins or loses an origin where two paired standard errors say so."""
    table = _table(title, "", "mean CRPS", "model wins", "loses", "MAE", "bias", "Gini", "PIT inside", "Brier")
    for name, rows in part.groupby("forecast", sort=False):
        means = rows[["crps", "mae", "bias", "gini", "pit_coverage", "brier"]].mean()
        won, lost = ((rows["winner"] == winner).sum() for winner in ("model", name))
        paired = ["-", "-"] if name == "model" else [f"{won} of {len(rows)}", f"{lost} of {len(rows)}"]
        # A forecast without spread has no interval that a PIT could lie in.
        inside = "-" if name != "model" and bool(rows["is_point"].any()) else f"{means['pit_coverage']:.1%}"
        others = [
            f"{means['mae']:.4g}",
            f"{means['bias']:+.1%}",
            f"{means['gini']:.3f}",
            inside,
            f"{means['brier']:.4f}",
        ]
        table.add_row(str(name), f"{means['crps']:.4g}", *paired, *others)
    return table


def _verdict(review: Review) -> str:
    lines = [f"\n[bold]Verdict: [{COLOURS[review.verdict]}]{review.verdict}[/][/bold]  {len(review.checks)} checks"]
    for check in review.concerns:
        lines.append(f"  [{COLOURS[check.verdict]}]{check.verdict}[/] {check.finding} ({check.limit})")
        lines.append(f"         {check.advice}")
    return "\n".join(lines)


def _registered(trained: "Trained", name: str) -> str:
    if trained.registered is None:
        why = "the review failed it" if trained.review.verdict is Verdict.FAIL else "registry.register says so"
        return f"\nNothing was registered: {why}."
    model = trained.registered
    command = f"tenure-score model=models:/{name}@{model.alias}" if model.alias != "champion" else "tenure-score"
    lines = [f"\nRegistered [bold]{model.name}[/bold] version {model.version} as [bold]{model.alias}[/bold]."]
    if trained.review.verdict is Verdict.REVIEW:
        lines[0] += " A person has to look before it becomes champion."
    return "\n".join([*lines, f"To score with it:  uv run {command}"])


def print_scores(scored: "Scored", settings: ScoreJobSettings, ui: str) -> None:
    """Print the totals from joint draws, a few rows, and where everything is."""
    out = _console()
    params = scored.scores.params
    title = (
        f"\n{len(scored.scores.table):,} customers as of {scored.as_of or 'their own last day'}, "
        f"{params.horizon_days} days ahead, discounted at {params.discount_rate:.1%} a year"
    )
    level = f"{params.level:.0%}"
    table = _table(title, "total", "expected", f"{level} predictive", f"{level} credible of the mean")
    for name, row in scored.scores.totals.table(params.level).iterrows():
        spans = (f"{row[f'{kind}low']:,.0f} to {row[f'{kind}high']:,.0f}" for kind in ("", "mean_"))
        table.add_row(str(name), f"{row['expected']:,.0f}", *spans)
    out.print(table)
    if scored.scores.by:
        _print_groups(out, scored.scores, level)
    out.print(f"\nModel {scored.model}. Written: [bold]{settings.output}[/bold]")
    out.print(f"Run [bold]{scored.run_id}[/bold]. To look at it:  {ui}")


def _print_groups(out: Console, scores: "Scores", level: str) -> None:
    """Print the groups of most value; all are in the run."""
    found = scores.group_table().query("total == 'clv'").sort_values("expected", ascending=False)
    more = f", the {SHOWN_GROUPS} of most value of {len(found):,}" if len(found) > SHOWN_GROUPS else ""
    title = f"\nclv by {', '.join(scores.by)}{more}"
    table = _table(title, *scores.by, "customers", "expected", f"{level} predictive", f"{level} credible of the mean")
    for _, row in found.head(SHOWN_GROUPS).iterrows():
        spans = (f"{row[f'{kind}low']:,.0f} to {row[f'{kind}high']:,.0f}" for kind in ("", "mean_"))
        names = (str(row[name]) for name in scores.by)
        table.add_row(*names, f"{row['customers']:,}", f"{row['expected']:,.0f}", *spans)
    out.print(table)
