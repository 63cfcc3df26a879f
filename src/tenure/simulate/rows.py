"""Rows of a log: sales within its days, refunds of some of them, and dirt on request. Every kind is counted.

Refunds and dirt have random numbers of their own, so they change no sale.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ..purchase.protocol import Floats, Ints
from ..settings import DirtSettings, RefundSettings
from .calendar import Calendar
from .orders import CENT, Orders

type Bools = NDArray[np.bool_]

# What can be wrong with a column's value: one kind at a time. A value that is not wrong has the code len(kinds).
DIRT = {
    "customer_id": ("null_ids", "blank_ids", "guest_ids", "float_ids"),
    "date": ("null_dates", "epoch_dates"),
    "amount": ("zero_amounts", "null_amounts", "nan_amounts"),
}


@dataclass(frozen=True)
class Rows:
    """Rows of the log, as plain columns.

    Attributes:
        customer, number: of the sale, or of the sale that is refunded; see `Orders`.
        time, amount: see `Orders`; a refund's amount is negative.
        is_refund, has_own_id: whether a row is a refund, and whether it has an order id of its own.
    """

    customer: Ints
    number: Ints
    time: Floats
    amount: Floats
    is_refund: Bools
    has_own_id: Bools

    def take(self, rows: Ints | Bools) -> "Rows":
        """Select rows, by place or by truth value."""
        return Rows(*(getattr(self, field.name)[rows] for field in fields(self)))


def sales(orders: Orders) -> Rows:
    """Return each order as a row."""
    never = np.zeros(orders.customer.size, dtype=bool)
    return Rows(orders.customer, orders.number, orders.time, orders.amount, never, never)


def draw_refunds(sold: Rows, settings: RefundSettings, rng: np.random.Generator) -> Rows:
    """Draw the refunds of some sales, each after a delay, for the whole amount or a uniform part of it."""
    size = sold.time.size
    u = rng.random((4, size))
    delays = rng.exponential(settings.delay_days, size)
    refunded = u[0] < settings.share
    share = np.where(u[1] < settings.full, 1.0, u[2])
    back = sold.take(refunded)
    amount = np.clip(np.round(back.amount * share[refunded], 2), CENT, back.amount)
    has_own_id = u[3][refunded] >= settings.matched
    is_refund = np.ones(amount.size, dtype=bool)
    return replace(back, time=back.time + delays[refunded], amount=-amount, is_refund=is_refund, has_own_id=has_own_id)


def in_log(rows: Rows, calendar: Calendar) -> Rows:
    """Select the rows of the log's days, in the order of time."""
    kept = rows.take((rows.time >= calendar.first) & (rows.time < calendar.end))
    return kept.take(np.argsort(kept.time, kind="stable"))


def joined(first: Rows, second: Rows) -> Rows:
    """Return rows after one another."""
    return Rows(*(np.concatenate([getattr(first, field.name), getattr(second, field.name)]) for field in fields(Rows)))


def draw_dirt(size: int, settings: DirtSettings, rng: np.random.Generator) -> dict[str, Ints]:
    """Draw what is wrong with each row's value of each column, as the place in `DIRT`; see there."""
    places = {}
    for column, kinds in DIRT.items():
        ends = np.cumsum([getattr(settings, kind) for kind in kinds])
        places[column] = np.searchsorted(ends, rng.random(size), side="right")
    return places


def draw_copies(size: int, settings: DirtSettings, rng: np.random.Generator) -> Ints:
    """Draw which rows come twice, and return the places of all rows with the copies beside their originals."""
    return np.repeat(np.arange(size), 1 + (rng.random(size) < settings.duplicates))
