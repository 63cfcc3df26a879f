"""Answers about money to spend: on new customers, on those to win back or to keep."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tenure.decide import ALL

from .answer_parts import AnswerParts
from .customer_answers import Answer
from .tables import Note, Table


class SpendingAnswers(AnswerParts):
    """Sentences, and the tables and notes behind them, by question."""

    def acquisition(self) -> Answer:
        """Return what a new customer may cost, and when the cost is repaid."""
        table = self.decisions.acquisition
        first = table.iloc[0]
        brings = self.text(
            "acquisition.brings",
            clv=self.money(first["clv"]),
            range=self.numbers.span(first["clv_mean_low"], first["clv_mean_high"]),
            days=self.count(first["horizon_days"]),
            ratio=self.numbers.plain(self.settings.acquisition.ratio),
            ceiling=self.money(first["ceiling"]),
            ceiling_low=self.money(first["ceiling_low"]),
        )
        with_cost = table.drop_duplicates("channel").dropna(subset="acquisition_cost")
        return [brings, *map(self._payback, with_cost.to_dict("records"))], [self._ceilings(), self._channels()]

    def _ceilings(self) -> Table:
        """Return the ceilings by horizon, of all customers or, where all channels have the same, of the first."""
        table = self.decisions.acquisition
        table = table[table["channel"] == table["channel"].iloc[0]]
        endless = self.text("acquisition.endless")
        table = table.assign(days=[self.count(days) if days else endless for days in table["horizon_days"]])
        ratio = self.text("columns.ceiling", ratio=self.numbers.plain(self.settings.acquisition.ratio))
        columns = {"days": "name", "brings": ("money", "clv"),
                   "range_of_mean": ("span", "clv_mean_low", "clv_mean_high"),
                   "range_of_one": ("span", "clv_low", "clv_high"), ratio: ("money", "ceiling"),
                   "ceiling_low": "money"}  # fmt: skip
        return self.table(table, self.text("acquisition.ceilings"), columns)

    def _channels(self) -> Table:
        """Return what was observed of each channel, and how its cost compares with a new customer's margin."""
        table = self.decisions.acquisition
        longest = self.settings.acquisition.horizons_days[-1]
        is_by_segment = len(self.decisions.own_channels) > 0
        ratio = self.text("columns.ceiling", ratio=self.numbers.plain(self.settings.acquisition.ratio))
        brings = {"brings": ("money", "clv"), "range_of_mean": ("span", "clv_mean_low", "clv_mean_high"),
                  ratio: ("money", "ceiling")} if is_by_segment else {}  # fmt: skip
        columns = {"channel": "name", "customers": "count", "first_order": "money", "spend_365": "money",
                   "second_purchase_rate": "percent", **brings, "acquisition_cost": "money", "clv_to_cost": "ratio",
                   "p_mean_above_cost": "percent", "p_customer_repays": "percent", "payback_days": "count"}  # fmt: skip
        text = "acquisition.segments" if is_by_segment else "acquisition.channels"
        caption = self.text(text, days=self.count(longest))
        return self.table(table[table["horizon_days"] == longest], caption, columns)

    def _payback(self, row: Mapping[Any, Any]) -> str:
        channel = row["channel"]
        of_all = self.text("acquisition.of_all")
        start = {
            "subject": of_all if channel == ALL else self.text("acquisition.of_channel", channel=channel),
            "cost": self.money(row["acquisition_cost"]),
        }
        if pd.isna(row["payback_days"]):
            longest = self.count(self.settings.acquisition.horizons_days[-1])
            within = self.percent(row["p_payback_within"])
            return self.text("acquisition.not_repaid", **start, days=longest, probability=within)
        if row["payback_high"] == 0:
            return self.text("acquisition.repaid_at_once", **start)
        never, high = self.text("acquisition.not_within"), row["payback_high"]
        ends = {"low": self.count(row["payback_low"]), "high": never if pd.isna(high) else self.count(high)}
        return self.text("acquisition.repaid", **start, days=self.count(row["payback_days"]), **ends)

    def win_back(self) -> Answer:
        """Return which offers pay, and what it may cost to keep a customer."""
        offer, table = self.settings.offer, self.decisions.win_back
        chosen = table[table["is_selected"].astype(bool)]
        answer = self.text(
            "win_back.offer",
            cost=self.money(offer.cost),
            when=self.text(f"win_back.on_{offer.paid}"),
            lift=self._lift(),
            selected=self.count(len(chosen)),
            customers=self.count(len(table)),
            total=self.money(chosen["offer_cost"].sum()),
            gain=self.money(chosen["offer_gain"].sum()),
            range=self.numbers.span(*self.ends(self.decisions.gains)),
        )
        assumed = Note(self.text("win_back.assumed"), "soft")
        return [answer, *self._apart(table), self._keep()], [self._offers(), assumed]

    def _lift(self) -> str:
        lift = self.settings.offer.lift
        if self.settings.offer.multiplicative:
            return self.text("win_back.of_itself", share=self.percent(lift))
        decimals = 0 if round(100 * lift, 6).is_integer() else 1
        return self.text("win_back.points", points=self.count(100 * lift, decimals))

    def _keep(self) -> str:
        """Return what it may cost to keep the customers who are still there."""
        table = self.decisions.stages.set_index("stage").loc[["new", "active"]]
        customers, clv = table["customers"].sum(), table["clv"].sum()
        if not customers:
            return self.text("win_back.nobody_to_keep")
        offer = self.money((table["highest_offer"].fillna(0.0) * table["customers"]).sum() / customers)
        return self.text("win_back.keep", customers=self.count(customers), offer=offer, clv=self.money(clv / customers))

    def _offers(self) -> Table:
        """Return the highest offers by stage."""
        stages = self.decisions.stages
        table = stages.assign(clv_of_one=stages["clv"] / stages["customers"].where(stages["customers"] > 0))
        columns = {"stage": "name", "customers": "count", "expected_buyers": "count", "clv_of_one": "money",
                   "highest_offer": "money"}  # fmt: skip
        return self.table(table, self.text("win_back.offers"), columns)

    def _apart(self, table: pd.DataFrame) -> list[str]:
        """Return a sentence on customers whose probabilities the backtest found wrong."""
        apart = int(table["observed_rate"].notna().sum())
        if not apart:
            return []
        ranges = "; ".join(
            self.text(
                "win_back.apart_range",
                low=self.percent(one.low),
                high=self.percent(one.high),
                observed=self.percent(one.observed, 1),
            )
            for one in self.decisions.unreliable
        )
        return [self.text("win_back.apart", customers=self.count(apart), ranges=ranges)]
