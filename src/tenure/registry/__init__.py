"""The door to MLflow: runs, their evidence, the registered model."""

from .aliases import (
    NoModelError,
    NotMovedError,
    Version,
    crown,
    find_champion,
    find_version,
    login,
    roll_back,
)
from .evidence import (
    log_backtest,
    log_comparison,
    log_data,
    log_decision,
    log_diagnostics,
    log_fit,
    log_new_customer,
    log_review,
    log_scores,
    log_settings,
    log_versions,
    log_window,
)
from .models import EXAMPLE, Loaded, Registered, load, register
from .reading import Evidence, evidence
from .store import RegistryError, connect, open_run, ui_command, use

__all__ = [
    "EXAMPLE",
    "Evidence",
    "Loaded",
    "NoModelError",
    "NotMovedError",
    "Registered",
    "RegistryError",
    "Version",
    "connect",
    "crown",
    "evidence",
    "find_champion",
    "find_version",
    "load",
    "log_backtest",
    "log_comparison",
    "log_data",
    "log_decision",
    "log_diagnostics",
    "log_fit",
    "log_new_customer",
    "log_review",
    "log_scores",
    "log_settings",
    "log_versions",
    "log_window",
    "login",
    "open_run",
    "register",
    "roll_back",
    "ui_command",
    "use",
]
