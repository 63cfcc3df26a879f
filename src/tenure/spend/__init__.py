"""Spend models: everything that knows a model's name, parameters or formulas, in one folder per model.

`protocol` says what a folder must have. A new model is a folder, a line in `MODELS`, and a line in `dispatch`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..model_spec import Spec
from .gamma_gamma.spec import GAMMA_GAMMA, GAMMA_GAMMA_TRANSACTIONS
from .gamma_gamma_orders.spec import GAMMA_GAMMA_FADING, GAMMA_GAMMA_FIRST_ORDER, GAMMA_GAMMA_ORDERS

__all__ = ["MODELS", "model_part"]

_SPECS = GAMMA_GAMMA, GAMMA_GAMMA_TRANSACTIONS, GAMMA_GAMMA_FADING, GAMMA_GAMMA_FIRST_ORDER, GAMMA_GAMMA_ORDERS
MODELS: Mapping[str, Spec] = {spec.name: spec for spec in _SPECS}


def model_part(name: str, part: str) -> Any:
    """Return a module of a model's folder, such as `likelihood`; it is imported only when asked for."""
    return import_module(f".{MODELS[name].folder}.{part}", __package__)
