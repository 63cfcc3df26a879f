"""The page of a campaign, for people who have never seen a test of significance. It names no customer."""

from collections.abc import Mapping
from typing import Any

from tenure.campaign import Campaign

from .campaign_answers import CampaignAnswers
from .numbers import Numbers
from .page import environment
from .pictures import Picture, as_uri


def render_campaign(campaign: Campaign, figures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        campaign: the results.
        figures: by the name of their section.
        about: the `model` and its `verdict`.
    """
    settings = campaign.question.settings
    numbers = Numbers(settings.locale, settings.currency)
    answers = CampaignAnswers(campaign, numbers)
    title = answers.text("title", start=answers.days["start"], end=answers.days["end"])
    pictures = {
        name: Picture(as_uri(figure), answers.text(f"pictures.{name}"), answers.text(f"pictures.{name}_look"))
        for name, figure in figures.items()
    }
    content = {"short": answers.short(about), "sections": answers.sections(), "pictures": pictures}
    page = environment().get_template("decisions.html.j2")
    return page.render(language=numbers, title=title, heading=title, **content)
