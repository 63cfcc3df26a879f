"""Simulate one customer's future under one draw of the population: purchases, their times, their values."""

import math

from numba import njit

from .random import beta_draw, log_gamma_draw, poisson_draw, start_stream, uniform

# Purchases simulated one by one; beyond, time slices bound the cost of a very frequent customer.
ONE_BY_ONE = 64
SLICES = 64


@njit(cache=True)
def simulate_customer(  # type: ignore[no-untyped-def]
    state, key, draw, alive, customer, population, chances, horizon, delta
):
    """Simulate the purchases in (0, horizon] and their discounted value.

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
    rate = math.exp(log_gamma_draw(state, r + x)) / (alpha + T)
    dropout = beta_draw(state, a, b + (x + chances))
    log_nu = log_gamma_draw(state, q + p * x) - math.log(v + x * monetary_value)
    time, count, value = 0.0, 0.0, 0.0
    while count < ONE_BY_ONE:
        time -= math.log(uniform(state)) / max(rate, 1e-300)
        if time > horizon:
            return count, value
        count += 1.0
        value += math.exp(log_gamma_draw(state, p) - log_nu - delta * time)
        if uniform(state) < dropout:
            return count, value
    more, more_value = _simulate_slices(state, time, horizon, delta, rate, dropout, p, log_nu)
    return count + more, value + more_value


@njit(cache=True)
def _simulate_slices(state, time, horizon, delta, rate, dropout, p, log_nu):  # type: ignore[no-untyped-def]
    """Simulate the rest slice by slice: counts and undiscounted spends exactly, discounts by their mean in a slice."""
    left = _purchases_until_dropout(state, dropout)
    width = (horizon - time) / SLICES
    count, value = 0.0, 0.0
    for step in range(SLICES):
        possible = poisson_draw(state, rate * width)
        bought = min(possible, left)
        if bought > 0.0:
            # The k-th of n purchases comes on average k / (n + 1) through the slice.
            span = delta * width * (bought + 1.0) / (possible + 1.0)
            log_discount = math.log(-math.expm1(-span) / span) if span > 0.0 else 0.0
            elapsed = delta * (time + step * width)
            value += math.exp(log_gamma_draw(state, p * bought) - log_nu - elapsed + log_discount)
            count += bought
            left -= bought
        if left <= 0.0:
            break
    return count, value


@njit(cache=True)
def _purchases_until_dropout(state, dropout):  # type: ignore[no-untyped-def]
    """Draw the geometric number of purchases, the one that ends the relation included."""
    if dropout >= 1.0:
        return 1.0
    return 1.0 + math.floor(math.log(uniform(state)) / math.log1p(-max(dropout, 1e-300)))
