"""First purchases in a purchase log, before any fit."""

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from ..rfm import Truncation
from .style import ACTUAL, DATA, MODEL, STYLE, explain, new_canvas, thousands


@rc_context(STYLE)
def acquisitions(truncation: Truncation) -> Figure:
    """Plot first purchases by week and the later weeks' rate, the excess of the first weeks shaded."""
    table = truncation.table()
    figure, (axes,) = new_canvas(height=4.8)
    edges = np.arange(len(table) + 1)
    counts, expected, early = (table[name].to_numpy() for name in ("acquisitions", "expected", "is_early"))
    axes.bar(
        edges[:-1] + 0.5, np.where(early, np.minimum(counts, expected), counts), 0.9, color=DATA, label="acquisitions"
    )
    above = np.where(early, counts - expected, 0.0)
    axes.bar(
        edges[:-1] + 0.5, above, 0.9, bottom=expected, color=ACTUAL, alpha=0.55, linewidth=0,
        label=f"above (or below) the level, first {int(early.sum())} weeks",
    )  # fmt: skip
    starts = int(np.argmax(table["is_later"].to_numpy()))
    level = np.append(expected, expected[-1])
    name = "level: trend of the later half" if truncation.is_cohort else "level: mean of the later half"
    axes.plot(edges[: starts + 1], level[: starts + 1], color=MODEL, linestyle="--")
    axes.plot(edges[starts:], level[starts:], color=MODEL, label=name)
    step = max(len(table) // 6, 1)
    axes.set_xticks(edges[:-1:step], [f"{day:%Y-%m-%d}" for day in table["week"][::step]])
    axes.set(xlim=(0, len(table)), ylim=(0, None), xlabel="week from", ylabel="first purchases in the log, a week")
    axes.yaxis.set_major_formatter(thousands)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return explain(
        figure,
        f"First purchases by week: the first {int(early.sum())} weeks have {truncation.excess:+,.0f} ± "
        f"{truncation.excess_se:,.0f} against the later level (p {truncation.p_value:.2g})",
        "Look for weeks at the left that are above the level and decline to it: these contain left-truncated "
        "customers. A level that falls over the whole log, or a peak that returns each "
        "year, is not truncation: it is the shop's acquisition.",
    )
