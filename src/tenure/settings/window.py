"""The customers and days of a customer summary."""

from dataclasses import dataclass, field

from .checks import require, require_day


@dataclass
class AcquisitionWindowSettings:
    """The first and the last day of the first purchases of customers that a model is fitted to.

    Args:
        first: first day of the first purchases of customers to fit to, instead of a burn-in; null: no bound.
        last: last day of the first purchases of customers to fit to; null: no bound.
    """

    first: str | None = None
    last: str | None = None

    def __post_init__(self) -> None:
        require_day("rfm.acquisition.first", self.first)
        require_day("rfm.acquisition.last", self.last)
        if self.first and self.last:
            rule = f"no later than rfm.acquisition.last ({self.last})"
            require(self.first <= self.last, "rfm.acquisition.first", rule, self.first)


@dataclass
class RfmSettings:
    """The last day of calibration, the end of observation, and the customers that a model is fitted to.

    Args:
        cutoff: last day of calibration, such as 1997-09-30; null: half-way through the log.
        end: end of observation; null: the last day of the log.
        burn_in_days: leave out customers whose first purchase is in the first so many days of the log, from 0 to 3,650.
        acquisition: the acquisition window, instead of a burn-in.
    """

    cutoff: str | None = None
    end: str | None = None
    burn_in_days: int = 0
    acquisition: AcquisitionWindowSettings = field(default_factory=AcquisitionWindowSettings)

    def __post_init__(self) -> None:
        require_day("rfm.cutoff", self.cutoff)
        require_day("rfm.end", self.end)
        if self.cutoff and self.end:
            require(self.cutoff < self.end, "rfm.cutoff", f"before rfm.end ({self.end})", self.cutoff)
        _require_burn_in(self.burn_in_days, self.acquisition)
        first, cutoff = self.acquisition.first, self.cutoff
        is_before = not (first and cutoff) or first <= cutoff
        require(is_before, "rfm.acquisition.first", f"no later than rfm.cutoff ({cutoff})", first)


def _require_burn_in(days: int, window: AcquisitionWindowSettings) -> None:
    require(0 <= days <= 3650, "rfm.burn_in_days", "from 0 to 3,650", days)
    rule = "0 if rfm.acquisition.first is set: both set the start of the acquisition window"
    require(not (days and window.first), "rfm.burn_in_days", rule, days)


@dataclass
class RollingSettings:
    """The end of observation and the customers that a model is fitted to, where `origins` set the cut-offs.

    Args:
        end: end of observation; null: the last day of the log.
        burn_in_days: leave out customers whose first purchase is in the first so many days of the log, from 0 to 3,650.
        acquisition: the acquisition window, instead of a burn-in.
    """

    end: str | None = None
    burn_in_days: int = 0
    acquisition: AcquisitionWindowSettings = field(default_factory=AcquisitionWindowSettings)

    def __post_init__(self) -> None:
        require_day("rfm.end", self.end)
        _require_burn_in(self.burn_in_days, self.acquisition)


@dataclass
class ObservedSettings:
    """The end of observation, without a holdout.

    Args:
        end: end of observation; null: the last day of the log.
    """

    end: str | None = None

    def __post_init__(self) -> None:
        require_day("rfm.end", self.end)
