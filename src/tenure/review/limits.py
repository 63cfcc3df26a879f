"""A value against its limits: the verdict, and the numbers and sentences that explain it."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real

from ..settings import LimitSettings
from ..settings.review import SIDES
from .result import Verdict

ERRORS = 2.0  # standard errors beyond the limit of FAIL
TWICE = 2.0  # the limit's distance from the neutral value
WHOLE_LOG, CALIBRATION = "final", "calibration"
FITTED = {CALIBRATION: "fitted to the calibration window", WHOLE_LOG: "refitted to the whole log"}


def finite(value: object) -> float | None:
    """Return a value as a number; None where it is no finite one."""
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def standard_error(metric: str, metrics: Mapping[str, float]) -> float | None:
    """Return the standard error of a metric; None where it has none."""
    error = finite(metrics.get(f"{metric}_se"))
    return error if error is not None and error >= 0 else None


def verdict_of(value: float, error: float | None, limit: LimitSettings) -> Verdict:
    """Return the verdict of a value."""
    if _crossed(value, limit.fail) is not None and not _is_chance(value, error, limit):
        return Verdict.FAIL
    return Verdict.PASS if _crossed(value, limit.review) is None else Verdict.REVIEW


def side_of(value: float | None, limit: LimitSettings) -> str:
    """Return on which side of the REVIEW band a value is; nothing inside it."""
    bound = None if value is None else _crossed(value, limit.review)
    if value is None or bound is None:
        return ""
    return SIDES[value > bound]


def distance_of(value: float | None, limit: LimitSettings) -> float:
    """Return how far a value is outside the REVIEW band, relative to the band's margin to FAIL on this side."""
    side = side_of(value, limit)
    if value is None or not side:
        return 0.0
    at = SIDES.index(side)
    review, fail = limit.review[at], limit.fail[at]
    assert review is not None  # noqa: S101 (the value is beyond it)
    margin = abs((fail if fail is not None else _neutral(limit.review)) - review)
    return abs(value - review) / (margin or max(abs(review), 1.0))


def sentence(metric: str, metrics: Mapping[str, float], limit: LimitSettings) -> str:
    """Return what was measured and what it means; nothing inside the band."""
    value = finite(metrics.get(metric))
    if value is None:
        return f"There is no number for {metric}, and a check without evidence fails."
    side = side_of(value, limit)
    template = getattr(limit, side) if side else ""
    numbers = {name: finite(metrics.get(of)) for name, of in limit.numbers.items()}
    if side and (not template or None in numbers.values()):
        return f"The metric {metric} is {value:.4g}, {side} its limit."
    subject, model = _subject(metric, limit)
    return str(template).format(**numbers | {"value": value, "size": abs(value), "subject": subject, "model": model})


def _subject(metric: str, limit: LimitSettings) -> tuple[str, str]:
    """Return what a metric is about, and the fitted model of its fit, if any."""
    stage, _, rest = metric.partition(".")
    model = rest.partition(".")[0]
    if stage not in FITTED:
        return limit.subjects.get(metric, ""), ""
    return limit.subjects.get(metric, f"{model} ({FITTED[stage]})"), model


def detail(metric: str, metrics: Mapping[str, float], limit: LimitSettings) -> str:
    """Return the value, its standard error, and the limit that it is beyond."""
    if metric not in metrics:
        return f"{metric} is missing: a check without evidence fails"
    value, error = finite(metrics[metric]), standard_error(metric, metrics)
    if value is None:
        return f"{metric} is {metrics[metric]}, not a finite number: a check without evidence fails"
    text = f"{metric} is {value:.4g}"
    if f"{metric}_se" in metrics:
        text += ", standard error unknown" if error is None else f", standard error {error:.2g}"
    return text + _beyond(value, error, limit)


def limit_text(limit: LimitSettings) -> str:
    """Return the bounds where REVIEW and FAIL begin, as `REVIEW above 1.01, FAIL above 1.05`."""
    return f"REVIEW {_outside_text(limit.review)}, FAIL {_outside_text(limit.fail)}"


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


def _outside_text(band: Sequence[float | None]) -> str:
    sides = zip(SIDES, band, strict=True)
    return " or ".join(f"{side} {bound:g}" for side, bound in sides if bound is not None)
