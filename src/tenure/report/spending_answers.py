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
        table, ratio = self.decisions.acquisition, self.settings.acquisition.ratio
        first = table.iloc[0]
        mean = self.numbers.span(first["clv_mean_low"], first["clv_mean_high"])
        answers = [
            f"A new customer brings {self.money(first['clv'])} on average ({mean}) within "
            f"{self.count(first['horizon_days'])} days, the first order included. If that is to be {ratio:g} times the "
            f"cost, pay at most {self.money(first['ceiling'])}; to be cautious, {self.money(first['ceiling_low'])}."
        ]
        with_cost = table.drop_duplicates("channel").dropna(subset="acquisition_cost")
        answers += [self._payback(row) for row in with_cost.to_dict("records")]
        return answers, [self._ceilings(), self._channels()]

    def _ceilings(self) -> Table:
        """Return the ceilings by horizon; the model is of all channels, so that they are those of the first."""
        table = self.decisions.acquisition
        table = table[table["channel"] == table["channel"].iloc[0]]
        caption = (
            "By the days from the first order on. The range of the mean is of an average over many new customers; that "
            "of one customer is far wider. Beyond the days over which the model was tested, it extrapolates."
        )
        endless = table.assign(days=[self.count(days) if days else "no end" for days in table["horizon_days"]])
        columns = {
            "days": "days", "brings": ("money", "clv"), "range of the mean": ("span", "clv_mean_low", "clv_mean_high"),
            "range of one": ("span", "clv_low", "clv_high"),
            f"ceiling at {self.settings.acquisition.ratio:g} to 1": ("money", "ceiling"),
            "cautious": ("money", "ceiling_low"),
        }  # fmt: skip
        return self.table(endless, caption, columns)

    def _channels(self) -> Table:
        """Return what was observed of each channel, and how its cost compares with a new customer's margin."""
        table = self.decisions.acquisition
        longest = self.settings.acquisition.horizons_days[-1]
        caption = (
            f"What a channel's customers did so far, and its cost against the margin of {self.count(longest)} days. "
            "The model is of all customers: a channel whose customers differ needs a model of its own."
        )
        columns = {
            "channel": "channel", "customers": ("count", "customers"), "first order": ("money", "first_order"),
            "spend in 365 days": ("money", "spend_365"), "bought again": ("percent", "second_purchase_rate"),
            "cost": ("money", "acquisition_cost"), "margin / cost": ("ratio", "clv_to_cost"),
            "mean is above the cost": ("percent", "p_mean_above_cost"),
            "customers who repay it": ("percent", "p_customer_repays"), "repaid on day": ("count", "payback_days"),
        }  # fmt: skip
        return self.table(table[table["horizon_days"] == longest], caption, columns)

    def _payback(self, row: Mapping[Any, Any]) -> str:
        channel = "A" if row["channel"] == ALL else f"Channel {row['channel']}: a"
        start = f"{channel} cost of {self.money(row['acquisition_cost'])} is"
        if pd.isna(row["payback_days"]):
            longest = self.count(self.settings.acquisition.horizons_days[-1])
            within = self.percent(row["p_payback_within"])
            return f"{start} probably not repaid within {longest} days; the probability that it is: {within}."
        high = "not within the longest horizon" if pd.isna(row["payback_high"]) else self.count(row["payback_high"])
        if row["payback_high"] == 0:
            return f"{start} repaid by the first order on average."
        low = self.count(row["payback_low"])
        return f"{start} repaid after {self.count(row['payback_days'])} days on average ({low} to {high})."

    def win_back(self) -> Answer:
        """Return which offers pay, and what it may cost to keep a customer."""
        offer, table = self.settings.offer, self.decisions.win_back
        chosen, (low, high) = table[table["is_selected"].astype(bool)], self.ends(self.decisions.gains)
        points = f"{self.count(100 * offer.lift, 0 if round(100 * offer.lift, 6).is_integer() else 1)} points"
        lift = f"{self.percent(offer.lift)} of itself" if offer.multiplicative else points
        when = "when it is used" if offer.paid == "redemption" else "for each customer who gets it"
        answer = (
            f"An offer of {self.money(offer.cost)}, paid {when}, that raises the probability of a purchase by {lift} "
            f"pays for {self.count(len(chosen))} of {self.count(len(table))} inactive and dormant customers. It costs "
            f"{self.money(chosen['offer_cost'].sum())} and gains {self.money(chosen['offer_gain'].sum())} "
            f"({self.numbers.span(low, high)})."
        )
        test = (
            "The rise is an assumption: only a test with a control group measures it. Each customer is in win_back.csv."
        )
        return [answer, *self._apart(table), self._keep()], [self._offers(), Note(test, "soft")]

    def _keep(self) -> str:
        """Return what it may cost to keep the customers who are still there."""
        table = self.decisions.stages.set_index("stage").loc[["new", "active"]]
        customers, clv = table["customers"].sum(), table["clv"].sum()
        if not customers:
            return "There is no new or active customer to keep."
        offers = (table["highest_offer"].fillna(0.0) * table["customers"]).sum() / customers
        return (
            f"To keep one of the {self.count(customers)} new and active customers, the same rise justifies at most "
            f"{self.money(offers)} on average; more than {self.money(clv / customers)}, what such a customer is "
            "expected to bring, is never justified. The list of each customer is keep.csv."
        )

    def _offers(self) -> Table:
        """Return the highest offers by stage."""
        stages = self.decisions.stages
        table = stages.assign(each=stages["clv"] / stages["customers"].where(stages["customers"] > 0))
        columns = {
            "stage": "stage", "customers": ("count", "customers"), "expected to buy": ("count", "expected_buyers"),
            "expected margin of one": ("money", "each"), "highest offer to one": ("money", "highest_offer"),
        }  # fmt: skip
        return self.table(table, "The highest offer is an average: at that cost an offer gains nothing.", columns)

    def _apart(self, table: pd.DataFrame) -> list[str]:
        """Return a sentence on customers whose probabilities the backtest found wrong."""
        apart = int(table["observed_rate"].notna().sum())
        if not apart:
            return []
        ranges = "; ".join(
            f"where {self.percent(one.low)} to {self.percent(one.high)} were predicted, "
            f"{self.percent(one.observed, 1)} bought"
            for one in self.decisions.unreliable
        )
        return [
            f"No gain is claimed for {self.count(apart)} customers, as the backtest found their probabilities wrong: "
            f"{ranges}. They are at the end of the list."
        ]
