"""The generative processes of the models, by name."""

from collections.abc import Mapping
from typing import cast

from .. import purchase, spend
from ..purchase.protocol import PurchaseProcess
from ..spend.protocol import SpendProcess


def purchase_process(model: str, parameters: Mapping[str, float]) -> PurchaseProcess:
    """Return the process of a purchase model and its parameters; raise ProcessError for impossible ones."""
    process = purchase.model_part(model, "process").Process
    return cast(PurchaseProcess, process(**parameters, **purchase.MODELS[model].options))


def spend_process(model: str, parameters: Mapping[str, float]) -> SpendProcess:
    """Return the process of a spend model and its parameters; raise ProcessError for impossible ones."""
    process = spend.model_part(model, "process").Process
    return cast(SpendProcess, process(**parameters, **spend.MODELS[model].options))


def state_names(model: str) -> tuple[str, ...]:
    """Return the names of what a purchase model's customers have once and for all."""
    return cast(tuple[str, ...], purchase.model_part(model, "process").STATE)
