"""The answers of the page of decisions: each question, sentences, and the table behind them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tenure.decide import Decisions

from .numbers import Numbers
from .page import Part
from .tables import Cell, Note, Table

MOST_COHORTS = 24  # that are shown, the latest
BEFORE = {"were not yet customers": "from_none", "were new": "from_new", "were active": "from_active",
          "were inactive": "from_inactive", "were dormant": "from_dormant"}  # fmt: skip
READING = (
    ("expected", "the average over all that may happen; most single customers are below or above it"),
    ("range", "contains the actual amount with the stated probability, if customers go on as they did"),
    ("margin", "the share of revenue that is kept, after the cost of goods"),
    ("discount", "money that comes later counts less"),
    ("files", "dictionary.csv explains every column of every file"),
)


class Section(NamedTuple):
    """A question, its answer in sentences, and the tables and notes behind it."""

    name: str
    question: str
    answers: Sequence[str]
    content: Sequence[Part]


class Answers:
    """The sections of a page.

    Args:
        decisions: the tables and sums.
        numbers: the formats.
    """

    def __init__(self, decisions: Decisions, numbers: Numbers) -> None:
        self.decisions, self.numbers = decisions, numbers
        self.params, self.settings = decisions.question.params, decisions.question.settings
        self.money, self.percent, self.count = numbers.money, numbers.percent, numbers.number
        self.days = self.count(self.params.horizon_days)

    def short(self, about: Mapping[str, Any]) -> list[Part]:
        """Return what all answers rest on."""
        margin = self.params.margin
        of_what = "revenue, as the margin is 1" if margin == 1 else f"margin, {self.percent(margin)} of revenue"
        text = (
            f"{self.count(self.decisions.worth.customers)} customers up to {about['as_of']}, and what is expected of "
            f"them over the next {self.days} days. Future amounts are {of_what}, discounted at "
            f"{self.percent(self.params.discount_rate, 1)} a year. A range in brackets contains the actual amount with "
            f"probability {self.percent(self.params.level)}, if customers go on as they did."
        )
        model = (
            f"Model {about['model']}, verdict {about['verdict']}. It has no seasons, no campaigns, no new customers."
        )
        return [Note(text), Note(model, "soft")]

    def sections(self) -> list[Section]:
        """Return the questions in order."""
        return [
            Section("value", "What are our customers worth, from the first to the last day?", *self._value()),
            Section("tiers", "Who are our best customers?", *self._tiers()),
            Section("stages", "Who is new, active, inactive or dormant?", *self._stages()),
            Section("cohorts", "How many customers come back?", *self._cohorts()),
            Section("acquisition", "What may a new customer cost?", *self._acquisition()),
            Section("win_back", "Whom is it worth to win back?", *self._win_back()),
            Section("reading", "How to read these numbers", [], [list(READING)]),
        ]

    def _value(self) -> tuple[list[str], list[Part]]:
        worth, ratio = self.decisions.worth, self.settings.acquisition.ratio
        expected, (low, high) = worth.sums["clv"], self._ends(worth.futures)
        answers = [
            f"So far they spent {self.money(worth.sums['historic_spend'])}, a margin of "
            f"{self.money(worth.sums['historic_margin'])}. Another {self.money(expected)} "
            f"({self.numbers.span(low, high)}) is expected: {self.money(expected / worth.customers)} a customer.",
            f"All marketing to keep these customers must cost less than {self.money(expected)} together; at {ratio:g} "
            f"to 1, at most {self.money(expected / ratio)}.",
        ]
        if worth.observed:
            answers.append(
                f"{self.count(worth.doubling)} of the {self.count(worth.observed)} customers who bought in the "
                f"{self.days} days before are expected to spend at least twice as much in the {self.days} days ahead."
            )
        return answers, [self._textbook(), self._returns()]

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
        caption = "Refunds as a share of sales. A refund lowers the customer's spend, and so the forecast."
        columns = {"channel": "channel", "customers": ("count", "customers"), "sales": ("money", "sold"),
                   "refunds": ("money", "returned"), "returned": ("percent", "returned_share")}  # fmt: skip
        return self._table(self.decisions.returns, caption, columns)

    def _tiers(self) -> tuple[list[str], list[Part]]:
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
        return answers, [self._table(self.decisions.tiers, caption, columns)]

    def _stages(self) -> tuple[list[str], list[Part]]:
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
            "other.",
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
        return answers, [self._table(table, caption, columns)]

    def _cohorts(self) -> tuple[list[str], list[Part]]:
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
        return [answer], [self._table(table.tail(MOST_COHORTS), caption, columns)]

    def _acquisition(self) -> tuple[list[str], list[Part]]:
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
        caption = (
            "The mean and its range are of an average over many new customers; the range of one customer is far wider. "
            "The model is of all customers: a channel whose customers differ needs a model of its own."
        )
        endless = table.assign(days=[self.count(days) if days else "no end" for days in table["horizon_days"]])
        columns = {
            "channel": "channel", "days": "days", "brings": ("money", "clv"),
            "range of the mean": ("span", "clv_mean_low", "clv_mean_high"),
            "range of one": ("span", "clv_low", "clv_high"), f"ceiling at {ratio:g} to 1": ("money", "ceiling"),
            "cautious": ("money", "ceiling_low"), "cost": ("money", "acquisition_cost"),
            "repay their cost": ("percent", "p_customer_repays"),
        }  # fmt: skip
        return answers, [self._table(endless, caption, columns)]

    def _payback(self, row: Mapping[Any, Any]) -> str:
        start = f"Channel {row['channel']}: a cost of {self.money(row['acquisition_cost'])} is"
        if pd.isna(row["payback_days"]):
            longest = self.count(self.settings.acquisition.horizons_days[-1])
            within = self.percent(row["p_payback_within"])
            return f"{start} probably not repaid within {longest} days; the probability that it is: {within}."
        high = "later than observed" if pd.isna(row["payback_high"]) else self.count(row["payback_high"])
        low = self.count(row["payback_low"])
        return f"{start} repaid after {self.count(row['payback_days'])} days on average ({low} to {high})."

    def _win_back(self) -> tuple[list[str], list[Part]]:
        offer, table = self.settings.offer, self.decisions.win_back
        chosen, (low, high) = table[table["is_selected"].astype(bool)], self._ends(self.decisions.gains)
        points = f"{self.count(100 * offer.lift, 1)} points"
        lift = f"{self.percent(offer.lift)} of itself" if offer.multiplicative else points
        when = "when it is used" if offer.paid == "redemption" else "for each customer who gets it"
        answer = (
            f"An offer of {self.money(offer.cost)}, paid {when}, that raises the probability of a purchase by {lift} "
            f"pays for {self.count(len(chosen))} of {self.count(len(table))} inactive and dormant customers. It costs "
            f"{self.money(chosen['offer_cost'].sum())} and gains {self.money(chosen['offer_gain'].sum())} "
            f"({self.numbers.span(low, high)})."
        )
        test = "The rise is an assumption: only a test with a control group measures it. The list is win_back.csv."
        return [answer], [*self._apart(table), Note(test, "soft")]

    def _apart(self, table: pd.DataFrame) -> list[Part]:
        """Return the note on customers whose probabilities the backtest found wrong."""
        apart = int(table["observed_rate"].notna().sum())
        if not apart:
            return []
        ranges = "; ".join(
            f"where {self.percent(one.low)} to {self.percent(one.high)} were predicted, "
            f"{self.percent(one.observed, 1)} bought"
            for one in self.decisions.unreliable
        )
        text = (
            f"No gain is claimed for {self.count(apart)} customers, as the backtest found their probabilities wrong: "
            f"{ranges}. They are at the end of the list."
        )
        return [Note(text, "REVIEW")]

    def _ends(self, futures: Any) -> tuple[float, float]:
        """Return the interval of joint futures."""
        ordered, (low, high) = np.sort(futures), self.decisions.question.ranks
        return float(ordered[low]), float(ordered[high])

    def _table(self, frame: pd.DataFrame, caption: str, columns: Mapping[str, Any]) -> Table:
        """Return a table: by title the name of a column of texts, or a format and the columns that it takes."""
        rows = []
        for row in frame.to_dict("records"):
            cells = []
            for column in columns.values():
                kind, *names = ("text", column) if isinstance(column, str) else column
                values = [row[name] for name in names]
                cells.append(Cell(str(values[0])) if kind == "text" else getattr(self.numbers, f"{kind}_cell")(*values))
            rows.append(cells)
        return Table(caption, tuple(columns), rows)
