"""The segments of a posterior: whose draws a customer is scored with."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..posterior import Posterior
from ..summary import as_text, segment_codes
from .models import Draws, Populations
from .params import ScoreError


class SegmentPopulations:
    """The draws of a posterior's segments, or of its one population.

    A customer of a segment that the fit did not have, or that has no name for its few customers, is scored with the
    draws of a new segment.
    """

    def __init__(self, posterior: Posterior) -> None:
        self._posterior = posterior
        self.names: tuple[str, ...] = () if posterior.segments is None else posterior.segments.names
        self.values: tuple[tuple[str, ...], ...] = () if posterior.segments is None else posterior.segments.values

    @cached_property
    def draws(self) -> tuple[Draws, ...]:
        """Return the draws by segment; a new segment's are the last."""
        if self._posterior.segments is None:
            return (Draws.of(self._posterior),)
        return tuple(Draws.of(self.posterior(at)) for at in range(len(self.values) + 1))

    def posterior(self, at: int) -> Posterior:
        """Return the posterior of one segment, by its place."""
        return self._posterior if self._posterior.segments is None else self._posterior.of_segment(at)

    def place(self, segment: Sequence[str]) -> int:
        """Return the place of a segment by its values; that of a new one where the fit did not have it."""
        if len(segment) != len(self.names) or isinstance(segment, str) or not self.names:
            names = ", ".join(self.names) or "none: this posterior has no segments"
            raise ScoreError(f"segment must be a value of each of the columns ({names}), got {segment!r}.")
        values = tuple(map(as_text, segment))
        return self.values.index(values) if values in self.values else len(self.values)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Return the share of the fit's customers by segment; the last is that of customers without a name."""
        return self._posterior.shares()

    def of(self, customers: pd.DataFrame) -> Populations:
        """Return the populations with each customer's place; raise SummaryError for columns that are missing."""
        if not self.names:
            return Populations.of_one(self.draws[0], len(customers))
        return Populations(self.draws, segment_codes(customers, self.names, self.values))

    def count_new(self, populations: Populations) -> int:
        """Count the customers who are scored with the draws of a new segment."""
        return int((populations.places == len(self.values)).sum()) if self.names else 0
