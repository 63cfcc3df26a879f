"""New customers. The spend model, a model of repeat purchases, does not describe their first orders."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from ..posterior import Posterior
from ..streams import stream
from ..summary import CustomerSummary, FirstOrders
from .arrays import Floats
from .batching import ScoreRequest, score_batches
from .models import Draws, Populations
from .params import ScoreError
from .results import NewCustomer, Totals


def first_orders(posterior: Posterior) -> FirstOrders:
    """Return the mean first order in the log of the fit; raise ScoreError where the posterior does not hold it."""
    numbers = posterior.origin.get("first_orders")
    if numbers is None:
        raise ScoreError(
            "This posterior does not hold what first orders were worth: it was fitted to summaries, which leave them "
            "out. Fit to a purchase log, or give the summary its `first_orders`."
        )
    return FirstOrders(**numbers)


def mix(several: Iterable[NewCustomer], shares: Floats, rng: np.random.Generator) -> NewCustomer:
    """Return a new customer of any of some segments: each future is of a segment drawn in proportion to the shares."""
    mixed, chosen = None, np.empty(0, np.int64)
    for at, (one, share) in enumerate(zip(several, shares / shares.sum(), strict=True)):
        expected, first = share * one.expected, share * one.first_order
        if mixed is None:
            chosen = rng.choice(shares.size, one.outcomes.size, p=shares / shares.sum())
            mixed = NewCustomer(one.outcomes.copy(), expected, first, one.params, one.purchases.copy())
            continue
        is_chosen = chosen == at
        mixed.outcomes[is_chosen], mixed.purchases[is_chosen] = one.outcomes[is_chosen], one.purchases[is_chosen]
        mixed = replace(mixed, expected=mixed.expected + expected, first_order=mixed.first_order + first)
    if mixed is None:
        raise ScoreError("There is no segment to mix.")
    return mixed


def value_first_orders(
    draws: Draws, orders: FirstOrders, repeats: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Iterator[Draws]]:
    """Draw first orders and, for each, the population of the customers who make it.

    Returns the mean's draws (draws,), whose uncertainty is its standard error over the log's customers; first orders
    (repeats, draws); and by repeat the draws given that first order.
    """
    error = orders.sd / np.sqrt(orders.customers)
    means = orders.mean + error * rng.standard_normal(draws.size)
    # The standard error of a mean that is no more than twice it would give negative means.
    means = np.abs(means)
    first, populations = draws.draw_first_orders(means, repeats, rng)
    return means, first, populations


def value_new_customer(
    draws: Draws, orders: FirstOrders, request: ScoreRequest, *, futures: int, threads: int
) -> NewCustomer:
    """Compute the value of a new customer of one segment; segments share the random numbers."""
    margin, repeats = request.params.margin, math.ceil(futures / draws.size)
    rng = stream(request.params.seed, "scorer.new_customer")
    means, first, updated = value_first_orders(draws, orders, repeats, rng)
    expected = _totals(request, 0, draws, threads).expected_clv + margin * means
    outcomes, purchases = np.empty((2, repeats, draws.size))
    for repeat, population in enumerate(updated):
        totals = _totals(request, repeat + 1, population, threads)
        outcomes[repeat], purchases[repeat] = totals.clv + margin * first[repeat], totals.purchases
    return NewCustomer(outcomes.ravel(), expected, margin * means, asdict(request.params), purchases.ravel())


def _totals(request: ScoreRequest, number: int, draws: Draws, threads: int) -> Totals:
    """Score one customer right after the first order."""
    row = {"customer_id": [f"new {number}"], "frequency": 0, "recency": 0, "T": 0, "monetary_value": 0.0}
    acquired = CustomerSummary.from_frame(pd.DataFrame(row)).table
    codes, one = np.zeros(len(acquired), np.int64), Populations.of_one(draws, 1)
    return score_batches(acquired, one, request, codes, 1, threads=threads).groups[0]
