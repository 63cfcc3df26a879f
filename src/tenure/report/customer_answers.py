"""Answers about the customers there are: their worth, tiers, stages, cohorts."""

from collections.abc import Sequence

from .answer_parts import AnswerParts
from .page import Part
from .tables import Cell, Table

MOST_COHORTS = 24  # that are shown, the latest
BEFORE = ("from_none", "from_new", "from_active", "from_inactive", "from_dormant")
type Answer = tuple[Sequence[str], Sequence[Part]]


class CustomerAnswers(AnswerParts):
    """Sentences, and the tables and notes behind them, by question."""

    def value(self) -> Answer:
        """Return what customers are worth, so far and in the horizon."""
        worth, ratio = self.decisions.worth, self.settings.acquisition.ratio
        expected = worth.sums["clv"]
        so_far = self.text(
            "value.so_far",
            spend=self.money(worth.sums["historic_spend"]),
            margin=self.money(worth.sums["historic_margin"]),
            clv=self.money(expected),
            range=self.numbers.span(*self.ends(worth.futures)),
            each=self.money(expected / worth.customers),
        )
        ceiling = self.money(expected / ratio)
        budget = {"clv": self.money(expected), "ratio": self.numbers.plain(ratio), "ceiling": ceiling}
        answers = [so_far, self.text("value.budget", **budget)]
        if worth.comparable and worth.sums["recent_spend"] > 0:
            answers.append(self._growth())
        return answers, [self._textbook(), self._returns()]

    def _growth(self) -> str:
        """Return what customers who were there before are expected to spend, against what they spent."""
        worth, before = self.decisions.worth, self.decisions.worth.sums["recent_spend"]
        ahead = worth.comparable_spend_ahead
        return self.text(
            "value.growth",
            customers=self.count(worth.comparable),
            days=self.days,
            before=self.money(before),
            ahead=self.money(ahead),
            change=self.percent(abs(ahead / before - 1.0)),
            direction=self.text("value.more" if ahead > before else "value.less"),
            observed=self.count(worth.observed),
            doubling=self.count(worth.doubling),
        )

    def _textbook(self) -> Table:
        sums = self.decisions.worth.sums
        years = self.numbers.plain(self.settings.lifespan_years)
        lines = {
            self.text("value.textbook_so_far"): sums["historic_margin"],
            self.text("value.textbook_expected"): sums["clv"],
            self.text("value.textbook_both"): sums["historic_margin"] + sums["clv"],
            self.text("value.textbook_margin", years=years): sums["textbook_margin"],
        }
        if sums["acquisition_cost"]:
            lines[self.text("value.textbook_cost")] = sums["acquisition_cost"]
        rows = [[Cell(name), self.numbers.money_cell(amount)] for name, amount in lines.items()]
        columns = (self.text("value.textbook_customers"), self.text("value.textbook_amount"))
        return Table(self.text("value.textbook"), columns, rows)

    def _returns(self) -> Table:
        columns = {"segment": "name", "value": "name", "customers": "count", "sold": "money", "returned": "money",
                   "returned_share": "percent", "lost_margin": "money", "lost_clv": "money",
                   "range": ("span", "lost_clv_low", "lost_clv_high")}  # fmt: skip
        return self.table(self.decisions.returns, self.text("value.returns"), columns)

    def tiers(self) -> Answer:
        """Return who the best customers are, and how certain that is."""
        best, hits = self.decisions.tiers.iloc[0], self.decisions.question.top_hits
        top = self.text(
            "tiers.best",
            customers=self.count(best["customers"]),
            tier=best["tier"],
            share=self.percent(best["share_of_customers"]),
            share_of_spend=self.percent(best["share_of_spend"]),
            share_of_clv=self.percent(best["share_of_clv"]),
            clv=self.money(best["clv"]),
            range=self.numbers.span(best["clv_low"], best["clv_high"]),
        )
        answers = [top, self.text("tiers.hits", hits=self.percent(best["expected_hits"]))]
        if hits is not None:
            answers.append(self.text("tiers.backtest", hits=self.percent(hits)))
        columns = {"tier": "name", "customers": "count", "historic_spend": "money", "clv": "money",
                   "range": ("span", "clv_low", "clv_high"), "share_of_clv": "percent",
                   "expected_hits": "percent"}  # fmt: skip
        return answers, [self.table(self.decisions.tiers, self.text("tiers.table"), columns)]

    def stages(self) -> Answer:
        """Return the stages, and where they and the model disagree."""
        table, stages = self.decisions.stages, self.settings.stages
        of = {str(name): self.count(number) for name, number in table.set_index("stage")["customers"].items()}
        quiet = table[table["stage"].isin(["inactive", "dormant"])]
        days = {"inactive_days": self.count(stages.inactive_days), "dormant_days": self.count(stages.dormant_days)}
        silent = self.text(
            "stages.silent",
            buyers=self.count(quiet["expected_buyers"].sum()),
            customers=self.count(quiet["customers"].sum()),
            days=self.days,
            disagree=self.count(table["disagree"].sum()),
        )
        since = self.numbers.day(self.decisions.question.days.since)
        caption = self.text("stages.table", since=since, share=self.percent(stages.overdue_share))
        columns = {"stage": "name", "customers": "count", "expected_buyers": "count", "overdue": "count",
                   "clv": "money", "range": ("span", "clv_low", "clv_high"),
                   **dict.fromkeys(BEFORE, "count")}  # fmt: skip
        return [self.text("stages.counts", **of, **days), silent], [self.table(table, caption, columns)]

    def cohorts(self) -> Answer:
        """Return how many customers come back."""
        table = self.decisions.cohorts
        size = table["customers"] / table["customers"].sum()
        never, ahead = ((table[name] * size).sum() for name in ("never_returned", "expected_never_returned"))
        answer = self.text("cohorts.never", never=self.percent(never), days=self.days, ahead=self.percent(ahead))
        columns = {"cohort": "month", "customers": "count", "second_purchase_rate": "percent",
                   "never_returned": "percent", "expected_never_returned": "percent", "spend_90": "money",
                   "spend_365": "money", "clv": "money", "range": ("span", "clv_low", "clv_high")}  # fmt: skip
        return [answer], [self.table(table.tail(MOST_COHORTS), self.text("cohorts.table"), columns)]
