"""What a customer is worth from the first to the last day: past and expected margin, cost, the textbook formula."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..scorer import Params
from .costs import cost_of
from .futures import Block, Floats
from .question import Question

YEAR = 365.0
TOTALS = ("historic_spend", "historic_margin", "clv", "textbook_revenue", "recent_spend")


def textbook(spend: Any, orders: Any, since_first: Any, years: float) -> Floats:
    """Return average order x orders a year x lifespan, in revenue.

    A customer's first year counts as a whole one: orders of a few weeks are not multiplied to a year's.

    >>> textbook([100.0], [2], [365], 3.0).tolist()  # 50 x 2 x 3
    [300.0]
    """
    observed = np.maximum(np.asarray(since_first, np.float64) / YEAR, 1.0)
    orders = np.asarray(orders, np.float64)
    average = np.asarray(spend, np.float64) / orders
    return np.asarray(average * (orders / observed) * years)


def value_columns(part: pd.DataFrame, scores: pd.DataFrame, question: Question) -> dict[str, Any]:
    """Return the columns of money of a part: past, ahead, both together, and after the cost of acquisition."""
    params, settings = question.params, question.settings
    margin, spend = params.margin, part["historic_spend"].to_numpy(np.float64)
    past, cost = margin * spend, cost_of(part, settings, question.channel_columns)
    revenue = textbook(spend, part["orders"], part["since_first"], settings.lifespan_years)
    ends = ("clv", "clv_low", "clv_high", "clv_mean_low", "clv_mean_high")
    lifetime = {f"lifetime_margin{end.removeprefix('clv')}": past + scores[end].to_numpy() for end in ends[:3]}
    is_comparable = part["T"].to_numpy(np.int64) >= params.horizon_days
    return {
        "orders": part["orders"].to_numpy(np.int64),
        "historic_spend": spend,
        "historic_margin": past,
        **{end: scores[end].to_numpy() for end in ends},
        **lifetime,
        "acquisition_cost": cost,
        "net_margin": lifetime["lifetime_margin"] - cost,
        "textbook_margin": margin * revenue,
        "p_alive": scores["p_alive"].to_numpy(),
        "p_purchase": scores["p_purchase"].to_numpy(),
        "expected_purchases": scores["expected_purchases"].to_numpy(),
        "expected_spend_ahead": _ahead(scores),
        "recent_spend": np.where(is_comparable, part["recent_spend"].to_numpy(np.float64), np.nan),
    }


def _ahead(scores: pd.DataFrame) -> Floats:
    """Return expected spend in the horizon, undiscounted."""
    return np.asarray(scores["expected_purchases"].to_numpy() * scores["expected_spend"].to_numpy())


def outcome_columns(block: Block, part: pd.DataFrame, params: Params) -> dict[str, Floats]:
    """Return the probabilities of counts of purchases, and of spending twice as much as in as many days before.

    Simulated margin is turned into spend by the customer's own mean discount, which is that of the expectations.
    """
    counts = block.purchases
    chances = {f"p_{number}_purchases": (counts == number).mean(axis=1) for number in (0, 1, 2)}
    ahead = _ahead(block.scores)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(ahead > 0, block.scores["clv"].to_numpy() / ahead, params.margin)
    recent = part["recent_spend"].to_numpy(np.float64)[block.rows]
    doubles = (block.clv >= (2.0 * recent * kept)[:, None]).mean(axis=1)
    is_comparable = (part["T"].to_numpy(np.int64)[block.rows] >= params.horizon_days) & (recent > 0)
    return {
        **chances,
        "p_3_or_more_purchases": (counts > 2).mean(axis=1),
        "p_doubling": np.where(is_comparable, doubles, np.nan),
    }


@dataclass
class Worth:
    """Sums over the customer base, draw by draw where they are of the future.

    Attributes:
        customers: how many.
        sums: of columns of money.
        futures: simulated clv by draw.
        comparable_spend_ahead: expected spend of the customers with a `recent_spend`.
        comparable: how many these are.
        observed: those of them who bought in as many days before.
        doubling: expected number of customers who double their spend.
    """

    customers: int
    sums: dict[str, float]
    futures: Floats
    comparable_spend_ahead: float = 0.0
    comparable: int = 0
    observed: int = 0
    doubling: float = 0.0

    @classmethod
    def empty(cls, draws: int) -> "Worth":
        """Return the sums of no customers."""
        return cls(0, dict.fromkeys(("acquisition_cost", "textbook_margin", *TOTALS), 0.0), np.zeros(draws))

    def add(self, columns: Mapping[str, Any]) -> None:
        """Add the columns of a part."""
        self.customers += len(columns["clv"])
        for name in self.sums:
            if name in columns:
                self.sums[name] += float(np.nansum(columns[name]))
        is_comparable = np.isfinite(np.asarray(columns["recent_spend"], np.float64))
        self.comparable += int(is_comparable.sum())
        self.comparable_spend_ahead += float(np.asarray(columns["expected_spend_ahead"])[is_comparable].sum())
        self.observed += int(np.isfinite(columns["p_doubling"]).sum())
        self.doubling += float(np.nansum(columns["p_doubling"]))
