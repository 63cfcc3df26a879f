"""Fit segments with partial pooling: quantities such as the mean rate vary between them around the population's.

The effects of one segment are independent of the others' given the population's parameters and the spreads. So they are
integrated out segment by segment (`inner`), importance sampling draws the few parameters that are left (`outer`), and
each segment is drawn given them (`effects`). A joint Laplace approximation of all segments has k-hat above 2.
"""

from .first_orders import shrink_first_orders
from .run import SegmentedFit, SegmentsError, all_effects, fit_segments
from .target import SegmentedTarget

__all__ = [
    "SegmentedFit",
    "SegmentedTarget",
    "SegmentsError",
    "all_effects",
    "fit_segments",
    "shrink_first_orders",
]
