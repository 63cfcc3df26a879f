"""One block of customers and their orders, from the process and the calendar alone."""

from dataclasses import dataclass

import numpy as np

from .calendar import Calendar
from .process import Floats, Ints, PurchaseProcess, SpendProcess, draw_shares

CENT = 0.01


@dataclass(frozen=True)
class Customers:
    """The true state of a block of customers, one value each; times in days from the origin.

    Attributes:
        born: time of the first purchase.
        rate: repeat purchases a day, while staying, on an average day of the season.
        dropout: probability to leave at a chance.
        mean_spend: expected value of one purchase.
        repeats: repeat purchases until the log's end.
        left: time of the purchase after which the customer left; not a number for whoever is still there.
    """

    acquired: Floats
    rate: Floats
    dropout: Floats
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
    size: int, purchase_law: PurchaseProcess, spend_law: SpendProcess, calendar: Calendar, rng: np.random.Generator
) -> tuple[Customers, Orders]:
    """Draw customers, and all their orders until the log's end."""
    acquired = calendar.draw_acquisitions(size, rng)
    rate, dropout = purchase_law.rates(size, rng), purchase_law.dropouts(size, rng)
    nu = spend_law.nus(size, rng)
    start = calendar.to_season(acquired)
    span = calendar.to_season(np.array([float(calendar.end)]))[0] - start
    possible = rng.poisson(rate * span)
    departure = purchase_law.repeats_until_departure(dropout, rng)
    x = np.minimum(possible, departure)
    repeats = calendar.to_days(np.repeat(start, x) + np.repeat(span, x) * draw_shares(x, possible, rng))
    customer, number = _enumerate(x + 1)
    time = np.repeat(acquired, x + 1)
    time[number > 0] = np.minimum(repeats, np.nextafter(calendar.end, 0.0))
    amount = np.maximum(np.round(spend_law.sums(nu[customer], np.ones(customer.size), rng), 2), CENT)
    left = np.where(departure <= possible, time[np.cumsum(x + 1) - 1], np.nan)
    return Customers(acquired, rate, dropout, spend_law.p / nu, x, left), Orders(customer, number, time, amount)


def _enumerate(counts: Ints) -> tuple[Ints, Ints]:
    """Give each of the rows its customer, and its number among the customer's rows."""
    customer = np.repeat(np.arange(counts.size), counts)
    return customer, np.arange(customer.size) - np.repeat(np.cumsum(counts) - counts, counts)
