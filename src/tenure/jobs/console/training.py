"""A training: the population, a new customer, the holdout, the verdict, the registered model."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from tenure import invocation
from tenure.backtest import describe_groups, list_wins
from tenure.outcomes import OUTCOMES
from tenure.review import Verdict, baselines_text
from tenure.settings import RegistrySettings, TrainSettings

from .promotion import print_promotion
from .review import print_review
from .terminal import new_table, plain, print_line, print_run, stdout

SHOWN_SEGMENTS = 20
OTHER_ESTIMATES = {"clv_pooled": "by one population", "clv_apart": "by its own fit"}

if TYPE_CHECKING:
    import pandas as pd

    from tenure.backtest import Holdout
    from tenure.fit import Fit
    from tenure.rfm import Split
    from tenure.scorer import NewCustomer

    from ..results import Trained


def print_training(trained: "Trained", settings: TrainSettings, ui: str, report: Path | None) -> None:
    """Print the parameters, the forecasts, the holdout, the verdict, what was registered, the run and its report."""
    out, training = stdout(), trained.training
    last, window = training.calibration.report, "the calibration days"
    if training.final is not None:
        last, window = training.final.report, "the whole log"
    out.print()
    out.print(_parameters(last.fit, window, settings.review.level))
    for warning in last.warnings:
        out.print(f"[yellow]The fit to {window}: {plain(warning)}.[/yellow]")
    if training.forecasts is not None:
        out.print(_new_customer(training.forecasts.new_customer))
        if training.forecasts.by_segment is not None:
            out.print(_by_segment(training.forecasts.by_segment, settings.score.level))
    holdout = training.holdout.holdout
    out.print(_holdout(holdout, training.data.split))
    largest = f"{holdout.metrics['spend.largest_share']:.1%}"
    out.print(f"The customer with the largest forecast has {largest} of the forecast spend of the holdout.")
    out.print(plain(describe_groups(training.holdout.groups)))
    out.print(_against_baselines(holdout, trained.review.verdict))
    print_review(trained.review)
    out.print(_registered(trained, settings.registry))
    if trained.promotion is not None:
        print_promotion(trained.promotion)
    print_run(trained.run_id, ui)
    if report is not None:
        print_line(f"Report: {report}")


def _parameters(fitted: "Fit", window: str, level: float) -> Table:
    posterior = fitted.posterior
    is_point = "map" in fitted.methods.values()
    intervals = "a point estimate, without intervals" if is_point else f"{level:.0%} credible"
    title = f"Population, fitted to {window} by {posterior.origin['method']}: {intervals}"
    table = new_table(title, "", "mean", "low", "high", "")
    table.columns[-1].justify = "left"
    labels = {name: parameter.label for spec in posterior.specs for name, parameter in spec.parameters.items()}
    for name, label in labels.items():
        draws = posterior.draws[name]
        ends: list[float] = [] if is_point else list(np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]))
        numbers = [f"{value:.4g}" for value in (draws.mean(), *ends)]
        table.add_row(name, *numbers, *["-"] * (3 - len(numbers)), f"[dim]{label}[/dim]")
    return table


def _new_customer(new_customer: "NewCustomer") -> Table:
    row, params = new_customer.table().iloc[0], new_customer.params
    level = f"{params['level']:.0%}"
    title = (
        f"\nA new customer, from the first order on, over {params['horizon_days']} days at margin {params['margin']:g}"
    )
    table = new_table(
        title, "", "expected", f"{level} predictive", f"{level} credible of the mean", "of which first order"
    )
    spans = (f"{row[f'clv{kind}_low']:,.2f} to {row[f'clv{kind}_high']:,.2f}" for kind in ("", "_mean"))
    table.add_row("clv", f"{row['clv']:,.2f}", *spans, f"{row['first_order']:,.2f}")
    return table


def _by_segment(table: "pd.DataFrame", level: float) -> Table:
    shown = min(len(table), SHOWN_SEGMENTS)
    more = f", {shown} of {len(table)} segments" if shown < len(table) else ""
    ends = (f"{level:.0%} credible of the mean", f"{level:.0%} predictive", "of which first order")
    others = {name: title for name, title in OTHER_ESTIMATES.items() if name in table}
    by_segment = new_table(
        f"\nA new customer by segment{more}", "segment", "customers", "clv", *ends, "without a repeat purchase",
        *others.values(),
    )  # fmt: skip
    for row in table.head(shown).to_dict("records"):
        spans = (f"{row[f'clv{kind}_low']:,.2f} to {row[f'clv{kind}_high']:,.2f}" for kind in ("_mean", ""))
        numbers = [f"{row['first_order']:,.2f}", f"{row['share_without_repeat']:.0%}"]
        numbers += ["" if np.isnan(row[name]) else f"{row[name]:,.2f}" for name in others]
        by_segment.add_row(plain(row["segment"]), f"{row['customers']:,}", f"{row['clv']:,.2f}", *spans, *numbers)
    return by_segment


def _holdout(holdout: "Holdout", split: "Split") -> Table:
    metrics = holdout.metrics
    level = f"{metrics['level']:.0%}"
    who = f"{split.counts.customers:,} customers"
    if split.everyone is not None:
        who = f"totals of {who}, coverage of a sample of {len(split.calibration.table):,}"
    title = f"\nHoldout, {split.horizon_days} days to {split.end}: {who}"
    intervals = (f"{level} predictive of the total", "covers", "adjusted*", "covers")
    table = new_table(title, "", "actual", "expected", *intervals, "bias", f"{level} coverage (randomised PIT)")
    for name in OUTCOMES:
        number = {key.removeprefix(f"{name}."): value for key, value in metrics.items() if key.startswith(f"{name}.")}
        table.add_row(
            name,
            f"{number['actual_total']:,.0f}",
            f"{number['expected_total']:,.0f}",
            f"{number['total_low']:,.0f} to {number['total_high']:,.0f}",
            "yes" if number["total_covers_actual"] else "no",
            f"{number['adjusted_low']:,.0f} to {number['adjusted_high']:,.0f}",
            "yes" if number["adjusted_covers_actual"] else "no",
            f"{number['bias']:+.1%}",
            f"{number['pit_coverage']:.1%}",
        )
    return table


def _against_baselines(holdout: "Holdout", verdict: Verdict) -> str:
    sources = " and ".join(dict.fromkeys(drift.source for drift in holdout.drifts.values()))
    lines = [f"* widened for drift; the drift is {sources}", baselines_text(holdout.metrics, verdict)]
    return "\n".join([*lines, *(f"  [yellow]{line}[/yellow]" for line in list_wins(holdout.comparison))])


def why_unregistered(verdict: Verdict, register: bool | None) -> str:
    """Return why a training registered nothing; where `register` is null, the run is one of a sweep."""
    if verdict is Verdict.FAIL:
        return "the review failed it"
    if register is False:
        return "registry.register=false"
    return "a run of a sweep does not register a model unless registry.register=true"


def _registered(trained: "Trained", settings: RegistrySettings) -> str:
    if trained.registered is None:
        return f"\nNothing was registered: {why_unregistered(trained.review.verdict, settings.register)}."
    model = trained.registered
    place = "" if model.replaced is None else f", in place of version {model.replaced}"
    lines = [f"\nRegistered [bold]{model.name}[/bold] version {model.version} as [bold]{model.alias}[/bold]{place}."]
    if trained.review.verdict is Verdict.REVIEW:
        lines[0] += " A person has to review it before it becomes champion."
    # By its number: the alias may be another version's by the time the command is copied.
    lines.append(f"To score with it:  {plain(invocation.command('score', f'model={model.uri}'))}")
    if trained.review.verdict is Verdict.REVIEW:
        lines.append(f"To promote it:     {plain(invocation.command('promote', f'model={model.uri}', 'reason=...'))}")
    return "\n".join(lines)
