"""A rolling backtest: totals by cut-off, forecasts by horizon, wins of baselines, drift."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from tenure import invocation
from tenure.totals import ASSUMED

from .terminal import new_table, plain, print_run, stdout

if TYPE_CHECKING:
    import pandas as pd

    from tenure.backtest import Rolling


def print_backtest(rolling: "Rolling", run_id: str, level: float, ui: str, again: Sequence[str] = ()) -> None:
    """Print totals by cut-off, forecasts by horizon, the wins of baselines, and the drift of totals.

    `again` are the arguments that a training on the same log by the same recipe needs.
    """
    out = stdout()
    out.print(_totals_by_cutoff(rolling, level))
    sampled = rolling.totals[rolling.totals["judged"] < rolling.totals["customers"]]
    if len(sampled):
        low, high = sampled["judged"].min(), sampled["judged"].max()
        size = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        out.print(f"Forecasts are judged on samples of {size} customers, by a hash of their ids; totals are of all.")
    for (days, outcome), rows in rolling.forecasts.groupby(["horizon_days", "outcome"]):
        cutoffs = rows["cutoff"].nunique()
        out.print(_forecasts(rows, f"\nForecasts of {outcome}, {days} days ahead: means over {cutoffs} cut-offs"))
    lost = [f"  [yellow]{line}[/yellow]" for line in rolling.wins] or ["  No baseline is better than the model."]
    out.print("\n".join(["\n[bold]Where a baseline wins[/bold] by more than two paired standard errors", *lost]))
    out.print(_drifts(rolling, level))
    estimated = sorted(set(rolling.drifts.loc[rolling.drifts["source"] != ASSUMED, "horizon_days"]))
    if estimated:
        days = " or ".join(map(str, estimated))
        out.print(f"To register a model with this drift, for scores {days} days ahead:")
        out.print(f"  {plain(invocation.command('train', *again, f'backtest.drift.source_run={run_id}'))}")
    print_run(run_id, ui)


def _drifts(rolling: "Rolling", level: float) -> Table:
    title = "\nDrift of totals after the end of the log, as a factor"
    table = new_table(title, "days", "outcome", "median", f"{level:.0%}", "periods", "")
    for row in rolling.drifts.to_dict("records"):
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        numbers = (f"{row['drift']:.2f}", span, f"{row['periods']:.1f}")
        table.add_row(str(row["horizon_days"]), row["outcome"], *numbers, row["source"])
    return table


def _totals_by_cutoff(rolling: "Rolling", level: float) -> Table:
    raw, adjusted = f"{level:.0%} raw", f"{level:.0%} adjusted"
    intervals = (raw, "covers", adjusted, "covers")
    table = new_table("\nTotals by cut-off", "cut-off", "days", "", "actual", "expected", "bias", *intervals, "drift")
    for row in rolling.totals.to_dict("records"):
        spans = (
            f"{low:,.0f} to {high:,.0f}"
            for low, high in ((row["low"], row["high"]), (row["adjusted_low"], row["adjusted_high"]))
        )
        covered = ("yes" if covers else "no" for covers in (row["covers"], row["adjusted_covers"]))
        pairs = [text for pair in zip(spans, covered, strict=True) for text in pair]
        numbers = (f"{row['actual']:,.0f}", f"{row['expected']:,.0f}", f"{row['bias']:+.1%}")
        table.add_row(row["cutoff"], str(row["horizon_days"]), row["outcome"], *numbers, *pairs, row["drift"])
    return table


def _forecasts(forecasts: "pd.DataFrame", title: str) -> Table:
    """Build the table of forecasts; the model wins or loses a cut-off by more than two paired standard errors."""
    columns = ("mean CRPS", "model wins", "loses", "MAE", "bias", "Gini", "coverage", "Brier")
    table = new_table(title, "", *columns)
    for name, rows in forecasts.groupby("forecast", sort=False):
        means = rows[["crps", "mae", "bias", "gini", "pit_coverage", "brier"]].mean()
        won, lost = ((rows["winner"] == winner).sum() for winner in ("model", name))
        paired = ["-", "-"] if name == "model" else [f"{won} of {len(rows)}", f"{lost} of {len(rows)}"]
        # A forecast without spread has no interval, and no coverage.
        covered = "-" if name != "model" and bool(rows["is_point"].any()) else f"{means['pit_coverage']:.1%}"
        numbers = (f"{means['mae']:.4g}", f"{means['bias']:+.1%}", f"{means['gini']:.3f}")
        table.add_row(str(name), f"{means['crps']:.4g}", *paired, *numbers, covered, f"{means['brier']:.4f}")
    return table
