"""The page of decisions, for people who have never seen a posterior. It names no customer."""

from collections.abc import Mapping
from typing import Any

from tenure.decide import Decisions

from .answers import Answers
from .numbers import Numbers
from .page import environment
from .pictures import Picture, as_uri

PICTURES = {
    "value": (
        "Margin so far and expected, by tier",
        "The thin line is the range of what the tier brings together.",
    ),
    "tiers": (
        "Share of customers, of spend so far and of expected margin",
        "The longer the bars of the first tier, the more depends on few customers.",
    ),
    "stages": (
        "Customers by stage, and how many are expected to buy",
        "The dark part of a bar is expected to buy in the horizon.",
    ),
    "cohorts": (
        "Share of customers who never came back, by month of the first purchase",
        "Bars: so far. Dots: expected at the end of the horizon, with the range.",
    ),
    "acquisition": (
        "What a new customer has brought by each day, on average",
        "Where the curve crosses the line of a cost, that cost is repaid.",
    ),
    "win_back": (
        "Expected gain of the offers, the best customers first",
        "Where the curve falls, a further offer costs more than it gains.",
    ),
    "forecast": (
        "Revenue by month, so far and expected",
        "Dark band: half of all futures. Pale band: nine in ten. The first and the last month may be partial.",
    ),
    "retention": (
        "Share of a month's new customers who buy in a month, by months since then",
        "Means over the months of a column. Hatched: expected.",
    ),
    "equity": (
        "Worth by days ahead",
        "Hatched: farther ahead than anybody was observed. Lines: the range, widened for drift.",
    ),
}


def render_decisions(decisions: Decisions, figures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        decisions: the tables and sums.
        figures: by the name of their section.
        about: the `model`, its `verdict` and the day `as_of`.
    """
    settings = decisions.question.settings
    answers = Answers(decisions, Numbers(settings.locale, settings.currency))
    pictures = {name: Picture(as_uri(figure), *PICTURES[name]) for name, figure in figures.items()}
    content = {"about": about, "short": answers.short(about), "sections": answers.sections(), "pictures": pictures}
    return environment().get_template("decisions.html.j2").render(content)
