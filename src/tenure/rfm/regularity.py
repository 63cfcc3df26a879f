"""Measure how regularly customers buy: the shape k of the waits between purchases (Wheat & Morrison 1990).

If a customer's waits are Gamma(k, rate), the share M of the first in the sum of two is Beta(k, k), whatever the rate:
the variance around 1/2 is 1 / (4 (2 k + 1)), and customers of all rates are one sample. k = 1 is the Poisson process
that every purchase model here assumes of an active customer; a larger k is more regular, below 1 are bursts. Taken of
each customer are the first two waits. Whether they end within the log depends on their sum alone, of which M is
independent: so neither the end of observation nor leaving at a purchase biases k.

Waits are whole days, at least one, because the purchases of a day are one. A sum of s days leaves s - 1 places for the
purchase between, so the variance of M is lower by (s - 2) / s where all are equally likely. The squares of M - 1/2 are
compared with the sum of these factors, so that random purchases have k = 1 at any rate; without them k would be 2.2 at
a mean wait of two days. For other k the factors draw k towards 1 where waits are a few days long: 1.6 for 2 at a mean
wait of two days, 1.9 at 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np

from ..transactions import Transactions
from .window import EVERYONE, AcquisitionWindow, end_of, first_purchases_of, is_in_window

LEAST_CUSTOMERS = 2
# Customers who always wait equally long have no finite k. Such waits differ by a twentieth.
MOST_K = 100.0


@dataclass(frozen=True)
class Regularity:
    """The first two waits of customers with two repeat purchases.

    Attributes:
        customers: how many have two waits, of three days or more together: two waits of one day cannot differ.
        squares: sum of the squares d of M - 1/2.
        factors: sum of their factors w, (s - 2) / s.
        squares_2, products, factors_2: sums of d^2, d w, w^2, for the standard error.
    """

    customers: int
    squares: float
    factors: float
    squares_2: float
    products: float
    factors_2: float

    @property
    def _variance(self) -> float:
        """Return the variance of M around 1/2, at least that of the largest k."""
        return max(self.squares / self.factors, 1.0 / (4.0 * (2.0 * MOST_K + 1.0)))

    @property
    def k(self) -> float:
        """Return the shape of the waits, from 0 to `MOST_K`."""
        return max(1.0 / (8.0 * self._variance) - 0.5, 0.0)

    @property
    def k_se(self) -> float:
        """Return the standard error of k, by the delta method for a ratio of sums over customers."""
        ratio = self.squares / self.factors
        residual = max(self.squares_2 - 2.0 * ratio * self.products + ratio**2 * self.factors_2, 0.0)
        return float(np.sqrt(residual)) / self.factors / (8.0 * self._variance**2)

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name; without k where too few customers have two waits."""
        counted = {"regularity.customers": float(self.customers)}
        if self.customers < LEAST_CUSTOMERS:
            return counted
        return counted | {"regularity.k": self.k, "regularity.k_se": self.k_se}


def measure_regularity(
    transactions: Transactions, end: date | str | None = None, window: AcquisitionWindow = EVERYONE
) -> Regularity:
    """Sum over the first two waits of the customers in the window, in one grouped query."""
    waits = _first_waits(transactions, end_of(transactions, end), window)
    both = (waits["first"] + waits["second"]).cast("float64")
    at = waits["first"] / both - 0.5
    terms = waits.filter(both > 2).select(d=at * at, w=1.0 - 2.0 / both)
    d, w = terms["d"], terms["w"]
    sums = terms.aggregate(
        customers=terms.count(),
        squares=d.sum(),
        factors=w.sum(),
        squares_2=(d * d).sum(),
        products=(d * w).sum(),
        factors_2=(w * w).sum(),
    )
    (row,) = sums.to_pyarrow().to_pylist()
    return Regularity(int(row.pop("customers")), **{name: float(value or 0.0) for name, value in row.items()})


def _first_waits(transactions: Transactions, end: date, window: AcquisitionWindow) -> Any:
    """Return an Ibis table of the first two waits in days, one row per customer with three purchases."""
    bought = transactions.purchases(end).select("customer_id", "date")
    if window != EVERYONE:
        acquired = first_purchases_of(transactions, bought)
        inside = acquired.filter(is_in_window(acquired, window)).select("customer_id")
        bought = bought.semi_join(inside, "customer_id")
    order = ibis.window(group_by="customer_id", order_by="date")
    numbered = bought.mutate(at=ibis.row_number().over(order))
    early = numbered.filter(numbered["at"] < 3)
    days = early.group_by("customer_id").aggregate(
        one=early["date"].min(),
        two=early["date"].max(where=early["at"] == 1),
        three=early["date"].max(),
        purchases=early.count(),
    )
    full = days.filter(days["purchases"] == 3)
    return full.select(
        first=full["two"].delta(full["one"], unit="day"), second=full["three"].delta(full["two"], unit="day")
    )
