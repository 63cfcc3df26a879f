"""The limits of the review, and their validation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import InputError
from .named import read_named

SIDES = ("below", "above")  # of a band
ANY_SIDE = "any"
# Prefixes of a metric's name that stand for fitted models.
ANY, MODELS, METHODS, STAGES = "{fit}", ("{purchases}", "{spend}"), ("{nuts}", "{laplace}"), ("{final}",)
PLACEHOLDERS = (ANY, *MODELS, *METHODS, *STAGES)


class ReviewSettingsError(InputError):
    """Invalid limits; `faults` has a line for each, starting with its full key."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"The review's limits cannot be used: {'; '.join(faults)}.")


@dataclass
class LimitSettings:
    """The limits of one or more metrics: inside `review` PASS, outside `fail` FAIL, between them REVIEW.

    Args:
        metrics: the metrics to check. A name may begin with `{fit}`, which stands for each fitted model, such as
            `calibration.spend`; `{purchases}` or `{spend}`, the fits of that model; `{nuts}` or `{laplace}`, the fits
            by that method; `{final}`, the fits of the refit.
        review: the band [low, high] outside which a person must look; null means no bound.
        fail: the band [low, high] outside which the model must not be used; null means no bound.
        reason: why the limits are where they are.
        advice: what to do if a metric is outside.
        below: what a value below the band means, in one sentence. `{value}` stands for the value, `{size}` for it
            without its sign, both with a format such as `{value:.1%}`; `{subject}` for the metric's subject, `{model}`
            for the fitted model, `purchases` or `spend`, and each name of `numbers` for that number. Without it the
            finding names the metric.
        above: what a value above the band means.
        subjects: by metric, what it is about. A metric of fits needs none: its subject is the fit.
        explains: by side, `below` or `above`: the findings that a value on this side explains, each a metric and its
            side, such as `spend.bias below`. `*` in a metric stands for any characters; the side may be `any`.
        numbers: by placeholder of the sentences, the metric that it stands for.
        when: counts, each with the smallest value at which the check applies, such as `repeat_buyers: 200`. The check
            also applies if the count is missing.
    """

    metrics: list[str]
    review: list[float | None]
    fail: list[float | None]
    reason: str
    advice: str
    below: str = ""
    above: str = ""
    subjects: dict[str, str] = field(default_factory=dict)
    explains: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    when: dict[str, float] = field(default_factory=dict)


@dataclass
class ReviewSettings:
    """The limits of the review by name, and the level of the intervals that they assume.

    Neither this class nor `LimitSettings` is frozen: Hydra cannot fill a frozen schema from a config group.

    Args:
        level: probability of the intervals, above 0 and below 1.
        checks: the checks by name; conf/review/default.yaml has them with their reasons.
    """

    level: float
    checks: dict[str, LimitSettings]

    def __post_init__(self) -> None:
        faults = [] if 0 < self.level < 1 else [f"review.level must be between 0 and 1, got {self.level:g}"]
        faults += faults_of(self.checks)
        if faults:
            raise ReviewSettingsError(faults)


def read_review(name: str = "default") -> ReviewSettings:
    """Read named limits of `conf/review`."""
    stored = read_named("review", name)
    return ReviewSettings(stored["level"], {key: LimitSettings(**limit) for key, limit in stored["checks"].items()})


def faults_of(limits: Mapping[str, LimitSettings]) -> list[str]:
    """List the faults of limits, each by its full key."""
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
        f"metrics may begin with {', '.join(PLACEHOLDERS)} and contain no other placeholder, got {name!r}"
        for name in limit.metrics
        if not name.strip() or set("{}") & set(_bare(name))
    ]
    faults += [
        f"when.{count} must be a finite number, got {least}"
        for count, least in limit.when.items()
        if not math.isfinite(least)
    ]
    faults += [f"{part} must not be blank" for part in ("reason", "advice") if not getattr(limit, part).strip()]
    return [*faults, *_sentence_faults(limit), *_cause_faults(limit)]


def _sentence_faults(limit: LimitSettings) -> list[str]:
    """List the placeholders of sentences that cannot be filled, and the metrics without a subject."""
    faults = []
    for side in SIDES:
        text = getattr(limit, side)
        try:
            text.format(**dict.fromkeys(limit.numbers, 1.5) | {"value": 1.5, "size": 1.5, "subject": "", "model": ""})
        except (KeyError, IndexError, ValueError, AttributeError):
            names = [f"{{{name}}}" for name in ("value", "size", "subject", *limit.numbers)]
            faults.append(f"{side} may contain {', '.join(names)} and {{model}} only, got {text!r}")
        lacking = [name for name in limit.metrics if "{subject}" in text and _lacks_subject(name, limit)]
        if lacking:
            faults.append(f"{side} contains {{subject}}, and subjects has none of {', '.join(lacking)}")
    return faults


def _lacks_subject(name: str, limit: LimitSettings) -> bool:
    return name not in limit.subjects and not name.startswith(PLACEHOLDERS)


def _cause_faults(limit: LimitSettings) -> list[str]:
    faults = [
        f"explains may contain {' and '.join(SIDES)} only, got {side!r}" for side in limit.explains if side not in SIDES
    ]
    for side, effects in limit.explains.items():
        faults += [
            f"explains.{side} must list metrics with a side, such as 'spend.bias above', got {effect!r}"
            for effect in effects
            if len(effect.split()) != 2 or effect.split()[1] not in (*SIDES, ANY_SIDE)
        ]
    return faults


def _bare(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in PLACEHOLDERS if name.startswith(prefix)), name)


def _band_faults(part: str, band: Sequence[float | None]) -> list[str]:
    bounds = [bound for bound in band if bound is not None]
    if len(band) != 2 or not bounds or not all(math.isfinite(bound) for bound in bounds) or bounds != sorted(bounds):
        return [f"{part} must be [low, high], finite, low <= high, null for at most one, got {list(band)}"]
    return []


def _is_laxer(review: Sequence[float | None], fail: Sequence[float | None]) -> bool:
    """Return whether some value outside `fail` would be inside `review`."""
    floor = fail[0] is not None and (review[0] is None or review[0] < fail[0])
    ceiling = fail[1] is not None and (review[1] is None or review[1] > fail[1])
    return floor or ceiling
