"""The door to MLflow: runs, their evidence, the registered model."""

from .aliases import (
    NoChampionError,
    NoModelError,
    NotMovedError,
    Version,
    find_champion,
    find_version,
    login,
    roll_back,
    set_champion,
)
from .errors import RegistryError, StoreDamagedError, StoreMissingError, StoreUnreachableError, in_words
from .manifest import ModelFilesError, verify
from .models import Loaded, Registered, load, model_files, register
from .packing import EXAMPLE, example_of
from .reading import Evidence, backtest_of, evidence, local_file
from .runs import bind_metrics, describe, flat_settings, log_record
from .store import connect, find_store, open_origin, open_run, present_store, ui_command, use

__all__ = [
    "EXAMPLE",
    "Evidence",
    "Loaded",
    "ModelFilesError",
    "NoChampionError",
    "NoModelError",
    "NotMovedError",
    "Registered",
    "RegistryError",
    "StoreDamagedError",
    "StoreMissingError",
    "StoreUnreachableError",
    "Version",
    "backtest_of",
    "bind_metrics",
    "connect",
    "describe",
    "evidence",
    "example_of",
    "find_champion",
    "find_store",
    "find_version",
    "flat_settings",
    "in_words",
    "load",
    "local_file",
    "log_record",
    "login",
    "model_files",
    "open_origin",
    "open_run",
    "present_store",
    "register",
    "roll_back",
    "set_champion",
    "ui_command",
    "use",
    "verify",
]
