"""Common style of all figures: colours safe for the colour-blind, the canvas, titles and captions."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from tenure.purchase import MODELS as PURCHASE_MODELS
from tenure.spend import MODELS as SPEND_MODELS

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
# Okabe & Ito (2008): safe for the colour-blind.
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
MOST_LETTERS = 24
BAND = 0.90
MEANINGS = {
    name: f"{name} ({parameter.label})"
    for spec in (*PURCHASE_MODELS.values(), *SPEND_MODELS.values())
    for name, parameter in spec.parameters.items()
}


def new_canvas(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float,
    width: float = WIDTH_INCHES,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Build a figure and its axes, by default in the common width."""
    # Created by pyplot, so that a notebook shows it; closed at once, so that no figure stays open.
    figure = plt.figure(figsize=(width, height), layout="constrained")
    plt.close(figure)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, list(panels.ravel())


def take_figure(collection: Any) -> Figure:
    """Return the figure of ArviZ's plot, closed."""
    figure: Figure = collection.viz["figure"].item()
    plt.close(figure)
    return figure


def panel_grid(panels: int) -> tuple[int, int]:
    """Return the rows and columns of a grid of panels."""
    columns = min(panels, 3 if panels % 3 == 0 else 2)
    return -(-panels // columns), columns


def explain(figure: Figure, title: str, caption: str) -> Figure:
    """Add the title above and the caption below, aligned left."""
    figure.suptitle(textwrap.fill(title, 96), x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.supxlabel(textwrap.fill(caption, 136), x=0.01, ha="left", fontsize=10, color=INK)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
    return figure


def ends_of(level: float) -> list[float]:
    """Return the two quantiles of the central interval of a level."""
    return [(1 - level) / 2, (1 + level) / 2]


def label_log_axis(axes: Axes, low: float, high: float) -> None:
    """Label a logarithmic axis in plain numbers."""
    is_long = np.log10(high / low) > 2.5
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if is_long else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def signed_share(value: float, _: float) -> str:
    """Format a tick as a percentage with its sign."""
    return f"{value:+.0%}" if abs(value) > 1e-9 else "0%"


def thousands(value: float, _: float) -> str:
    """Format a tick with thousands separators."""
    return f"{value:,.0f}"


def shorten(text: str) -> str:
    """Cut a long name for a legend."""
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
