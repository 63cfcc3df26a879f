"""Scores: of synthetic customers one by one, of a customer base month by month."""

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from .style import ACTUAL, INK, MODEL, STYLE, explain, new_canvas, shorten, thousands


@rc_context(STYLE)
def scored_examples(table: pd.DataFrame) -> Figure:
    """Plot the CLV of a few synthetic customers; a scores table, its first row on top."""
    figure, (axes,) = new_canvas(height=2.4 + 0.45 * len(table))
    at, params = np.arange(len(table)), table.attrs.get("params", {})
    level = f"{params['level']:.0%} " if "level" in params else ""
    axes.hlines(at, table["clv_low"], table["clv_high"], color=INK, linewidth=1.5, label=f"{level}predictive interval")
    for end in ("clv_low", "clv_high"):
        axes.plot(table[end], at, "|", color=INK, markersize=12, markeredgewidth=1.5)
    axes.hlines(
        at,
        table["clv_mean_low"],
        table["clv_mean_high"],
        color=MODEL,
        linewidth=8,
        label=f"{level}credible interval of the mean",
    )
    axes.plot(table["clv"], at, "o", color=ACTUAL, markersize=6, markeredgecolor="white", label="mean")
    axes.set_yticks(at, [shorten(str(customer)) for customer in table["customer_id"]], parse_math=False)
    horizon = f"{params['horizon_days']:,} days" if "horizon_days" in params else "the horizon"
    axes.set(ylim=(len(table) - 0.5, -0.5), xlabel=f"CLV over {horizon} (the log's currency)")
    axes.xaxis.set_major_formatter(thousands)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return explain(
        figure,
        "CLV of synthetic customers: the mean, its credible interval, and the predictive interval",
        "Look at the thin line for one customer, at the thick one for the average of many similar customers. The mean "
        "may be outside the thin line: if most buy nothing and a few buy much, the line is at 0 and the mean is not.",
    )


@rc_context(STYLE)
def months(table: pd.DataFrame, level: float) -> Figure:
    """Plot the forecast purchases and CLV of the customer base by month; `table` is that of `scorer.Months`."""
    figure, panels = new_canvas(2, height=6.4, sharex=True)
    words = (("purchases", "purchases a month"), ("clv", "CLV a month"))
    for axes, (total, label) in zip(panels, words, strict=True):
        rows = table[table["total"] == total]
        axes.fill_between(rows["month"], rows["low"], rows["high"], color=MODEL, alpha=0.2, linewidth=0, step="mid")
        axes.fill_between(
            rows["month"], rows["mean_low"], rows["mean_high"], color=MODEL, alpha=0.35, linewidth=0, step="mid"
        )
        axes.step(rows["month"], rows["expected"], where="mid", color=MODEL)
        axes.set(ylabel=label, ylim=(0, None))
        axes.yaxis.set_major_formatter(thousands)
    panels[-1].set_xlabel("months ahead")
    return explain(
        figure,
        "Forecast of the present customers by month: purchases and CLV",
        f"Line: expected. Light band: {level:.0%} predictive interval of the month's total; dark band: {level:.0%} "
        "credible interval of its mean. It falls because customers leave; new customers and seasons are not in it.",
    )
