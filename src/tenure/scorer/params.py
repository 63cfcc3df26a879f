"""Params of scoring."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..bounds import DISCOUNT_RATE, HORIZON_DAYS, HORIZON_LIMIT_DAYS, LEAST_RATE, LEVEL, MARGIN, RATE_LIMIT
from ..errors import InputError


class ScoreError(InputError):
    """Params or customers that the scorer cannot score."""


@dataclass(frozen=True)
class Params:
    """Params of scoring.

    Args:
        horizon_days: whole days ahead, from 1 to 30 years.
        discount_rate: annual and effective; a purchase t days ahead is worth (1 + d)^(-t / 365).
        margin: share of spend that is kept, in (0, 1].
        level: probability of the intervals.
        seed: of the simulated outcomes.
    """

    horizon_days: int = HORIZON_DAYS
    discount_rate: float = DISCOUNT_RATE
    margin: float = MARGIN
    level: float = LEVEL
    seed: int = 0

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be {rule}, got {getattr(self, name)!r}"
            for name, rule, is_right in (
                ("horizon_days", f"a whole number of days from 1 to {HORIZON_LIMIT_DAYS:,}", self._days_are_right()),
                (
                    "discount_rate",
                    f"an annual rate from 0 to {RATE_LIMIT:g} (0.10 is ten percent)",
                    self._between(0, RATE_LIMIT),
                ),
                ("margin", "above 0 and at most 1", self._inside("margin", closed=True)),
                ("level", "above 0 and below 1", self._inside("level", closed=False)),
                ("seed", "a whole number from 0 to 2^63 - 1", _is_whole(self.seed) and 0 <= self.seed < 2**63),
            )
            if not is_right
        ]
        if faults:
            raise ScoreError("; ".join(faults) + ".")

    @classmethod
    def of(cls, params: Mapping[str, Any] | None) -> "Params":
        """Build params by name; raise ScoreError for unknown names."""
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(params or {}) - set(names))
        if unknown:
            raise ScoreError(f"Unknown params {', '.join(unknown)}. The params are {', '.join(names)}.")
        return cls(**(params or {}))

    @property
    def delta(self) -> float:
        """Return the continuous discount rate per day."""
        return math.log1p(self.discount_rate) / 365.0

    def _days_are_right(self) -> bool:
        return _is_whole(self.horizon_days) and 1 <= self.horizon_days <= HORIZON_LIMIT_DAYS

    def _between(self, low: float, high: float) -> bool:
        return _is_number(self.discount_rate) and low <= self.discount_rate <= high

    def _inside(self, name: str, *, closed: bool) -> bool:
        value = getattr(self, name)
        return _is_number(value) and value > 0 and (value <= 1 if closed else value < 1)


def refuse_no_end(params: Mapping[str, Any]) -> None:
    """Raise ScoreError for params of a value to infinity that have a horizon, or no discount."""
    if "horizon_days" in params:
        raise ScoreError("A residual value has no horizon_days: it runs to infinity.")
    rate = Params.of(params).discount_rate
    if rate < LEAST_RATE:
        raise ScoreError(f"A value to infinity needs a discount_rate of at least {LEAST_RATE:g} a year, got {rate!r}.")


def require_draws(level: float, draws: int) -> None:
    """Raise ScoreError for a level with too few draws in its tails."""
    # Less 1e-9 before rounding up: 10 / (1 - 0.9) is 100.00000000000003 in binary.
    least = math.ceil(10 / (1 - level) - 1e-9)
    if draws < least:
        most = math.floor(1000 - 10_000 / draws) / 1000
        raise ScoreError(
            f"level {level} leaves fewer than five of {draws:,} draws in each tail; "
            f"at least {least:,} draws are needed, or a level of at most {most}."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float | np.floating)
