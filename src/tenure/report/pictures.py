"""Figures that a run logged, each with a title and what to look for."""

import base64
import io
from typing import TYPE_CHECKING, NamedTuple

from tenure.registry import Evidence

if TYPE_CHECKING:
    from tenure.record import Figure


class Picture(NamedTuple):
    """A logged figure as a data URI, its title, and what to look for; an empty URI: not logged."""

    uri: str
    shows: str
    look: str


PICTURES = {
    "tracking": (
        "Repeat purchases by week, actual and expected, across the cut-off, and their sum since the cut-off",
        "A gap that keeps growing after the cut-off: the customer base changed, a season came, or the model is biased.",
    ),
    "pit": (
        "Coverage (randomised PIT) of customers' outcomes",
        "Look for flat bars. High at both ends: intervals too narrow. A slope: forecasts too high or too low.",
    ),
    "reliability": (
        "Predicted probability of a purchase, and the share of customers who bought",
        "Look for points on the line. Do not target customers by p_purchase in a range far off it.",
    ),
    "by_frequency": (
        "Mean holdout purchases by how often customers had bought before",
        "A gap of one sign everywhere is a bias; one that grows with frequency is an error in heavy buyers.",
    ),
    "deciles": (
        "Holdout spend by decile of expected spend",
        "Look for actual bars that fall from left to right and are as high as the expected ones.",
    ),
    "prior_consequences": (
        "Prior and posterior of interpretable quantities",
        "Where the two are equal, the result is dominated by the prior.",
    ),
    "purchases_prior_posterior": (
        "Prior and posterior of the purchase model's parameters",
        "A posterior at the edge of its prior is constrained by it.",
    ),
    "spend_prior_posterior": (
        "Prior and posterior of the spend model's parameters",
        "A posterior at the edge of its prior is constrained by it.",
    ),
    "purchases_check": (
        "Customers by number of repeat purchases, observed and replicated from the model",
        "A bar that ends outside its band is a number of purchases that the model does not explain.",
    ),
    "spend_check": (
        "Repeat buyers' mean spend, observed and replicated from the model",
        "A shift, or a tail outside the band, means that the spend model does not fit.",
    ),
    "purchases_rank": (
        "Ranks of the purchase model's draws by chain",
        "A line apart is a chain that did not mix.",
    ),
    "spend_rank": (
        "Ranks of the spend model's draws by chain",
        "A line apart is a chain that did not mix.",
    ),
    "purchases_energy": ("Energy of the purchase model's sampler", "Look for two distributions of similar width."),
    "spend_energy": ("Energy of the spend model's sampler", "Look for two distributions of similar width."),
}


def logged_picture(evidence: Evidence, path: str) -> Picture:
    """Return a logged figure by its path without the suffix."""
    shows, look = PICTURES[path.rpartition("/")[2]]
    if not evidence.holds(f"{path}.png"):
        return Picture("", shows, look)
    return Picture(_uri(evidence.file(f"{path}.png").read_bytes()), shows, look)


def as_uri(figure: "Figure") -> str:
    """Return a figure as a data URI."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return _uri(buffer.getvalue())


def _uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
