"""One block of customers and their orders, from the processes and the calendar alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..purchase.protocol import Floats, Ints, PurchaseProcess
from ..spend.protocol import SpendProcess
from .calendar import Calendar

CENT = 0.01


@dataclass(frozen=True)
class Customers:
    """The true state of a block of customers, one value each; times in days from the origin.

    Attributes:
        acquired: time of the first purchase.
        state: of the purchase model, by name; rates are those of an average day of the season.
        mean_spend: expected value of one purchase.
        repeats: repeat purchases until the log's end.
        left: time at which the customer left; NaN for customers who are still active.
    """

    acquired: Floats
    state: Mapping[str, Floats]
    mean_spend: Floats
    repeats: Ints
    left: Floats


@dataclass(frozen=True)
class Orders:
    """Orders of a block of customers, each customer's in their order.

    Attributes:
        customer: the customer's place in the block.
        number: which of the customer's orders it is; 0 is the first.
        time: days from the origin.
        amount: whole cents, one at least.
    """

    customer: Ints
    number: Ints
    time: Floats
    amount: Floats


def draw_block(
    size: int, purchases: PurchaseProcess, spend: SpendProcess, calendar: Calendar, rng: np.random.Generator
) -> tuple[Customers, Orders]:
    """Draw customers, and all their orders until the log's end."""
    acquired = calendar.draw_acquisitions(size, rng)
    state, spends = purchases.draw_state(size, rng), spend.draw_state(size, rng)
    start = calendar.to_season(acquired)
    span = calendar.to_season(np.array([float(calendar.end)]))[0] - start
    x, times, left = purchases.draw_purchases(state, span, rng)
    last_moment = np.nextafter(calendar.end, 0.0)
    repeats = calendar.to_days(np.repeat(start, x) + np.repeat(span, x) * times)
    customer, number = _enumerate(x + 1)
    time = np.repeat(acquired, x + 1)
    time[number > 0] = np.minimum(repeats, last_moment)
    amount = np.maximum(np.round(spend.draw_orders(spends, x + 1, rng), 2), CENT)
    left = np.where(left == 0, acquired, np.minimum(calendar.to_days(start + span * left), last_moment))
    mean_spend = spend.mean_spends(spends)
    return Customers(acquired, state, mean_spend, x, left), Orders(customer, number, time, amount)


def _enumerate(counts: Ints) -> tuple[Ints, Ints]:
    """Return each row's customer, and its number among the customer's rows."""
    customer = np.repeat(np.arange(counts.size), counts)
    return customer, np.arange(customer.size) - np.repeat(np.cumsum(counts) - counts, counts)
