"""The evidence that a result hands to the tracking store, without knowing the store."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

type Content = str | Callable[[Path], object]  # a text, or a function that writes the file at a path


@dataclass(frozen=True)
class Dataset:
    """A purchase log as an input of a run: its source and its digest, no rows."""

    source: str
    digest: str
    context: str


@dataclass(frozen=True)
class Record:
    """Evidence of a run. It names no customer.

    Args:
        metrics: numbers by key.
        tags: texts by key.
        tables: by path without suffix; each is logged as CSV and as HTML, index included.
        figures: by path without suffix; each is logged as PNG.
        files: by path with suffix.
        params: settings by key.
        shown: keys of settings that MLflow shows besides those that it shows of every run.
        dataset: the purchase log, if it is an input of the run.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, "Figure"] = field(default_factory=dict)
    files: Mapping[str, Content] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()
    dataset: Dataset | None = None


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that are finite numbers.

    >>> finite({"bias": 0.1, "gini": float("nan")})
    {'bias': 0.1}
    """
    return {key: value for key, value in metrics.items() if math.isfinite(value)}


def add_prefix[Value](prefix: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values whose keys start with a prefix and a dot.

    >>> add_prefix("final", {"purchases.rhat_max": 1.0})
    {'final.purchases.rhat_max': 1.0}
    """
    return {f"{prefix}.{key}": value for key, value in values.items()}
