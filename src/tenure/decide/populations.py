"""Whose new customers a plan acquires: of the model's segments in each channel, or of all customers."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np

from .futures import Floats
from .plan import Plan
from .question import Question
from .segments import names_of, shares_of

MOST_POPULATIONS = 12  # beyond, new customers are those of all segments together: each takes a second


def divide_plan(plan: Plan, question: Question, first: date, days: int) -> Iterator[tuple[Any, Floats]]:
    """Yield the scorer of each population with its planned customers of each day, shape (days,)."""
    scorer, posterior = question.scorer, question.scorer.posterior
    daily: dict[int, Floats] = {}
    if names_of(posterior):
        for channel in plan.channels:
            planned = plan.daily(channel, first, days)
            for place, share in shares_of(posterior, question.channel_columns, channel).items():
                daily[place] = daily.get(place, np.zeros(days)) + share * planned
    if not daily or len(daily) > MOST_POPULATIONS:
        yield scorer, plan.total(first, days)
        return
    for place, planned in sorted(daily.items()):
        yield type(scorer)(posterior.of_segment(place), threads=scorer.threads), planned
