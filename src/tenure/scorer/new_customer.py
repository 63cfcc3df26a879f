"""First orders, of which the spend model says nothing: it knows repeat purchases only."""

from collections.abc import Iterator

import numpy as np

from ..posterior import Posterior
from ..summary import FirstOrders
from .intensity import Floats
from .kernel import Population
from .params import ScoreError


def first_orders(posterior: Posterior) -> FirstOrders:
    """Give what first orders were worth in the log of the fit; raises ScoreError where the posterior does not say."""
    known = posterior.origin.get("first_orders")
    if known is None:
        raise ScoreError(
            "This posterior does not hold what first orders were worth: it was fitted to summaries, which leave them "
            "out. Fit to a purchase log, or give the summary its `first_orders`."
        )
    return FirstOrders(**known)


def value_first_orders(
    population: Population, orders: FirstOrders, repeats: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Iterator[Population]]:
    """Draw first orders, and say what each tells of the orders to come.

    Repeat purchases have mean p v / (q - 1); first ones have the log's own, so they are those of the spend model times
    one factor. In its terms a first order y is a purchase like any other: after it nu, Gamma(q, v) before, is
    Gamma(q + p, v + y) (Fader & Hardie 2013, note 025).

    Returns the mean's draws (draws,), what is uncertain of it being its standard error over the log's customers; first
    orders (repeats, draws); and by repeat the population as it is for who made that first order.
    """
    p, q, v = population.p, population.q, population.v
    error = orders.sd / np.sqrt(orders.customers)
    means = orders.mean + error * rng.standard_normal(p.size)
    # The standard error of a mean that is no more than twice it would give negative means.
    means = np.abs(means)
    nu = rng.standard_gamma(q, (repeats, q.size)) / v
    y = rng.standard_gamma(p, nu.shape) / nu
    first = y * (means * (q - 1.0) / (p * v))
    return means, first, (population._replace(q=q + p, v=v + y[at]) for at in range(repeats))
