"""Findings of one cause: which check outside its limits explains another one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ..settings import LimitSettings
from ..settings.review import ANY_SIDE
from .result import Check, Verdict

type Causes = dict[Check, Check]  # by effect


def with_causes(checks: Sequence[Check], limits: Mapping[str, LimitSettings]) -> tuple[Check, ...]:
    """Return the checks, each with the metric of the check that explains it.

    A cause is outside its limits itself, and is not explained by its effect. A check that fails is explained only by
    one that fails. The cause of a cause is the cause of its effects too. Where nothing else explains a metric, the
    farthest metric of the same check on the same side does: it has the same meaning and the same advice.
    """
    outside = sorted(
        (check for check in checks if check.side), key=lambda check: (-check.verdict.severity, -check.distance)
    )
    causes: Causes = {}
    for effect in outside:
        _assign(effect, (cause for cause in outside if _explains(cause, effect, limits)), causes)
    for at, effect in enumerate(outside):
        _assign(effect, (cause for cause in outside[:at] if _is_alike(cause, effect)), causes)
    return tuple(replace(check, cause=_root(check, causes).metric) if check in causes else check for check in checks)


def _assign(effect: Check, candidates: Iterable[Check], causes: Causes) -> None:
    """Set the first cause that is not explained by its effect, unless there is one already."""
    cause = next((one for one in candidates if _root(one, causes) != effect), None)
    if effect not in causes and cause is not None:
        causes[effect] = cause


def _explains(cause: Check, effect: Check, limits: Mapping[str, LimitSettings]) -> bool:
    """Return whether the settings name the effect as one of the cause."""
    if not _may_explain(cause, effect):
        return False
    for pattern in limits[cause.name].explains.get(cause.side, ()):
        metric, side = pattern.split()
        if side in (effect.side, ANY_SIDE) and fnmatchcase(effect.metric, metric):
            return True
    return False


def _is_alike(cause: Check, effect: Check) -> bool:
    """Return whether two metrics belong to one check and are on the same side of its band."""
    return _may_explain(cause, effect) and (cause.name, cause.side) == (effect.name, effect.side)


def _may_explain(cause: Check, effect: Check) -> bool:
    if cause.metric == effect.metric or Verdict.PASS in (cause.verdict, effect.verdict):
        return False
    return cause.verdict is Verdict.FAIL or effect.verdict is Verdict.REVIEW


def _root(check: Check, causes: Causes) -> Check:
    while check in causes:
        check = causes[check]
    return check
