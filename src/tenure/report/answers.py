"""The answers of the page of decisions: each question, its answer in sentences, and the tables behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tenure.decide import summary_of

from .answer_parts import AnswerParts
from .customer_answers import Answer, CustomerAnswers
from .page import Part
from .prospect_answers import ProspectAnswers
from .spending_answers import SpendingAnswers
from .tables import Note
from .worth_answers import WorthAnswers

READING = ("expected", "range", "margin", "discount", "files")


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
        of_margin = self.text("short.of_margin", margin=self.percent(margin))
        rests_on = self.text(
            "short.rests_on",
            customers=self.count(self.decisions.worth.customers),
            as_of=about["as_of"],
            days=self.days,
            of_what=self.text("short.of_revenue") if margin == 1 else of_margin,
            rate=self.percent(self.params.discount_rate, 1),
            level=self.percent(self.params.level),
        )
        model = self.text("short.model", model=about["model"], verdict=about["verdict"])
        return [Note(rests_on), self._main_numbers(), Note(model, "soft")]

    def _main_numbers(self) -> list[tuple[str, str]]:
        numbers, money = summary_of(self.decisions), self.money
        best = self.decisions.tiers.iloc[0]
        clv = {"clv": money(numbers["clv"]), "range": self.numbers.span(numbers["clv_low"], numbers["clv_high"])}
        offers = {"offers": self.count(numbers["offers"]), "gain": money(numbers["offer_gain"])}
        return [
            (self.text("short.expected"), self.text("short.expected_value", **clv)),
            (self.text("short.of_best", tier=best["tier"]), self.percent(best["share_of_clv"])),
            (self.text("short.ceiling"), self.text("short.ceiling_value", ceiling=money(numbers["ceiling"]))),
            (self.text("short.offers"), self.text("short.offers_value", **offers)),
        ]

    def sections(self) -> list[Section]:
        """Return the questions in order."""
        of_customers = CustomerAnswers(self.decisions, self.numbers)
        of_spending = SpendingAnswers(self.decisions, self.numbers)
        ahead = ProspectAnswers(self.decisions, self.numbers)
        worth = WorthAnswers(self.decisions, self.numbers)
        answers: dict[str, Answer] = {
            "value": of_customers.value(),
            "tiers": of_customers.tiers(),
            "stages": of_customers.stages(),
            "cohorts": of_customers.cohorts(),
            "acquisition": of_spending.acquisition(),
            "win_back": of_spending.win_back(),
            "forecast": ahead.forecast(),
            "retention": ahead.retention(),
            "equity": worth.equity(),
            "reading": ([], [[(self.text(f"reading.{word}"), self.text(f"reading.{word}_means")) for word in READING]]),
        }
        return [Section(name, self.text(f"questions.{name}"), *answer) for name, answer in answers.items()]
