"""The answers of the page of a campaign: each question, its answer in sentences, and the tables behind it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tenure.campaign import ALONE, CONTROLLED, PLANNED, Campaign

from .answers import Section
from .numbers import Numbers
from .page import Part
from .tables import NONE, Cell, Note, Table

READING = ("effect", "range", "chance", "margin", "files")
ROUGH = 0.2  # part of the error that comes from one customer
type Answer = tuple[Sequence[str], Sequence[Part]]
type Row = Mapping[Any, Any]


class CampaignAnswers:
    """The sections of the page of a campaign.

    Args:
        campaign: its results.
        numbers: the formats.
    """

    def __init__(self, campaign: Campaign, numbers: Numbers) -> None:
        self.campaign, self.numbers = campaign, numbers
        self.settings, self.level = campaign.question.settings, numbers.percent(campaign.question.params.level)
        window = campaign.window
        self.days = {"start": numbers.day(window.start), "end": numbers.day(window.end), "days": str(window.days)}

    def text(self, key: str, **values: str) -> str:
        """Return a text of the section `campaign` of the catalogue."""
        return self.numbers.text(f"campaign.{key}", **values)

    def short(self, about: Mapping[str, Any]) -> list[Part]:
        """Return what was compared."""
        campaign, values = self.campaign, {**self.days, "customers": self.numbers.number(len(self.campaign.customers))}
        values["arms"] = ", ".join(campaign.arms)
        key = {CONTROLLED: "with_control", ALONE: "alone", PLANNED: "planned"}[campaign.kind]
        values |= {} if campaign.kind == ALONE else {"control": str(self.settings.control)}
        values |= {} if campaign.kind == PLANNED else {"level": self.level}
        notes: list[Part] = [Note(self.text(key, **values))]
        if campaign.is_fitted_after:
            eve, day = str(campaign.window.eve), campaign.question.fitted_to or dt.date.max
            notes.append(Note(self.text("fitted_after", day=self.numbers.day(day), eve=eve), "missing"))
        return [*notes, Note(self.text("model", model=about["model"], verdict=about["verdict"]), "soft")]

    def sections(self) -> list[Section]:
        """Return the questions in order."""
        campaign = self.campaign
        answers: dict[str, Answer] = {}
        if campaign.kind == PLANNED:
            answers["plan"] = self._plan()
        else:
            answers["effect"] = self._alone() if campaign.kind == ALONE else self._effect()
            answers |= {"segments": self._segments()} if len(campaign.by_segment) else {}
            answers |= {"alike": self._alike(), "before_after": self._before_after()}
        reading = [(self.text(f"reading.{word}"), self.text(f"reading.{word}_means")) for word in READING]
        answers["reading"] = ([], [reading])
        return [Section(name, self.text(f"questions.{name}"), *answer) for name, answer in answers.items()]

    def _rows(self, outcome: str = "margin") -> list[dict[str, Any]]:
        table = self.campaign.campaign
        return [
            {str(key): value for key, value in row.items()}
            for row in table[table["outcome"] == outcome].to_dict("records")
        ]

    def _effect(self) -> Answer:
        answers: list[str] = []
        for row in self._rows():
            answers.append(self._main(row))
            p, is_shown = self._chance(row["p_holm"]), row["p_holm"] < self.settings.significance
            power, smallest = self.numbers.percent(self.settings.power), self.numbers.money(row["smallest_effect"])
            further = {} if is_shown else {"smallest": smallest, "power": power}
            answers.append(self.text("effect.shown" if is_shown else "effect.not_shown", p=p, **further))
            if row["largest_share"] > ROUGH:
                answers.append(self.text("effect.largest", share=self.numbers.percent(row["largest_share"])))
        answers += [self._paid(row) for row in self._rows("net") if pd.notna(row.get("return_on_cost"))]
        saved = max(row["variance_saved"] for row in self._rows())
        notes = [Note(self.text("effect.saved", saved=self.numbers.percent(saved)), "soft")] if saved > 0.005 else []
        return answers, [self._effects_table(), *notes]

    def _main(self, row: Row) -> str:
        values = {
            "arm": str(row["arm"]),
            "effect": self.numbers.money(row["effect"]),
            "range": self.numbers.span(row["effect_low"], row["effect_high"]),
            "total": self.numbers.money(row["total"]),
            "total_range": self.numbers.span(row["total_low"], row["total_high"]),
        }
        if pd.isna(row["relative"]):
            return self.text("effect.main_plain", **values)
        return self.text("effect.main", **values, relative=self._signed(row["relative"]))

    def _paid(self, row: Row) -> str:
        low, high = self._signed(row["return_low"]), self._signed(row["return_high"])
        return self.text(
            "effect.paid",
            arm=str(row["arm"]),
            cost=self.numbers.money(row["cost"]),
            range=self.numbers.text("page.span", low=low, high=high),
            **{"return": self._signed(row["return_on_cost"])},
        )

    def _effects_table(self) -> Table:
        rows = [
            [
                *self._names(row, "arm", "outcome"),
                *(self._amount(row, name) for name in ("mean", "control_mean", "effect")),
                self._range(row, "effect_low", "effect_high"),
                Cell(self._signed(row["relative"]), row["relative"]),
                Cell(self._chance(row["p_holm"]), row["p_holm"]),
            ]
            for row in self.campaign.campaign.to_dict("records")
        ]
        titles = ("arm", "outcome", "mean", "control_mean", "effect", "range", "relative", "p_holm")
        return self._table("effect.table", titles, rows)

    def _alone(self) -> Answer:
        answers = []
        for row in self._rows():
            low, high = self._signed(row["relative_low"]), self._signed(row["relative_high"])
            answers.append(
                self.text(
                    "effect.alone",
                    arm=str(row["arm"]),
                    actual=self.numbers.money(row["mean"] * row["customers"]),
                    expected=self.numbers.money(row["expected_mean"] * row["customers"]),
                    relative=self._signed(row["relative"]),
                    range=self.numbers.text("page.span", low=low, high=high),
                )
            )
            is_beyond = row["effect_low"] > 0 or row["effect_high"] < 0
            answers.append(self.text("effect.beyond" if is_beyond else "effect.within", arm=str(row["arm"])))
        smallest = max(row["smallest_relative"] for row in self._rows())
        answers.append(self.text("effect.market", smallest=self.numbers.percent(smallest)))
        rows = [
            [
                *self._names(row, "arm", "outcome"),
                *(self._amount(row, name) for name in ("mean", "expected_mean", "effect")),
                self._range(row, "effect_low", "effect_high"),
                Cell(self._signed(row["relative"]), row["relative"]),
            ]
            for row in self.campaign.campaign.to_dict("records")
        ]
        titles = ("arm", "outcome", "mean", "expected_mean", "effect", "range", "relative")
        return answers, [self._table("effect.alone_table", titles, rows)]

    def _segments(self) -> Answer:
        table = self.campaign.by_segment
        table = table[table["outcome"] == "margin"]
        measured = table.dropna(subset="effect")
        answers = []
        for (arm, segment), part in measured.groupby(["arm", "segment"], sort=False):
            p_value = part["p_differs"].iloc[0]
            if pd.notna(p_value):
                key = "segments.differs" if p_value < self.settings.significance else "segments.same"
                answers.append(self.text(key, arm=str(arm), segment=str(segment), p=self._chance(p_value)))
        shown = int((measured["p_holm"] < self.settings.significance).sum())
        groups = self.numbers.number(len(measured))
        answers.append(self.text("segments.best", shown=self.numbers.number(shown), groups=groups))
        rows = [
            [
                Cell(str(row["segment"])),
                Cell(str(row["value"])),
                Cell(str(row["arm"])),
                self.numbers.count_cell(row["customers"]),
                self.numbers.count_cell(row["control_customers"]),
                self.numbers.money_cell(row["effect"]),
                self.numbers.span_cell(row["joint_low"], row["joint_high"]),
                Cell(self._chance(row["p_holm"]), row["p_holm"]),
            ]
            for row in table.to_dict("records")
        ]
        titles = ("segment", "value", "arm", "customers", "control_customers", "effect", "range", "p_holm")
        return answers, [self._table("segments.table", titles, rows)]

    def _alike(self) -> Answer:
        table, answers = self.campaign.sizes, []
        if self.campaign.kind == ALONE:
            answers.append(self.text("alike.alone"))
        else:
            is_alike = not (table["p_alike"].dropna() * len(self.campaign.arms) < self.settings.significance).any()
            answers.append(self.text("alike.drawn" if is_alike else "alike.unlike"))
            answers.append(self.text("alike.sizes" if self.settings.shares else "alike.unplanned"))
        rows = [
            [
                Cell(str(row["arm"])),
                self.numbers.count_cell(row["customers"]),
                self.numbers.percent_cell(row["share"]),
                self.numbers.percent_cell(row["planned_share"]),
                self.numbers.money_cell(row["expected_spend"]),
                Cell(self._chance(row["p_alike"]), row["p_alike"]),
            ]
            for row in table.to_dict("records")
        ]
        titles = ("arm", "customers", "share", "planned_share", "expected_spend", "p_alike")
        return answers, [self._table("alike.table", titles, rows)]

    def _before_after(self) -> Answer:
        answers = [
            self.text(
                "before_after.arm",
                arm=str(row["arm"]),
                before=self.numbers.money(row["before_spend"]),
                after=self.numbers.money(row["after_spend"]),
                days=self.days["days"],
                observed=self._signed(row["observed_change"]),
                expected=self.numbers.money(row["expected_spend"]),
                change=self._signed(row["expected_change"]),
            )
            for row in self.campaign.sizes.to_dict("records")
        ]
        return [*answers, self.text("before_after.why")], []

    def _plan(self) -> Answer:
        answers = []
        for row in self._rows():
            if row["source"] != "simulated":
                continue
            smallest, relative = (
                self.numbers.money(row["smallest_effect"]),
                self.numbers.percent(row["smallest_relative"], 1),
            )
            answers += [
                self.text(
                    "plan.main",
                    arm=str(row["arm"]),
                    customers=self.numbers.number(row["customers"]),
                    control_customers=self.numbers.number(row["control_customers"]),
                    smallest=smallest,
                    relative=relative,
                    power=self.numbers.percent(self.settings.power),
                ),
                self.text(
                    "plan.needed",
                    tenth=self.numbers.percent(0.1),
                    needed=self.numbers.number(row["customers_for_tenth"]),
                ),
                self.text(
                    "plan.saved",
                    saved=self.numbers.percent(row["variance_saved"]),
                    raw=self.numbers.money(row["raw_smallest_effect"]),
                ),
            ]
        rows = [
            [
                *self._names(row, "arm", "outcome", "source"),
                self._amount(row, "expected_mean"),
                self._amount(row, "smallest_effect"),
                self.numbers.percent_cell(row["smallest_relative"]),
                self._amount(row, "raw_smallest_effect"),
            ]
            for row in self.campaign.campaign.to_dict("records")
        ]
        titles = (
            "arm",
            "outcome",
            "source",
            "expected_mean",
            "smallest_effect",
            "smallest_relative",
            "raw_smallest_effect",
        )
        return answers, [self._table("plan.table", titles, rows)]

    def _table(self, caption: str, titles: Sequence[str], rows: list[list[Cell]]) -> Table:
        return Table(self.text(caption), [self.numbers.text(f"columns.{title}") for title in titles], rows)

    def _names(self, row: Row, *columns: str) -> list[Cell]:
        return [Cell(self.numbers.name(column, row[column])) for column in columns]

    def _amount(self, row: Row, name: str) -> Cell:
        if row["outcome"] == "purchases":
            return Cell(self.numbers.number(row[name], 3), float(row[name]))
        return self.numbers.money_cell(row[name])

    def _range(self, row: Row, low: str, high: str) -> Cell:
        ends = {"low": self._amount(row, low).text, "high": self._amount(row, high).text}
        return Cell(self.numbers.text("page.span", **ends), float(row[low]))

    def _signed(self, value: float) -> str:
        """Return a share with its sign."""
        if pd.isna(value):
            return NONE
        return f"{'+' if value > 0 else ''}{self.numbers.percent(value, 1)}"

    def _chance(self, p_value: float) -> str:
        """Return a probability; below a thousandth as such."""
        if pd.isna(p_value):
            return NONE
        return self.numbers.percent(p_value, 1) if p_value >= 0.001 else f"< {self.numbers.percent(0.001, 1)}"
