"""The model's totals of a holdout over all customers, where those that are measured one by one are a sample of them."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from tenure.rfm import Split
from tenure.scorer import HeavyTailWarning, Scorer, Totals
from tenure.summary import CustomerSummary

from .outcome import Total


def forecast_totals(
    scorer: Scorer, split: Split, *, level: float, seed: int, advance: Callable[[int], None] | None = None
) -> dict[str, Total]:
    """Forecast the totals of the holdout, by outcome, share by share of all customers.

    Draws are joint and equal those of `model_forecast`, undiscounted and at full margin. `advance` is called with
    numbers of customers that are done.
    """
    if split.everyone is None:
        raise ValueError("All customers of the split are measured.")
    params: dict[str, Any] = {"horizon_days": split.horizon_days, "discount_rate": 0.0, "margin": 1.0, "level": level}
    totals, *largest = _sum(scorer, split.everyone.shares(), {**params, "seed": seed, "advance": advance})
    actual, (purchases, spend) = split.totals, largest
    return {
        "purchases": Total(
            actual["purchases"], float(totals.expected_purchases.mean()), totals.purchases.astype(float), purchases
        ),
        "spend": Total(actual["spend"], float(totals.expected_clv.mean()), totals.clv, spend),
    }


def _sum(
    scorer: Scorer, shares: Iterable[CustomerSummary], params: dict[str, Any]
) -> tuple[Totals, float, float]:  # fmt: skip
    """Return the totals, and the largest expected purchases and spend of a customer."""
    totals, purchases, spend = Totals.empty(scorer.draws), 0.0, 0.0
    for summary in shares:
        with warnings.catch_warnings():
            # The means of single customers are not used; a warning per share would be too many.
            warnings.simplefilter("ignore", HeavyTailWarning)
            scores = scorer.score(summary, **params)
        totals = totals + scores.totals
        purchases = max(purchases, float(scores.table["expected_purchases"].max()))
        spend = max(spend, float(scores.table["clv"].max()))
    return totals, purchases, spend
