"""Simulate customers block by block, so that memory does not grow with their number."""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..bounds import LEAST_RATE
from ..scorer import Params
from .history import DecideError, summary_columns
from .segments import names_of, places_of

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
OUTCOMES = 2**19  # customers times futures whose outcomes are in memory at once: 6 MiB


class Block(NamedTuple):
    """Customers with their scores and their outcomes in every future.

    Attributes:
        rows: places of the customers in their part.
        scores: their rows of `Scores.table`.
        purchases: simulated purchases, shape (customers, draws).
        clv: simulated discounted margin, shape (customers, draws).
        unstable_means: `Scores.unstable_means`.
        new_segment_customers: `Scores.new_segment_customers`.
    """

    rows: Ints
    scores: pd.DataFrame
    purchases: NDArray[np.int32]
    clv: Floats
    unstable_means: int
    new_segment_customers: int


def simulate_blocks(scorer: Any, part: pd.DataFrame, params: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the customers of a part in blocks, those of equal histories together, which share most of the work."""
    order = np.lexsort((part["recency"], part["T"], part["frequency"], places_of(scorer.posterior, part)))
    summary = part[[*summary_columns(part), *names_of(scorer.posterior)]]
    block = max(1, OUTCOMES // scorer.draws)
    for start in range(0, len(order), block):
        rows = order[start : start + block]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of horizons and heavy tails: once for all, by the caller
            scores = scorer.score(summary.iloc[rows], with_futures=True, **params)
        futures = scores.futures
        of_new = getattr(scores, "new_segment_customers", 0)  # a model of an older version has none
        yield Block(rows, scores.table, futures.purchases, futures.clv, scores.unstable_means, of_new)


def require_model(scorer: Any, model: str, params: Params) -> None:
    """Raise DecideError for a model that decisions cannot be derived from: of an older version, or of summaries.

    Params that it cannot answer raise an error too: a level beyond its draws, a discount rate of 0.
    """
    level = params.level
    if "with_futures" not in inspect.signature(scorer.score).parameters:
        raise DecideError(
            f"{model} scores with the code that it was registered with, which does not return simulated futures: train"
            " again with the installed version of tenure."
        )
    if scorer.posterior.origin.get("first_orders") is None:
        raise DecideError(
            f"{model} has no first orders, which what a new customer may cost needs: it was fitted to customer"
            " summaries. Train with a purchase log."
        )
    if params.discount_rate < LEAST_RATE:
        raise DecideError(
            f"discount_rate must be at least {LEAST_RATE:g} a year, as a new customer is valued without a horizon too,"
            f" got {params.discount_rate!r}."
        )
    if scorer.draws * (1.0 - level) < 10 - 1e-9:
        raise DecideError(
            f"score.level {level} leaves fewer than five of {scorer.draws:,} draws in each tail: choose a lower level,"
            " or train with more fit.joint_draws."
        )
