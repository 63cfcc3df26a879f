"""A holdout: actual against forecast."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from tenure.outcomes import OUTCOMES

from .style import ACTUAL, DATA, INK, MODEL, STYLE, Floats, ends_of, explain, new_canvas, thousands

PIT_BARS = 20


@rc_context(STYLE)
def weekly_tracking(table: pd.DataFrame, cutoff: date, level: float, metrics: Mapping[str, float], end: date) -> Figure:
    """Plot repeat purchases, actual and expected: their sum since the cut-off, and by week across it.

    Args:
        table: of `backtest.track`.
        cutoff: last day of the calibration.
        level: of the predictive interval of the holdout's total.
        metrics: of the holdout: `purchases.actual_total`, `.expected_total`, `.total_low`, `.total_high`.
        end: last day of the holdout.
    """
    figure, (total, weekly) = new_canvas(2, height=7.6)
    _draw_since(total, table[table["day"] > pd.Timestamp(cutoff)], cutoff, level, metrics, end)
    _draw_weeks(weekly, table, cutoff)
    actual, expected = (metrics[f"purchases.{name}_total"] for name in ("actual", "expected"))
    off = f" ({expected / actual - 1:+.0%})" if actual > 0 else ""
    result = f"{actual:,.0f} repeat purchases, where {expected:,.0f} were forecast{off}"
    return explain(
        figure,
        f"After the cut-off, to {end:%Y-%m-%d}: {result}",
        "Look above for a gap that keeps growing, and whether the actual total ends inside the predictive interval. "
        "Look below for weeks or months where actual and expected differ. Expected is the population's mean curve, "
        "summed over first purchases; after the cut-off it is scaled to the sum of customers' own forecasts, which is "
        "the total of the holdout.",
    )


def _draw_since(
    axes: Axes, after: pd.DataFrame, cutoff: date, level: float, metrics: Mapping[str, float], end: date
) -> None:
    """Plot the cumulative purchases of the holdout, which end at its totals, and the interval of the total."""
    days = [_day_number(cutoff), *_day_number(after["day"]), _day_number(end)]
    for name, color, look in (("expected", MODEL, "--"), ("actual", ACTUAL, "o-")):
        counts = [0.0, *np.cumsum(after[f"weekly_{name}"]), metrics[f"purchases.{name}_total"]]
        axes.plot(days, counts, look, color=color, markersize=2.5, linewidth=1.4, label=name)
    low, high = (metrics[f"purchases.total_{side}"] for side in ("low", "high"))
    axes.axhspan(low, high, color=MODEL, alpha=0.18, linewidth=0, label=f"{level:.0%} predictive interval of the total")
    axes.vlines(days[-1], low, high, color=MODEL, linewidth=4, alpha=0.7)
    axes.set(ylabel="repeat purchases since the cut-off", ylim=(0, None), xlim=(days[0], None))
    axes.yaxis.set_major_formatter(thousands)
    axes.legend(loc="lower right")
    _label_days(axes)


def _draw_weeks(axes: Axes, table: pd.DataFrame, cutoff: date) -> None:
    day, cut = _day_number(table["day"]), _day_number(cutoff)
    axes.plot(day, table["weekly_expected"], color=MODEL, linestyle="--", label="expected")
    axes.plot(day, table["weekly_actual"], "o-", color=ACTUAL, markersize=2.5, linewidth=1.2, label="actual")
    axes.axvline(cut, color=INK, linewidth=1)
    axes.set(ylabel="repeat purchases a week", ylim=(0, None), xlabel="last day of the week")
    axes.yaxis.set_major_formatter(thousands)
    _label_days(axes)
    left, right = axes.get_xlim()
    is_late = cut > left + 0.8 * (right - left)
    axes.annotate(
        f"cut-off {cutoff}",
        (cut, 0.04),
        (-5 if is_late else 5, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if is_late else "left",
        fontsize=10,
    )


def _label_days(axes: Axes) -> None:
    days = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(days)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(days))  # type: ignore[no-untyped-call]


def _day_number(days: Any) -> Any:
    return date2num(days)  # type: ignore[no-untyped-call]


@rc_context(STYLE)
def pit(pit_table: pd.DataFrame, level: float) -> Figure:
    """Plot the randomised PIT of customers' outcomes.

    Args:
        pit_table: of `Backtest.pit`.
        level: of the predictive intervals, whose tails are shaded.
    """
    figure, panels = new_canvas(1, 2, height=4.9, sharey=True)
    for axes, name in zip(panels, OUTCOMES, strict=True):
        _draw_pit(axes, pit_table[name].to_numpy(np.float64), (1 - level) / 2, name)
    panels[0].set_ylabel("customers")
    panels[0].legend(loc="lower center", frameon=True, framealpha=0.9)
    inside = [f"{np.mean(np.abs(pit_table[column] - 0.5) <= level / 2):.1%}" for column in OUTCOMES]
    return explain(
        figure,
        f"{inside[0]} of customers' purchases and {inside[1]} of their spend lie in their {level:.0%} interval",
        "Look for flat bars. High at both ends: intervals too narrow; high in the middle: too wide. Rising to the "
        "right: forecasts too low; to the left: too high. Ties are broken at random.",
    )


def _draw_pit(axes: Axes, values: Floats, tail: float, name: str) -> None:
    from scipy.stats import binom

    level = 1 - 2 * tail
    low, high = binom.ppf(ends_of(level), len(values), 1 / PIT_BARS)
    axes.hist(values, bins=PIT_BARS, range=(0, 1), color=DATA, edgecolor="white")
    axes.axhspan(low, high, color=MODEL, alpha=0.25, linewidth=0, label=f"{level:.0%} band of a calibrated model")
    axes.axhline(len(values) / PIT_BARS, color=MODEL, linewidth=1.2, label="mean of a calibrated model")
    for start, label in ((0.0, "outside the interval"), (1 - tail, None)):
        axes.axvspan(start, start + tail, color=ACTUAL, alpha=0.25, linewidth=0, label=label)
    shares = f"{np.mean(values < tail):.1%} below, {np.mean(values > 1 - tail):.1%} above"
    axes.set_title(f"{name}: {shares} (calibrated: {tail:.1%} each)", fontsize=10)
    axes.set(xlabel=f"randomised PIT of {name}", xlim=(0, 1))


@rc_context(STYLE)
def reliability(table: pd.DataFrame) -> Figure:
    """Plot the share that bought by the predicted probability; table of `Backtest`."""
    figure, (axes,) = new_canvas(height=5.2)
    some = table[table["customers"] > 0]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":", label="calibrated")
    axes.errorbar(
        some["predicted"], some["actual"], 2 * some["predicted_se"], fmt="o", color=ACTUAL, markersize=6,
        ecolor=ACTUAL, elinewidth=1.2, label="actual, ± two standard errors of the predicted share",
    )  # fmt: skip
    for row in some.to_dict("records"):
        axes.annotate(f"{row['customers']:,}", (row["predicted"], 0), (0, 3), textcoords="offset points",
                      ha="center", fontsize=10, color=INK)  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability of a purchase in the holdout (mean of a bin)")
    axes.set_ylabel("share that bought")
    axes.legend(loc="upper left")
    off = np.average(np.abs(some["actual"] - some["predicted"]), weights=some["customers"])
    return explain(
        figure,
        f"Predicted probability of a purchase against the share that bought: {off:.1%} apart on average",
        "Look for points on the dotted line. Above it, more bought than predicted; below, fewer. The numbers at the "
        "bottom are customers: bins of few customers are noisy.",
    )


@rc_context(STYLE)
def by_frequency(table: pd.DataFrame) -> Figure:
    """Plot mean holdout purchases, actual and expected, by calibration frequency; table of `Backtest`."""
    figure, (axes,) = new_canvas(height=5.0)
    at = np.arange(len(table))
    sizes = [f"({size:,})" for size in table["customers"]]
    axes.plot(at, table["expected_purchases"], "s--", color=MODEL, label="expected")
    axes.plot(at, table["actual_purchases"], "o-", color=ACTUAL, label="actual")
    axes.set_xticks(at, [f"{frequency}\n{size}" for frequency, size in zip(table["frequency"], sizes, strict=True)])
    axes.set(xlim=(-0.5, len(table) - 0.5), ylim=(0, None), ylabel="mean purchases in the holdout")
    axes.set_xlabel("repeat purchases in the calibration (number of customers)")
    axes.legend(loc="upper left")
    return explain(
        figure,
        "Mean holdout purchases of customers by how often they had bought before",
        "Look for a gap that has one sign everywhere or grows with frequency. Groups of few customers are noisy.",
    )


@rc_context(STYLE)
def deciles(table: pd.DataFrame) -> Figure:
    """Plot mean holdout spend, actual and expected, by decile of expected spend; table of `Backtest`."""
    figure, (axes,) = new_canvas(height=5.0)
    at = np.arange(len(table))
    axes.bar(at - 0.2, table["actual_spend"], 0.38, color=ACTUAL, label="actual")
    axes.bar(at + 0.2, table["expected_spend"], 0.38, color=MODEL, label="expected")
    axes.set_xticks(at, [str(decile) for decile in table["decile"]])
    axes.set(xlabel="decile of expected spend (1 is the highest)", ylim=(0, None))
    axes.set_ylabel("mean spend per customer (the log's currency)")
    axes.yaxis.set_major_formatter(thousands)
    axes.legend(loc="upper right")
    totals = (table["customers"] * table["actual_spend"]).to_numpy(np.float64)
    total = float(np.nansum(totals))
    share = f"the first brought {totals[0] / total:.0%} of it" if total > 0 else "there was none"
    return explain(
        figure,
        f"Holdout spend by decile of expected spend: {share}",
        f"Look for actual bars as high as the expected ones. {_order_of(table['actual_spend'].to_numpy(np.float64))}",
    )


def _order_of(actual: Floats) -> str:
    """Return whether actual spend falls from each decile to the next, as it does where the order is right."""
    steps = np.diff(actual[np.isfinite(actual)])
    if not steps.size or not np.nanmax(actual) > 0:
        return "There is no order to check."
    rises = int((steps > 0).sum())
    if not rises:
        return "Actual spend rises from no decile to the next: customers are in the right order."
    return (
        f"Actual spend rises from one decile to the next in {rises} of {steps.size} steps, where it should fall in all."
    )
