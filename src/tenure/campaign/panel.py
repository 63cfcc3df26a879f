"""What each customer of a campaign was expected to do at its start, and did before and after it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..rfm import summarize
from ..settings import CampaignSettings
from ..summary import CustomerSummary
from ..transactions import Transactions
from .customers import CampaignError

EXPECTED = {"purchases": "expected_purchases", "spend": "expected_spend"}


@dataclass(frozen=True)
class Window:
    """The days of a campaign.

    Attributes:
        start, end: the first and the last day that counts.
    """

    start: date
    end: date

    @property
    def days(self) -> int:
        """Return the number of days."""
        return (self.end - self.start).days + 1

    @property
    def eve(self) -> date:
        """Return the last day before the start: what is expected rests on the days up to it."""
        return self.start - timedelta(1)


def window_of(log: Transactions, last: date, settings: CampaignSettings, *, plan: bool) -> Window:
    """Return the days of a campaign; raise CampaignError for days that are not in the log.

    Args:
        log: the purchase log.
        last: the end of observation.
        settings: of the campaign.
        plan: whether the campaign is still to come.
    """
    span = f"the log has {log.first_day} to {last}"
    start = last + timedelta(1) if settings.start is None else date.fromisoformat(settings.start)
    if start <= log.first_day:
        raise CampaignError(f"campaign.start must be after the first day of the log, got {start}; {span}.")
    if plan:
        if start > last + timedelta(1):
            last = start - timedelta(1)
        end = date.fromisoformat(settings.end) if settings.end else start + timedelta(settings.days - 1)
        return Window(start, end)
    if start > last:
        raise CampaignError(f"campaign.start {start} is after the log; {span}. Before a campaign: plan=true.")
    end = last if settings.end is None else date.fromisoformat(settings.end)
    if end > last:
        raise CampaignError(f"campaign.end must not be after the log, got {end}; {span}.")
    return Window(start, end)


def summary_before(log: Transactions, day: date) -> CustomerSummary:
    """Return the customers of a log who had bought by a day."""
    return summarize(log, min(day, log.last_day))


def expectations(scorer: Any, customers: CustomerSummary, days: int, level: float) -> pd.DataFrame:
    """Return what is expected of each customer over some days, undiscounted and at full margin."""
    table = scorer.expect(customers, horizon_days=days, discount_rate=0.0, margin=1.0, level=level)
    return pd.DataFrame(
        {"expected_purchases": table["expected_purchases"].to_numpy(), "expected_spend": table["clv"].to_numpy()}
    )


def actual(log: Transactions, customers: "pd.Series[str]", first: date, last: date) -> pd.DataFrame:
    """Return purchases and spend, net of refunds up to the last day, of each customer from a first to a last day."""
    bought = log.purchases(last)
    bought = bought.filter(bought["date"] >= first)
    sums = bought.group_by("customer_id").aggregate(
        purchases=bought.count(), spend=bought["amount"].cast("float64").sum()
    )
    table = sums.to_pandas().set_index("customer_id").reindex(customers).fillna(0.0)
    return pd.DataFrame(table.astype(float).reset_index(drop=True))


def observe(log: Transactions, table: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Add what each customer did in as many days before the start, and from the start to the end."""
    before = actual(log, table["customer_id"], window.start - timedelta(window.days), window.eve)
    after = actual(log, table["customer_id"], window.start, window.end)
    return table.assign(
        before_purchases=before["purchases"].to_numpy(),
        before_spend=before["spend"].to_numpy(),
        purchases=after["purchases"].to_numpy(),
        spend=after["spend"].to_numpy(),
    )


def by_row(table: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Add margin, and margin less cost where there are costs."""
    margins = margin * table["spend"]
    costs = {"net": margins - table["cost"]} if table["cost"].notna().all() else {}
    return table.assign(margin=margins, expected_margin=margin * table["expected_spend"], **costs)


def covariate(table: pd.DataFrame, outcome: str) -> np.ndarray:
    """Return what was expected of an outcome."""
    name = EXPECTED.get(outcome, "expected_spend")
    return table[name].to_numpy(np.float64)
