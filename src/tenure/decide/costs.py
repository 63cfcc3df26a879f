"""What acquired customers cost: the settings and segments that say so, checked before any work."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..settings import DecideSettings
from ..transactions import NO_SEGMENT
from .futures import Floats
from .history import DecideError
from .history_file import HistoryFile
from .question import Question
from .segments import ALL, channels_of, names_of

SHOWN = 3


def cost_of(part: pd.DataFrame, settings: DecideSettings, columns: Sequence[str] = ()) -> Floats:
    """Return what each customer cost to acquire; NaN where no cost is given.

    `columns` are those whose values are the channels.
    """
    acquisition = settings.acquisition
    channels = pd.Series(channels_of(part, columns))
    of_channel = channels.map(acquisition.costs).astype(np.float64)
    costs = np.asarray(of_channel.fillna(acquisition.costs.get(ALL, np.nan)), np.float64)
    if acquisition.cost_segment is not None:
        own = pd.to_numeric(part[acquisition.cost_segment], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        costs = np.where(np.isnan(own), costs, own)
    return costs


def require_cost_names(settings: DecideSettings, segments: Sequence[str], of_model: Sequence[str] = ()) -> None:
    """Raise DecideError for segments that the log does not have, and for costs of channels where there are none.

    Args:
        settings: the costs.
        segments: of the log.
        of_model: the columns by which the model has segments.
    """
    acquisition = settings.acquisition
    for key, name in (("channel", acquisition.channel), ("cost_segment", acquisition.cost_segment)):
        if name is not None and name not in segments:
            there = ", ".join(map(repr, segments)) or "none"
            raise DecideError(
                f"decide.acquisition.{key} is {name!r}, which is no segment of the log. Its segments"
                f" (transactions.segments): {there}."
            )
    names = sorted(set(acquisition.costs) - {ALL})
    if names and acquisition.channel is None and not of_model:
        raise DecideError(
            f"decide.acquisition.costs names channels ({', '.join(map(repr, names[:SHOWN]))}), and nothing says which"
            " customers they are of. Name the segment with the channels in decide.acquisition.channel, or give"
            " {all: cost}."
        )


def require_costs(histories: HistoryFile, question: Question) -> None:
    """Raise DecideError for costs of channels without a customer, and for customers' own costs that are none."""
    acquisition, columns = question.settings.acquisition, question.channel_columns
    is_segmented = bool(names_of(question.scorer.posterior))
    if is_segmented or set(acquisition.costs) - {ALL}:
        values = set[str]().union(*(pd.unique(channels_of(part, columns)) for part in histories.parts()))
        _require_channels(values, acquisition.costs)
        if is_segmented and columns and ALL in values:
            raise DecideError(
                f"The value {ALL!r} of {', '.join(columns)} is what stands for all customers together: give it another"
                " name in the log."
            )
    if acquisition.cost_segment is not None:
        _require_amounts(histories, acquisition.cost_segment)


def _require_amounts(histories: HistoryFile, name: str) -> None:
    number, values = 0, set[str]()
    for part in histories.parts():
        text = part[name][part[name].notna() & (part[name] != NO_SEGMENT)].astype(str)
        amount = pd.to_numeric(text, errors="coerce")
        wrong = text[~(np.isfinite(amount) & (amount >= 0))]
        number, values = number + len(wrong), {*values, *wrong}
        values = set(sorted(values)[:SHOWN])
    if number:
        raise DecideError(
            f"decide.acquisition.cost_segment: {number:,} customers have a {name} that is no cost of 0 or more (first:"
            f" {', '.join(map(repr, sorted(values)))}). Leave it empty where the cost is not known."
        )


def _require_channels(values: set[str], costs: dict[str, float]) -> None:
    there, unknown = sorted(values - {NO_SEGMENT}), sorted(set(costs) - values - {ALL})
    if unknown:
        shown, more = ", ".join(map(repr, there[:5])), ", ..." if len(there) > 5 else ""
        raise DecideError(
            f"decide.acquisition.costs has {len(unknown)} channel{'s' if len(unknown) > 1 else ''} that no customer has"
            f" ({', '.join(map(repr, unknown[:3]))}). The channels of the log are {shown}{more}."
        )
