"""What an adjusted interval is: in which way it differs from the predictive one, and how its width was found."""

from tenure.registry import Evidence
from tenure.totals.drift import ASSUMED

from .tables import NONE

YEAR = 365.25


def adjusted_text(evidence: Evidence, source: str, days: float | None) -> str:
    """Return what adjusted means in a run; `source` is the tag of the drift, `days` the length of the forecast."""
    common = "errors that all customers have in common, such as a season or a change of the shop"
    if source == NONE:
        return f"Adjusted: the predictive interval, changed for {common}."
    if ASSUMED not in source:
        return (
            f"Adjusted: the predictive interval, widened and shifted for {common}; the drift, the size of these "
            f"errors, is {source} of a backtest."
        )
    text = (
        f"Adjusted: the predictive interval, widened and not shifted for {common}; the drift, the size of these "
        f"errors, is {source}."
    )
    least = evidence.params.get("backtest.drift.least_periods")
    if not least or not days:
        return text
    years = (int(least) + 1) * days / YEAR
    return (
        f"{text} tenure-backtest can measure it with {least} holdouts of {days:,.0f} days, which takes a log of about "
        f"{years:.1f} years."
    )
