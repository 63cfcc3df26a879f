"""What lies ahead of the customer base: revenue by month, a heat map of cohorts, worth by horizon."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .style import ACTUAL, DATA, INK, MODEL, new_canvas

if TYPE_CHECKING:
    from tenure.decide import Decisions

WIDTH, HEIGHT = 6.5, 3.2
MOST_PAST, MOST_COHORTS, MOST_COLUMNS = 24, 18, 12
PALE = 0.45  # of the scale of colours, beyond which letters are white


def plot_forecast(decisions: "Decisions", text: Any, number: Any, money: Any) -> Figure:
    """Plot revenue by month: what came in, and the bands of what is expected."""
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    table = decisions.prospects.forecast
    past, ahead = (
        table[~table["is_forecast"]].tail(MOST_PAST),
        table[table["is_forecast"] & (table["customers"] == "all")],
    )
    present = table[table["is_forecast"] & (table["customers"] == "present")]
    at, later = np.arange(len(past)), len(past) + np.arange(len(ahead))
    axes.bar(at, past["revenue"], color=DATA, label=text("so_far"))
    for low, high, shade in (("low_90", "high_90", 0.2), ("low_50", "high_50", 0.35)):
        axes.fill_between(
            later, ahead[f"revenue_{low}"], ahead[f"revenue_{high}"], color=MODEL, alpha=shade, linewidth=0
        )
    axes.plot(later, ahead["revenue"], color=MODEL, label=text("expected"))
    if (ahead["new_customers"] > 0).any():
        axes.plot(later, present["revenue"], color=ACTUAL, linestyle="--", label=text("of_present"))
    names = [*past["month"], *ahead["month"]]
    step = max(len(names) // 9, 1)
    axes.set_xticks(np.arange(len(names))[::step], names[::step], rotation=45)
    axes.yaxis.set_major_formatter(number)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel(money(text("axis")))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def plot_retention(decisions: "Decisions", text: Any) -> Figure:
    """Plot the share of each cohort that buys in a month, by its age: a heat map with the shares written in."""
    shares, is_seen, names = _grid(decisions.prospects.retention)
    figure, (axes,) = new_canvas(width=WIDTH, height=1.4 + 0.3 * max(len(shares), 3))
    if not shares.size:
        return figure
    most = max(float(np.nanmax(shares)), 1e-9)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=most, aspect="auto")
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        if np.isnan(share):
            continue
        colour = "white" if share > PALE * most else INK
        axes.text(column, row, f"{100 * share:.0f}%", ha="center", va="center", fontsize=8, color=colour)
        if not is_seen.iat[row, column]:
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="//", edgecolor=DATA, linewidth=0)
            )
    axes.set_yticks(np.arange(len(shares)), list(shares.index))
    axes.set_xticks(np.arange(len(names)), names, fontsize=9)
    axes.set_xlabel(text("axis"))
    axes.spines[:].set_visible(False)
    return figure


def _grid(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return mean monthly retention by cohort and some months of age, whether all of it was observed, and the ages."""
    cohorts = sorted(table["cohort"].unique())[-MOST_COHORTS:]
    shown = table[table["cohort"].isin(cohorts) & (table["age"] > 0)]
    months = -(-int(shown["age"].max()) // MOST_COLUMNS) if len(shown) else 1
    block = (shown["age"] - 1) // months
    groups = shown.assign(block=block, is_seen=shown["status"] == "observed").groupby(["cohort", "block"])
    shares, is_seen = groups["retention"].mean().unstack(), groups["is_seen"].all().unstack(fill_value=False)
    blocks = [int(one) for one in shares.columns.to_numpy()]
    names = [str(one + 1) if months == 1 else f"{one * months + 1}-{(one + 1) * months}" for one in blocks]
    return shares, is_seen, names


def plot_equity(decisions: "Decisions", text: Any, number: Any, money: Any) -> Figure:
    """Plot worth by horizon: of present customers and of future ones after their cost, and what was never observed."""
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    params, table = decisions.question.params, decisions.prospects.equity
    table = table[(table["discount_rate"] == params.discount_rate) & (table["margin"] == params.margin)]
    present, future = (table[table["group"] == group] for group in ("present", "future"))
    at = np.arange(len(present))
    beyond = present["clv"] * present["extrapolated_share"].fillna(0.0)
    axes.bar(at - 0.2, present["clv"], 0.38, color=MODEL, label=text("present"))
    axes.bar(
        at - 0.2, beyond, 0.38, bottom=present["clv"] - beyond, fill=False, hatch="///", edgecolor="white", linewidth=0
    )
    axes.vlines(at - 0.2, present["adjusted_low"], present["adjusted_high"], color=INK, linewidth=1.5)
    net = future["net_margin"].where(future["net_margin"].notna(), future["clv"])
    if future["clv"].gt(0).any():
        label = text("future_net") if future["net_margin"].notna().all() else text("future_gross")
        axes.bar(at + 0.2, net, 0.38, color=DATA, label=label)
    language = decisions.question.language
    names = [language.text("equity.days", days=language.number(days)) if days else language.text("equity.no_end")
             for days in present["horizon_days"]]  # fmt: skip
    axes.set_xticks(at, names)
    axes.yaxis.set_major_formatter(number)
    axes.set_ylabel(money(text("axis")))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure
