"""Purchases and spend of customers over periods of any length, in every joint future."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..posterior import Posterior
from ..summary import CustomerSummary
from .arrays import Floats
from .batching import ScoreRequest, no_windows, score_batches
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


def follow(
    posterior: Posterior,
    customers: pd.DataFrame,
    ends: Floats,
    knots: Floats,
    *,
    seed: int,
    threads: int,
    windows: NDArray[np.int64] | None = None,
    outcomes: bool = True,
) -> Paths:
    """Simulate customers period by period.

    Args:
        posterior: the population.
        customers: a customer summary.
        ends: the last day ahead of each period of the simulation, ascending.
        knots: the same of the expectations: at most as many, as each takes time; the last is that of `ends`.
        seed: of the simulated outcomes.
        threads: how many.
        windows: the first and the last period of each window whose buyers are counted, shape (windows, 2).
        outcomes: whether to simulate; else there are expectations alone, and what is simulated is 0.
    """
    params = Params(horizon_days=1, discount_rate=0.0, margin=1.0, seed=seed)  # the horizon is the last of the ends
    request = ScoreRequest(params, ends, True, outcomes, no_windows() if windows is None else windows, knots)
    summary = CustomerSummary.from_frame(customers)
    populations, one_group = SegmentPopulations(posterior).of(customers), np.zeros(len(customers), np.int64)
    output = score_batches(summary.table, populations, request, one_group, 1, threads=threads)
    purchases, spend, expected_purchases, expected_spend = (
        add_bins(output.by_period[total], 0)
        for total in (TOTAL_PURCHASES, TOTAL_CLV, TOTAL_EXPECTED_PURCHASES, TOTAL_EXPECTED_CLV)
    )
    expected = (expected_purchases[: knots.size], expected_spend[: knots.size])
    return Paths(len(customers), purchases, spend, *expected, output.buyers, output.paths[1, :, : knots.size])
