"""Answers about the customers there are: their worth, tiers, stages, cohorts."""

from collections.abc import Sequence

from .answer_parts import AnswerParts
from .page import Part
from .tables import Cell, Table

MOST_COHORTS = 24  # that are shown, the latest
BEFORE = {"were not yet customers": "from_none", "were new": "from_new", "were active": "from_active",
          "were inactive": "from_inactive", "were dormant": "from_dormant"}  # fmt: skip
type Answer = tuple[Sequence[str], Sequence[Part]]


class CustomerAnswers(AnswerParts):
    """Sentences, and the tables and notes behind them, by question."""

    def value(self) -> Answer:
        """Return what customers are worth, so far and in the horizon."""
        worth, ratio = self.decisions.worth, self.settings.acquisition.ratio
        expected, (low, high) = worth.sums["clv"], self.ends(worth.futures)
        answers = [
            f"So far they spent {self.money(worth.sums['historic_spend'])}, a margin of "
            f"{self.money(worth.sums['historic_margin'])}. Another {self.money(expected)} "
            f"({self.numbers.span(low, high)}) is expected: {self.money(expected / worth.customers)} a customer.",
            f"All marketing to keep these customers must cost less than {self.money(expected)} together; at {ratio:g} "
            f"to 1, at most {self.money(expected / ratio)}.",
        ]
        if worth.comparable and worth.sums["recent_spend"] > 0:
            answers.append(self._growth())
        return answers, [self._textbook(), self._returns()]

    def _growth(self) -> str:
        """Return what customers who were there before are expected to spend, against what they spent."""
        worth, before = self.decisions.worth, self.decisions.worth.sums["recent_spend"]
        ahead = worth.comparable_spend_ahead
        change = self.percent(abs(ahead / before - 1.0))
        return (
            f"The {self.count(worth.comparable)} customers who came at least {self.days} days ago spent "
            f"{self.money(before)} in the last {self.days} days. In the next, {self.money(ahead)} is expected, "
            f"{change} {'more' if ahead > before else 'less'}. Of the {self.count(worth.observed)} who bought "
            f"in the last, {self.count(worth.doubling)} are expected to spend at least twice as much in the next."
        )

    def _textbook(self) -> Table:
        sums, years = self.decisions.worth.sums, self.settings.lifespan_years
        lines = {
            "margin so far": sums["historic_margin"],
            "and expected in the horizon": sums["clv"],
            "both": sums["historic_margin"] + sums["clv"],
            f"textbook: average order x orders a year x {years:g} years, at the margin": sums["textbook_margin"],
        }
        if sums["acquisition_cost"]:
            lines["cost of their acquisition"] = sums["acquisition_cost"]
        caption = (
            "The textbook lets every customer stay for the whole lifespan and buy as often as before. But some have "
            "left, those who bought often by chance will buy less, and later money counts less."
        )
        rows = [[Cell(name), self.numbers.money_cell(amount)] for name, amount in lines.items()]
        return Table(caption, ("all customers", "amount"), rows)

    def _returns(self) -> Table:
        caption = (
            "Refunds, and the margin that they cost. Ahead: if the same share of sales is refunded as so far. Without "
            "customers who returned everything."
        )
        columns = {"segment": "segment", "value": "value", "customers": ("count", "customers"),
                   "sales": ("money", "sold"), "refunds": ("money", "returned"),
                   "share": ("percent", "returned_share"), "margin lost so far": ("money", "lost_margin"),
                   "and ahead": ("money", "lost_clv"), "range": ("span", "lost_clv_low", "lost_clv_high")}  # fmt: skip
        return self.table(self.decisions.returns, caption, columns)

    def tiers(self) -> Answer:
        """Return who the best customers are, and how certain that is."""
        best, hits = self.decisions.tiers.iloc[0], self.decisions.question.top_hits
        answers = [
            f"The {self.count(best['customers'])} customers of the tier {best['tier']} are "
            f"{self.percent(best['share_of_customers'])} of all. They made {self.percent(best['share_of_spend'])} of "
            f"the spend so far and will make {self.percent(best['share_of_clv'])} of the margin: "
            f"{self.money(best['clv'])} ({self.numbers.span(best['clv_low'], best['clv_high'])}).",
            f"No list is certain: {self.percent(best['expected_hits'])} of them are expected to be among the best when "
            "the time has passed. The probability of each customer is in customers.parquet.",
        ]
        if hits is not None:
            answers.append(
                f"In the backtest of the model, {self.percent(hits)} of the best tenth had been in the tenth with the "
                "highest expectations."
            )
        caption = "Ranges come from joint futures of a tier's customers, not from adding up customers' ranges."
        columns = {
            "tier": "tier", "customers": ("count", "customers"), "spent so far": ("money", "historic_spend"),
            "expected margin": ("money", "clv"), "range": ("span", "clv_low", "clv_high"),
            "share": ("percent", "share_of_clv"), "expected to be there": ("percent", "expected_hits"),
        }  # fmt: skip
        return answers, [self.table(self.decisions.tiers, caption, columns)]

    def stages(self) -> Answer:
        """Return the stages, and where they and the model disagree."""
        table, stages = self.decisions.stages, self.settings.stages
        of = table.set_index("stage")["customers"]
        quiet = table[table["stage"].isin(["inactive", "dormant"])]
        answers = [
            f"{self.count(of['active'])} customers are active and {self.count(of['new'])} new; "
            f"{self.count(of['inactive'])} are inactive ({stages.inactive_days} days without a purchase) and "
            f"{self.count(of['dormant'])} dormant ({stages.dormant_days} days).",
            f"Silent is not lost: {self.count(quiet['expected_buyers'].sum())} of the "
            f"{self.count(quiet['customers'].sum())} inactive and dormant customers are expected to buy again within "
            f"{self.days} days. For {self.count(table['disagree'].sum())} customers, dates and model contradict each "
            "other: disagreements.csv lists them.",
        ]
        caption = (
            f"On the right: the stages on {self.decisions.question.days.since}. Overdue: silent for longer than "
            f"{self.percent(stages.overdue_share)} of such customers who come back."
        )
        columns = {
            "stage": "stage", "customers": ("count", "customers"), "expected to buy": ("count", "expected_buyers"),
            "overdue": ("count", "overdue"), "expected margin": ("money", "clv"),
            "range": ("span", "clv_low", "clv_high"),
            **{title: ("count", name) for title, name in BEFORE.items()},
        }  # fmt: skip
        return answers, [self.table(table, caption, columns)]

    def cohorts(self) -> Answer:
        """Return how many customers come back."""
        table = self.decisions.cohorts
        size = table["customers"] / table["customers"].sum()
        never, ahead = ((table[name] * size).sum() for name in ("never_returned", "expected_never_returned"))
        answer = (
            f"{self.percent(never)} of all customers have bought once and not again so far. At the end of the "
            f"{self.days} days it will be {self.percent(ahead)}."
        )
        caption = "By month of the first purchase. Mean spend is of customers who were observed for so long."
        columns = {
            "month": "cohort", "customers": ("count", "customers"), "bought again": ("percent", "second_purchase_rate"),
            "never so far": ("percent", "never_returned"), "never, at the end": ("percent", "expected_never_returned"),
            "spend in 90 days": ("money", "spend_90"), "in 365 days": ("money", "spend_365"),
            "expected margin": ("money", "clv"), "range": ("span", "clv_low", "clv_high"),
        }  # fmt: skip
        return [answer], [self.table(table.tail(MOST_COHORTS), caption, columns)]
