"""Purchases and spend of customers over periods of any length, in every joint future."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..posterior import Posterior
from ..summary import CustomerSummary
from .arrays import Floats
from .batching import Caches, ScoreRequest, no_windows, score_batches
from .columns import TOTAL_CLV, TOTAL_EXPECTED_CLV, TOTAL_EXPECTED_PURCHASES, TOTAL_PURCHASES
from .exact_sums import add_bins
from .params import Params
from .segments import SegmentPopulations


@dataclass(frozen=True)
class Paths:
    """Sums over customers by period and draw, and each customer's expected spend by period.

    Spend is undiscounted, before the margin.

    Attributes:
        customers: how many.
        purchases, spend: simulated, shape (periods, draws).
        expected_purchases, expected_spend: expected by period of `knots`, shape (knots, draws).
        buyers: customers with a purchase in each window, shape (windows, draws).
        each: expected spend by customer and period of `knots`, shape (customers, knots).
    """

    customers: int
    purchases: Floats
    spend: Floats
    expected_purchases: Floats
    expected_spend: Floats
    buyers: Floats
    each: Floats


class Follower:
    """Simulates customers period by period, some after others.

    Args:
        posterior: the population.
        ends: the last day ahead of each period of the simulation, ascending.
        knots: the same of the expectations: at most as many, as each takes time; the last is that of `ends`.
        seed: of the simulated outcomes.
        threads: how many.
        windows: the first and the last period of each window whose buyers are counted, shape (windows, 2).
    """

    def __init__(
        self,
        posterior: Posterior,
        ends: Floats,
        knots: Floats,
        *,
        seed: int,
        threads: int,
        windows: NDArray[np.int64] | None = None,
    ) -> None:
        params = Params(horizon_days=1, discount_rate=0.0, margin=1.0, seed=seed)  # the horizon is the last of the ends
        self._request = ScoreRequest(params, ends, True, True, no_windows() if windows is None else windows, knots)
        self._segments, self._threads, self._knots = SegmentPopulations(posterior), threads, knots
        self._caches: Caches | None = None

    def follow(self, customers: pd.DataFrame, *, outcomes: bool = True) -> Paths:
        """Return what becomes of customers, which are a customer summary.

        Without outcomes nothing is simulated: there are expectations alone, and what is simulated is 0.
        """
        summary, request = CustomerSummary.from_frame(customers), replace(self._request, with_outcomes=outcomes)
        populations, one_group = self._segments.of(customers), np.zeros(len(customers), np.int64)
        if self._caches is None:
            self._caches = Caches(populations, self._knots.size, self._threads)
        output = score_batches(
            summary.table, populations, request, one_group, 1, threads=self._threads, caches=self._caches
        )
        purchases, spend, expected_purchases, expected_spend = (
            add_bins(output.by_period[total], 0)
            for total in (TOTAL_PURCHASES, TOTAL_CLV, TOTAL_EXPECTED_PURCHASES, TOTAL_EXPECTED_CLV)
        )
        expected = (expected_purchases[: self._knots.size], expected_spend[: self._knots.size])
        of_each = output.paths[1, :, : self._knots.size]
        return Paths(len(customers), purchases, spend, *expected, output.buyers, of_each)
