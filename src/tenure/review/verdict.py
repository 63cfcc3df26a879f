"""Check the metrics of a run against limits: PASS, REVIEW or FAIL, each with a reason and advice.

Metrics and limits are given, and neither is computed here. The review fails closed: a missing or non-finite metric is
FAIL, and so is a review without limits. A check applies only where its conditions on counts (`when`) are met.

Chance: where a metric has a standard error (`<metric>_se`), the verdict is FAIL if the metric is beyond the FAIL limit
by more than two standard errors. It is FAIL whatever the error if the metric is at least twice as far as that limit
from the neutral value: the middle of the `review` band; for a band with one bound, the value in it nearest to 0.
A standard error that is not a finite number is ignored.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from numbers import Real
from typing import Any

import pandas as pd

from .. import paths
from ..failures import Failure
from ..record import Record
from ..settings import LimitSettings, ReviewSettingsError
from ..settings.review import ANY, PLACEHOLDERS, faults_of

ERRORS = 2.0  # standard errors beyond the limit of FAIL
TWICE = 2.0  # the limit's distance from the neutral value
FAILED_PART = "failed_part"


class Verdict(StrEnum):
    """PASS: may be used. REVIEW: a person decides. FAIL: must not be used."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    FAIL = "FAIL"


_SEVERITY = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


@dataclass(frozen=True)
class Check:
    """A metric and its limits. `value` is None where the metric is missing or not finite."""

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
    """All checks of a run. The verdict is the worst of theirs, and FAIL if there are none.

    Attributes:
        checks: one per metric.
        skipped: a sentence for each check that does not apply.
    """

    checks: tuple[Check, ...]
    skipped: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Return the worst verdict of all checks."""
        return max((check.verdict for check in self.checks), key=_SEVERITY.index, default=Verdict.FAIL)

    @property
    def concerns(self) -> tuple[Check, ...]:
        """List the checks that did not pass, the worst first."""
        outside = [check for check in self.checks if check.verdict is not Verdict.PASS]
        return tuple(sorted(outside, key=lambda check: -_SEVERITY.index(check.verdict)))

    def to_frame(self) -> pd.DataFrame:
        """Return the checks as a table, one row each."""
        return pd.DataFrame([asdict(check) for check in self.checks], columns=[field.name for field in fields(Check)])

    def to_dict(self) -> dict[str, Any]:
        """Return the review as JSON values."""
        checks = [{**asdict(check), "verdict": check.verdict.value} for check in self.checks]
        return {"verdict": self.verdict.value, "checks": checks, "skipped": list(self.skipped)}

    def record(self) -> Record:
        """Return the verdict, and the checks as JSON and as a table."""
        return Record(
            tags={"verdict": self.verdict.value},
            tables={paths.REVIEW: self.to_frame()},
            files={paths.REVIEW_CHECKS: json.dumps(self.to_dict(), indent=2)},
        )

    def with_failures(self, failures: Sequence[Failure]) -> "Review":
        """Return the review with a finding for each failed part, whose verdict is REVIEW."""
        checks = [check for check in self.checks if check.name != FAILED_PART]
        return Review((*checks, *map(_failed_part, failures)), self.skipped)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Review":
        """Read a review that `to_dict` wrote; raise ValueError if the verdict is not that of its checks."""
        checks = tuple(Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in stored["checks"])
        review = cls(checks, tuple(stored["skipped"]))
        if review.verdict != stored["verdict"]:
            raise ValueError(f"The stored verdict is {stored['verdict']}, its checks give {review.verdict}.")
        return review


def judge(metrics: Mapping[str, float], limits: Mapping[str, LimitSettings], *, fits: Mapping[str, str]) -> Review:
    """Check every metric that the limits name.

    Args:
        metrics: the numbers of a run; those that no limit names are ignored.
        limits: by check, `review.checks` of the settings; those whose `when` is not met are skipped.
        fits: the fitted models, such as `calibration.spend`, each with the method of its draws. Each must have its
            metrics: a refit without them cannot pass by the metrics of the calibration fit.
    """
    faults = faults_of(limits) if limits else []
    if faults:
        raise ReviewSettingsError(faults)
    if not fits:
        raise ValueError("fits must name at least one, such as 'calibration.spend'.")
    checks, skipped = list[Check](), list[str]()
    for name, limit in limits.items():
        lacks = [_lack(count, least, metrics) for count, least in limit.when.items()]
        if any(lacks):
            skipped.append(f"{name} does not apply: {' and '.join(filter(None, lacks))}")
        else:
            checks += [_check(name, limit, metric, metrics) for metric in _metrics_due(limit.metrics, fits)]
    return Review(tuple(checks) or (_NO_LIMITS,), tuple(skipped))


_NO_LIMITS = Check(
    name="limits",
    metric="",
    value=None,
    verdict=Verdict.FAIL,
    finding="there are no limits",
    limit="",
    reason="Without limits nothing is checked.",
    advice="Set limits in review.checks.",
)


def _failed_part(failure: Failure) -> Check:
    return Check(
        name=FAILED_PART,
        metric=f"failures.{failure.part}",
        value=1.0,
        verdict=Verdict.REVIEW,
        finding=f"{failure.part} failed and is left out: {failure.cause}",
        limit="REVIEW above 0",
        reason="A failed part gives no evidence. The other checks do not depend on it.",
        advice=f"See {failure.path} in the run, and decide by the other findings.",
    )


def _lack(count: str, least: float, metrics: Mapping[str, float]) -> str:
    """Return why a check does not apply; nothing if it does, or if the count is missing or NaN."""
    value = _finite(metrics.get(count))
    return "" if value is None or value >= least else f"{count} is {value:g}, below {least:g}"


def _metrics_due(names: Sequence[str], fits: Mapping[str, str]) -> list[str]:
    due = []
    for name in names:
        placeholder = next((prefix for prefix in PLACEHOLDERS if name.startswith(prefix)), None)
        if placeholder is None:
            due.append(name)
        else:
            due += [name.replace(placeholder, fit) for fit, method in fits.items() if _stands(placeholder, fit, method)]
    return due


def _stands(placeholder: str, fit: str, method: str) -> bool:
    """Return whether a placeholder stands for a fitted model."""
    stage, _, model = fit.rpartition(".")
    return placeholder in (ANY, f"{{{method}}}", f"{{{model}}}", f"{{{stage}}}")


def _check(name: str, limit: LimitSettings, metric: str, metrics: Mapping[str, float]) -> Check:
    value, error = _finite(metrics.get(metric)), _error(metric, metrics)
    verdict = Verdict.FAIL if value is None else _verdict(value, error, limit)
    return Check(
        name=name,
        metric=metric,
        value=value,
        verdict=verdict,
        finding=_finding(metric, metrics, limit),
        limit=_limit_text(limit),
        reason=limit.reason,
        advice="" if verdict is Verdict.PASS else limit.advice,
    )


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def _error(metric: str, metrics: Mapping[str, float]) -> float | None:
    error = _finite(metrics.get(f"{metric}_se"))
    return error if error is not None and error >= 0 else None


def _verdict(value: float, error: float | None, limit: LimitSettings) -> Verdict:
    if _crossed(value, limit.fail) is not None and not _is_chance(value, error, limit):
        return Verdict.FAIL
    return Verdict.PASS if _crossed(value, limit.review) is None else Verdict.REVIEW


def _is_chance(value: float, error: float | None, limit: LimitSettings) -> bool:
    """Return whether a value may be beyond the FAIL limit by chance."""
    bound = _crossed(value, limit.fail)
    if bound is None or error is None or _is_twice(value, bound, limit):
        return False
    return abs(value - bound) <= ERRORS * error


def _is_twice(value: float, bound: float, limit: LimitSettings) -> bool:
    neutral = _neutral(limit.review)
    # 0.30 is twice as far from 0.10 as 0.20 is, but not in binary: allow for rounding.
    return abs(value - neutral) >= TWICE * abs(bound - neutral) * (1 - 1e-12)


def _neutral(band: Sequence[float | None]) -> float:
    low, high = band
    if low is not None and high is not None:
        return (low + high) / 2
    return max(low, 0.0) if low is not None else min(high or 0.0, 0.0)


def _crossed(value: float, band: Sequence[float | None]) -> float | None:
    """Return the bound that a value lies beyond; None within the band."""
    low, high = band
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else None


def _finding(metric: str, metrics: Mapping[str, float], limit: LimitSettings) -> str:
    """Return the value, its standard error, and the limit that it is beyond."""
    if metric not in metrics:
        return f"{metric} is missing: a check without evidence fails"
    value, error = _finite(metrics[metric]), _error(metric, metrics)
    if value is None:
        return f"{metric} is {metrics[metric]}, not a finite number: a check without evidence fails"
    text = f"{metric} is {value:.4g}"
    if f"{metric}_se" in metrics:
        text += ", standard error unknown" if error is None else f", standard error {error:.2g}"
    return text + _beyond(value, error, limit)


def _beyond(value: float, error: float | None, limit: LimitSettings) -> str:
    fail, review = _crossed(value, limit.fail), _crossed(value, limit.review)
    bound, name = (review, "REVIEW") if fail is None else (fail, "FAIL")
    if bound is None:
        return ""
    text = f": {'below' if value < bound else 'above'} the {name} limit {bound:g}"
    if fail is None or error is None:
        return text
    if _is_chance(value, error, limit):
        return f"{text} by no more than two standard errors, so REVIEW"
    if abs(value - bound) > ERRORS * error:
        return f"{text} by more than two standard errors"
    return f"{text} and twice as far out, so FAIL whatever the error"


def _limit_text(limit: LimitSettings) -> str:
    """Return the bounds where REVIEW and FAIL begin, as `REVIEW above 1.01, FAIL above 1.05`."""
    return f"REVIEW {_outside_text(limit.review)}, FAIL {_outside_text(limit.fail)}"


def _outside_text(band: Sequence[float | None]) -> str:
    sides = zip(("below", "above"), band, strict=True)
    return " or ".join(f"{side} {bound:g}" for side, bound in sides if bound is not None)
