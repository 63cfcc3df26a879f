"""What acquired customers cost: the settings and segments that say so, checked before any work."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..rfm import StreamedSummary
from ..settings import DecideSettings
from ..transactions import NO_SEGMENT
from .futures import Floats
from .history import DecideError


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


def require_costs(histories: StreamedSummary, settings: DecideSettings, segments: Sequence[str]) -> None:
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


def _require_amounts(histories: StreamedSummary, name: str) -> None:
    text = histories.table[name].cast("string")
    amount = text.try_cast("float64")
    is_wrong = (text != NO_SEGMENT) & (amount.isnull() | amount.isnan() | amount.isinf() | (amount < 0))
    wrong = histories.table.filter(is_wrong)
    number = int(wrong.count().to_pyarrow().as_py())
    if number:
        values = wrong.select(name).distinct().order_by(name).limit(3).to_pyarrow().to_pylist()
        first = ", ".join(repr(row[name]) for row in values)
        raise DecideError(
            f"decide.acquisition.cost_segment: {number:,} customers have a {name} that is no cost of 0 or more (first:"
            f" {first}). Leave it empty where the cost is not known."
        )


def _require_channels(histories: StreamedSummary, name: str, costs: dict[str, float]) -> None:
    values = histories.table.select(name).distinct().to_pyarrow().to_pylist()
    there = sorted(str(row[name]) for row in values if row[name] != NO_SEGMENT)
    unknown = sorted(set(costs) - set(there))
    if unknown:
        shown, more = ", ".join(map(repr, there[:5])), ", ..." if len(there) > 5 else ""
        raise DecideError(
            f"decide.acquisition.costs has {len(unknown)} channel{'s' if len(unknown) > 1 else ''} that no customer has"
            f" ({', '.join(map(repr, unknown[:3]))}). The channels of the log are {shown}{more}."
        )
