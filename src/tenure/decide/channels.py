"""What a new customer of each channel brings: of the model's segments in it, or of all customers."""

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from ..streams import stream
from .acquisition import Ceiling, NewCustomers, value_new_customers
from .question import Question
from .segments import names_of, shares_of


def value_channels(question: Question, channels: Iterable[str]) -> dict[str, NewCustomers]:
    """Compute the margin of a new customer of each channel; those of the same segments share it."""
    scorer, columns = question.scorer, question.channel_columns
    posterior = scorer.posterior

    @cache
    def of_place(place: int) -> NewCustomers:
        own = scorer
        if names_of(posterior):
            own = type(scorer)(posterior.of_segment(place), threads=scorer.threads)
        return value_new_customers(own, question.params, question.settings)

    @cache
    def of_shares(shares: tuple[tuple[int, float], ...]) -> NewCustomers:
        rng = stream(question.params.seed, "decide.channels")
        return mix([of_place(place) for place, _ in shares], [share for _, share in shares], rng)

    return {channel: of_shares(tuple(shares_of(posterior, columns, channel).items())) for channel in channels}


def mix(several: Sequence[NewCustomers], shares: Sequence[float], rng: np.random.Generator) -> NewCustomers:
    """Return a new customer of any of several populations, in proportion to their shares.

    A mean is that of the means; each single customer is of one population, the same over all horizons.
    """
    first = several[0]
    if len(several) == 1:
        return first
    most = max(one.outcomes.size for one in first.ceilings)
    chosen = rng.choice(len(several), most, p=np.array(shares) / sum(shares))
    ceilings = []
    for each in zip(*(one.ceilings for one in several), strict=True):
        outcomes = np.stack([one.outcomes for one in each])
        size = outcomes.shape[1]  # none where customers' costs have no end
        means = np.tensordot(shares, np.stack([one.means for one in each]), axes=1)
        ceilings.append(Ceiling(each[0].horizon_days, means, outcomes[chosen[:size], np.arange(size)]))
    curve = np.tensordot(shares, np.stack([one.curve for one in several]), axes=1)
    return NewCustomers(tuple(ceilings), first.days, curve)
