"""The door to MLflow: runs, their evidence, the registered model."""

from .evidence import log_backtest, log_data, log_fit, log_review, log_settings
from .models import Loaded, NoModelError, Registered, find, load, register
from .store import RegistryError, connect, open_run, ui_command

__all__ = [
    "Loaded",
    "NoModelError",
    "Registered",
    "RegistryError",
    "connect",
    "find",
    "load",
    "log_backtest",
    "log_data",
    "log_fit",
    "log_review",
    "log_settings",
    "open_run",
    "register",
    "ui_command",
]
