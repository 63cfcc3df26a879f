"""Plot several figures; one that fails is recorded and left out."""

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from tenure.failures import Failures
from tenure.record import Record


def draw(folder: str, pictures: Mapping[str, Callable[[], Figure]], failures: Failures) -> dict[str, Figure]:
    """Plot the figures of a folder of the run, by name."""
    figures = {}
    for name, picture in pictures.items():
        with failures.contain(f"figure {folder}/{name}"):
            figure = picture()
            figure.draw_without_rendering()  # a figure that cannot be rendered fails here, not while it is logged
            figures[name] = figure
    return figures


def record_figures(folder: str, pictures: Mapping[str, Callable[[], Figure]], failures: Failures) -> Record:
    """Return the figures of a folder of the run, without those that fail."""
    return Record(figures={f"{folder}/{name}": figure for name, figure in draw(folder, pictures, failures).items()})
