"""The limits of the review: settings, and what makes them unusable."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import InputError

# What a metric's name may begin with, and which fitted models it then stands for.
ANY, MODELS, METHODS, STAGES = "{fit}", ("{purchases}", "{spend}"), ("{nuts}", "{laplace}"), ("{final}",)
PLACEHOLDERS = (ANY, *MODELS, *METHODS, *STAGES)


class ReviewSettingsError(InputError):
    """Limits that cannot be right; `faults` names each by its full key."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"The review's limits cannot be used: {'; '.join(faults)}.")


@dataclass
class LimitSettings:
    """The limits of one or more metrics: inside `review` PASS, outside `fail` FAIL, between them REVIEW.

    Args:
        metrics: what is judged. A name may begin with `{fit}`, each fitted model that is due, such as
            `calibration.spend`; `{purchases}` or `{spend}`, those of that model; `{nuts}` or `{laplace}`, those whose
            draws came by that method; `{final}`, those of the refit.
        review: the band [low, high] outside which a person must look; null is no bound.
        fail: the band [low, high] outside which the model must not be used; null is no bound.
        reason: why the limits are what they are.
        advice: what to do when a metric is outside.
        when: counts, each with the least of it from which the evidence can exist, such as `repeat_buyers: 200`; below,
            the check does not apply. A count that is missing excuses nothing.
    """

    metrics: list[str]
    review: list[float | None]
    fail: list[float | None]
    reason: str
    advice: str
    when: dict[str, float] = field(default_factory=dict)


@dataclass
class ReviewSettings:
    """The review's limits by name, and the level of the intervals that they are stated for.

    Neither this nor `LimitSettings` is frozen: Hydra cannot fill a frozen schema from a config group.
    """

    level: float
    checks: dict[str, LimitSettings]

    def __post_init__(self) -> None:
        faults = [] if 0 < self.level < 1 else [f"review.level must be between 0 and 1, got {self.level:g}"]
        faults += faults_of(self.checks)
        if faults:
            raise ReviewSettingsError(faults)


def faults_of(limits: Mapping[str, LimitSettings]) -> list[str]:
    """List what makes limits unusable, each by its full key."""
    if not limits:
        return ["review.checks must name at least one check"]
    return [f"review.checks.{name}.{fault}" for name, limit in limits.items() for fault in _limit_faults(limit)]


def _limit_faults(limit: LimitSettings) -> list[str]:
    faults = [*_band_faults("review", limit.review), *_band_faults("fail", limit.fail)]
    if not faults and _is_laxer(limit.review, limit.fail):
        faults.append(f"review must lie within fail, got {list(limit.review)} and {list(limit.fail)}")
    if not limit.metrics or len(set(limit.metrics)) < len(limit.metrics):
        faults.append(f"metrics must be one or more different names, got {list(limit.metrics)}")
    faults += [
        f"metrics may begin with {', '.join(PLACEHOLDERS)} and hold no other placeholder, got {name!r}"
        for name in limit.metrics
        if not name.strip() or set("{}") & set(_bare(name))
    ]
    faults += [
        f"when.{count} must be a finite number, got {least}"
        for count, least in limit.when.items()
        if not math.isfinite(least)
    ]
    return faults + [f"{part} must not be blank" for part in ("reason", "advice") if not getattr(limit, part).strip()]


def _bare(name: str) -> str:
    return next((name.removeprefix(known) for known in PLACEHOLDERS if name.startswith(known)), name)


def _band_faults(part: str, band: Sequence[float | None]) -> list[str]:
    bounds = [bound for bound in band if bound is not None]
    if len(band) != 2 or not bounds or not all(math.isfinite(bound) for bound in bounds) or bounds != sorted(bounds):
        return [f"{part} must be [low, high], finite, low <= high, null for at most one, got {list(band)}"]
    return []


def _is_laxer(review: Sequence[float | None], fail: Sequence[float | None]) -> bool:
    """Tell whether some value outside `fail` would be inside `review`."""
    floor = fail[0] is not None and (review[0] is None or review[0] < fail[0])
    ceiling = fail[1] is not None and (review[1] is None or review[1] > fail[1])
    return floor or ceiling
