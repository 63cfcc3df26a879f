"""Offers: what one may cost, what it gains, and how a budget is spent.

A customer buys within the horizon with probability P without an offer and P + lift with it. A customer who buys brings
V = E[margin | purchase] = clv / P. An offer of cost c gains

    lift * V - c * (P + lift)   where it is paid on redemption, by those who would have bought anyway too,
    lift * V - c                where it is paid for each contact.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..settings import OfferSettings
from .futures import Floats

LEAST_IN_TENTH = 30  # of the backtest: with fewer customers, a gap means little


class Offer(NamedTuple):
    """What an offer changes for each customer, shape (customers,) each."""

    lift: Floats
    margin_if_purchase: Floats
    highest_cost: Floats
    break_even_lift: Floats
    gain: Floats
    cost: Floats


def evaluate_offer(p_purchase: Floats, clv: Floats, settings: OfferSettings) -> Offer:
    """Return what an offer changes, in closed form.

    The lift is at most 1 - P. A break-even lift is NaN where no lift pays, or only one beyond 1 - P.
    """
    p = np.asarray(p_purchase, np.float64)
    lift = np.minimum(p * settings.lift if settings.multiplicative else settings.lift, 1.0 - p)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(p > 0, clv / p, 0.0)
        if settings.paid == "redemption":
            highest, cost = np.where(lift > 0, lift * value / (p + lift), 0.0), settings.cost * (p + lift)
            needed = np.where(value > settings.cost, settings.cost * p / (value - settings.cost), np.nan)
        else:
            highest, cost = lift * value, np.full(p.shape, settings.cost)
            needed = np.where(value > 0, settings.cost / value, np.nan)
    needed = np.where(needed <= 1.0 - p, needed, np.nan)
    return Offer(lift, value, highest, needed, lift * value - cost, cost)


class Unreliable(NamedTuple):
    """A range of P(purchase) whose probabilities were wrong in the backtest, with the observed rate."""

    low: float
    high: float
    observed: float


def unreliable_ranges(reliability: pd.DataFrame | None, largest_gap: float) -> list[Unreliable]:
    """Return the tenths of P(purchase) that the backtest found off by more than the gap beyond two standard errors."""
    if reliability is None:
        return []
    tenths = reliability[reliability["customers"] >= LEAST_IN_TENTH]
    beyond = (tenths["predicted"] - tenths["actual"]).abs() - 2 * tenths["predicted_se"] > largest_gap
    return [Unreliable(row["low"], row["high"], row["actual"]) for row in tenths[beyond].to_dict("records")]


def observed_rates(p_purchase: Floats, ranges: list[Unreliable]) -> Floats:
    """Return the observed rate of customers in an unreliable range; NaN elsewhere."""
    rates = np.full(p_purchase.shape, np.nan)
    for low, high, observed in ranges:
        rates[(p_purchase >= low) & ((p_purchase < high) | (high >= 1.0))] = observed
    return rates


class Listed:
    """The first customers of an order, at most so many, so that memory does not grow with their number.

    Args:
        most: how many are kept.
        order: returns the first customers of its order, at most so many.
    """

    def __init__(self, most: int, order: Callable[[pd.DataFrame, int], pd.DataFrame]) -> None:
        self.most, self.order = most, order
        self.table = pd.DataFrame()

    def add(self, rows: pd.DataFrame) -> None:
        """Add customers; keep the first."""
        both = pd.concat([self.table, rows], ignore_index=True) if len(self.table) else rows.reset_index(drop=True)
        self.table = self.order(both, self.most)


def by_gain(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the first customers: reliable ones before others, by gain per unit of expected cost, then by id."""
    return _first(rows, [rows["observed_rate"].notna(), -rows["offer_gain"] / rows["offer_cost"]], most)


def by_clv(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the first customers by clv, the highest first, then by id."""
    return _first(rows, [-rows["clv"]], most)


def _first(rows: pd.DataFrame, keys: list[Any], most: int) -> pd.DataFrame:
    """Return the first customers by ascending keys, NaN last, then by the text of the id.

    Texts are slow to sort: only customers who may be among the first are.
    """
    numbers = [np.nan_to_num(np.asarray(key, np.float64), nan=np.inf, posinf=np.inf, neginf=-np.inf) for key in keys]
    order = np.lexsort(numbers[::-1])
    if len(order) > most:
        ties = np.all([key[order[most:]] == key[order[most - 1]] for key in numbers], axis=0)
        order = order[: most + int(np.argmin([*ties, False]))]
    few = rows.iloc[order]
    texts = few["customer_id"].astype(str).to_numpy(str)
    places = np.lexsort([texts, *(key[order] for key in numbers[::-1])])
    return few.iloc[places[:most]].reset_index(drop=True)


def spend_budget(table: pd.DataFrame, budget: float | None) -> Any:
    """Return which of the ranked customers are sent an offer: those that gain, as long as the budget lasts.

    A customer whose cost is beyond what is left is skipped.
    """
    gains = (table["offer_gain"] > 0) & table["observed_rate"].isna()
    if budget is None:
        return gains.to_numpy()
    selected, left = np.zeros(len(table), np.bool_), budget
    for at, (is_gain, cost) in enumerate(zip(gains, table["offer_cost"], strict=True)):
        if is_gain and cost <= left:
            selected[at], left = True, left - cost
    return selected


def simulate_gain(
    purchases: Any, clv: Floats, lift: Floats, p_purchase: Floats, settings: OfferSettings, rng: np.random.Generator
) -> Floats:
    """Return the total gain of the offers to some customers in each future, shape (draws,).

    In a future a customer who would buy anyway does so, and redeems. Another one is moved by the offer with
    probability lift / (1 - P), and then brings what the customer brings in one of the futures with a purchase.
    """
    bought = np.asarray(purchases) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = np.where(p_purchase < 1, lift / (1.0 - p_purchase), 0.0)
    moved = ~bought & (rng.random(bought.shape) < chance[:, None])
    gain = np.zeros(bought.shape[1])
    for at in range(len(bought)):
        places = np.flatnonzero(bought[at])
        hit = np.flatnonzero(moved[at])
        if places.size and hit.size:
            # The next future with a purchase: neighbours of the joint draws stay near each other.
            after = np.searchsorted(places, hit) % places.size
            gain[hit] += clv[at, places[after]]
    paid = (bought | moved).sum(axis=0) if settings.paid == "redemption" else len(bought)
    return gain - settings.cost * paid


def offer_columns(offer: Offer, rates: Floats) -> Mapping[str, Any]:
    """Return the columns of an offer; gains are not claimed where the backtest was wrong."""
    claimed = np.isnan(rates)
    return {
        "margin_if_purchase": offer.margin_if_purchase,
        "highest_offer": np.where(claimed, offer.highest_cost, np.nan),
        "break_even_lift": np.where(claimed, offer.break_even_lift, np.nan),
        "offer_gain": np.where(claimed, offer.gain, np.nan),
        "offer_cost": offer.cost,
        "observed_rate": rates,
    }
