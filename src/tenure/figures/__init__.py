"""Figures of a run, each a matplotlib Figure.

Only this package uses matplotlib and ArviZ's plots. It imports neither ArviZ nor what fits before a figure needs them,
so a job that scores draws without those packages. The title of a figure has the result, its caption what to look for.
No figure names a customer, except `scored_examples`, which is for synthetic ones. Functions leave no pyplot figure open
and change no setting.
"""

from .campaign import campaign_pictures
from .customers import months, scored_examples
from .decisions import decision_pictures
from .drawing import draw, record_figures
from .first_purchases import acquisitions
from .fit import consequences, prior_posterior, purchases_check, spend_check
from .holdout import by_frequency, deciles, pit, reliability, weekly_tracking
from .runs import draw_totals, ranges, trackings
from .sampler import energy, rank, trace
from .training import fit_pictures, holdout_pictures

__all__ = [
    "acquisitions",
    "by_frequency",
    "campaign_pictures",
    "consequences",
    "deciles",
    "decision_pictures",
    "draw",
    "draw_totals",
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
    "trace",
    "trackings",
    "weekly_tracking",
]
