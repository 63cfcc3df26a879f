"""Tenure: Bayesian customer lifetime value.

From a purchase log to what each customer is worth over a horizon, with predictive and credible intervals:

    import pandas as pd, tenure
    log = pd.read_csv("data/cdnow_sample.csv", parse_dates=["date"])
    clv = tenure.CLV(method="laplace").fit(log)
    scores = clv.score(horizon_days=365, margin=0.35)
    scores.frame, scores.totals

`CLV` is the estimator, `summarize` builds a customer summary, `train` judges a model before it is used, `load` reads a
saved or a registered model. The commands are `tenure-train`, `tenure-score`, `tenure-decide`, `tenure-backtest`,
`tenure-promote`, `tenure-report` and `tenure-simulate`.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import CLV, Scores, Training, load, summarize, train

__all__ = ["CLV", "Scores", "Training", "__version__", "load", "summarize", "train"]
__version__ = version("tenure")


def __getattr__(name: str) -> Any:
    """Import the API when a name of it is first used: it takes a second, which commands need not wait for."""
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'tenure' has no attribute {name!r}")
    return getattr(import_module("tenure.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
