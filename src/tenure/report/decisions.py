"""The page of decisions, for people who have never seen a posterior. It names no customer."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tenure.decide import Decisions

from .answers import Answers
from .numbers import Numbers
from .page import environment
from .pictures import Picture, as_uri


def render_decisions(decisions: Decisions, figures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        decisions: the tables and sums.
        figures: by the name of their section.
        about: the `model`, its `verdict` and the day `as_of`.
    """
    settings = decisions.question.settings
    numbers = Numbers(settings.locale, settings.currency)
    about = {**about, "as_of": numbers.day(dt.date.fromisoformat(about["as_of"]))}
    answers = Answers(decisions, numbers)
    pictures = {
        name: Picture(as_uri(figure), numbers.text(f"pictures.{name}.title"), numbers.text(f"pictures.{name}.look"))
        for name, figure in figures.items()
    }
    content = {"short": answers.short(about), "sections": answers.sections(), "pictures": pictures}
    titles = {name: numbers.text(f"page.{name}", as_of=about["as_of"]) for name in ("title", "heading")}
    return environment().get_template("decisions.html.j2").render(language=numbers, **titles, **content)
