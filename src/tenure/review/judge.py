"""Judge the numbers of a run: PASS, REVIEW or FAIL, with a reason and advice.

It is handed metrics and limits and computes neither. It fails closed: a metric that is missing or not finite,
or limits that name nothing, are FAIL, because no evidence is not a pass. A check that cannot apply to a log says so by
a condition on counts (`when`).

Chance: where a metric has a standard error (`<metric>_se`), the verdict is FAIL if the metric is beyond the limit of
FAIL by more than two of them. It is FAIL whatever the error if the metric is at least twice as far as that limit from
the neutral value: the middle of the `review` band; of a band with one bound, the value in it that is nearest to 0.
An error that is not a finite number allows nothing.
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
    """All checks of a run; its verdict is the worst of theirs, and FAIL where there are none.

    Attributes:
        checks: one per judged metric.
        skipped: a sentence for each check that does not apply.
    """

    checks: tuple[Check, ...]
    skipped: tuple[str, ...] = ()

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
        return {"verdict": self.verdict.value, "checks": checks, "skipped": list(self.skipped)}

    def record(self) -> Record:
        """Return the verdict, and the checks as JSON and as a table."""
        return Record(
            tags={"verdict": self.verdict.value},
            tables={paths.REVIEW: self.to_frame()},
            files={paths.REVIEW_CHECKS: json.dumps(self.to_dict(), indent=2)},
        )

    def with_failures(self, failures: Sequence[Failure]) -> "Review":
        """Return the review with a finding for each part that failed, which is at best REVIEW."""
        checks = [check for check in self.checks if check.name != FAILED_PART]
        return Review((*checks, *map(_failed_part, failures)), self.skipped)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Review":
        """Read what `to_dict` gave; a verdict that its own checks do not bear out is refused."""
        checks = tuple(Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in stored["checks"])
        review = cls(checks, tuple(stored["skipped"]))
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
    faults = faults_of(limits) if limits else []
    if faults:
        raise ReviewSettingsError(faults)
    if not fits:
        raise ValueError("fits must name at least one, such as 'calibration.spend': no evidence is not a pass.")
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
    finding="no limits were given: no evidence is not a pass",
    limit="",
    reason="A review without limits cannot tell a good model from a bad one.",
    advice="Give limits in review.checks.",
)


def _failed_part(failure: Failure) -> Check:
    return Check(
        name=FAILED_PART,
        metric=f"failures.{failure.part}",
        value=1.0,
        verdict=Verdict.REVIEW,
        finding=f"{failure.part} failed and is left out: {failure.cause}",
        limit="REVIEW above 0",
        reason="What failed shows nothing. The other checks do not depend on it.",
        advice=f"See {failure.path} in the run; without this part, decide by the other findings.",
    )


def _lack(count: str, least: float, metrics: Mapping[str, float]) -> str:
    """Say why a check does not apply; nothing where it does. A count that is missing is no reason, nor is NaN."""
    value = _finite(metrics.get(count))
    return "" if value is None or value >= least else f"{count} is {value:g}, below {least:g}"


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
    """Decide whether a value beyond the limit of FAIL may be there by chance."""
    bound = _crossed(value, limit.fail)
    if bound is None or error is None or _is_twice(value, bound, limit):
        return False
    return abs(value - bound) <= ERRORS * error


def _is_twice(value: float, bound: float, limit: LimitSettings) -> bool:
    neutral = _neutral(limit.review)
    # A hair is allowed for: 0.30 lies twice as far from 0.10 as 0.20 does, but not in binary.
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
    """Say the number, its standard error, and the limit that it is beyond."""
    if metric not in metrics:
        return f"{metric} is missing: no evidence is not a pass"
    value, error = _finite(metrics[metric]), _error(metric, metrics)
    if value is None:
        return f"{metric} is {metrics[metric]}, not a finite number: no evidence is not a pass"
    said = f"{metric} is {value:.4g}"
    if f"{metric}_se" in metrics:
        said += ", standard error unknown" if error is None else f", standard error {error:.2g}"
    return said + _beyond(value, error, limit)


def _beyond(value: float, error: float | None, limit: LimitSettings) -> str:
    fail, review = _crossed(value, limit.fail), _crossed(value, limit.review)
    bound, name = (review, "REVIEW") if fail is None else (fail, "FAIL")
    if bound is None:
        return ""
    said = f": {'below' if value < bound else 'above'} the {name} limit {bound:g}"
    if fail is None or error is None:
        return said
    if _is_chance(value, error, limit):
        return f"{said} by no more than two standard errors, which calls for a review"
    if abs(value - bound) > ERRORS * error:
        return f"{said} by more than two standard errors"
    return f"{said}, twice as far out, which no standard error excuses"


def _limit_text(limit: LimitSettings) -> str:
    """Name the bounds where REVIEW and FAIL begin, as `REVIEW above 1.01, FAIL above 1.05`."""
    return f"REVIEW {_outside_text(limit.review)}, FAIL {_outside_text(limit.fail)}"


def _outside_text(band: Sequence[float | None]) -> str:
    sides = zip(("below", "above"), band, strict=True)
    return " or ".join(f"{side} {bound:g}" for side, bound in sides if bound is not None)
