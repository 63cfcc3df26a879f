"""The door to MLflow: runs, their evidence, the registered model."""

from .evidence import log_backtest, log_data, log_fit, log_review, log_rolling, log_scores, log_settings, log_window
from .models import EXAMPLE, Loaded, NoModelError, Registered, load, register
from .reading import Evidence, evidence
from .store import RegistryError, connect, open_origin, open_run, ui_command, use

__all__ = [
    "EXAMPLE",
    "Evidence",
    "Loaded",
    "NoModelError",
    "Registered",
    "RegistryError",
    "connect",
    "evidence",
    "load",
    "log_backtest",
    "log_data",
    "log_fit",
    "log_review",
    "log_rolling",
    "log_scores",
    "log_settings",
    "log_window",
    "open_origin",
    "open_run",
    "register",
    "ui_command",
    "use",
]
