"""Answers about what lies ahead: the forecast of the customer base, and its cohorts over time."""

import pandas as pd

from tenure.decide.bands import quantiles

from .answer_parts import AnswerParts
from .customer_answers import Answer
from .tables import Cell, Note, Table

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
        answers = [
            f"From {of_all['first_day'].iloc[0]} to {of_all['last_day'].iloc[-1]}, revenue of "
            f"{self.money(of_all['revenue'].sum())} is expected (with 90% probability {self.numbers.span(low, high)}), "
            f"undiscounted, from {self.count(of_all['purchases'].sum())} purchases. Customers who are yet to be "
            f"acquired bring {self.money(of_new['revenue'].sum())} of it.",
            self._plan(of_new["new_customers"].sum()),
            self._past(),
        ]
        caption = "Bands contain the actual amount with 50% and 90% probability; they are widened for drift: " + (
            f"{ahead.drift}. The months are part of one future: do not add up their bands."
        )
        columns = {
            "month": "month", "from": "first_day", "to": "last_day", "purchases": ("count", "purchases"),
            "revenue": ("money", "revenue"), "50% band": ("span", "revenue_low_50", "revenue_high_50"),
            "90% band": ("span", "revenue_low_90", "revenue_high_90"),
            "discounted margin": ("money", "discounted_margin"), "new customers": ("count", "new_customers"),
        }  # fmt: skip
        return answers, [self.table(of_all, caption, columns), self._check_table(), self._sample()]

    def _plan(self, new: float) -> str:
        plan = self.decisions.prospects.plan
        if plan.is_stated:
            return f"The forecast counts on {self.count(new)} new customers, as the settings state."
        if not any(plan.rates.values()):
            return (
                f"Nobody was acquired in the last {self.count(plan.recent_days)} days, so no new customers are counted "
                "on. decide.forecast.new_customers states a plan."
            )
        return (
            f"The forecast counts on {self.count(new)} new customers, as many a day as in the last "
            f"{self.count(plan.recent_days)} days; the bands allow for as much error as such plans had. "
            "decide.forecast.new_customers states another plan."
        )

    def _past(self) -> str:
        table = self.decisions.prospects.past_forecasts
        months = table[table["month"] != "total"]
        if not len(months):
            return "The forecast was not compared with the past: the log is too short, too small or too large for that."
        origins = ", ".join(map(str, sorted(table["origin"].unique())))
        return (
            f"The same forecast from earlier days ({origins}), new customers at the rate of the days before: the 90% "
            f"bands covered {self.percent(months['covers_90'].mean())} of the months, the 50% bands "
            f"{self.percent(months['covers_50'].mean())}."
        )

    def _check_table(self) -> Table:
        table = self.decisions.prospects.past_forecasts
        table = table[(table["month"] == "total") & (table["outcome"] == "revenue")]
        columns = {
            "forecast on": "origin", "revenue expected": ("money", "expected"),
            "90% band": ("span", "low_90", "high_90"), "actual": ("money", "actual"),
        }  # fmt: skip
        return self.table(table, "Past forecasts of the revenue of all their months together.", columns)

    def _sample(self) -> Note:
        ahead = self.decisions.prospects
        if ahead.sampled == self.decisions.worth.customers:
            return Note("All customers were followed month by month.", "soft")
        return Note(
            f"From a sample of {self.count(ahead.sampled)} customers by a hash of their ids; sampling adds an error of "
            f"{self.percent(ahead.error, 1)}.",
            "soft",
        )

    def retention(self) -> Answer:
        """Return how cohorts develop, and how many customers fall silent."""
        churn = self.decisions.prospects.churn
        past, ahead = churn[~churn["is_expected"]], churn[churn["is_expected"]]
        days = self.count(churn["window_days"].iloc[0])
        answers = []
        if len(past):
            share = self.percent(past["churn"].iloc[-1])
            answers.append(f"In the last {days} days, {share} of the customers from before bought nothing.")
        first, last = ahead.iloc[0], ahead.iloc[-1]
        answers.append(
            f"In the next {days} days, {self.percent(first['churn'])} of the present customers will buy nothing "
            f"({self._shares(first)}); in the {days} days up to {last['date']}, {self.percent(last['churn'])} "
            f"({self._shares(last)})."
        )
        caption = f"Share of customers without a purchase in {days} days, by the last of these days."
        columns = {"up to": "date", "customers": ("count", "customers"), "without a purchase": ("percent", "churn"),
                   "from": ("percent", "churn_low"), "to": ("percent", "churn_high")}  # fmt: skip
        shown = pd.concat([past.tail(MOST_ROWS), ahead])
        return answers, [self._years(), self.table(shown, caption, columns)]

    def _shares(self, row: pd.Series) -> str:
        return f"{self.percent(row['churn_low'])} to {self.percent(row['churn_high'])}"

    def _years(self) -> Table:
        """Return the months one and two years ahead, by cohort."""
        table = self.decisions.prospects.retention
        ahead = table[table["status"] != "observed"]
        months = sorted(ahead["month"].unique())
        rows = []
        for cohort in sorted(table["cohort"].unique())[-MOST_ROWS:]:
            own = ahead[ahead["cohort"] == cohort].set_index("month")
            cells = [Cell(str(cohort)), self.numbers.count_cell(float(own["customers"].iloc[0]))]
            for number in YEARS:
                at = months[min(number, len(months)) - 1]
                until = own.loc[months[0] : at]
                cells += [self.numbers.percent_cell(own.loc[at, "retention"]),
                          self.numbers.money_cell(until["revenue"].sum())]  # fmt: skip
            rows.append(cells)
        names = [name for year in (1, 2) for name in (f"buy in month {12 * year}", f"revenue of {12 * year} months")]
        caption = "By month of the first purchase: the share that buys in the last month, and revenue until then."
        return Table(caption, ("month", "customers", *names), rows)
