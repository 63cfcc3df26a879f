"""Sentences on the findings as a whole: the fit that was tested is not the one that is registered."""

from collections.abc import Iterable, Mapping

from .limits import WHOLE_LOG, finite
from .result import Check, Verdict

OF_THE_HOLDOUT = ("purchases.", "spend.", "spend_per_purchase.", "p_purchase.", "baselines.")
DRIFTS = {"purchases": "purchases", "spend": "spend per purchase"}  # by fitted model
LEAST = 0.005  # a smaller change is 0% in the sentence


def notes_of(checks: Iterable[Check], metrics: Mapping[str, float], fits: Iterable[str]) -> tuple[str, ...]:
    """Return how the refit differs from the fit that was tested, where the holdout gave a finding."""
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
