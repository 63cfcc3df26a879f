"""Customers without the columns that the spend model needs: scored with a second model, of mean spends alone."""

import logging

import pandas as pd

from ..posterior import Posterior
from ..summary import FADED, CustomerSummary
from .models import Populations
from .segments import SegmentPopulations

log = logging.getLogger("tenure")


class BarePopulations:
    """The draws for customers without columns, where a posterior has them."""

    def __init__(self, posterior: Posterior, delta: float | None) -> None:
        self._posterior, self._delta = posterior, delta
        without, self._is_logged = posterior.for_missing_columns(), False
        self._populations = None if without is None else SegmentPopulations(without)

    def count(self, summary: CustomerSummary) -> int:
        """Count the customers who are scored with the model for customers without columns: all of a table, or none."""
        is_bare = self._populations is not None and not set(FADED) & set(summary.table.columns)
        return len(summary.table) if is_bare else 0

    def of(self, summary: CustomerSummary, given: pd.DataFrame) -> Populations | None:
        """Return the populations with each customer's place, and log it; None for a table with the columns."""
        if self._populations is None or not self.count(summary):
            return None
        if not self._is_logged:  # once, not for each part of a table
            log.warning(
                "the summary has no columns %s, which %s needs: all customers are scored with %s, fitted to the mean"
                " spends of the same log, whose intervals of spend are less reliable. Score the purchase log"
                " (tenure-score transactions.path=...), or add the columns by tenure.summarize(log, delta=%.6g)",
                " and ".join(FADED),
                self._posterior.spend_model,
                self._posterior.specs[1].without_columns,
                self._delta,
            )
            self._is_logged = True
        return self._populations.of(given)
