"""Synthetic customer bases from a known truth: the generative process, and purchase logs of any size."""

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
