"""What acquired customers cost: the settings and segments that say so, checked before any work."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..settings import DecideSettings
from ..transactions import NO_SEGMENT
from .futures import Floats
from .history import DecideError
from .history_file import HistoryFile

SHOWN = 3


def cost_of(part: pd.DataFrame, settings: DecideSettings) -> Floats:
    """Return what each customer cost to acquire; NaN where no cost is given."""
    acquisition = settings.acquisition
    costs = np.full(len(part), np.nan)
    if acquisition.channel is not None:
        costs = part[acquisition.channel].astype(object).map(acquisition.costs).to_numpy(np.float64)
    elif acquisition.costs:
        costs[:] = acquisition.costs["all"]
    if acquisition.cost_segment is not None:
        own = pd.to_numeric(part[acquisition.cost_segment], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        costs = np.where(np.isnan(own), costs, own)
    return costs


def require_costs(histories: HistoryFile, settings: DecideSettings, segments: Sequence[str]) -> None:
    """Raise DecideError for segments that the log does not have, channels without a customer, and costs of no kind."""
    acquisition = settings.acquisition
    for key, name in (("channel", acquisition.channel), ("cost_segment", acquisition.cost_segment)):
        if name is not None and name not in segments:
            there = ", ".join(map(repr, segments)) or "none"
            raise DecideError(
                f"decide.acquisition.{key} is {name!r}, which is no segment of the log. Its segments"
                f" (transactions.segments): {there}."
            )
    if acquisition.channel is not None and acquisition.costs:
        _require_channels(histories, acquisition.channel, acquisition.costs)
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


def _require_channels(histories: HistoryFile, name: str, costs: dict[str, float]) -> None:
    values = set[str]().union(*(part[name].dropna().astype(str).unique() for part in histories.parts()))
    there, unknown = sorted(values - {NO_SEGMENT}), sorted(set(costs) - values)
    if unknown:
        shown, more = ", ".join(map(repr, there[:5])), ", ..." if len(there) > 5 else ""
        raise DecideError(
            f"decide.acquisition.costs has {len(unknown)} channel{'s' if len(unknown) > 1 else ''} that no customer has"
            f" ({', '.join(map(repr, unknown[:3]))}). The channels of the log are {shown}{more}."
        )
