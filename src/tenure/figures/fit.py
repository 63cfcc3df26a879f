"""A fit: the posterior against the prior, observed data against posterior-predictive replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import (
    ACTUAL,
    BAND,
    DATA,
    INK,
    MEANINGS,
    MODEL,
    STYLE,
    Floats,
    Ints,
    ends_of,
    explain,
    label_log_axis,
    new_canvas,
    panel_grid,
    thousands,
)

if TYPE_CHECKING:
    import xarray as xr

# How far from its posterior median a parameter's axis may reach, as a factor.
PRIOR_REACH = 100.0
MOST_COUNTS, MOST_SPENDS = 16, 30


@rc_context(STYLE)
def prior_posterior(trace_tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Plot each parameter's prior and posterior on a logarithmic axis."""
    rows, columns = panel_grid(len(names))
    figure, panels = new_canvas(rows, columns, height=1.4 + 2.6 * rows)
    for axes, name in zip(panels, names, strict=False):
        prior, posterior = (trace_tree[group].to_dataset()[name].to_numpy().ravel() for group in ("prior", "posterior"))
        _draw_prior_posterior(axes, prior[prior > 0], posterior)
        axes.set_xlabel(MEANINGS.get(name, name), fontsize=10)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    panels[0].legend(loc="upper left", ncols=2)
    return explain(
        figure,
        f"Prior and posterior of {', '.join(names)}",
        "Look for a posterior much narrower than its prior and well inside it: the data dominate. Each curve is "
        f"scaled to its own peak. Axes reach at most {PRIOR_REACH:.0f}-fold from the posterior's median; the share of "
        "the prior beyond is printed.",
    )


def _draw_prior_posterior(axes: Axes, prior: Floats, posterior: Floats) -> None:
    middle = np.median(posterior)
    wanted = np.concatenate([np.quantile(prior, [0.005, 0.995]), posterior])
    reach = np.clip([wanted.min(), wanted.max()], middle / PRIOR_REACH, middle * PRIOR_REACH)
    low, high = float(reach[0] * 0.9), float(reach[1] * 1.1)
    grid = np.geomspace(low, high, 400)
    for draws, color, label, shade in ((prior, INK, "prior", 0.08), (posterior, MODEL, "posterior", 0.3)):
        height = _density(np.log(draws), np.log(grid))
        axes.plot(grid, height, color=color, linestyle="--" if label == "prior" else "-", label=label)
        axes.fill_between(grid, 0, height, color=color, alpha=shade, linewidth=0)
    beyond = np.mean((prior < low) | (prior > high))
    axes.set_title(f"{beyond:.1%} of the prior is off this axis", fontsize=10, color=INK)
    axes.set(xscale="log", xlim=(low, high), ylim=(0, 1.3), yticks=[])
    label_log_axis(axes, low, high)


def _density(draws: Floats, grid: Floats) -> Floats:
    """Estimate a density by Gaussian kernels with Silverman's (1986) bandwidth, scaled to a peak of 1."""
    middle_half = float(np.diff(np.quantile(draws, [0.25, 0.75]))[0])
    spread = min(float(draws.std()), middle_half / 1.34) or 1e-3
    width = 0.9 * spread * draws.size**-0.2
    height = np.exp(-0.5 * np.square((grid[:, None] - draws[None, :]) / width)).sum(axis=1)
    return np.asarray(height / max(float(height.max()), float(np.finfo(np.float64).tiny)))


@rc_context(STYLE)
def consequences(prior: Mapping[str, Floats], posterior: Mapping[str, Floats], level: float = BAND) -> Figure:
    """Plot prior and posterior of interpretable quantities: credible intervals and medians."""
    figure, panels = new_canvas(len(prior), height=1.5 + 1.35 * len(prior))
    for axes, (name, before) in zip(panels, prior.items(), strict=True):
        for at, (draws, color) in enumerate(((posterior[name], MODEL), (before, INK))):
            low, middle, high = np.quantile(draws, [(1 - level) / 2, 0.5, (1 + level) / 2])
            axes.plot([low, high], [at, at], color=color, linewidth=6, alpha=0.45, solid_capstyle="butt")
            axes.plot(middle, at, "o", color=color)
            axes.annotate(
                f"{_short(middle)}   ({_short(low)} to {_short(high)})",
                (1.02, at), xycoords=("axes fraction", "data"), va="center", fontsize=10,
            )  # fmt: skip
        axes.set(yticks=[0, 1], ylim=(-0.6, 1.6), title=name)
        axes.set_yticklabels(["posterior", "prior"])
        if name.startswith("share"):
            axes.set_xlim(0, 1)
        else:
            axes.set_xscale("log")
            label_log_axis(axes, *axes.get_xlim())
    return explain(
        figure,
        "Prior and posterior of interpretable quantities",
        "Look for a prior that covers what you think possible, and for a posterior much narrower: if they are "
        f"equal, the prior dominates. Bars are {level:.0%} credible intervals, dots medians, written out at the right.",
    )


def _short(value: float) -> str:
    """Format a number to three digits, or without decimals from 1,000 on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


@rc_context(STYLE)
def purchases_check(observed: Ints, replicated: Ints, level: float = BAND) -> Figure:
    """Plot the number of customers with 0, 1, 2... repeat purchases, observed and in the replicates.

    Args:
        observed: calibration frequency by customer.
        replicated: the same from the posterior, shape (replicates, customers).
        level: of the replicates' band.
    """
    top = max(int(np.ceil(np.quantile(observed, 0.99))), 1)
    width = -(-top // MOST_COUNTS)
    last = -(-top // width)
    seen, replicates = _tally(observed, width, last), np.stack([_tally(row, width, last) for row in replicated])
    low, high = np.quantile(replicates, ends_of(level), axis=0)
    middle = replicates.mean(axis=0)
    # A bar is at its count: a count without customers is a gap.
    at = np.arange(last + 1) * width + (width - 1) / 2
    figure, (axes,) = new_canvas(height=5.4)
    axes.bar(at, seen, 0.8 * width, color=DATA, label="observed")
    axes.vlines(at, low, high, color=MODEL, linewidth=2, label=f"replicates: {level:.0%} band")
    axes.plot(at, middle, "o", color=MODEL, markersize=5, label="replicates: mean")
    axes.set_xticks(at, [_count_label(step, width, last) for step in range(last + 1)])
    axes.tick_params("x", labelrotation=0 if width == 1 else 45)
    axes.set(xlabel="repeat purchases in the calibration (days with one)", ylabel="customers (square-root scale)")
    _scale_by_square_root(axes, max(float(seen.max()), float(high.max()), float(middle.max())))
    axes.legend(loc="upper right")
    inside = int(np.count_nonzero((seen >= low) & (seen <= high)))
    return explain(
        figure,
        f"Repeat purchases: {inside} of {last + 1} observed numbers of customers lie in the replicates' band",
        "Look for bars that end outside their band, above all at 0 (one-time buyers) and at the right end (the "
        "heaviest buyers). One in ten may by chance.",
    )


def _tally(counts: Ints, width: int, last: int) -> Ints:
    return np.bincount(np.minimum(np.asarray(counts) // width, last), minlength=last + 1)


def _count_label(step: int, width: int, last: int) -> str:
    start = step * width
    if step == last:
        return f"{start}+"
    return str(start) if width == 1 else f"{start}-{start + width - 1}"


def _scale_by_square_root(axes: Axes, top: float) -> None:
    """Scale the y axis by the square root, which equalises the spread of counts, with round ticks."""
    raw = top * np.square(np.arange(1, 7) / 6)
    digits = 10.0 ** np.floor(np.log10(np.maximum(raw, 1)))
    ticks = np.unique(np.round(raw / digits) * digits)
    axes.set_yscale("function", functions=(lambda y: np.sqrt(np.maximum(y, 0)), np.square))
    axes.set_yticks([0.0, *(float(tick) for tick in ticks if tick >= 1)])
    axes.yaxis.set_major_formatter(thousands)
    axes.set_ylim(0, max(top, 1) * 1.1)


@rc_context(STYLE)
def spend_check(observed: Floats, replicated: Floats, level: float = BAND) -> Figure:
    """Plot the distribution of repeat buyers' mean spend, observed and in the replicates.

    Args:
        observed: mean spend per repeat purchase by repeat buyer.
        replicated: the same from the posterior, shape (replicates, buyers).
        level: of the replicates' band.
    """
    edges = _spend_edges(observed, replicated)
    seen, replicates = _shares(observed, edges), np.stack([_shares(row, edges) for row in replicated])
    low, high = np.quantile(replicates, ends_of(level), axis=0)
    figure, (axes,) = new_canvas(height=5.0)
    axes.stairs(high, edges, baseline=low, fill=True, color=MODEL, alpha=0.25, label=f"replicates: {level:.0%} band")
    axes.stairs(replicates.mean(axis=0), edges, color=MODEL, linewidth=1.2, linestyle="--", label="replicates: mean")
    axes.stairs(seen, edges, color=ACTUAL, linewidth=2, label="observed")
    axes.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(0, None))
    axes.set(xlabel="mean spend per repeat purchase (the log's currency)", ylabel="repeat buyers (%)")
    label_log_axis(axes, float(edges[0]), float(edges[-1]))
    axes.legend(loc="upper right")
    inside = int(np.count_nonzero((seen >= low) & (seen <= high)))
    beyond = float(np.mean((observed < edges[0]) | (observed > edges[-1])))
    return explain(
        figure,
        f"Mean spend of repeat buyers: {inside} of {len(seen)} observed shares lie in the replicates' band",
        "Look for a shift, or for a tail that leaves the band; single spikes are often common prices. One in ten may "
        f"be outside by chance. {beyond:.1%} of the observed buyers are off this axis.",
    )


def _spend_edges(observed: Floats, replicated: Floats) -> Floats:
    least = np.finfo(np.float64).tiny
    ends = [np.quantile(np.maximum(values, least), [0.002, 0.998]) for values in (observed, replicated)]
    bars = int(np.clip(np.sqrt(len(observed)), 5, MOST_SPENDS))
    return np.geomspace(np.min(ends) / 1.05, np.max(ends) * 1.05, bars + 1)


def _shares(values: Floats, edges: Floats) -> Floats:
    return np.asarray(100.0 * np.histogram(values, edges)[0] / len(values))
