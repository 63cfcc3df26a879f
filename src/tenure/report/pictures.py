"""Take a run's pictures onto the page, each with what it shows and what to look for."""

import base64
from typing import NamedTuple

from tenure.registry import Evidence


class Picture(NamedTuple):
    """A logged picture as a data URI, what it shows, and what to look for; without a URI it was not logged."""

    uri: str
    shows: str
    look: str


PICTURES = {
    "tracking": (
        "Repeat purchases by week, actual and expected, across the cut-off",
        "A gap that opens after the cut-off and keeps growing means that the base changed, or the model errs.",
    ),
    "pit": (
        "Where customers' outcomes fell among those simulated",
        "Flat is right. Bars high at both ends: intervals too narrow. A slope: forecasts too high or too low.",
    ),
    "reliability": (
        "The probability of a purchase that was foretold, and the share who bought",
        "Points on the line are right. One far off it is a group not to be chosen by that probability.",
    ),
    "by_frequency": (
        "Mean holdout purchases by how often customers had bought before",
        "A gap of one sign everywhere is a bias; one that grows with frequency means that heavy buyers are misjudged.",
    ),
    "deciles": (
        "Holdout spend by decile of expected spend",
        "Falling bars: the order of customers is right. Bars of like height: so is the level.",
    ),
    "prior_consequences": (
        "What the prior and the posterior say about the business",
        "Where the two are alike, nothing was learnt and the prior speaks.",
    ),
    "purchases_prior_posterior": (
        "Prior and posterior of the purchase model's parameters",
        "A posterior at the edge of its prior was held back by it.",
    ),
    "spend_prior_posterior": (
        "Prior and posterior of the spend model's parameters",
        "A posterior at the edge of its prior was held back by it.",
    ),
    "purchases_check": (
        "Customers by number of repeat purchases, observed and replicated from the model",
        "A bar that ends outside its band is a number of purchases that the model does not explain.",
    ),
    "spend_check": (
        "Repeat buyers' mean spend, observed and replicated from the model",
        "A shift, or a tail outside the band, means that spend is not as the model supposes.",
    ),
    "purchases_rank": ("Ranks of the purchase model's draws by chain", "A line that leaves alone did not mix."),
    "spend_rank": ("Ranks of the spend model's draws by chain", "A line that leaves alone did not mix."),
    "purchases_energy": ("Energy of the purchase model's sampler", "Two shapes of like width are right."),
    "spend_energy": ("Energy of the spend model's sampler", "Two shapes of like width are right."),
}


def picture(evidence: Evidence, path: str) -> Picture:
    """Take a logged picture by its path without the ending."""
    shows, look = PICTURES[path.rpartition("/")[2]]
    if not evidence.holds(f"{path}.png"):
        return Picture("", shows, look)
    content = base64.b64encode(evidence.file(f"{path}.png").read_bytes()).decode("ascii")
    return Picture(f"data:image/png;base64,{content}", shows, look)
