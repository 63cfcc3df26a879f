"""Rolling origins: the cut-offs at which a log can be asked what came next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tenure.settings import OriginSettings

from .errors import BacktestError


@dataclass(frozen=True)
class Origin:
    """A cut-off and how far to look ahead from it."""

    cutoff: date
    horizon_days: int

    @property
    def end(self) -> date:
        """Return the last day of the holdout."""
        return self.cutoff + timedelta(days=self.horizon_days)

    def __str__(self) -> str:
        return f"{self.cutoff} + {self.horizon_days} days"


def rolling_origins(settings: OriginSettings, first_day: date, last_day: date) -> list[Origin]:
    """List every origin whose holdout lies within the log, cut-off by cut-off, the earliest first.

    Cut-offs are those of the settings, or lie whole steps before the last one that leaves the shortest horizon, as far
    back as the shortest calibration allows.
    """
    cutoffs = (
        [date.fromisoformat(day) for day in settings.cutoffs]
        if settings.cutoffs is not None
        else _steps_back(settings, first_day, last_day)
    )
    origins = [
        Origin(cutoff, days)
        for cutoff in sorted(set(cutoffs))
        for days in sorted(set(settings.horizons_days))
        if first_day <= cutoff and Origin(cutoff, days).end <= last_day
    ]
    if not origins:
        raise BacktestError(
            f"No origin fits into the log, {first_day} to {last_day}: the shortest of origins.horizons_days is "
            f"{min(settings.horizons_days):,} days, origins.least_calibration_days {settings.least_calibration_days:,}."
        )
    return origins


def _steps_back(settings: OriginSettings, first_day: date, last_day: date) -> Sequence[date]:
    last = last_day - timedelta(days=min(settings.horizons_days))
    room = (last - first_day).days - settings.least_calibration_days
    return [last - timedelta(days=back) for back in range(0, room + 1, settings.step_days)] if room >= 0 else []
