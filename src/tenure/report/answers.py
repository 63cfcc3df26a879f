"""The answers of the page of decisions: each question, its answer in sentences, and the tables behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tenure.decide import summary_of

from .answer_parts import AnswerParts
from .customer_answers import CustomerAnswers
from .page import Part
from .prospect_answers import ProspectAnswers
from .spending_answers import SpendingAnswers
from .tables import Note
from .worth_answers import WorthAnswers

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


class Answers(AnswerParts):
    """The sections of a page."""

    def short(self, about: Mapping[str, Any]) -> list[Part]:
        """Return what all answers rest on, and the main numbers."""
        margin = self.params.margin
        of_what = "revenue, as the margin is 1" if margin == 1 else f"margin, {self.percent(margin)} of revenue"
        text = (
            f"{self.count(self.decisions.worth.customers)} customers up to {about['as_of']}, and what is expected of "
            f"them over the next {self.days} days. Future amounts are {of_what}, discounted at "
            f"{self.percent(self.params.discount_rate, 1)} a year. A range in brackets contains the actual amount with "
            f"probability {self.percent(self.params.level)}, if customers go on as they did."
        )
        model = (
            f"Model {about['model']}, verdict {about['verdict']}. It has no seasons and no campaigns; new customers "
            "are counted in the forecast and in the worth of the base alone."
        )
        return [Note(text), self._main_numbers(), Note(model, "soft")]

    def _main_numbers(self) -> list[tuple[str, str]]:
        numbers, money = summary_of(self.decisions), self.money
        best = self.decisions.tiers.iloc[0]
        clv = self.numbers.span(numbers["clv_low"], numbers["clv_high"])
        return [
            ("expected of all customers", f"{money(numbers['clv'])} ({clv})"),
            (f"of that from the tier {best['tier']}", f"{self.percent(best['share_of_clv'])}"),
            ("a new customer may cost", f"{money(numbers['ceiling'])} at most"),
            ("offers that pay", f"{self.count(numbers['offers'])}, which gain {money(numbers['offer_gain'])}"),
        ]

    def sections(self) -> list[Section]:
        """Return the questions in order."""
        of_customers = CustomerAnswers(self.decisions, self.numbers)
        of_spending = SpendingAnswers(self.decisions, self.numbers)
        ahead = ProspectAnswers(self.decisions, self.numbers)
        worth = WorthAnswers(self.decisions, self.numbers)
        return [
            Section("value", "What are our customers worth, from the first to the last day?", *of_customers.value()),
            Section("tiers", "Who are our best customers?", *of_customers.tiers()),
            Section("stages", "Who is new, active, inactive or dormant?", *of_customers.stages()),
            Section("cohorts", "How many customers come back?", *of_customers.cohorts()),
            Section("acquisition", "What may a new customer cost?", *of_spending.acquisition()),
            Section("win_back", "Whom is it worth to win back, or to keep?", *of_spending.win_back()),
            Section("forecast", "What will come in, month by month?", *ahead.forecast()),
            Section("retention", "How do customers develop after the first purchase?", *ahead.retention()),
            Section("equity", "What is the customer base worth?", *worth.equity()),
            Section("reading", "How to read these numbers", [], [list(READING)]),
        ]
