"""Draw one picture per question that a reader of a run may ask; each is a matplotlib Figure.

matplotlib and ArviZ's plots are known here and nowhere else. A picture says in its title what one sees and in
its caption what to look for. None names a customer, but `scored_examples`, which is for made-up ones. Nothing is
left behind: no open pyplot figure, no changed setting.
"""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray
from scipy.stats import binom

from .rfm import Truncation

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

# Okabe & Ito (2008): told apart by the colour-blind.
ACTUAL, MODEL, DATA, INK = "#D55E00", "#0072B2", "#C4C4C4", "#444444"
CHAINS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
STYLE: Any = {
    "figure.dpi": 120,
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=CHAINS),
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.title_fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}
DASHES = ("-", "--", "-.", ":")
WIDTH_INCHES = 10.0
BAND = 0.90
MEANINGS = {
    "r": "r (shape of the customers' rates)",
    "alpha": "alpha (scale of the customers' rates, days)",
    "a": "a (dropouts)",
    "b": "b (dropouts)",
    "p": "p (shape of a customer's spends)",
    "q": "q (shape across customers)",
    "v": "v (scale of spends, the log's currency)",
}
# How far from its posterior median a parameter's axis may reach, as a factor.
PRIOR_REACH = 100.0
MOST_COUNTS, MOST_SPENDS, PIT_BARS, MOST_LETTERS = 16, 30, 20, 24


# The sampler


@rc_context(STYLE)
def trace(trace_tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Draw each parameter's draws by chain: their density, and their order."""
    collection = az.plot_trace_dist(
        trace_tree,
        var_names=list(names),
        backend="matplotlib",
        aes={"color": ["chain"]},
        aes_by_visuals={"dist": ["color"], "trace": ["color"]},
        visuals={"trace": {"width": 0.5, "alpha": 0.8}},
        figure_kwargs={"figsize": (WIDTH_INCHES, 1.2 + 1.9 * len(names)), "layout": "constrained"},
    )
    figure = _take(collection)
    rows = np.reshape(np.array(figure.axes, dtype=object), (-1, 2))
    for row, name in zip(rows, names, strict=True):
        row[0].set_xlabel(MEANINGS.get(name, name), fontsize=10)
        row[1].set(ylabel=name, xlabel="")
    rows[-1, 1].set_xlabel("draw", fontsize=10)
    sizes = trace_tree["posterior"].sizes
    divergences = int(trace_tree["sample_stats"]["diverging"].sum())
    return _explain(
        figure,
        f"Draws of {', '.join(names)}: {sizes['chain']} chains of {sizes['draw']:,}, {divergences:,} divergences",
        "Look for one curve per chain that lies on the others (left) and for level noise without drift or stuck "
        "stretches (right). Colours are chains; black marks, if any, are divergences.",
    )


@rc_context(STYLE)
def rank(trace_tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Draw how far each chain's ranks are from those of well-mixed chains."""
    rows, columns = _grid(len(names))
    collection = az.plot_rank(
        _with_two_chains(trace_tree),
        var_names=list(names),
        backend="matplotlib",
        col_wrap=columns,
        visuals={"xlabel": False, "title": False, "remove_axis": False},
        figure_kwargs={"figsize": (WIDTH_INCHES, 1.4 + 2.3 * rows), "layout": "constrained"},
    )
    figure = _take(collection)
    for axes, name in zip(figure.axes, names, strict=False):
        axes.set_title(" ".join([name, *_taken_p_values(axes)]))
        axes.axhline(0, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel("rank among all draws (share)", fontsize=10)
    for axes in figure.axes[::columns]:
        axes.set_ylabel("excess of lower ranks", fontsize=10)
    return _explain(
        figure,
        f"Ranks of {', '.join(names)}: does every chain visit every region equally often?",
        "Look for lines that wander around zero: one per chain, or per half of a single one. A line that bends away "
        "alone sampled another region. Below a p-value of 0.01 they differ by more than chance (ArviZ's test).",
    )


def _with_two_chains(trace_tree: xr.DataTree) -> xr.DataTree:
    """Cut a single chain in halves, as R-hat does, because ranks compare chains."""
    posterior = trace_tree["posterior"].to_dataset()
    if posterior.sizes["chain"] > 1:
        return trace_tree
    size = posterior.sizes["draw"] // 2
    halves = [posterior.isel(draw=slice(start, start + size)) for start in (0, size)]
    renamed = [half.assign_coords(chain=[at], draw=np.arange(size)) for at, half in enumerate(halves)]
    return xr.DataTree.from_dict({"posterior": xr.concat(renamed, dim="chain")})


def _taken_p_values(axes: Axes) -> list[str]:
    """Take ArviZ's note of its test, 'p=0.89(α=0.01)', out of the picture."""
    found = [text.get_text().split("(")[0].partition("=")[2] for text in axes.texts]
    for text in list(axes.texts):
        text.remove()
    return [f"(p-value {value})" for value in found]


@rc_context(STYLE)
def energy(trace_tree: xr.DataTree) -> Figure:
    """Draw the sampler's energies beside the steps between them, with each chain's BFMI."""
    levels = trace_tree["sample_stats"]["energy"].transpose("chain", "draw").values
    steps = np.diff(levels, axis=1).ravel()
    centred = (levels - levels.mean(axis=1, keepdims=True)).ravel()
    bfmi = np.ravel(az.bfmi(trace_tree)["energy"].values)
    figure, (axes,) = _canvas(height=4.8)
    edges = np.histogram_bin_edges(np.concatenate([centred, steps]), 50).tolist()
    axes.hist(centred, edges, density=True, color=DATA, label="energy, less its mean")
    axes.hist(steps, edges, density=True, histtype="step", color=MODEL, linewidth=1.8, label="step in energy")
    axes.set(xlabel="energy (nats)", ylabel="density (per nat)")
    by_chain = ", ".join(f"{value:.2f}" for value in bfmi)
    axes.legend(loc="upper right", title=f"BFMI by chain: {by_chain}", alignment="left")
    return _explain(
        figure,
        f"Energy of the sampler and its steps: lowest BFMI {np.min(bfmi):.2f}",
        "Look for two shapes of like width. Steps much narrower than the energies (BFMI below 0.3) mean that the "
        "sampler crawls and that the tails are not explored.",
    )


@rc_context(STYLE)
def prior_posterior(trace_tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Draw each parameter's prior and posterior on a logarithmic axis."""
    rows, columns = _grid(len(names))
    figure, panels = _canvas(rows, columns, height=1.4 + 2.6 * rows)
    for axes, name in zip(panels, names, strict=False):
        prior, posterior = (trace_tree[group].to_dataset()[name].to_numpy().ravel() for group in ("prior", "posterior"))
        _draw_prior_posterior(axes, prior[prior > 0], posterior)
        axes.set_xlabel(MEANINGS.get(name, name), fontsize=10)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    panels[0].legend(loc="upper left", ncols=2)
    return _explain(
        figure,
        f"Prior and posterior of {', '.join(names)}",
        "Look for a posterior much narrower than its prior and well inside it: then the data speak. Each curve is "
        f"scaled to its own peak. Axes reach at most {PRIOR_REACH:.0f}-fold from the posterior's median; how much of "
        "the prior lies beyond is written.",
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
    _label_log_axis(axes, low, high)


def _density(draws: Floats, grid: Floats) -> Floats:
    """Estimate a density by Gaussian kernels with Silverman's (1986) bandwidth, scaled to a peak of 1."""
    middle_half = float(np.diff(np.quantile(draws, [0.25, 0.75]))[0])
    spread = min(float(draws.std()), middle_half / 1.34) or 1e-3
    width = 0.9 * spread * draws.size**-0.2
    height = np.exp(-0.5 * np.square((grid[:, None] - draws[None, :]) / width)).sum(axis=1)
    return np.asarray(height / max(float(height.max()), float(np.finfo(np.float64).tiny)))


@rc_context(STYLE)
def consequences(prior: Mapping[str, Floats], posterior: Mapping[str, Floats]) -> Figure:
    """Draw what prior and posterior say in business terms: 90% ranges and medians, by quantity."""
    figure, panels = _canvas(len(prior), height=1.5 + 1.35 * len(prior))
    for axes, (name, before) in zip(panels, prior.items(), strict=True):
        for at, (draws, color) in enumerate(((posterior[name], MODEL), (before, INK))):
            low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
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
            _label_log_axis(axes, *axes.get_xlim())
    return _explain(
        figure,
        "What the prior says about the business, and what the data made of it",
        "Look for a prior that covers what you think possible, and for a posterior much narrower: where they are "
        "alike, the prior speaks. Bars are 90% ranges, dots medians, written out at the right.",
    )


def _short(value: float) -> str:
    """Write a number in as few signs as tell it apart."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


# Replicates beside the calibration data


@rc_context(STYLE)
def purchases_check(observed: Ints, replicated: Ints) -> Figure:
    """Draw how many customers made 0, 1, 2... repeat purchases, and how many in the replicates.

    Args:
        observed: calibration frequency by customer.
        replicated: the same from the posterior, shape (replicates, customers).
    """
    top = max(int(np.ceil(np.quantile(observed, 0.99))), 1)
    width = -(-top // MOST_COUNTS)
    last = -(-top // width)
    seen, drawn = _tally(observed, width, last), np.stack([_tally(row, width, last) for row in replicated])
    low, high = np.quantile(drawn, _ends(BAND), axis=0)
    middle = drawn.mean(axis=0)
    # A bar stands at its count, so that a count that nobody has is a gap and not its neighbour's bar.
    at = np.arange(last + 1) * width + (width - 1) / 2
    figure, (axes,) = _canvas(height=5.4)
    axes.bar(at, seen, 0.8 * width, color=DATA, label="observed")
    axes.vlines(at, low, high, color=MODEL, linewidth=2, label=f"replicates: {BAND:.0%} band")
    axes.plot(at, middle, "o", color=MODEL, markersize=5, label="replicates: mean")
    axes.set_xticks(at, [_count_label(step, width, last) for step in range(last + 1)])
    axes.tick_params("x", labelrotation=0 if width == 1 else 45)
    axes.set(xlabel="repeat purchases in the calibration (days with one)", ylabel="customers (square-root scale)")
    _scale_by_square_root(axes, max(float(seen.max()), float(high.max()), float(middle.max())))
    axes.legend(loc="upper right")
    inside = int(np.count_nonzero((seen >= low) & (seen <= high)))
    return _explain(
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
    """Scale the y axis so that chance spreads all counts alike, with round ticks about equally far apart."""
    raw = top * np.square(np.arange(1, 7) / 6)
    digits = 10.0 ** np.floor(np.log10(np.maximum(raw, 1)))
    ticks = np.unique(np.round(raw / digits) * digits)
    axes.set_yscale("function", functions=(lambda y: np.sqrt(np.maximum(y, 0)), np.square))
    axes.set_yticks([0.0, *(float(tick) for tick in ticks if tick >= 1)])
    axes.yaxis.set_major_formatter(_thousands)
    axes.set_ylim(0, max(top, 1) * 1.1)


@rc_context(STYLE)
def spend_check(observed: Floats, replicated: Floats) -> Figure:
    """Draw how the repeat buyers' mean spends are spread, and how in the replicates.

    Args:
        observed: mean spend per repeat purchase by repeat buyer.
        replicated: the same from the posterior, shape (replicates, buyers).
    """
    edges = _spend_edges(observed, replicated)
    seen, drawn = _shares(observed, edges), np.stack([_shares(row, edges) for row in replicated])
    low, high = np.quantile(drawn, _ends(BAND), axis=0)
    figure, (axes,) = _canvas(height=5.0)
    axes.stairs(high, edges, baseline=low, fill=True, color=MODEL, alpha=0.25, label=f"replicates: {BAND:.0%} band")
    axes.stairs(drawn.mean(axis=0), edges, color=MODEL, linewidth=1.2, linestyle="--", label="replicates: mean")
    axes.stairs(seen, edges, color=ACTUAL, linewidth=2, label="observed")
    axes.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(0, None))
    axes.set(xlabel="mean spend per repeat purchase (the log's currency)", ylabel="repeat buyers (%)")
    _label_log_axis(axes, float(edges[0]), float(edges[-1]))
    axes.legend(loc="upper right")
    inside = int(np.count_nonzero((seen >= low) & (seen <= high)))
    beyond = float(np.mean((observed < edges[0]) | (observed > edges[-1])))
    return _explain(
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


# The holdout


@rc_context(STYLE)
def tracking(table: pd.DataFrame, cutoff: date, level: float) -> Figure:
    """Draw repeat purchases week by week, actual and expected, across the cut-off.

    Args:
        table: of `backtest.track`.
        cutoff: last day of the calibration.
        level: of the table's credible interval.
    """
    figure, (total, weekly) = _canvas(2, height=7.2, sharex=True)
    day, cut, interval = _day_number(table["day"]), _day_number(cutoff), f"{level:.0%} credible interval"
    total.fill_between(day, table["low"], table["high"], color=MODEL, alpha=0.25, linewidth=0, label=interval)
    for axes, prefix, name in ((total, "", "repeat purchases so far"), (weekly, "weekly_", "repeat purchases a week")):
        axes.plot(day, table[f"{prefix}expected"], color=MODEL, linestyle="--", label="expected")
        axes.plot(day, table[f"{prefix}actual"], "o-", color=ACTUAL, markersize=2.5, linewidth=1.2, label="actual")
        axes.axvline(cut, color=INK, linewidth=1)
        axes.set(ylabel=name, ylim=(0, None))
        axes.yaxis.set_major_formatter(_thousands)
    total.legend(loc="upper left")
    _label_days(weekly, total, cutoff)
    came, foretold = (_after(table, cutoff, column) for column in ("actual", "expected"))
    return _explain(
        figure,
        f"After the cut-off {came:,.0f} repeat purchases came; the average curve foretold {foretold:,.0f}",
        "Look for a gap that opens after the cut-off and keeps growing. Expected is the population's mean curve, "
        "summed over first purchases; the interval is of that mean alone, so actual weeks spread wider.",
    )


def _label_days(lower: Axes, upper: Axes, cutoff: date) -> None:
    days = AutoDateLocator()  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(days)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(days))  # type: ignore[no-untyped-call]
    lower.set_xlabel("last day of the week")
    left, right = lower.get_xlim()
    is_late = _day_number(cutoff) > left + 0.8 * (right - left)
    upper.annotate(
        f"cut-off {cutoff}",
        (_day_number(cutoff), 0.04),
        (-5 if is_late else 5, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if is_late else "left",
        fontsize=10,
    )


def _day_number(days: Any) -> Any:
    return date2num(days)  # type: ignore[no-untyped-call]


def _after(table: pd.DataFrame, cutoff: date, column: str) -> float:
    before = table.loc[table["day"] <= pd.Timestamp(cutoff), column]
    return float(table[column].iloc[-1] - (before.iloc[-1] if len(before) else 0))


@rc_context(STYLE)
def pit(pit_table: pd.DataFrame, level: float) -> Figure:
    """Draw where customers' outcomes fell among their own simulated outcomes.

    Args:
        pit_table: of `Backtest.pit`.
        level: of the predictive intervals, whose tails are shaded.
    """
    figure, panels = _canvas(1, 2, height=4.9, sharey=True)
    for axes, column, name in zip(panels, ("counts", "value"), ("purchases", "value"), strict=True):
        _draw_pit(axes, pit_table[column].to_numpy(np.float64), (1 - level) / 2, name)
    panels[0].set_ylabel("customers")
    panels[0].legend(loc="lower center", frameon=True, framealpha=0.9)
    inside = [f"{np.mean(np.abs(pit_table[column] - 0.5) <= level / 2):.1%}" for column in ("counts", "value")]
    return _explain(
        figure,
        f"{inside[0]} of customers' purchases and {inside[1]} of their values lie in their {level:.0%} interval",
        "Look for flat bars. High at both ends: intervals too narrow; high in the middle: too wide. Rising to the "
        "right: forecasts too low; to the left: too high. Ties are broken at random.",
    )


def _draw_pit(axes: Axes, values: Floats, tail: float, name: str) -> None:
    low, high = binom.ppf(_ends(BAND), len(values), 1 / PIT_BARS)
    axes.hist(values, bins=PIT_BARS, range=(0, 1), color=DATA, edgecolor="white")
    axes.axhspan(low, high, color=MODEL, alpha=0.25, linewidth=0, label=f"{BAND:.0%} band of a right model")
    axes.axhline(len(values) / PIT_BARS, color=MODEL, linewidth=1.2, label="mean of a right model")
    for start, label in ((0.0, "outside the interval"), (1 - tail, None)):
        axes.axvspan(start, start + tail, color=ACTUAL, alpha=0.25, linewidth=0, label=label)
    shares = f"{np.mean(values < tail):.1%} below, {np.mean(values > 1 - tail):.1%} above"
    axes.set_title(f"{name}: {shares} ({tail:.1%} each is right)", fontsize=10)
    axes.set(xlabel=f"place of the actual {name} among those simulated", xlim=(0, 1))


@rc_context(STYLE)
def reliability(table: pd.DataFrame) -> Figure:
    """Draw the share that bought by the probability that was foretold; table of `Backtest`."""
    figure, (axes,) = _canvas(height=5.2)
    some = table[table["customers"] > 0]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":", label="right")
    axes.errorbar(
        some["foretold"], some["actual"], 2 * some["actual_se"], fmt="o", color=ACTUAL, markersize=6,
        ecolor=ACTUAL, elinewidth=1.2, label="actual, ± two standard errors of chance",
    )  # fmt: skip
    for row in some.to_dict("records"):
        axes.annotate(f"{row['customers']:,}", (row["foretold"], 0), (0, 3), textcoords="offset points",
                      ha="center", fontsize=10, color=INK)  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="foretold probability of a purchase in the holdout (mean of a tenth)")
    axes.set_ylabel("share that bought")
    axes.legend(loc="upper left")
    off = np.average(np.abs(some["actual"] - some["foretold"]), weights=some["customers"])
    return _explain(
        figure,
        f"Foretold probability of a purchase against who bought: {off:.1%} apart on average",
        "Look for points on the dotted line. Above it, more bought than foretold; below, fewer. The numbers at the "
        "bottom are customers: few customers jump about.",
    )


@rc_context(STYLE)
def by_frequency(table: pd.DataFrame) -> Figure:
    """Draw mean holdout purchases, actual and expected, by calibration frequency; table of `Backtest`."""
    figure, (axes,) = _canvas(height=5.0)
    at = np.arange(len(table))
    sizes = [f"({size:,})" for size in table["customers"]]
    axes.plot(at, table["expected_purchases"], "s--", color=MODEL, label="expected")
    axes.plot(at, table["actual_purchases"], "o-", color=ACTUAL, label="actual")
    axes.set_xticks(at, [f"{frequency}\n{size}" for frequency, size in zip(table["frequency"], sizes, strict=True)])
    axes.set(xlim=(-0.5, len(table) - 0.5), ylim=(0, None), ylabel="mean purchases in the holdout")
    axes.set_xlabel("repeat purchases in the calibration (number of customers)")
    axes.legend(loc="upper left")
    return _explain(
        figure,
        "Mean holdout purchases of customers by how often they had bought before",
        "Look for a gap that has one sign everywhere or grows with frequency. Groups of few customers jump about.",
    )


@rc_context(STYLE)
def deciles(table: pd.DataFrame) -> Figure:
    """Draw mean holdout value, actual and expected, by decile of expected value; table of `Backtest`."""
    figure, (axes,) = _canvas(height=5.0)
    at = np.arange(len(table))
    axes.bar(at - 0.2, table["actual_value"], 0.38, color=ACTUAL, label="actual")
    axes.bar(at + 0.2, table["expected_value"], 0.38, color=MODEL, label="expected")
    axes.set_xticks(at, [str(decile) for decile in table["decile"]])
    axes.set(xlabel="decile of expected value (1 is the highest)", ylim=(0, None))
    axes.set_ylabel("mean value per customer (the log's currency)")
    axes.yaxis.set_major_formatter(_thousands)
    axes.legend(loc="upper right")
    totals = (table["customers"] * table["actual_value"]).to_numpy(np.float64)
    whole = float(np.nansum(totals))
    share = f"the first brought {totals[0] / whole:.0%} of it" if whole > 0 else "there was none"
    return _explain(
        figure,
        f"Holdout value by decile of expected value: {share}",
        "Look for actual bars that fall from left to right (the order is right) and that are as high as the expected "
        "ones (so is the level).",
    )


# The log


@rc_context(STYLE)
def births(found: Truncation) -> Figure:
    """Draw first purchases by week beside the later weeks' rate, the excess of the first weeks shaded."""
    table = found.table()
    figure, (axes,) = _canvas(height=4.8)
    edges = np.arange(len(table) + 1)
    counts, expected, early = (table[name].to_numpy() for name in ("births", "expected", "is_early"))
    axes.bar(edges[:-1] + 0.5, np.where(early, np.minimum(counts, expected), counts), 0.9, color=DATA, label="births")
    above = np.where(early, counts - expected, 0.0)
    axes.bar(
        edges[:-1] + 0.5, above, 0.9, bottom=expected, color=ACTUAL, alpha=0.55, linewidth=0,
        label=f"above (or below) the level, first {int(early.sum())} weeks",
    )  # fmt: skip
    starts = int(np.argmax(table["is_later"].to_numpy()))
    axes.plot([0, starts], [found.weekly] * 2, color=MODEL, linestyle="--")
    axes.plot([starts, len(table)], [found.weekly] * 2, color=MODEL, label="level: mean of the later half")
    step = max(len(table) // 6, 1)
    axes.set_xticks(edges[:-1:step], [f"{day:%Y-%m-%d}" for day in table["week"][::step]])
    axes.set(xlim=(0, len(table)), ylim=(0, None), xlabel="week from", ylabel="first purchases in the log, a week")
    axes.yaxis.set_major_formatter(_thousands)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return _explain(
        figure,
        f"Births by week: the first {int(early.sum())} weeks have {found.excess:+,.0f} ± {found.excess_se:,.0f} "
        f"against the later level (p {found.p_value:.2g})",
        "Look for weeks at the left that stand above the level and come down to it: customers who bought before the "
        "log began are born on their first purchase in it. A level that falls all along, or a peak that returns each "
        "year, is another thing: the shop's inflow.",
    )


# Several runs


@rc_context(STYLE)
def ranges(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """Draw 90% ranges of several quantities, run beside run.

    Args:
        table: columns quantity, run, low, middle, high; a range without width is a point.
        title: what one sees.
        caption: what to look for.
    """
    quantities, runs = list(dict.fromkeys(table["quantity"])), list(dict.fromkeys(table["run"]))
    rows, columns = _grid(len(quantities))
    figure, panels = _canvas(rows, columns, height=1.5 + rows * (1.0 + 0.28 * len(runs)), sharey=True)
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
    return _explain(figure, title, caption)


@rc_context(STYLE)
def totals(table: pd.DataFrame, level: str) -> Figure:
    """Draw how far each run's total of its holdout was off, with its raw and its adjusted interval.

    Args:
        table: columns outcome, run, and over the actual total, less 1: low, middle, high, adjusted_low, adjusted_high.
        level: of the intervals, in words.
    """
    outcomes, runs = list(dict.fromkeys(table["outcome"])), list(dict.fromkeys(table["run"]))
    figure, panels = _canvas(1, len(outcomes), height=2.0 + 0.42 * len(runs), sharey=True)
    for axes, outcome in zip(panels, outcomes, strict=True):
        for row in table[table["outcome"] == outcome].to_dict("records"):
            at = runs.index(row["run"])
            color = CHAINS[at % len(CHAINS)]
            axes.plot([row["adjusted_low"], row["adjusted_high"]], [at, at], color=color, linewidth=1.5)
            axes.plot([row["low"], row["high"]], [at, at], color=color, linewidth=7, alpha=0.5, solid_capstyle="butt")
            axes.plot(row["middle"], at, "o", color=color, markersize=7, markeredgecolor="white")
        axes.axvline(0, color=INK, linewidth=1.5)
        axes.xaxis.set_major_formatter(_signed_share)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(outcome)
        axes.set_xlabel("foretold total over the actual one, less 1", fontsize=10)
    _name_runs(panels[0], runs)
    return _explain(
        figure,
        "The holdout's total, foretold against what came",
        f"Look for a thick bar ({level} predictive) that reaches the line: what came. The thin one allows for a world "
        "that changes. Each run is beside its own holdout, so runs of different days may both stand here.",
    )


@rc_context(STYLE)
def trackings(tables: Mapping[str, pd.DataFrame], runs: Sequence[str]) -> Figure:
    """Draw how each run's expected purchases ran away from the actual ones, day by day after its own cut-off.

    Args:
        tables: by run, of `backtest.track`, with `days` since the run's cut-off.
        runs: all runs, so that each keeps its colour in every picture.
    """
    figure, (weekly, off) = _canvas(2, height=8.2)
    drawn: list[pd.DataFrame] = []
    for name, table in tables.items():
        at = list(runs).index(name)
        # Dashes, so that a curve under another is seen.
        look: Any = {"color": CHAINS[at % len(CHAINS)], "linestyle": DASHES[at % len(DASHES)], "linewidth": 1.8}
        weekly.plot(table["days"], table["weekly_expected"], label=_shorten(name), **look)
        came = table[["days", "weekly_actual"]]
        if not any(came.equals(other) for other in drawn):
            weekly.plot(came["days"], came["weekly_actual"], "o", color=look["color"], markersize=2.5, alpha=0.6)
            drawn.append(came)
        after = table[table["days"] >= 0]
        actual, expected = (after[column] - after[column].iloc[0] for column in ("actual", "expected"))
        off.plot(after["days"][actual > 0], (expected / actual - 1)[actual > 0], **look)
    weekly.axvline(0, color=INK, linewidth=1)
    weekly.set(ylabel="repeat purchases a week", ylim=(0, None), xlabel="days after the run's cut-off")
    weekly.yaxis.set_major_formatter(_thousands)
    weekly.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    off.axhline(0, color=INK, linewidth=1)
    off.yaxis.set_major_formatter(_signed_share)
    off.set(ylabel="expected so far over actual, less 1", xlabel="days after the run's cut-off")
    return _explain(
        figure,
        "Repeat purchases by week, and the error of their sum since the cut-off",
        "Look below for lines that settle near zero; one that drifts off errs more the farther ahead. The first weeks "
        "jump about, as few purchases have come. Above, lines are expected and dots actual: to be compared within one "
        "log only.",
    )


def _name_runs(axes: Axes, runs: Sequence[str]) -> None:
    axes.set_yticks(range(len(runs)), [_shorten(name) for name in runs], parse_math=False)
    axes.set_ylim(len(runs) - 0.5, -0.5)


# Scores


@rc_context(STYLE)
def scored_examples(table: pd.DataFrame) -> Figure:
    """Draw the value of a few made-up customers; a scores table, its first row on top."""
    figure, (axes,) = _canvas(height=2.4 + 0.45 * len(table))
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
    axes.set_yticks(at, [_shorten(str(customer)) for customer in table["customer_id"]], parse_math=False)
    horizon = f"{params['horizon_days']:,} days" if "horizon_days" in params else "the horizon"
    axes.set(ylim=(len(table) - 0.5, -0.5), xlabel=f"value over {horizon} (the log's currency)")
    axes.xaxis.set_major_formatter(_thousands)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return _explain(
        figure,
        "What made-up customers are worth: the mean, how sure it is, and where outcomes fall",
        "Look at the thin line for one customer, at the thick one for the average of many alike. The mean may lie "
        "outside the thin line: where most buy nothing and a few buy much, the line is at 0 and the mean is not.",
    )


@rc_context(STYLE)
def months(table: pd.DataFrame, level: float) -> Figure:
    """Draw the base's purchases and value ahead, month by month; `table` is that of `scorer.Months`."""
    figure, panels = _canvas(2, height=6.4, sharex=True)
    words = (("purchases", "purchases a month"), ("clv", "value a month, discounted"))
    for axes, (total, label) in zip(panels, words, strict=True):
        rows = table[table["total"] == total]
        axes.fill_between(rows["month"], rows["low"], rows["high"], color=MODEL, alpha=0.2, linewidth=0, step="mid")
        axes.fill_between(
            rows["month"], rows["mean_low"], rows["mean_high"], color=MODEL, alpha=0.35, linewidth=0, step="mid"
        )
        axes.step(rows["month"], rows["expected"], where="mid", color=MODEL)
        axes.set(ylabel=label, ylim=(0, None))
        axes.yaxis.set_major_formatter(_thousands)
    panels[-1].set_xlabel("months ahead")
    return _explain(
        figure,
        "What the present customers will buy and be worth, month by month",
        f"Line: expected. Light band: {level:.0%} predictive interval of the month's total; dark band: {level:.0%} "
        "credible interval of its mean. It falls because customers leave; new ones are not in it, nor is the season.",
    )


def _shorten(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


# The paper that all are drawn on


def _canvas(
    rows: int = 1, columns: int = 1, *, height: float, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    # By pyplot, so that a notebook shows the figure; closed at once, so that none is left open whatever comes.
    figure = plt.figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    plt.close(figure)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, list(panels.ravel())


def _take(collection: Any) -> Figure:
    """Take the figure out of ArviZ's plot and close it."""
    figure: Figure = collection.viz["figure"].item()
    plt.close(figure)
    return figure


def _grid(panels: int) -> tuple[int, int]:
    columns = min(panels, 3 if panels % 3 == 0 else 2)
    return -(-panels // columns), columns


def _explain(figure: Figure, title: str, caption: str) -> Figure:
    """Put the title on top and the caption below, flush left; the layout makes room for both."""
    figure.suptitle(textwrap.fill(title, 96), x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.supxlabel(textwrap.fill(caption, 136), x=0.01, ha="left", fontsize=10, color=INK)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
    return figure


def _ends(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


def _label_log_axis(axes: Axes, low: float, high: float) -> None:
    is_long = np.log10(high / low) > 2.5
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if is_long else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _signed_share(value: float, _: float) -> str:
    return f"{value:+.0%}" if abs(value) > 1e-9 else "0%"


def _thousands(value: float, _: float) -> str:
    return f"{value:,.0f}"
