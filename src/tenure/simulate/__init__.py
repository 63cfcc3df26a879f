"""A made-up customer base from a known truth: the process of the models, and purchase logs of any size drawn from it."""

from .process import ProcessError, PurchaseProcess, SpendProcess, draw_histories, draw_last, draw_mean_spends
from .write import Simulated, SimulateError, write_log

__all__ = [
    "ProcessError",
    "PurchaseProcess",
    "SimulateError",
    "Simulated",
    "SpendProcess",
    "draw_histories",
    "draw_last",
    "draw_mean_spends",
    "write_log",
]
