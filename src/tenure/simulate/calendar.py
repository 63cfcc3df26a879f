"""Days, acquisitions and season: when customers first buy, and the weight of a day of the season.

Time runs in days from the first acquisition (the origin); a purchase at 2.75 comes on the third day, at six in the
evening.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from ..purchase.protocol import Floats
from ..settings import SimulateSettings

YEAR_DAYS = 365.0


@dataclass(frozen=True)
class Calendar:
    """The days of a simulation, and the season's own time.

    In the season's time a day of weight 1.2 lasts 1.2 days, and there customers are the model's: rate, waits and
    departures have no season. Purchases are drawn there and converted to days, which makes their intensity the model's
    times the day's weight. Thinning a faster process would have the same result, at a higher cost. With amplitude 0 the
    two times are equal, to the bit.

    Args:
        origin: the first day of acquisitions, day 0.
        first: the log's first day, counted from the origin; customers acquired before it are left-truncated.
        end: the end of the log's last day, so the number of days from the origin.
        acquisition_end: the end of the last day of acquisitions.
        growth: of acquisitions a day, annual and effective.
        amplitude: of the season, at least 0 and below 1: the peak day's weight over the average, less 1.
        peak_day: of the year, 1 to 365.
    """

    origin: date
    first: int
    end: int
    acquisition_end: int
    growth: float
    amplitude: float
    peak_day: int

    @classmethod
    def of(cls, settings: SimulateSettings) -> "Calendar":
        """Build the calendar from the settings."""
        acquisitions, season = settings.acquisition, settings.season
        start, end = date.fromisoformat(settings.start), date.fromisoformat(settings.end)
        origin = date.fromisoformat(acquisitions.since) if acquisitions.since else start
        until = date.fromisoformat(acquisitions.until) if acquisitions.until else end
        return cls(
            origin,
            (start - origin).days,
            (end - origin).days + 1,
            (until - origin).days + 1,
            acquisitions.growth,
            season.amplitude,
            season.peak_day,
        )

    def draw_acquisitions(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw times of first purchases: uniform, or denser by `growth` with every year."""
        u, k = rng.random(size), math.log1p(self.growth) / YEAR_DAYS
        if k == 0.0:
            return u * self.acquisition_end
        acquisitions: Floats = np.log1p(u * math.expm1(k * self.acquisition_end)) / k
        return acquisitions

    @cached_property
    def _seasonal(self) -> Floats:
        """Return the season's time at the start of each day, and at the end of the last."""
        days = [self.origin + timedelta(day) for day in range(self.end)]
        weights = [1.0 + self.amplitude * math.cos(_angle(day, self.peak_day)) for day in days]
        return np.concatenate([[0.0], np.cumsum(weights)])

    def to_season(self, days: Floats) -> Floats:
        """Convert days to the season's time."""
        return np.interp(days, np.arange(self.end + 1.0), self._seasonal)

    def to_days(self, seasonal: Floats) -> Floats:
        """Convert the season's time to days."""
        days: Floats = np.interp(seasonal, self._seasonal, np.arange(self.end + 1.0))
        return days


def _angle(day: date, peak_day: int) -> float:
    """Compute the angle of a day: once round in a calendar year, so that the season's weights average 1 over each."""
    length = date(day.year, 12, 31).timetuple().tm_yday
    return 2.0 * math.pi * (day.timetuple().tm_yday - peak_day) / length
