"""The page of decisions, for people who have never seen a posterior. It names no customer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tenure.decide import Decisions

from .numbers import Numbers
from .page import Part, environment
from .pictures import Picture, as_uri
from .tables import NONE, Cell, Note, Table

ROWS = 24  # cohorts that are shown, the latest


class Section(NamedTuple):
    """A question, its answer in sentences, and the pictures and tables behind it."""

    name: str
    question: str
    answers: Sequence[str]
    content: Sequence[Part]


def render_decisions(decisions: Decisions, pictures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        decisions: the tables and sums.
        pictures: figures by the name of their section.
        about: the `model`, its `verdict`, the day `as_of`, and the `run_id`.
    """
    settings = decisions.question.settings
    page = _Page(decisions, Numbers(settings.locale, settings.currency), pictures)
    content = {"about": about, "short": page.short(about), "sections": page.sections()}
    return environment().get_template("decisions.html.j2").render(content)


class _Page:
    """The sections of a page."""

    def __init__(self, decisions: Decisions, numbers: Numbers, pictures: Mapping[str, Any]) -> None:
        self.decisions, self.numbers, self.pictures = decisions, numbers, pictures
        self.params, self.settings = decisions.question.params, decisions.question.settings
        low, high = decisions.question.ranks
        ordered = np.sort(decisions.worth.futures)
        self.low, self.high = float(ordered[low]), float(ordered[high])

    def short(self, about: Mapping[str, Any]) -> list[Part]:
        """Return the facts that all answers rest on."""
        at = (
            "revenue: the margin is 1"
            if self.params.margin == 1
            else f"margin: {self._percent(self.params.margin)} of revenue"
        )
        text = (
            f"{self._count(self.decisions.worth.customers)} customers up to {about['as_of']}, and what is expected of them"
            f" over the next {self._count(self.params.horizon_days)} days. Amounts of the future are {at}, discounted at"
            f" {self._percent(self.params.discount_rate, 1)} a year. A range in brackets contains the actual amount with"
            f" probability {self._percent(self.params.level)}, if customers go on as they did."
        )
        verdict = (
            f"Model {about['model']}, verdict {about['verdict']}. New customers, seasons and campaigns are not in it."
        )
        return [Note(text), Note(verdict, "soft")]

    def sections(self) -> list[Section]:
        """Return the questions in order."""
        return [
            self._value(),
            self._tiers(),
            self._stages(),
            self._cohorts(),
            self._acquisition(),
            self._win_back(),
            self._reading(),
        ]

    def _value(self) -> Section:
        worth = self.decisions.worth
        sums, n, ratio = worth.sums, worth.customers, self.settings.acquisition.ratio
        expected = sums["clv"]
        answers = [
            f"So far they spent {self._money(sums['historic_spend'])}, a margin of {self._money(sums['historic_margin'])}."
            f" Another {self._money(expected)} ({self.numbers.span(self.low, self.high)}) of margin is expected: "
            f"{self._money(expected / n)} a customer.",
            f"All marketing for these customers together cannot be worth more than {self._money(expected)}; at {ratio:g} to"
            f" 1 it may cost {self._money(expected / ratio)}.",
        ]
        if worth.observed:
            answers.append(
                f"{self._count(worth.doubling)} of the {self._count(worth.observed)} customers who spent in the"
                f" {self._count(self.params.horizon_days)} days before are expected to spend at least twice as much now."
            )
        return Section("value", "What are our customers worth, from the first day to the last?", answers,
                       [*self._picture("value"), self._textbook(), self._returns()])  # fmt: skip

    def _textbook(self) -> Table:
        sums = self.decisions.worth.sums
        years = self.settings.lifespan_years
        rows = [
            [Cell("margin so far"), self.numbers.money_cell(sums["historic_margin"])],
            [Cell("and expected in the horizon"), self.numbers.money_cell(sums["clv"])],
            [Cell("together"), self.numbers.money_cell(sums["historic_margin"] + sums["clv"])],
            [Cell(f"textbook: average order x orders a year x {years:g} years, at the same margin"),
             self.numbers.money_cell(sums["textbook_margin"])],
        ]  # fmt: skip
        if sums["acquisition_cost"]:
            rows.append([Cell("what their acquisition cost"), self.numbers.money_cell(sums["acquisition_cost"])])
        caption = (
            "The textbook lets every customer stay for the whole lifespan and buy as often as before. In fact some have left,"
            " and those who bought often by chance buy less later; later money is worth less."
        )
        return Table(caption, ("all customers", "amount"), rows)

    def _returns(self) -> Table:
        numbers, rows = self.numbers, self.decisions.returns
        caption = "Returned: refunds as a share of sales. A refund lowers the customer's spend, and so the forecast."
        return Table(caption, ("channel", "customers", "sales", "refunds", "returned"), [
            [Cell(str(row.channel)), numbers.count_cell(row.customers), numbers.money_cell(row.sold),
             numbers.money_cell(row.returned), numbers.percent_cell(row.returned_share)]
            for row in rows.itertuples()
        ])  # fmt: skip

    def _tiers(self) -> Section:
        numbers, table = self.numbers, self.decisions.tiers
        best = table.iloc[0]
        answers = [
            f"The {self._count(best['customers'])} customers of the tier {best['tier']} are"
            f" {self._percent(best['share_of_customers'])} of all. They made {self._percent(best['share_of_spend'])} of the"
            f" spend so far and {self._percent(best['share_of_clv'])} of what is expected: {self._money(best['clv'])}"
            f" ({numbers.span(best['clv_low'], best['clv_high'])}).",
            f"Nobody can be certain of being there: {self._percent(best['expected_hits'])} of them are expected to be among the"
            " best when the time has passed. Each customer's probability is in customers.parquet.",
        ]
        hits = self.decisions.question.top_hits
        if hits is not None:
            answers.append(
                f"In the backtest of the model, {self._percent(hits)} of the best tenth had been in the tenth with the highest"
                " expectations."
            )
        rows = [
            [Cell(row.tier), numbers.count_cell(row.customers), numbers.money_cell(row.historic_spend),
             numbers.money_cell(row.clv), numbers.span_cell(row.clv_low, row.clv_high),
             numbers.percent_cell(row.share_of_clv), numbers.percent_cell(row.expected_hits)]
            for row in table.itertuples()
        ]  # fmt: skip
        caption = "Ranges come from joint futures of all customers of a tier, not from adding up customers' ranges."
        columns = ("tier", "customers", "spent so far", "expected margin", "range", "share", "expected to be there")
        return Section(
            "tiers", "Who are our best customers?", answers, [*self._picture("tiers"), Table(caption, columns, rows)]
        )

    def _stages(self) -> Section:
        numbers, table, stages = self.numbers, self.decisions.stages, self.settings.stages
        by_name = table.set_index("stage")
        quiet = by_name.loc[["inactive", "dormant"]]
        answers = [
            f"{self._count(by_name.loc['active', 'customers'])} customers are active, {self._count(by_name.loc['new', 'customers'])}"
            f" new, {self._count(by_name.loc['inactive', 'customers'])} inactive ({stages.inactive_days} days without a"
            f" purchase) and {self._count(by_name.loc['dormant', 'customers'])} dormant ({stages.dormant_days} days).",
            f"Silent is not lost: {self._count(quiet['expected_buyers'].sum())} of the"
            f" {self._count(quiet['customers'].sum())} inactive and dormant customers are expected to buy again. For"
            f" {self._count(table['disagree'].sum())} customers the dates and the model contradict each other.",
        ]
        rows = [
            [Cell(row.stage), *(numbers.count_cell(value) for value in (row.customers, row.expected_buyers, row.overdue)),
             numbers.money_cell(row.clv), numbers.span_cell(row.clv_low, row.clv_high),
             *(numbers.count_cell(getattr(row, f"from_{before}")) for before in ("none", "new", "active", "inactive", "dormant"))]
            for row in table.itertuples()
        ]  # fmt: skip
        caption = (
            f"Columns on the right: the stages on {self.decisions.question.days.since}. Overdue: silent for longer than nine"
            " in ten such customers who buy again."
        )
        columns = ("stage", "customers", "expected to buy", "overdue", "expected margin", "range",
                   "were: not yet customers", "new", "active", "inactive", "dormant")  # fmt: skip
        question = "Who is new, active, inactive or dormant?"
        return Section("stages", question, answers, [*self._picture("stages"), Table(caption, columns, rows)])

    def _cohorts(self) -> Section:
        numbers, table = self.numbers, self.decisions.cohorts
        size = table["customers"]
        never = float((table["never_returned"] * size).sum() / size.sum())
        ahead = float((table["expected_never_returned"] * size).sum() / size.sum())
        answers = [
            f"{self._percent(never)} of all customers have bought once and never again so far. By the end of the"
            f" {self._count(self.params.horizon_days)} days it will be {self._percent(ahead)}."
        ]
        rows = [
            [Cell(row.cohort), numbers.count_cell(row.customers), numbers.percent_cell(row.second_purchase_rate),
             numbers.percent_cell(row.never_returned),
             Cell(f"{self._percent(row.expected_never_returned, 1)} ({self._percent(row.never_returned_low, 1)} to"
                  f" {self._percent(row.never_returned_high, 1)})", float(row.expected_never_returned)),
             numbers.money_cell(row.spend_90), numbers.money_cell(row.spend_365), numbers.money_cell(row.clv)]
            for row in table.tail(ROWS).itertuples()
        ]  # fmt: skip
        caption = "By month of the first purchase. Mean spend counts customers who were observed for so long."
        columns = (
            "month",
            "customers",
            "bought again",
            "never so far",
            "never, at the end",
            "spend in 90 days",
            "in 365 days",
            "expected margin",
        )
        return Section(
            "cohorts",
            "How many customers come back?",
            answers,
            [*self._picture("cohorts"), Table(caption, columns, rows)],
        )

    def _acquisition(self) -> Section:
        numbers, table = self.numbers, self.decisions.acquisition
        ratio = self.settings.acquisition.ratio
        first = table.iloc[0]
        answers = [
            f"A new customer brings {self._money(first['clv'])} ({numbers.span(first['clv_mean_low'], first['clv_mean_high'])} on"
            f" average) within {self._count(first['horizon_days'])} days, the first order included. If the value is to be"
            f" {ratio:g} times the cost, pay at most {self._money(first['ceiling'])}; to be cautious,"
            f" {self._money(first['ceiling_low'])}."
        ]
        answers += [
            self._payback(row)
            for _, row in table.drop_duplicates("channel").iterrows()
            if pd.notna(row["acquisition_cost"])
        ]
        rows = [
            [Cell(str(row.channel)), Cell("without end") if row.horizon_days == 0 else numbers.count_cell(row.horizon_days),
             numbers.money_cell(row.clv), numbers.span_cell(row.clv_mean_low, row.clv_mean_high),
             numbers.span_cell(row.clv_low, row.clv_high), numbers.money_cell(row.ceiling), numbers.money_cell(row.ceiling_low),
             numbers.money_cell(row.acquisition_cost), Cell(NONE) if pd.isna(row.clv_to_cost) else Cell(numbers.number(row.clv_to_cost, 1), row.clv_to_cost),
             numbers.percent_cell(row.p_customer_repays)]
            for row in table.itertuples()
        ]  # fmt: skip
        caption = (
            "Mean and its range are of an average over many new customers; one customer's range is far wider. The model is of"
            " all customers: a channel whose customers differ needs a model of its own."
        )
        columns = ("channel", "days", "worth", "range of the mean", "range of one customer", f"ceiling at {ratio:g} to 1",
                   "cautious", "cost", "worth to cost", "customers who repay")  # fmt: skip
        return Section(
            "acquisition",
            "What may a new customer cost?",
            answers,
            [*self._picture("acquisition"), Table(caption, columns, rows)],
        )

    def _payback(self, row: Any) -> str:
        start = f"Channel {row['channel']}: a cost of {self._money(row['acquisition_cost'])}"
        if pd.isna(row["payback_days"]):
            within = self._percent(row["p_payback_within"])
            return f"{start} is probably not repaid within {self._count(self.settings.acquisition.horizons_days[-1])} days (probability of payback {within})."
        high = "later than that" if pd.isna(row["payback_high"]) else self._count(row["payback_high"])
        return (
            f"{start} is repaid on average after {self._count(row['payback_days'])} days"
            f" ({self._count(row['payback_low'])} to {high})."
        )

    def _win_back(self) -> Section:
        offer, table = self.settings.offer, self.decisions.win_back
        selected = table[table["is_selected"].astype(bool)]
        low, high = self.decisions.question.ranks
        gains = np.sort(self.decisions.gains)
        lift = (
            f"{self._percent(offer.lift)} of the probability"
            if offer.multiplicative
            else f"{self.numbers.number(100 * offer.lift, 1)} points"
        )
        answers = [
            f"An offer of {self._money(offer.cost)}, paid {'when it is used' if offer.paid == 'redemption' else 'for each customer'},"
            f" that lifts the probability of a purchase by {lift}, pays for {self._count(len(selected))} of"
            f" {self._count(len(table))} inactive and dormant customers: an expected cost of"
            f" {self._money(selected['offer_cost'].sum())} and an expected gain of {self._money(selected['offer_gain'].sum())}"
            f" ({self.numbers.span(gains[low], gains[high])})."
        ]
        apart = int(table["observed_rate"].notna().sum())
        notes: list[Part] = [
            Note("The lift is an assumption: only a test with a control group measures it. The list with every customer is"
                 " win_back.csv, the best first.", "soft")
        ]  # fmt: skip
        if apart:
            ranges = "; ".join(
                f"{self._percent(one.low)} to {self._percent(one.high)}: {self._percent(one.observed, 1)} bought"
                for one in self.decisions.unreliable
            )
            notes.insert(0, Note(f"No gain is claimed for {self._count(apart)} customers: in the backtest their probabilities"
                                 f" were wrong ({ranges}). They are at the end of the list, with the observed rate.", "REVIEW"))  # fmt: skip
        return Section("win_back", "Whom is it worth to win back?", answers, [*self._picture("win_back"), *notes])

    def _reading(self) -> Section:
        text = [
            ("expected", "the average over all that may happen; single customers are mostly below or above it"),
            (
                "range",
                f"contains the actual amount with probability {self._percent(self.params.level)}, if nothing changes",
            ),
            ("margin", "the share of revenue that is kept, after the cost of goods"),
            ("discount", "money that comes later is worth less"),
            ("files", "dictionary.csv explains every column of every file"),
        ]
        return Section("reading", "How to read these numbers", [], [text])

    def _picture(self, name: str) -> list[Part]:
        figure = self.pictures.get(name)
        if figure is None:
            return []
        title, look = TITLES[name]
        return [Picture(as_uri(figure), title, look)]

    def _money(self, value: float) -> str:
        return self.numbers.money(float(value))

    def _count(self, value: float) -> str:
        return self.numbers.number(float(value))

    def _percent(self, value: float, decimals: int = 0) -> str:
        return self.numbers.percent(float(value), decimals)


TITLES = {
    "value": ("Margin so far and expected, by tier", "The thin line is the range of what the tier brings."),
    "tiers": ("Share of customers, of spend so far and of expected margin", "The longer the bars of the first tier, the more depends on few customers."),
    "stages": ("Customers by stage, and how many are expected to buy", "The dark part of a bar is expected to buy in the horizon."),
    "cohorts": ("Share of customers who never came back, by month of the first purchase", "Light: so far. Dark: expected at the end of the horizon, with its range."),
    "acquisition": ("What a new customer has brought by each day, on average", "Where the curve crosses the line of a cost, that cost is repaid."),
    "win_back": ("Expected gain of the offers, the best customers first", "Where the curve is flat, further offers gain nothing."),
}  # fmt: skip
