"""Synthetic customer bases from a known truth: the generative processes, and purchase logs of any size."""

from ..model_spec import ProcessError
from .processes import purchase_process, spend_process
from .write import Simulated, SimulateError, write_log

__all__ = [
    "ProcessError",
    "SimulateError",
    "Simulated",
    "purchase_process",
    "spend_process",
    "write_log",
]
