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
        """Return what the customer base is worth, on one page for somebody who buys it."""
        ahead, params = self.decisions.prospects, self.params
        main = self._main(ahead.equity)
        present, future = (
            {int(row["horizon_days"]): row for row in main[main["group"] == group].to_dict("records")}
            for group in ("present", "future")
        )
        endless = 0 if 0 in present else max(present)
        first, row = min(day for day in present if day), present[endless]
        shares = ahead.concentration.top_shares
        answers = [
            f"The {self.count(self.decisions.worth.customers)} present customers are worth {self.money(row['clv'])} "
            f"({self.numbers.span(row['adjusted_low'], row['adjusted_high'])}, widened for drift)"
            f"{' without end' if endless == 0 else ''}, and {self.money(present[first]['clv'])} within "
            f"{self.count(first)} days, at a margin of {self.percent(params.margin)} and a discount rate of "
            f"{self.percent(params.discount_rate, 1)} a year.",
            self._tested(row),
            f"One in a hundred customers holds {self.percent(shares[0.01])} of it, one in ten "
            f"{self.percent(shares[0.1])}; {self.percent(ahead.concentration.half, 1)} of the customers hold a half.",
        ]  # fmt: skip
        answers.append(self._future(future[endless]))
        return answers, [self._by_horizon(main), self._sensitivity(), *self._groups(main, endless), self._caveats()]

    def _main(self, table: pd.DataFrame) -> pd.DataFrame:
        is_main = (table["discount_rate"] == self.params.discount_rate) & (table["margin"] == self.params.margin)
        return table[is_main]

    def _tested(self, row: Mapping[Any, Any]) -> str:
        ahead = self.decisions.prospects
        days = "no days" if not ahead.tested_days else f"{self.count(ahead.tested_days)} days"
        tested = f"A holdout tested {days}: {self.percent(row['tested_share'])} of that amount."
        if pd.isna(row["extrapolated_share"]) or ahead.observed_days is None:
            return tested
        return (
            f"{tested} {self.percent(row['extrapolated_share'])} lies farther ahead than anybody was observed "
            f"({self.count(ahead.observed_days)} days) and is extrapolated by the model's formula alone."
        )

    def _future(self, row: Mapping[Any, Any]) -> str:
        years = self.settings.equity.acquisition_years
        if not row["customers"]:
            return "No future customers are planned, so nothing is counted for them."
        text = (
            f"{self.count(row['customers'])} customers yet to be acquired over {years:g} years are worth "
            f"{self.money(row['clv'])} more"
        )
        if pd.isna(row["acquisition_cost"]):
            return f"{text}, before the cost of acquiring them, which is not known (decide.acquisition.costs)."
        cost, net = self.money(row["acquisition_cost"]), self.money(row["net_margin"])
        return f"{text}; acquiring them costs {cost}, which leaves {net}."

    def _by_horizon(self, main: pd.DataFrame) -> Table:
        shown = main[main["group"].isin(["present", "future", "all"])]
        columns = {
            "days ahead": "days", "customers": "group", "worth": ("money", "clv"),
            "range": ("span", "clv_low", "clv_high"), "widened": ("span", "adjusted_low", "adjusted_high"),
            "cost of acquisition": ("money", "acquisition_cost"), "net": ("money", "net_margin"),
            "tested": ("percent", "tested_share"), "extrapolated": ("percent", "extrapolated_share"),
        }  # fmt: skip
        caption = (
            "Range: if customers go on as they did. Widened: if they drift as much as totals may. Days: 0 to then."
        )
        return self.table(self._with_days(shown), caption, columns)

    def _with_days(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(days=[self.count(days) if days else "no end" for days in table["horizon_days"]])

    def _sensitivity(self) -> Table:
        table = self.decisions.prospects.equity
        table = table[table["group"] == "present"]
        horizons = list(dict.fromkeys(table["horizon_days"]))
        rows = []
        for rate, margin in sorted(set(zip(table["discount_rate"], table["margin"], strict=True))):
            group = table[(table["discount_rate"] == rate) & (table["margin"] == margin)]
            by = group.set_index("horizon_days")["clv"].reindex(horizons)
            rows.append([Cell(self.percent(rate, 1)), Cell(self.percent(margin)), *map(self.numbers.money_cell, by)])
        names = ["no end" if days == 0 else f"{self.count(days)} days" for days in horizons]
        return Table("Worth of the present customers at other discount rates and margins.",
                     ("discount rate", "margin", *names), rows)  # fmt: skip

    def _groups(self, main: pd.DataFrame, endless: int) -> Sequence[Table]:
        columns = {"": "value", "customers": ("count", "customers"), "worth": ("money", "clv"),
                   "widened": ("span", "adjusted_low", "adjusted_high"),
                   "extrapolated": ("percent", "extrapolated_share")}  # fmt: skip
        captions = {"tier": "By tier, without end." if endless == 0 else "By tier.",
                    "cohort": "By month of the first purchase, the latest months."}  # fmt: skip
        of = main[main["horizon_days"] == endless]
        return [self.table(of[of["group"] == group].tail(MOST_ROWS), text, columns) for group, text in captions.items()]

    def _caveats(self) -> Note:
        return Note(
            "Tested: the model's forecast of days that it was not fitted to, on this log. Not tested: that prices, "
            "goods and marketing stay as they are after a sale; that customers leave no faster under a new owner; days "
            "beyond the tested ones. Costs to serve, overheads and taxes are not taken off.",
            "soft",
        )
