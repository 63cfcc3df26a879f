"""Totals of the customer base: the drift of totals, estimated from past errors, and the base forecast."""

from .adjusted import adjusted_totals
from .base_forecast import forecast_base
from .drift import ASSUMED, Drift, estimate_drift
from .drifts import Drifts, estimate_drifts
from .past_errors import PastError, PastErrorsError

__all__ = [
    "ASSUMED",
    "Drift",
    "Drifts",
    "PastError",
    "PastErrorsError",
    "adjusted_totals",
    "estimate_drift",
    "estimate_drifts",
    "forecast_base",
]
