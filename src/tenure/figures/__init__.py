"""Draw one picture per question that a reader of a run may ask; each is a matplotlib Figure.

matplotlib and ArviZ's plots are known here and nowhere else. A picture says in its title what one sees and in
its caption what to look for. None names a customer, but `scored_examples`, which is for made-up ones. Nothing is
left behind: no open pyplot figure, no changed setting.
"""

from .acquisitions import acquisitions
from .customers import months, scored_examples
from .drawing import draw, record_figures
from .fit import consequences, energy, prior_posterior, purchases_check, rank, spend_check, trace
from .holdout import by_frequency, deciles, pit, reliability, tracking
from .runs import ranges, totals, trackings
from .training import fit_pictures, holdout_pictures

__all__ = [
    "acquisitions",
    "by_frequency",
    "consequences",
    "deciles",
    "draw",
    "energy",
    "fit_pictures",
    "holdout_pictures",
    "months",
    "pit",
    "prior_posterior",
    "purchases_check",
    "ranges",
    "rank",
    "record_figures",
    "reliability",
    "scored_examples",
    "spend_check",
    "totals",
    "trace",
    "tracking",
    "trackings",
]
