"""What a person reads in the terminal: results on stdout."""

import logging
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tenure import registry
from tenure.backtest import ASSUMED, OUTCOMES, wins
from tenure.review import Review, Verdict
from tenure.rfm import EARLY_WEEKS, LEAST_WEEKS, AcquisitionWindow, Split, Truncation
from tenure.settings import RegistrySettings, ScoreJobSettings, SimulateJobSettings, TrainSettings
from tenure.text import printable, shown
from tenure.transactions import Identities, Reconciliation

if TYPE_CHECKING:
    import pandas as pd

    from tenure.backtest import Holdout, Rolling
    from tenure.batch import Scored
    from tenure.fit import Fit
    from tenure.promote import Comparison
    from tenure.scorer import NewCustomer, Scores
    from tenure.simulate import Simulated

    from .results import Promotion, Trained

SPANS = {"": "{} predictive", "adjusted_": "{} adjusted*", "mean_": "{} credible of the mean"}  # of a total, by prefix
SUSPECT = 0.01  # so few steady logs are suspected wrongly
SHOWN_GROUPS, SHOWN_MONTHS, MONTHS_A_YEAR = 20, 24, 12
COLOURS = {Verdict.PASS: "green", Verdict.REVIEW: "yellow", Verdict.FAIL: "red"}


def is_terminal() -> bool:
    """Tell whether a person watches, so that progress bars make sense."""
    return sys.stderr.isatty()


@contextmanager
def progress(what: str, rows: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while someone watches; yield what advances it by some rows."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True), disable=not is_terminal(), transient=True) as bar,
        _log_above(),
    ):
        task = bar.add_task(what, total=rows)
        yield lambda done: bar.advance(task, done)


@contextmanager
def _log_above() -> Iterator[None]:
    """Send what is logged to where `sys.stderr` leads by now: of a bar, above it and not into it."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler)]
    before = [(one, one.setStream(sys.stderr)) for one in handlers if one.stream is sys.__stderr__]
    try:
        yield
    finally:
        for handler, stream in before:
            if stream is not None:
                handler.setStream(stream)


def print_training(trained: "Trained", settings: TrainSettings, ui: str) -> None:
    """Print what was registered, the verdict, the parameters, the holdout, and where to look next."""
    out = _console()
    fitted = trained.final or trained.calibration
    window = "the whole log" if trained.final else "the calibration days"
    out.print()
    out.print(_parameters(fitted.fit, window, settings.review.level))
    for warning in fitted.warnings:
        out.print(f"[yellow]{_plain(warning)}[/yellow]")
    if trained.new_customer is not None:
        out.print(_new_customer(trained.new_customer))
    out.print(_holdout(trained))
    largest = f"{trained.holdout.metrics['value.largest_share']:.1%}"
    out.print(f"The customer with the largest forecast has {largest} of the forecast value of the holdout.")
    out.print(_against_baselines(trained.holdout))
    out.print(_verdict(trained.review))
    out.print(_registered(trained, settings.registry))
    if trained.promotion is not None:
        print_promotion(trained.promotion)
    out.print(f"\nRun [bold]{trained.run_id}[/bold]. To look at it:  {_plain(ui)}")


def print_reconciliation(accounts: Reconciliation) -> None:
    """Print the fate of every row and every cent."""
    table = _table(f"\nThe log, to {accounts.until}: every row and every cent", "", "rows", "amount")
    for line in accounts.lines:
        table.add_row(_plain(line.label), f"{line.rows:,}", f"{line.amount:,.2f}")
    table.add_row("[bold]all of it[/bold]", f"{accounts.rows:,}", f"{accounts.amount:,.2f}")
    out = _console()
    out.print(table)
    again = f"; {accounts.duplicates:,} rows repeat another exactly" if accounts.duplicates else ""
    out.print(
        f"{accounts.purchases:,} purchases, one per customer and day, of {accounts.revenue:,.2f} after refunds{again}."
    )
    for stray in accounts.strays or ():
        out.print(f"[yellow]{_plain(stray.in_words)}.[/yellow]")


def print_identities(found: Identities) -> None:
    """Print which customer ids may be one customer's or many customers', and the largest customer's share of spend."""
    out = _console()
    for line in found.findings():
        out.print(f"[yellow]{_plain(line)}[/yellow]")
    if found.largest is not None:
        out.print(_plain(f"The largest customer, {found.largest!r}, has {found.largest_share:.1%} of all spend."))


def print_window(parts: Split, window: AcquisitionWindow, truncation: Truncation | None) -> None:
    """Print from whom the model learns and whom it leaves out, and whether the log's births look like its beginning."""
    out, left = _console(), parts.left_out
    lines = [f"{len(parts.calibration.customers):,} customers to {parts.cutoff}"]
    if left.include_left_truncated:
        lines.append(f"{left.include_left_truncated:,} left out, acquired before the log began")
    if left.outside:
        lines.append(f"{left.outside:,} left out, as they first bought outside {window.in_words}")
    if parts.born_in_holdout:
        lines.append(f"{parts.born_in_holdout:,} first seen in the holdout")
    out.print("; ".join(lines) + ".")
    repeat = parts.calibration.customers.query("frequency > 0")
    if free := int((repeat["monetary_value"] == 0).sum()):
        out.print(
            f"{free:,} of {len(repeat):,} repeat buyers paid nothing for their repeat purchases: left out of the spend"
            " fit, valued at the population's mean spend."
        )
    out.print(_truncation(truncation))


def _truncation(found: Truncation | None) -> str:
    if found is None:
        return f"Left-truncated customers: not looked for, in fewer than {LEAST_WEEKS} weeks of first purchases."
    told = (
        f"First purchases of the first {EARLY_WEEKS} weeks from {found.first}: {found.early:,}, where the later rate "
        f"gives {EARLY_WEEKS * found.weekly:,.0f}: {found.excess:+,.0f} ± {found.excess_se:,.0f}"
        f" (p {found.p_value:.2g})."
    )
    if found.p_value >= SUSPECT:
        return told
    return (
        f"[yellow]{told} Customers from before the log would look like that, and so does a log that follows one cohort:"
        " see data/acquisitions.png,"
        " and rfm.burn_in_days, rfm.acquisition or transactions.columns.acquired.[/yellow]"
    )


def _console() -> Console:
    # Lines are not broken: commands and URIs are there to be copied, and a pipe has no width.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)


def _plain(value: object) -> str:
    """Return a text from data or settings as it may be printed: no markup, no control characters, no passwords."""
    return escape(printable(shown(str(value))))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right")
    return table


def _parameters(fitted: "Fit", window: str, level: float) -> Table:
    posterior = fitted.posterior
    is_point = "map" in fitted.methods.values()
    what = "a point estimate, without intervals" if is_point else f"{level:.0%} credible"
    table = _table(
        f"Population, fitted to {window} by {posterior.origin['method']}: {what}", "", "mean", "low", "high", ""
    )
    table.columns[-1].justify = "left"
    labels = {name: parameter.label for spec in posterior.specs for name, parameter in spec.parameters.items()}
    for name, label in labels.items():
        draws = posterior.draws[name]
        ends: list[float] = [] if is_point else list(np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]))
        numbers = [f"{value:.4g}" for value in (draws.mean(), *ends)]
        table.add_row(name, *numbers, *["-"] * (3 - len(numbers)), f"[dim]{label}[/dim]")
    return table


def _new_customer(found: "NewCustomer") -> Table:
    row, asked = found.table().iloc[0], found.params
    level = f"{asked['level']:.0%}"
    title = (
        f"\nA new customer, from the first order on, over {asked['horizon_days']} days at margin {asked['margin']:g}"
    )
    table = _table(title, "", "expected", f"{level} predictive", f"{level} credible of the mean", "of it first order")
    spans = (f"{row[f'clv{kind}_low']:,.2f} to {row[f'clv{kind}_high']:,.2f}" for kind in ("", "_mean"))
    table.add_row("value", f"{row['clv']:,.2f}", *spans, f"{row['first_order']:,.2f}")
    return table


def _holdout(trained: "Trained") -> Table:
    metrics, parts = trained.holdout.metrics, trained.split
    level = f"{metrics['level']:.0%}"
    title = f"\nHoldout, {parts.horizon_days} days to {parts.end}: {len(parts.calibration.customers):,} customers"
    intervals = (f"{level} predictive of the total", "covers", "adjusted*", "covers")
    table = _table(title, "", "actual", "expected", *intervals, "bias", "PIT inside")
    for name in ("purchases", "value"):
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


def _against_baselines(holdout: "Holdout") -> str:
    metrics = holdout.metrics
    sources = " and ".join(dict.fromkeys(drift.source for drift in holdout.drifts.values()))
    hint = (
        "" if holdout.metrics["value.adjusted_is_estimated"] else "; tenure-backtest learns one, for its own horizons"
    )
    counts = (
        f"{metrics[f'{key}.beaten']:.0f} of {metrics[f'{key}.compared']:.0f} in {outcome}"
        for outcome, key in (("purchases", "baselines.purchases"), ("value", "baselines"))
    )
    lines = [
        f"* for a world that changes, by a drift that is {sources}{hint}",
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
    for row in rolling.drifts.to_dict("records"):
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        table.add_row(
            str(row["horizon_days"]),
            row["outcome"],
            f"{row['drift']:.2f}",
            span,
            f"{row['periods']:.1f}",
            row["source"],
        )
    out.print(table)
    estimated = sorted(set(rolling.drifts.loc[rolling.drifts["source"] != ASSUMED, "horizon_days"]))
    if estimated:
        days = " or ".join(map(str, estimated))
        out.print(f"To register a model with it, for scores {days} days ahead:")
        out.print(f"  uv run tenure-train backtest.drift.source_run={run_id}")
    out.print(f"\nRun [bold]{run_id}[/bold]. To look at it:  {_plain(ui)}")


def _totals_by_origin(rolling: "Rolling", level: float) -> Table:
    raw, adjusted = f"{level:.0%} raw", f"{level:.0%} adjusted"
    table = _table(
        "\nTotals by origin", "cut-off", "days", "", "actual", "expected", "bias", raw, "covers", adjusted, "covers", ""
    )
    for row in rolling.totals.to_dict("records"):
        spans = (
            f"{low:,.0f} to {high:,.0f}"
            for low, high in ((row["low"], row["high"]), (row["adjusted_low"], row["adjusted_high"]))
        )
        held = ("yes" if holds else "no" for holds in (row["covers"], row["adjusted_covers"]))
        pairs = [text for pair in zip(spans, held, strict=True) for text in pair]
        numbers = (f"{row['actual']:,.0f}", f"{row['expected']:,.0f}", f"{row['bias']:+.1%}")
        table.add_row(row["cutoff"], str(row["horizon_days"]), row["outcome"], *numbers, *pairs, row["drift"])
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


def why_unregistered(verdict: Verdict, register: bool | None) -> str:
    """Return why a training registered nothing; of a register that is null: the run is one of a sweep."""
    if verdict is Verdict.FAIL:
        return "the review failed it"
    if register is False:
        return "registry.register=false"
    return "a run of a sweep does not register a model unless registry.register=true"


def _registered(trained: "Trained", settings: RegistrySettings) -> str:
    if trained.registered is None:
        return f"\nNothing was registered: {why_unregistered(trained.review.verdict, settings.register)}."
    model = trained.registered
    command = (
        f"tenure-score model=models:/{settings.name}@{model.alias}" if model.alias != "champion" else "tenure-score"
    )
    lines = [f"\nRegistered [bold]{model.name}[/bold] version {model.version} as [bold]{model.alias}[/bold]."]
    if trained.review.verdict is Verdict.REVIEW:
        lines[0] += " A person has to look before it becomes champion."
    lines.append(f"To score with it:  uv run {command}")
    if trained.review.verdict is Verdict.REVIEW:
        lines.append(f"To promote it:     uv run tenure-promote model={model.uri} reason=...")
    return "\n".join(lines)


def print_promotion(promotion: "Promotion") -> None:
    """Print both recipes side by side, and what was decided."""
    out = _console()
    if promotion.comparison is not None:
        out.print(_comparison(promotion.comparison))
    verdict, uri = promotion.challenger.verdict, promotion.challenger.uri
    out.print(f"\n[bold]Verdict of {uri}: [{COLOURS[verdict]}]{verdict}[/][/bold]")
    place = f" in the place of {promotion.champion.uri}" if promotion.champion else ""
    done = f"{uri} is champion now{place}" if promotion.decision.is_promoted else f"{uri} was not promoted"
    out.print(f"[bold]{done}[/bold]: {escape(promotion.decision.because)}")


def _comparison(found: "Comparison") -> Table:
    days = (found.end - found.cutoff).days
    title = (
        f"\nBoth recipes fitted to the days up to {found.cutoff}, then {days} days to {found.end}: "
        f"{found.customers:,} customers"
    )
    table = _table(title, "", "champion", "challenger", "difference", "standard error")
    for name in ("value", "purchases"):
        contest = getattr(found, name)
        scores = (contest.champion_crps, contest.challenger_crps)
        errors = (f"{contest.difference:+.4g}", f"{contest.difference_se:.2g}")
        table.add_row(f"mean CRPS of {name}", *(f"{score:.4g}" for score in scores), *errors)
    for name in ("value", "purchases"):
        contest = getattr(found, name)
        biases = (contest.champion_bias, contest.challenger_bias)
        table.add_row(f"bias of {name}", *(f"{bias:+.1%}" for bias in biases), "", "")
    return table


def print_line(text: str) -> None:
    """Print one result."""
    _console().print(escape(shown(text)))


def print_run(run_id: str, ui: str) -> None:
    """Print where everything else is."""
    _console().print(f"\nRun [bold]{run_id}[/bold]. To look at it:  {_plain(ui)}")


def print_scores(scored: "Scored", settings: ScoreJobSettings, ui: str) -> None:
    """Print the totals from joint draws, a few rows, and where everything is."""
    out = _console()
    params = scored.scores.params
    title = (
        f"\n{scored.customers:,} customers as of {scored.as_of or 'their own last day'}, "
        f"{params.horizon_days} days ahead, discounted at {params.discount_rate:.1%} a year"
    )
    level = f"{params.level:.0%}"
    totals = scored.totals_table()
    table = _table(title, "total", "expected", *_span_titles(totals, level))
    for name, row in totals.iterrows():
        table.add_row(str(name).replace("_", " "), f"{row['expected']:,.0f}", *_spans(row))
    out.print(table)
    out.print(_adjusted_by(scored))
    _print_cautions(out, scored)
    if scored.scores.months is not None:
        _print_months(out, scored.scores, level)
    if scored.scores.by:
        _print_groups(out, scored, level)
    out.print(f"\nModel {scored.model}. Written: [bold]{_plain(settings.output)}[/bold]")
    out.print(f"Run [bold]{scored.run_id}[/bold]. To look at it:  {_plain(ui)}")


def _adjusted_by(scored: "Scored") -> str:
    """Say what the adjusted totals rest on, or that there are none."""
    if scored.drifts is None:
        return (
            "[yellow]No totals adjusted for a world that changes: this model was trained without the drift. Those"
            " above know customers' chance and the parameters' uncertainty alone.[/yellow]"
        )
    days, level = scored.scores.params.horizon_days, scored.scores.params.level
    spans = []
    for outcome in OUTCOMES:
        logs = scored.drifts.over(outcome, days).logs
        low, median, high = np.exp(np.quantile(logs, [(1 - level) / 2, 0.5, (1 + level) / 2]))
        spans.append(f"{outcome} {median:.2f} ({low:.2f} to {high:.2f})")
    return f"* for a world that changes, by a drift common to all customers, {scored.adjusted_by}: {', '.join(spans)}"


def _print_groups(out: Console, scored: "Scored", level: str) -> None:
    """Print the groups of most value; all are in the run."""
    scores = scored.scores
    found = scored.group_table().query("total == 'clv'").sort_values("expected", ascending=False)
    more = f", the {SHOWN_GROUPS} of most value of {len(found):,}" if len(found) > SHOWN_GROUPS else ""
    columns = [_plain(name) for name in scores.by]
    if registry.is_personal(len(scores.groups), scored.customers):
        out.print(
            f"\nclv by {', '.join(columns)}: {len(scores.groups):,} groups of {scored.customers:,} customers, most of"
            " them one customer each. Such a table would list customers one by one: it is neither printed nor logged;"
            " the output holds a row per customer."
        )
        return
    title = f"\nclv by {', '.join(columns)}{more}"
    table = _table(title, *columns, "customers", "expected", *_span_titles(found, level))
    for _, row in found.head(SHOWN_GROUPS).iterrows():
        names = (_plain(row[name]) for name in scores.by)
        table.add_row(*names, f"{row['customers']:,}", f"{row['expected']:,.0f}", *_spans(row))
    out.print(table)


def _span_titles(totals: pd.DataFrame, level: str) -> list[str]:
    return [title.format(level) for kind, title in SPANS.items() if f"{kind}low" in totals]


def _spans(row: "pd.Series[Any]") -> list[str]:
    """Write a row's intervals, a dash where it has none."""
    ends = [(row[f"{kind}low"], row[f"{kind}high"]) for kind in SPANS if f"{kind}low" in row]
    return ["-" if pd.isna(low) else f"{low:,.0f} to {high:,.0f}" for low, high in ends]


def _print_cautions(out: Console, scored: "Scored") -> None:
    """Say what the numbers above rest on, where that is little."""
    scores = scored.scores
    if scored.largest is not None:
        largest = scored.largest
        out.print(_plain(f"The largest customer, {str(largest.customer_id)!r}, has {largest.share:.1%} of the clv."))
    if scores.extrapolated_share is not None:
        out.print(f"{scores.extrapolated_share:.1%} of the value lies farther ahead than any customer was observed.")
    if scored.residual_beyond is not None:
        what = "of the residual value lies farther ahead than any customer was observed."
        out.print(f"{scored.residual_beyond:.1%} {what}")
    if scores.unstable_means:
        out.print(
            f"[yellow]The mean values of {scores.unstable_means:,} of {scored.customers:,} customers rest on a few "
            "draws of the population, and may be off by more than a tenth.[/yellow]"
        )
    if scores.free_repeat_buyers:
        out.print(
            f"{scores.free_repeat_buyers:,} of {scored.customers:,} customers paid nothing for their repeat purchases: "
            "valued at the population's mean spend."
        )


def _print_months(out: Console, scores: "Scores", level: str) -> None:
    """Print the months ahead, or the last of each year where they are many; all are in the run."""
    months = scores.months
    if months is None:
        return
    found = months.table(scores.params.level)
    value = found[found["total"] == "clv"].assign(sum=lambda rows: rows["expected"].cumsum())
    purchases = found[found["total"] == "purchases"]
    table = _table("\nmonth by month", "month", "purchases", "value", f"{level} predictive", "value so far")
    every = 1 if len(value) <= SHOWN_MONTHS else MONTHS_A_YEAR
    for (_, count), (_, row) in zip(purchases.iterrows(), value.iterrows(), strict=True):
        if row["month"] % every == 0 or row["month"] == len(value):
            numbers = (f"{number:,.0f}" for number in (count["expected"], row["expected"]))
            table.add_row(str(row["month"]), *numbers, _spans(row)[0], f"{row['sum']:,.0f}")
    out.print(table)


def print_simulated(simulated: "Simulated", settings: SimulateJobSettings) -> None:
    """Print what was written, how many there are of what, and what to do next."""
    out, totals, made = _console(), simulated.counts, settings.simulate
    table = _table(f"\nA synthetic log, {made.start} to {made.end}, by {made.truth.purchase_model}", "", "count")
    for label, count in _counts(simulated):
        table.add_row(label, f"{count:,}")
    out.print(table)
    out.print(f"Bought on one day alone: {totals['one_time'] / max(totals['customers'], 1):.1%} of customers")
    files = f" ({simulated.files} files)" if simulated.files > 1 else ""
    out.print(f"\nWritten: [bold]{_plain(simulated.output)}[/bold]{files}")
    if settings.truth is not None:
        out.print(f"Each customer's truth: [bold]{_plain(settings.truth)}[/bold]")
    out.print(f"To fit it:  uv run tenure-train {_plain(shlex.join(_next(settings)))}")


def _counts(simulated: "Simulated") -> list[tuple[str, int]]:
    """Name what every log has, and of the rest what this one has."""
    words = {"purchase_days": "purchases (customer and day)", "one_time": None}
    always = ("customers", "purchase_days", "orders", "rows")
    rest = {name: count for name, count in simulated.counts.items() if name not in always and count}
    found = {name: simulated.counts[name] for name in always} | rest
    labels = {name: words.get(name, name.replace("_", " ")) for name in found}
    return [(label, found[name]) for name, label in labels.items() if label is not None]


def _next(settings: SimulateJobSettings) -> list[str]:
    model = f"fit.purchase_model={settings.simulate.truth.purchase_model}"
    orders = ["transactions.columns.order_id=order_id"] if settings.simulate.refunds.share else []
    return [f"transactions.path={settings.output}", *orders, model]
