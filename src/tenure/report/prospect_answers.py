"""Answers about what lies ahead: the forecast of the customer base, and its cohorts over time."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tenure.decide.bands import quantiles
from tenure.totals import ASSUMED

from .answer_parts import AnswerParts
from .customer_answers import Answer
from .tables import Note, Table

YEARS = (12, 24)  # months ahead at which cohorts are summed up
MOST_ROWS = 24


class ProspectAnswers(AnswerParts):
    """Sentences, and the tables and notes behind them, by question."""

    def forecast(self) -> Answer:
        """Return what will come in, by month."""
        ahead = self.decisions.prospects
        table = ahead.forecast[ahead.forecast["is_forecast"]]
        of_all, of_new = (table[table["customers"] == who] for who in ("all", "new"))
        low, high = quantiles(ahead.totals["spend"], [0.9])
        expected = self.text(
            "forecast.expected",
            first=self.numbers.day(of_all["first_day"].iloc[0]),
            last=self.numbers.day(of_all["last_day"].iloc[-1]),
            revenue=self.money(of_all["revenue"].sum()),
            range=self.numbers.span(float(low), float(high)),
            purchases=self.count(of_all["purchases"].sum()),
            new=self.money(of_new["revenue"].sum()),
        )
        answers = [expected, self._plan(of_new["new_customers"].sum()), self._past()]
        return answers, [self._months(of_all), self._check_table(), self._sample()]

    def _months(self, table: pd.DataFrame) -> Table:
        is_assumed = ASSUMED in self.decisions.prospects.drift
        drift = self.text("forecast.drift_assumed") if is_assumed else self.text("forecast.drift_estimated")
        columns = {"month": "month", "first_day": "day", "last_day": "day", "purchases": "count", "revenue": "money",
                   "band_50": ("span", "revenue_low_50", "revenue_high_50"),
                   "band_90": ("span", "revenue_low_90", "revenue_high_90"),
                   "discounted_margin": "money", "new_customers": "count"}  # fmt: skip
        return self.table(table, self.text("forecast.bands", drift=drift), columns)

    def _plan(self, new: float) -> str:
        plan = self.decisions.prospects.plan
        if plan.is_stated:
            return self.text("forecast.stated", new=self.count(new))
        if not any(plan.rates.values()):
            return self.text("forecast.nobody", days=self.count(plan.recent_days))
        return self.text("forecast.recent", new=self.count(new), days=self.count(plan.recent_days))

    def _past(self) -> str:
        table = self.decisions.prospects.past_forecasts
        months = table[table["month"] != "total"]
        if not len(months):
            return self.text("forecast.unchecked")
        days = ", ".join(self.numbers.day(day) for day in sorted(months["origin"].unique()))
        shares = {f"of_{level}": self.percent(months[f"covers_{level}"].mean()) for level in (50, 90)}
        return self.text("forecast.checked", days=days, **shares)

    def _check_table(self) -> Table:
        table = self.decisions.prospects.past_forecasts
        table = table[(table["month"] == "total") & (table["outcome"] == "revenue")]
        columns = {"origin": "day", "expected_revenue": ("money", "expected"), "band_90": ("span", "low_90", "high_90"),
                   "actual": "money"}  # fmt: skip
        return self.table(table, self.text("forecast.past"), columns)

    def _sample(self) -> Note:
        ahead = self.decisions.prospects
        if ahead.sampled == self.decisions.worth.customers:
            return Note(self.text("forecast.everybody"), "soft")
        sampled, error = self.count(ahead.sampled), self.percent(ahead.error, 1)
        return Note(self.text("forecast.sample", customers=sampled, error=error), "soft")

    def retention(self) -> Answer:
        """Return how cohorts develop, and how many customers fall silent."""
        churn = self.decisions.prospects.churn
        past, ahead = churn[~churn["is_expected"]], churn[churn["is_expected"]]
        days, (first, *_, last) = self.count(churn["window_days"].iloc[0]), ahead.to_dict("records")
        silent = self.text(
            "retention.ahead",
            days=days,
            share=self.percent(first["churn"]),
            range=self._shares(first),
            last=self.numbers.day(last["date"]),
            later=self.percent(last["churn"]),
            later_range=self._shares(last),
        )
        answers = [silent]
        if len(past):
            share = self.percent(past["churn"].iloc[-1])
            answers = [self.text("retention.silent", days=days, share=share), silent]
        columns = {"date": "day", "customers": "count", "churn": "percent", "churn_low": "percent",
                   "churn_high": "percent"}  # fmt: skip
        shown = pd.concat([past.tail(MOST_ROWS), ahead])
        return answers, [self._years(), self.table(shown, self.text("retention.windows", days=days), columns)]

    def _shares(self, row: Mapping[Any, Any]) -> str:
        low, high = self.percent(row["churn_low"]), self.percent(row["churn_high"])
        return self.text("retention.shares", low=low, high=high)

    def _years(self) -> Table:
        """Return the months one and two years ahead, by cohort."""
        ahead = self.decisions.prospects.retention
        ahead = ahead[ahead["status"] != "observed"]
        months = sorted(ahead["month"].unique())
        rows = []
        for cohort in sorted(ahead["cohort"].unique())[-MOST_ROWS:]:
            own = ahead[ahead["cohort"] == cohort].set_index("month").sort_index()
            cells = [self.numbers.month_cell(str(cohort)), self.numbers.count_cell(float(own["customers"].iloc[0]))]
            for number in YEARS:
                until = own.loc[: months[min(number, len(months)) - 1]]
                cells += [self.numbers.percent_cell(float(until["retention"].iloc[-1])),
                          self.numbers.money_cell(float(until["revenue"].sum()))]  # fmt: skip
            rows.append(cells)
        titles = ("cohort", "customers", "month_12", "revenue_12", "month_24", "revenue_24")
        return Table(self.text("retention.years"), [self.text(f"columns.{title}") for title in titles], rows)
