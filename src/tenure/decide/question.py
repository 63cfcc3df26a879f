"""What decisions are derived with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..language import Language
from ..scorer import Params
from ..settings import DecideSettings
from ..totals import Drifts
from .history import Days
from .segments import names_of


@dataclass(frozen=True)
class Question:
    """What decisions are derived with.

    Attributes:
        scorer: of the model.
        params: of scoring.
        settings: of decisions.
        days: the end of observation, the earlier day, the horizon.
        segments: names of the log's segments.
        reliability: the reliability table of the model's backtest; None where there is none.
        top_hits: the share of the best tenth that was in the tenth with the highest expectations there; None where that
            was not measured.
        drifts: of the model's totals; None where it has none.
    """

    scorer: Any
    params: Params
    settings: DecideSettings
    days: Days
    segments: tuple[str, ...] = ()
    reliability: pd.DataFrame | None = None
    top_hits: float | None = None
    drifts: Drifts | None = None

    @property
    def channel_columns(self) -> tuple[str, ...]:
        """Return the columns whose values are the channels: that of the settings, or those of the model's segments."""
        channel = self.settings.acquisition.channel
        return names_of(self.scorer.posterior) if channel is None else (channel,)

    @property
    def language(self) -> Language:
        """Return the texts and formats of the page."""
        return Language(self.settings.locale, self.settings.currency)

    @property
    def score_params(self) -> dict[str, Any]:
        """Return the params by name."""
        return {
            name: getattr(self.params, name) for name in ("horizon_days", "discount_rate", "margin", "level", "seed")
        }

    @property
    def ranks(self) -> tuple[int, int]:
        """Return the ranks, from 0, of the ends of an interval over the futures."""
        size, tail = self.scorer.draws, 0.5 * (1.0 - self.params.level)
        low, high = (int(np.ceil(quantile * size - 1e-9)) - 1 for quantile in (tail, 1.0 - tail))
        return max(low, 0), min(high, size - 1)
