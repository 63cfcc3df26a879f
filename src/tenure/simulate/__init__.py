"""A made-up customer base from a known truth: the law of the models, and purchase logs of any size drawn from it."""

from .law import LawError, PurchaseLaw, SpendLaw, draw_histories, draw_last, draw_mean_spends
from .write import Simulated, SimulateError, write_log

__all__ = [
    "LawError",
    "PurchaseLaw",
    "SimulateError",
    "Simulated",
    "SpendLaw",
    "draw_histories",
    "draw_last",
    "draw_mean_spends",
    "write_log",
]
