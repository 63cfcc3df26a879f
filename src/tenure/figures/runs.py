"""Several runs side by side."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import (
    CHAINS,
    DASHES,
    DATA,
    INK,
    MEANINGS,
    STYLE,
    explain,
    new_canvas,
    panel_grid,
    shorten,
    signed_share,
    thousands,
)


@rc_context(STYLE)
def ranges(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """Plot 90% ranges of several quantities by run.

    Args:
        table: columns quantity, run, low, middle, high; a range without width is a point.
        title: the result.
        caption: what to look for.
    """
    quantities, runs = list(dict.fromkeys(table["quantity"])), list(dict.fromkeys(table["run"]))
    rows, columns = panel_grid(len(quantities))
    figure, panels = new_canvas(rows, columns, height=1.5 + rows * (1.0 + 0.28 * len(runs)), sharey=True)
    for axes, quantity in zip(panels, quantities, strict=False):
        for row in table[table["quantity"] == quantity].to_dict("records"):
            at = runs.index(row["run"])
            color = CHAINS[at % len(CHAINS)]
            axes.plot([row["low"], row["high"]], [at, at], color=color, linewidth=5, alpha=0.45, solid_capstyle="butt")
            axes.plot(row["middle"], at, "o", color=color, markersize=6, markeredgecolor="white")
        axes.set_xlabel(textwrap.fill(MEANINGS.get(quantity, quantity), 90 // columns), fontsize=10)
        axes.grid(axis="x", color=DATA, linewidth=0.5, alpha=0.6)
    _name_runs(panels[0], runs)
    for axes in panels[len(quantities) :]:
        axes.set_visible(False)
    return explain(figure, title, caption)


@rc_context(STYLE)
def draw_totals(table: pd.DataFrame, level: str) -> Figure:
    """Plot the error of each run's holdout total, with its raw and its adjusted interval.

    Args:
        table: columns outcome, run, and over the actual total, less 1: low, middle, high, adjusted_low, adjusted_high.
        level: of the intervals, in words.
    """
    outcomes, runs = list(dict.fromkeys(table["outcome"])), list(dict.fromkeys(table["run"]))
    figure, panels = new_canvas(1, len(outcomes), height=2.0 + 0.42 * len(runs), sharey=True)
    for axes, outcome in zip(panels, outcomes, strict=True):
        for row in table[table["outcome"] == outcome].to_dict("records"):
            at = runs.index(row["run"])
            color = CHAINS[at % len(CHAINS)]
            axes.plot([row["adjusted_low"], row["adjusted_high"]], [at, at], color=color, linewidth=1.5)
            axes.plot([row["low"], row["high"]], [at, at], color=color, linewidth=7, alpha=0.5, solid_capstyle="butt")
            axes.plot(row["middle"], at, "o", color=color, markersize=7, markeredgecolor="white")
        axes.axvline(0, color=INK, linewidth=1.5)
        axes.xaxis.set_major_formatter(signed_share)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(outcome)
        axes.set_xlabel("forecast total over the actual one, less 1", fontsize=10)
    _name_runs(panels[0], runs)
    return explain(
        figure,
        "The holdout's total, forecast against actual",
        f"Look for a thick bar ({level} predictive) that reaches the line, the actual total. The thin one is widened "
        "for drift. Each run has its own holdout, so the days of the runs may differ.",
    )


@rc_context(STYLE)
def trackings(tables: Mapping[str, pd.DataFrame], runs: Sequence[str]) -> Figure:
    """Plot the error of each run's expected purchases by day after its own cut-off.

    Args:
        tables: by run, of `backtest.track`, with `days` since the run's cut-off.
        runs: all runs, so that each has one colour in all figures.
    """
    figure, (weekly, off) = new_canvas(2, height=8.2)
    shown: list[pd.DataFrame] = []
    for name, table in tables.items():
        at = list(runs).index(name)
        # Dashes show a curve that is under another.
        look: Any = {"color": CHAINS[at % len(CHAINS)], "linestyle": DASHES[at % len(DASHES)], "linewidth": 1.8}
        weekly.plot(table["days"], table["weekly_expected"], label=shorten(name), **look)
        actual_weeks = table[["days", "weekly_actual"]]
        if not any(actual_weeks.equals(other) for other in shown):
            weekly.plot(
                actual_weeks["days"], actual_weeks["weekly_actual"], "o", color=look["color"], markersize=2.5, alpha=0.6
            )
            shown.append(actual_weeks)
        after = table[table["days"] >= 0]
        actual, expected = (after[column] - after[column].iloc[0] for column in ("actual", "expected"))
        off.plot(after["days"][actual > 0], (expected / actual - 1)[actual > 0], **look)
    weekly.axvline(0, color=INK, linewidth=1)
    weekly.set(ylabel="repeat purchases a week", ylim=(0, None), xlabel="days after the run's cut-off")
    weekly.yaxis.set_major_formatter(thousands)
    weekly.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    off.axhline(0, color=INK, linewidth=1)
    off.yaxis.set_major_formatter(signed_share)
    off.set(ylabel="expected so far over actual, less 1", xlabel="days after the run's cut-off")
    return explain(
        figure,
        "Repeat purchases by week, and the error of their sum since the cut-off",
        "Look below for lines that settle near zero; a line that moves away has a growing error. The first weeks "
        "are noisy, because purchases are few. Above, lines are expected and dots actual: to be compared within one "
        "log only.",
    )


def _name_runs(axes: Axes, runs: Sequence[str]) -> None:
    axes.set_yticks(range(len(runs)), [shorten(name) for name in runs], parse_math=False)
    axes.set_ylim(len(runs) - 0.5, -0.5)
