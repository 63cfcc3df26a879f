"""Simulate one customer's future under one draw of the population: purchases, their times, their values."""

import math

from numba import njit

from .random import beta_draw, gamma_draw, log_gamma_draw, poisson_draw, start_stream, uniform

# Purchases simulated one by one; beyond, time slices bound the cost of a very frequent customer.
ONE_BY_ONE = 16
SLICES = 16


@njit(cache=True)
def simulate_customer(  # type: ignore[no-untyped-def]
    state, key, draw, alive, customer, population, chances, horizon, delta
):
    """Simulate the purchases in (0, horizon] and their discounted value.

    The rate and the dropout are integrated out, purchase by purchase: given the past, the rate is Gamma(shape, G + t),
    so the wait for the next purchase is Lomax; the dropout is Beta(a, b + n), so departure is a draw of its mean. Both
    posteriors then take in what happened. That is the same law as drawing the two first, at a fraction of the cost.

    Args:
        state: scratch for the random numbers, uint64 of shape (1,).
        key: the customer's, of the random numbers.
        draw: index of the draw of the population.
        alive: probability of being active now.
        customer: x, T, monetary_value.
        population: r, alpha, a, b, p, q, v.
        chances: to leave right after the first purchase: 0 in the BG/NBD, 1 in the MBG/NBD.
        horizon: days.
        delta: continuous discount rate per day.

    Returns the number of purchases and the sum of spend * exp(-delta * time).
    """
    x, T, monetary_value = customer
    r, alpha, a, b, p, q, v = population
    start_stream(state, key, draw)
    if uniform(state) >= alive:
        return 0.0, 0.0
    shape, G, stayed = r + x, alpha + T, b + (x + chances)
    time, count, value, nu = 0.0, 0.0, 0.0, 1.0
    while True:
        time += (G + time) * math.expm1(min(-math.log(uniform(state)) / shape, 700.0))
        if time > horizon:
            return count, value
        if count == 0.0:
            nu = gamma_draw(state, q + p * x) / (v + x * monetary_value)
        count += 1.0
        if p >= 1.0:
            value += gamma_draw(state, p) / nu * math.exp(-delta * time)
        else:  # in logs, as a variate of a small shape would underflow
            value += math.exp(log_gamma_draw(state, p) - math.log(nu) - delta * time)
        if uniform(state) * (a + stayed) < a:
            return count, value
        shape, stayed = shape + 1.0, stayed + 1.0
        if count == ONE_BY_ONE:
            break
    rate, dropout = gamma_draw(state, shape) / (G + time), beta_draw(state, a, stayed)
    more, more_value = _simulate_slices(state, time, horizon, delta, rate, dropout, p, math.log(nu))
    return count + more, value + more_value


@njit(cache=True)
def _simulate_slices(state, time, horizon, delta, rate, dropout, p, log_nu):  # type: ignore[no-untyped-def]
    """Simulate the rest slice by slice: counts and undiscounted spends exactly, discounts by their mean in a slice.

    Slices widen with time, as the discount takes from what later ones matter; they do not depend on its rate, so
    counts do not either.
    """
    left = _purchases_until_dropout(state, dropout)
    rest = horizon - time
    start, count, value = 0.0, 0.0, 0.0
    for step in range(SLICES):
        end = rest * ((step + 1.0) / SLICES) ** 2
        possible = poisson_draw(state, rate * (end - start))
        bought = min(possible, left)
        if bought > 0.0:
            # The k-th of n purchases comes on average k / (n + 1) through the slice.
            span = delta * (end - start) * (bought + 1.0) / (possible + 1.0)
            log_discount = math.log(-math.expm1(-span) / span) if span > 0.0 else 0.0
            elapsed = delta * (time + start)
            value += math.exp(log_gamma_draw(state, p * bought) - log_nu - elapsed + log_discount)
            count += bought
            left -= bought
        if left <= 0.0:
            break
        start = end
    return count, value


@njit(cache=True)
def _purchases_until_dropout(state, dropout):  # type: ignore[no-untyped-def]
    """Draw the geometric number of purchases, the one that ends the relation included."""
    if dropout >= 1.0:
        return 1.0
    return 1.0 + math.floor(math.log(uniform(state)) / math.log1p(-max(dropout, 1e-300)))
