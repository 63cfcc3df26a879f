"""Judge the numbers of a run: PASS, REVIEW or FAIL, with a reason and advice.

It is handed metrics and limits and computes neither. It fails closed: a metric that is missing or not finite,
or limits that name nothing, are FAIL, because no evidence is not a pass.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from numbers import Real
from typing import Any

import pandas as pd

from .errors import InputError

# What a metric's name may begin with, and which fitted models it then stands for.
ANY, MODELS, METHODS, STAGES = "{fit}", ("{purchases}", "{spend}"), ("{nuts}", "{laplace}"), ("{final}",)
PLACEHOLDERS = (ANY, *MODELS, *METHODS, *STAGES)


class ReviewSettingsError(InputError):
    """Limits that cannot be right; `faults` names each by its full key."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"The review's limits cannot be used: {'; '.join(faults)}.")


class Verdict(StrEnum):
    """PASS: may be used. REVIEW: a person decides. FAIL: must not be used."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    FAIL = "FAIL"


_SEVERITY = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


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
            the metrics are not asked for. A count that is missing excuses nothing. null: wherever the count is there.
    """

    metrics: list[str]
    review: list[float | None]
    fail: list[float | None]
    reason: str
    advice: str
    when: dict[str, float | None] = field(default_factory=dict)


@dataclass
class ReviewSettings:
    """The review's limits by name, and the level of the intervals that they are stated for.

    Neither this nor `LimitSettings` is frozen: Hydra cannot fill a frozen schema from a config group.
    """

    level: float
    checks: dict[str, LimitSettings]

    def __post_init__(self) -> None:
        faults = [] if 0 < self.level < 1 else [f"review.level must be between 0 and 1, got {self.level:g}"]
        faults += _faults(self.checks)
        if faults:
            raise ReviewSettingsError(faults)


@dataclass(frozen=True)
class Check:
    """One metric beside its limits. `value` is None where there was no finite number to judge."""

    name: str
    metric: str
    value: float | None
    verdict: Verdict
    finding: str
    limit: str
    reason: str
    advice: str

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.FAIL and (self.value is None or not math.isfinite(self.value)):
            raise ValueError(f"Check {self.name} of {self.metric} is {self.verdict} without a finite number.")


@dataclass(frozen=True)
class Review:
    """All checks of a run; its verdict is the worst of theirs, and FAIL where there are none."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """Give the worst verdict of all checks."""
        return max((check.verdict for check in self.checks), key=_SEVERITY.index, default=Verdict.FAIL)

    @property
    def concerns(self) -> tuple[Check, ...]:
        """List the checks that did not pass, the worst first."""
        outside = [check for check in self.checks if check.verdict is not Verdict.PASS]
        return tuple(sorted(outside, key=lambda check: -_SEVERITY.index(check.verdict)))

    def to_frame(self) -> pd.DataFrame:
        """Lay the checks out as a table, one row each."""
        return pd.DataFrame([asdict(check) for check in self.checks], columns=[field.name for field in fields(Check)])

    def to_dict(self) -> dict[str, Any]:
        """Turn the review into JSON values."""
        checks = [{**asdict(check), "verdict": check.verdict.value} for check in self.checks]
        return {"verdict": self.verdict.value, "checks": checks}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Review":
        """Read what `to_dict` gave; a verdict that its own checks do not bear out is refused."""
        review = cls(tuple(Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in stored["checks"]))
        if review.verdict != stored["verdict"]:
            raise ValueError(f"The stored verdict is {stored['verdict']}, its checks say {review.verdict}.")
        return review


def judge(metrics: Mapping[str, float], limits: Mapping[str, LimitSettings], *, fits: Mapping[str, str]) -> Review:
    """Judge every metric that the limits name.

    Args:
        metrics: the numbers of a run; those that no limit names are ignored.
        limits: by check, `review.checks` of the settings; those whose `when` does not hold are passed over.
        fits: the fitted models that are due, such as `calibration.spend`, each with the method that gave its draws.
            A due metric that is missing is FAIL, so that a refit which forgot to report cannot pass on the
            calibration's numbers.
    """
    faults = _faults(limits) if limits else []
    if faults:
        raise ReviewSettingsError(faults)
    if not fits:
        raise ValueError("fits must name at least one, such as 'calibration.spend': no evidence is not a pass.")
    checks = [
        _check(name, limit, metric, metrics)
        for name, limit in limits.items()
        if _is_asked(limit, metrics)
        for metric in _metrics_due(limit.metrics, fits)
    ]
    return Review(tuple(checks) or (_NO_LIMITS,))


_NO_LIMITS = Check(
    name="limits",
    metric="",
    value=None,
    verdict=Verdict.FAIL,
    finding="no limits were given: no evidence is not a pass",
    limit="",
    reason="A review without limits cannot tell a good model from a bad one.",
    advice="Give limits in review.checks.",
)


def _is_asked(limit: LimitSettings, metrics: Mapping[str, float]) -> bool:
    """Tell whether the run can hold the evidence; no evidence of that is no reason not to ask."""
    return all(_is_there(metrics, count, least) for count, least in limit.when.items())


def _is_there(metrics: Mapping[str, float], count: str, least: float | None) -> bool:
    if least is None:
        return count in metrics
    value = _finite(metrics.get(count))
    return value is None or value >= least


def _metrics_due(names: Sequence[str], fits: Mapping[str, str]) -> list[str]:
    due = []
    for name in names:
        placeholder = next((known for known in PLACEHOLDERS if name.startswith(known)), None)
        if placeholder is None:
            due.append(name)
        else:
            due += [name.replace(placeholder, fit) for fit, method in fits.items() if _stands(placeholder, fit, method)]
    return due


def _stands(placeholder: str, fit: str, method: str) -> bool:
    """Tell whether a placeholder stands for a fitted model."""
    stage, _, model = fit.rpartition(".")
    return placeholder in (ANY, f"{{{method}}}", f"{{{model}}}", f"{{{stage}}}")


def _check(name: str, limit: LimitSettings, metric: str, metrics: Mapping[str, float]) -> Check:
    value = _finite(metrics.get(metric))
    verdict = Verdict.FAIL if value is None else _verdict(value, limit)
    return Check(
        name=name,
        metric=metric,
        value=value,
        verdict=verdict,
        finding=_finding(metric, metrics),
        limit=_limit_text(limit),
        reason=limit.reason,
        advice="" if verdict is Verdict.PASS else limit.advice,
    )


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def _verdict(value: float, limit: LimitSettings) -> Verdict:
    if not _within(value, limit.fail):
        return Verdict.FAIL
    return Verdict.PASS if _within(value, limit.review) else Verdict.REVIEW


def _within(value: float, band: Sequence[float | None]) -> bool:
    low, high = band
    return (low is None or value >= low) and (high is None or value <= high)


def _finding(metric: str, metrics: Mapping[str, float]) -> str:
    """Say the number with its chance error where one was handed over as `<metric>_se`."""
    if metric not in metrics:
        return f"{metric} is missing: no evidence is not a pass"
    value, error = _finite(metrics[metric]), _finite(metrics.get(f"{metric}_se"))
    if value is None:
        return f"{metric} is {metrics[metric]}, not a finite number: no evidence is not a pass"
    return f"{metric} is {value:.4g}" + ("" if error is None else f" (chance alone: ± {error:.2g})")


def _limit_text(limit: LimitSettings) -> str:
    """Name the bounds where REVIEW and FAIL begin, as `REVIEW above 1.01, FAIL above 1.05`."""
    return f"REVIEW {_outside_text(limit.review)}, FAIL {_outside_text(limit.fail)}"


def _outside_text(band: Sequence[float | None]) -> str:
    sides = zip(("below", "above"), band, strict=True)
    return " or ".join(f"{side} {bound:g}" for side, bound in sides if bound is not None)


def _faults(limits: Mapping[str, LimitSettings]) -> list[str]:
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
        f"when.{count} must be a finite number or null, got {least}"
        for count, least in limit.when.items()
        if least is not None and not math.isfinite(least)
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
