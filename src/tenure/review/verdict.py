"""Check the metrics of a run against limits: PASS, REVIEW or FAIL, each with a reason and advice.

Metrics and limits are given, and neither is computed here. The review fails closed: a missing or non-finite metric is
FAIL, and so is a review without limits. A check applies only where its conditions on counts (`when`) are met.

Chance: where a metric has a standard error (`<metric>_se`), the verdict is FAIL if the metric is beyond the FAIL limit
by more than two standard errors. It is FAIL whatever the error if the metric is at least twice as far as that limit
from the neutral value: the middle of the `review` band; for a band with one bound, the value in it nearest to 0.
A standard error that is not a finite number is ignored.
"""

from collections.abc import Mapping, Sequence

from ..settings import LimitSettings, ReviewSettingsError
from ..settings.review import ANY, PLACEHOLDERS, faults_of
from .causes import with_causes
from .limits import detail, distance_of, finite, limit_text, sentence, side_of, standard_error, verdict_of
from .notes import notes_of
from .result import Check, Review, Verdict

NO_EVIDENCE = "Look for the part of the run that should have measured it, in the log of the command and in failures/."


def judge(
    metrics: Mapping[str, float],
    limits: Mapping[str, LimitSettings],
    *,
    fits: Mapping[str, str],
    score_days: int | None = None,
) -> Review:
    """Check every metric that the limits name.

    Args:
        metrics: the numbers of a run; those that no limit names are ignored.
        limits: by check, `review.checks` of the settings; those whose `when` is not met are skipped.
        fits: the fitted models, such as `calibration.spend`, each with the method of its draws. Each must have its
            metrics: a refit without them cannot pass by the metrics of the calibration fit.
        score_days: how far ahead the model scores by default; a shorter holdout gives a note, and no other verdict.
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
    judged = with_causes(checks, limits) or (_NO_LIMITS,)
    return Review(judged, tuple(skipped), notes_of(judged, metrics, fits, score_days))


_NO_LIMITS = Check(
    name="limits",
    metric="",
    value=None,
    verdict=Verdict.FAIL,
    finding="There are no limits, so nothing was checked.",
    advice="Set limits in review.checks.",
    detail="there are no limits",
    limit="",
    reason="Without limits nothing is checked.",
)


def _lack(count: str, least: float, metrics: Mapping[str, float]) -> str:
    """Return why a check does not apply; nothing if it does, or if the count is missing or NaN."""
    value = finite(metrics.get(count))
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
    value = finite(metrics.get(metric))
    verdict = Verdict.FAIL if value is None else verdict_of(value, standard_error(metric, metrics), limit)
    is_outside = verdict is not Verdict.PASS
    return Check(
        name=name,
        metric=metric,
        value=value,
        verdict=verdict,
        finding=sentence(metric, metrics, limit) if is_outside else "",
        advice=(NO_EVIDENCE if value is None else limit.advice) if is_outside else "",
        detail=detail(metric, metrics, limit),
        limit=limit_text(limit),
        reason=limit.reason,
        side=side_of(value, limit),
        distance=distance_of(value, limit),
    )
