"""Tenure: Bayesian customer lifetime value.

From a purchase log to a registered model that says what each customer is worth over a horizon, and how sure it is.
`tenure.load` gives the posterior and a scorer of any run or registered model; the commands are `tenure-train`,
`tenure-score`, `tenure-backtest`, `tenure-promote`, `tenure-report` and `tenure-simulate`.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .registry import Loaded

__all__ = ["__version__", "load"]
__version__ = version("tenure")


def load(uri: str) -> "Loaded":
    """Load a model (`models:/clv@champion`) or a run (its id) from the MLflow store that is set up."""
    from .registry import load as load_from_registry  # noqa: PLC0415 (MLflow takes seconds to import)

    return load_from_registry(uri)
