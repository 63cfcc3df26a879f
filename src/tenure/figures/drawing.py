"""Draw what can be drawn: a figure that fails is noted and left out."""

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from tenure.failures import Failures
from tenure.record import Record


def draw(folder: str, pictures: Mapping[str, Callable[[], Figure]], failures: Failures) -> dict[str, Figure]:
    """Draw the figures of a folder of the run, by name."""
    drawn = {}
    for name, picture in pictures.items():
        with failures.contain(f"figure {folder}/{name}"):
            figure = picture()
            figure.draw_without_rendering()  # what cannot be rendered fails here, and not while it is logged
            drawn[name] = figure
    return drawn


def record_figures(folder: str, pictures: Mapping[str, Callable[[], Figure]], failures: Failures) -> Record:
    """Return the figures of a folder of the run, without those that fail."""
    return Record(figures={f"{folder}/{name}": figure for name, figure in draw(folder, pictures, failures).items()})
