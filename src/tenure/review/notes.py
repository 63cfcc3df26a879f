"""Sentences on the findings as a whole: the customers and the days that were judged, and the fit that was tested."""

from collections.abc import Iterable, Mapping

from .limits import WHOLE_LOG, finite
from .result import Check, Verdict

OF_THE_HOLDOUT = ("purchases.", "spend.", "spend_per_purchase.", "p_purchase.", "baselines.")
DRIFTS = {"purchases": "purchases", "spend": "spend per purchase"}  # by fitted model
LEAST = 0.005  # a smaller change is 0% in the sentence


def notes_of(
    checks: Iterable[Check], metrics: Mapping[str, float], fits: Iterable[str], score_days: int | None = None
) -> tuple[str, ...]:
    """Return which customers and days were judged, and how the refit differs from the fit that was tested.

    The customers where they are a sample, the days where scores look further ahead, the refit where the holdout gave a
    finding.
    """
    return (*_sampled(metrics), *_untested(metrics, score_days), *_refitted(checks, metrics, fits))


def _sampled(metrics: Mapping[str, float]) -> tuple[str, ...]:
    customers, judged = (finite(metrics.get(name)) for name in ("customers", "judged_customers"))
    if customers is None or judged is None or judged >= customers:
        return ()
    return (
        f"The holdout was judged on {judged:,.0f} of {customers:,.0f} customers, a sample by a hash of their ids "
        "(backtest.judge_customers); the fit and the totals are of all customers.",
    )


def _untested(metrics: Mapping[str, float], score_days: int | None) -> tuple[str, ...]:
    days = finite(metrics.get("horizon_days"))
    if days is None or score_days is None or score_days <= days:
        return ()
    return (
        f"The holdout has {days:,.0f} days and scores look {score_days:,} days ahead by default "
        f"(score.horizon_days): the last {score_days - days:,.0f} days are untested.",
    )


def _refitted(checks: Iterable[Check], metrics: Mapping[str, float], fits: Iterable[str]) -> tuple[str, ...]:
    is_refitted = any(fit.startswith(f"{WHOLE_LOG}.") for fit in fits)
    is_found = any(check.verdict is not Verdict.PASS and check.metric.startswith(OF_THE_HOLDOUT) for check in checks)
    drifts = {name: finite(metrics.get(f"{WHOLE_LOG}.{model}.refit_drift")) for model, name in DRIFTS.items()}
    changes = [_change(drift, name) for name, drift in drifts.items() if drift is not None]
    if not (is_refitted and is_found and changes):
        return ()
    return (
        "Findings of the holdout are about the fit that was tested; a registered model is the refit to the whole log, "
        f"which expects {' and '.join(changes)} of a new customer, so its own bias is unknown.",
    )


def _change(drift: float, name: str) -> str:
    if abs(drift) < LEAST:
        return f"about the same {name}"
    return f"{abs(drift):.0%} {'less' if drift < 0 else 'more'} {name}"
