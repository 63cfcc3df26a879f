"""What a campaign of some length could find, before it starts: the smallest detectable effect.

The spread of outcomes comes from the model's simulated futures. Where the log is long enough, it is also corrected by
what happened in as many days just before, compared with the simulated futures of these days.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..settings import CampaignSettings
from ..streams import stream
from ..summary import CustomerSummary
from .estimate import smallest_effect

BLOCK = 512  # customers whose outcomes are in memory at once
MOST = 20_000  # customers whose futures are simulated; more change nothing
TARGET = 0.1  # the relative effect that `customers_for_tenth` is for


class Spread(NamedTuple):
    """The spread of an outcome over customers.

    Attributes:
        mean: of the outcome.
        sd: of the outcome.
        left: standard deviation that an adjustment for the expectation leaves.
        source: simulated, or past.
    """

    mean: float
    sd: float
    left: float
    source: str

    def scaled(self, simulated: "Spread", happened: "Spread") -> "Spread":
        """Return a spread that is as much larger as what happened in the past was than its simulated futures."""
        pairs = zip(self[:3], simulated[:3], happened[:3], strict=True)
        mean, sd, left = (own * after / before if before > 0 else own for own, before, after in pairs)
        return Spread(mean, sd, left, "past")


def simulated_spreads(
    scorer: Any, customers: CustomerSummary, expected: pd.DataFrame, days: int, level: float, seed: int
) -> dict[str, Spread]:
    """Return the spread of purchases and spend in a typical one of the model's futures."""
    rows = stream(seed, "campaign.plan_sample").permutation(len(expected))[:MOST]
    sums = {name: _Sums(scorer.draws) for name in ("purchases", "spend")}
    params = {"horizon_days": days, "discount_rate": 0.0, "margin": 1.0, "level": level, "seed": seed}
    for at in _blocks(rows):
        futures = scorer.simulate(customers.take(at), **params)
        for name, values in (("purchases", futures.purchases), ("spend", futures.clv)):
            sums[name].add(expected[f"expected_{name}"].to_numpy()[at], values)
    return {name: one.spread("simulated") for name, one in sums.items()}


def past_spreads(expected: pd.DataFrame, actual: pd.DataFrame) -> dict[str, Spread]:
    """Return the spread of purchases and spend in the past."""
    spreads = {}
    for name in ("purchases", "spend"):
        sums = _Sums(1)
        sums.add(expected[f"expected_{name}"].to_numpy(), actual[name].to_numpy()[:, None])
        spreads[name] = sums.spread("past")
    return spreads


class _Sums:
    """Sums over customers, of each future."""

    def __init__(self, draws: int) -> None:
        self.size, self.x, self.xx = 0, 0.0, 0.0
        self.y, self.yy, self.xy = np.zeros((3, draws))

    def add(self, expected: np.ndarray, outcomes: np.ndarray) -> None:
        self.size += expected.size
        self.x, self.xx = self.x + expected.sum(), self.xx + (expected**2).sum()
        self.y += outcomes.sum(axis=0)
        self.yy += (outcomes.astype(np.float64) ** 2).sum(axis=0)
        self.xy += expected @ outcomes

    def spread(self, source: str) -> Spread:
        n = self.size
        var_x = self.xx / n - (self.x / n) ** 2
        var_y = self.yy / n - (self.y / n) ** 2
        cov = self.xy / n - self.x * self.y / n**2
        left = var_y - (cov**2 / var_x if var_x > 0 else 0.0)
        scale = n / max(n - 1, 1)
        sd, sd_left = (float(np.median(np.sqrt(np.maximum(values * scale, 0.0)))) for values in (var_y, left))
        return Spread(float(self.y.mean() / n), sd, sd_left, source)


def plan_table(
    sizes: "pd.Series[int]",
    arms: Sequence[str],
    spreads: Sequence[dict[str, Spread]],
    settings: CampaignSettings,
    margin: float,
) -> pd.DataFrame:
    """Return a row for each arm, outcome and source of the spread: the smallest effect that would be found.

    With several arms it is that of Holm's first step: significance divided by their number.
    """
    rows = []
    significance = settings.significance / len(arms)
    for source in spreads:
        for arm in arms:
            treated, control = int(sizes[arm]), int(sizes[str(settings.control)])
            for outcome, spread in _outcomes(source, margin):
                per_customer = np.sqrt(1 / treated + 1 / control)
                raw, least = (
                    smallest_effect(sd * per_customer, significance, settings.power) for sd in (spread.sd, spread.left)
                )
                relative = least / spread.mean if spread.mean > 0 else np.nan
                rows.append(
                    {
                        "arm": arm,
                        "outcome": outcome,
                        "source": spread.source,
                        "customers": treated,
                        "control_customers": control,
                        "expected_mean": spread.mean,
                        "sd": spread.sd,
                        "variance_saved": 1.0 - (spread.left / spread.sd) ** 2 if spread.sd > 0 else 0.0,
                        "smallest_effect": least,
                        "smallest_relative": relative,
                        "smallest_total": treated * least,
                        "raw_smallest_effect": raw,
                        "customers_for_tenth": np.ceil((treated + control) * (relative / TARGET) ** 2),
                    }
                )
    return pd.DataFrame(rows)


def _outcomes(spreads: dict[str, Spread], margin: float) -> Iterator[tuple[str, Spread]]:
    yield from spreads.items()
    mean, sd, left, source = spreads["spend"]
    yield "margin", Spread(margin * mean, margin * sd, margin * left, source)


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]
