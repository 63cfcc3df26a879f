"""What all pictures share: colours that the colour-blind tell apart, the canvas, titles that say what one sees."""

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
MOST_LETTERS = 24
BAND = 0.90
MEANINGS = {
    name: f"{name} ({parameter.label})"
    for spec in (*PURCHASE_MODELS.values(), *SPEND_MODELS.values())
    for name, parameter in spec.parameters.items()
}


def new_canvas(
    rows: int = 1, columns: int = 1, *, height: float, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make a figure and its axes, in the common width."""
    # By pyplot, so that a notebook shows the figure; closed at once, so that none is left open whatever comes.
    figure = plt.figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    plt.close(figure)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, list(panels.ravel())


def take_figure(collection: Any) -> Figure:
    """Take the figure out of ArviZ's plot and close it."""
    figure: Figure = collection.viz["figure"].item()
    plt.close(figure)
    return figure


def panel_grid(panels: int) -> tuple[int, int]:
    """Arrange panels in rows and columns."""
    columns = min(panels, 3 if panels % 3 == 0 else 2)
    return -(-panels // columns), columns


def explain(figure: Figure, title: str, caption: str) -> Figure:
    """Put the title on top and the caption below, flush left; the layout makes room for both."""
    figure.suptitle(textwrap.fill(title, 96), x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.supxlabel(textwrap.fill(caption, 136), x=0.01, ha="left", fontsize=10, color=INK)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
    return figure


def ends_of(level: float) -> list[float]:
    """Give the two quantiles between which a level lies."""
    return [(1 - level) / 2, (1 + level) / 2]


def label_log_axis(axes: Axes, low: float, high: float) -> None:
    """Label a logarithmic axis in plain numbers."""
    is_long = np.log10(high / low) > 2.5
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if is_long else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def signed_share(value: float, _: float) -> str:
    """Write a tick as a percentage with its sign."""
    return f"{value:+.0%}" if abs(value) > 1e-9 else "0%"


def thousands(value: float, _: float) -> str:
    """Write a tick with its thousands apart."""
    return f"{value:,.0f}"


def shorten(text: str) -> str:
    """Cut a long name to what a legend has room for."""
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
