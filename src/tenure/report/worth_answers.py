"""Answers about the worth of the customer base: one page for somebody who buys it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .answer_parts import AnswerParts
from .customer_answers import Answer
from .tables import Cell, Note, Table

MOST_ROWS = 24


class WorthAnswers(AnswerParts):
    """Sentences, and the tables and notes behind them."""

    def equity(self) -> Answer:
        """Return what the customer base is worth."""
        main = self._main(self.decisions.prospects.equity)
        present, future = (
            {int(row["horizon_days"]): row for row in main[main["group"] == group].to_dict("records")}
            for group in ("present", "future")
        )
        longest = 0 if 0 in present else max(present)
        first, row = min(day for day in present if day), present[longest]
        worth = self.text(
            "equity.worth",
            customers=self.count(self.decisions.worth.customers),
            clv=self.money(row["clv"]),
            range=self.numbers.span(row["adjusted_low"], row["adjusted_high"]),
            longest=self._days(longest, "equity.endless"),
            first_clv=self.money(present[first]["clv"]),
            first=self.count(first),
            margin=self.percent(self.params.margin),
            rate=self.percent(self.params.discount_rate, 1),
        )
        answers = [worth, *self._tested(row), self._concentration(), self._future(future[longest])]
        tables = [self._by_horizon(main), self._sensitivity(), *self._groups(main, longest)]
        return answers, [*tables, Note(self.text("equity.caveats"), "soft")]

    def _main(self, table: pd.DataFrame) -> pd.DataFrame:
        is_main = (table["discount_rate"] == self.params.discount_rate) & (table["margin"] == self.params.margin)
        return table[is_main]

    def _days(self, days: int, endless: str) -> str:
        return self.text("equity.days", days=self.count(days)) if days else self.text(endless)

    def _tested(self, row: Mapping[Any, Any]) -> list[str]:
        ahead = self.decisions.prospects
        if ahead.tested_days:
            share = self.percent(row["tested_share"])
            answers = [self.text("equity.tested", days=self.count(ahead.tested_days), share=share)]
        else:
            answers = [self.text("equity.untested")]
        if ahead.observed_days is not None and not pd.isna(row["extrapolated_share"]):
            share, days = self.percent(row["extrapolated_share"]), self.count(ahead.observed_days)
            answers.append(self.text("equity.extrapolated", share=share, days=days))
        return answers

    def _concentration(self) -> str:
        spread = self.decisions.prospects.concentration
        shares = {"of_1": self.percent(spread.top_shares[0.01]), "of_10": self.percent(spread.top_shares[0.1])}
        return self.text("equity.concentration", **shares, half=self.percent(spread.half, 1))

    def _future(self, row: Mapping[Any, Any]) -> str:
        if not row["customers"]:
            return self.text("equity.no_future")
        years = self.numbers.plain(self.settings.equity.acquisition_years)
        numbers = {"customers": self.count(row["customers"]), "years": years, "clv": self.money(row["clv"])}
        if pd.isna(row["acquisition_cost"]):
            return self.text("equity.future_cost", **numbers)
        cost, net = self.money(row["acquisition_cost"]), self.money(row["net_margin"])
        return self.text("equity.future", **numbers, cost=cost, net=net)

    def _by_horizon(self, main: pd.DataFrame) -> Table:
        shown = main[main["group"].isin(["present", "future", "all"])]
        shown = shown.assign(horizon=[self._days(days, "equity.no_end") for days in shown["horizon_days"]])
        columns = {"horizon": "name", "group": "name", "worth": ("money", "clv"),
                   "range": ("span", "clv_low", "clv_high"), "widened": ("span", "adjusted_low", "adjusted_high"),
                   "cost_of_acquisition": ("money", "acquisition_cost"), "net_margin": "money",
                   "tested_share": "percent", "extrapolated_share": "percent"}  # fmt: skip
        return self.table(shown, self.text("equity.by_horizon"), columns)

    def _sensitivity(self) -> Table:
        table = self.decisions.prospects.equity
        table = table[table["group"] == "present"]
        horizons = list(dict.fromkeys(table["horizon_days"]))
        rows = []
        for rate, margin in sorted(set(zip(table["discount_rate"], table["margin"], strict=True))):
            group = table[(table["discount_rate"] == rate) & (table["margin"] == margin)]
            by = group.set_index("horizon_days")["clv"].reindex(horizons)
            rows.append([Cell(self.percent(rate, 1)), Cell(self.percent(margin)), *map(self.numbers.money_cell, by)])
        titles = [self.text(f"columns.{name}") for name in ("discount_rate", "margin")]
        titles += [self._days(days, "equity.no_end") for days in horizons]
        return Table(self.text("equity.sensitivity"), titles, rows)

    def _groups(self, main: pd.DataFrame, longest: int) -> Sequence[Table]:
        columns = {"customers": "count", "worth": ("money", "clv"),
                   "widened": ("span", "adjusted_low", "adjusted_high"), "extrapolated_share": "percent"}  # fmt: skip
        of = main[main["horizon_days"] == longest]
        tiers, cohorts = of[of["group"] == "tier"], of[of["group"] == "cohort"].tail(MOST_ROWS)
        return [
            self.table(tiers.assign(tier=tiers["value"]), self.text("equity.by_tier"), {"tier": "name", **columns}),
            self.table(cohorts, self.text("equity.by_cohort"), {"cohort": ("month", "value"), **columns}),
        ]
