"""The sampler of a fit: traces, ranks of the chains, energies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import DATA, INK, MEANINGS, MODEL, STYLE, WIDTH_INCHES, explain, new_canvas, panel_grid, take_figure

if TYPE_CHECKING:
    import xarray as xr


@rc_context(STYLE)
def trace(trace_tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Plot each parameter's draws by chain: density and trace."""
    import arviz as az

    collection = az.plot_trace_dist(
        trace_tree,
        var_names=list(names),
        backend="matplotlib",
        aes={"color": ["chain"]},
        aes_by_visuals={"dist": ["color"], "trace": ["color"]},
        visuals={"trace": {"width": 0.5, "alpha": 0.8}},
        figure_kwargs={"figsize": (WIDTH_INCHES, 1.2 + 1.9 * len(names)), "layout": "constrained"},
    )
    figure = take_figure(collection)
    rows = np.reshape(np.array(figure.axes, dtype=object), (-1, 2))
    for row, name in zip(rows, names, strict=True):
        row[0].set_xlabel(MEANINGS.get(name, name), fontsize=10)
        row[1].set(ylabel=name, xlabel="")
    rows[-1, 1].set_xlabel("draw", fontsize=10)
    sizes = trace_tree["posterior"].sizes
    divergences = int(trace_tree["sample_stats"]["diverging"].sum())
    return explain(
        figure,
        f"Draws of {', '.join(names)}: {sizes['chain']} chains of {sizes['draw']:,}, {divergences:,} divergences",
        "Look for curves of all chains that agree (left) and for level noise without trend or stuck "
        "stretches (right). Colours are chains; black marks, if any, are divergences.",
    )


@rc_context(STYLE)
def rank(trace_tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Plot the difference of each chain's ranks from those of well-mixed chains."""
    import arviz as az

    rows, columns = panel_grid(len(names))
    collection = az.plot_rank(
        _with_two_chains(trace_tree),
        var_names=list(names),
        backend="matplotlib",
        col_wrap=columns,
        visuals={"xlabel": False, "title": False, "remove_axis": False},
        figure_kwargs={"figsize": (WIDTH_INCHES, 1.4 + 2.3 * rows), "layout": "constrained"},
    )
    figure = take_figure(collection)
    for axes, name in zip(figure.axes, names, strict=False):
        axes.set_title(" ".join([name, *_taken_p_values(axes)]))
        axes.axhline(0, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel("rank among all draws (share)", fontsize=10)
    for axes in figure.axes[::columns]:
        axes.set_ylabel("excess of lower ranks", fontsize=10)
    return explain(
        figure,
        f"Ranks of {', '.join(names)}: does every chain visit every region equally often?",
        "Look for lines that wander around zero: one per chain, or per half of a single one. A line that bends away "
        "alone sampled another region. Below a p-value of 0.01 they differ by more than chance (ArviZ's test).",
    )


def _with_two_chains(trace_tree: xr.DataTree) -> xr.DataTree:
    """Split a single chain in halves, as R-hat does, because ranks compare chains."""
    import xarray as xr

    posterior = trace_tree["posterior"].to_dataset()
    if posterior.sizes["chain"] > 1:
        return trace_tree
    size = posterior.sizes["draw"] // 2
    halves = [posterior.isel(draw=slice(start, start + size)) for start in (0, size)]
    renamed = [half.assign_coords(chain=[at], draw=np.arange(size)) for at, half in enumerate(halves)]
    return xr.DataTree.from_dict({"posterior": xr.concat(renamed, dim="chain")})


def _taken_p_values(axes: Axes) -> list[str]:
    """Remove ArviZ's texts 'p=0.89(α=0.01)' from the axes, and return their p-values."""
    values = [text.get_text().split("(")[0].partition("=")[2] for text in axes.texts]
    for text in list(axes.texts):
        text.remove()
    return [f"(p-value {value})" for value in values]


@rc_context(STYLE)
def energy(trace_tree: xr.DataTree) -> Figure:
    """Plot the sampler's energies and the steps between them, with each chain's BFMI."""
    import arviz as az

    levels = trace_tree["sample_stats"]["energy"].transpose("chain", "draw").values
    steps = np.diff(levels, axis=1).ravel()
    centred = (levels - levels.mean(axis=1, keepdims=True)).ravel()
    bfmi = np.ravel(az.bfmi(trace_tree)["energy"].values)
    figure, (axes,) = new_canvas(height=4.8)
    edges = np.histogram_bin_edges(np.concatenate([centred, steps]), 50).tolist()
    axes.hist(centred, edges, density=True, color=DATA, label="energy, less its mean")
    axes.hist(steps, edges, density=True, histtype="step", color=MODEL, linewidth=1.8, label="step in energy")
    axes.set(xlabel="energy (nats)", ylabel="density (per nat)")
    by_chain = ", ".join(f"{value:.2f}" for value in bfmi)
    axes.legend(loc="upper right", title=f"BFMI by chain: {by_chain}", alignment="left")
    return explain(
        figure,
        f"Energy of the sampler and its steps: lowest BFMI {np.min(bfmi):.2f}",
        "Look for two distributions of similar width. Steps much narrower than the energies (BFMI below 0.3) mean that "
        "the sampler does not explore the tails.",
    )
