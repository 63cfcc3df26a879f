"""Put a question to the kernel: cut the horizon into periods and the customers into blocks, on threads."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .answers import Futures, Totals
from .groups import blocks
from .intensity import Floats, fractions
from .kernel import (
    SQUARES,
    TOTALS,
    Answers,
    Cache,
    Customers,
    Population,
    Question,
    allocate_cache,
    interval_ranks,
    score_block,
)
from .params import Params
from .random import customer_keys

MONTH = 365.0 / 12.0


@dataclass(frozen=True)
class ScoreRequest:
    """A question: params, last days of periods, whether they are months to report, whether outcomes are."""

    params: Params
    ends: Floats
    with_months: bool = False
    with_outcomes: bool = True

    @classmethod
    def of(
        cls, params: Params, horizon: float, *, observed: float | None, months: bool, outcomes: bool
    ) -> "ScoreRequest":
        """Cut the horizon into months if asked, and at the day up to which customers were observed."""
        cuts = {horizon}
        if months:
            # A hair is taken off: the twelfth month of a year ends with the year.
            cuts |= {MONTH * k for k in range(1, math.ceil(horizon / MONTH - 1e-9))}
        if observed is not None and 0 < observed < horizon:
            cuts.add(float(observed))
        return cls(params, np.array(sorted(cuts)), months, outcomes)

    def question(self, draws: int) -> Question:
        """Put it as the kernel takes it."""
        params = self.params
        low, high = interval_ranks(draws, params.level)
        quadrature = fractions(params.delta * self.ends)
        return Question(self.ends, params.delta, float(params.margin), quadrature, low, high, self.with_outcomes)

    @property
    def periods(self) -> int:
        """Count the periods that have to be told apart."""
        return self.ends.size if self.ends.size > 1 or self.with_months else 0


@dataclass(frozen=True)
class KernelOutput:
    """What the kernel fills: rows by customer, expectations by customer and period, and the sums of groups."""

    table: Floats
    paths: Floats
    groups: list[Totals]
    by_period: Floats

    def without_counts(self) -> "KernelOutput":
        """Return the same with totals that count no purchases."""
        return replace(self, groups=[totals.without_counts() for totals in self.groups])


def fill(
    customers: pd.DataFrame,
    population: Population,
    asked: ScoreRequest,
    codes: NDArray[np.int64],
    groups: int,
    *,
    threads: int,
    futures: Futures | None = None,
    advance: Callable[[int], None] | None = None,
) -> KernelOutput:
    """Score in blocks on threads.

    A block's customers are of one group, and in the order of (x, T, t_x), so that those who share them share the
    work. Sums are added block by block, in order. `advance` is called with the number of customers of each block done.
    """
    draws = int(population.r.size)
    names = ("frequency", "recency", "T", "monetary_value")
    x, t_x, T, monetary_value = (customers[name].to_numpy(np.float64) for name in names)
    # Without outcomes nothing is drawn.
    keys = customer_keys(customers["customer_id"] if asked.with_outcomes else (), asked.params.seed)
    order = np.lexsort((t_x, T, x, codes))
    periods = asked.periods
    filled = KernelOutput(
        np.empty((len(customers), SQUARES + 1)),
        np.zeros((2, len(customers), periods)),
        [Totals.empty(draws) for _ in range(groups)],
        np.zeros((len(TOTALS), periods, draws)),
    )
    question = asked.question(draws)
    of_rows, of_draws = Customers(x, t_x, T, monetary_value, keys), population
    kept = futures or Futures(np.empty((0, 0), np.int32), np.empty((0, 0)))
    holds: SimpleQueue[Cache] = SimpleQueue()
    for _ in range(threads):
        holds.put(allocate_cache(draws, asked.ends.size))

    def score(span: tuple[int, int]) -> tuple[int, int, Floats, Floats]:
        rows, sums = order[slice(*span)], np.zeros((len(TOTALS), draws))
        by_period = np.zeros(filled.by_period.shape)
        answers = Answers(filled.table, sums, filled.paths, by_period, kept.purchases, kept.clv)
        held = holds.get()
        try:
            score_block(rows, of_rows, of_draws, question, held, answers)
        finally:
            holds.put(held)
        return int(codes[rows[0]]), rows.size, sums, by_period

    for at, rows, sums, by_period in _in_order(score, blocks(codes), threads):
        filled.groups[at] += Totals(rows, *sums)
        np.add(filled.by_period, by_period, out=filled.by_period)
        if advance is not None:
            advance(rows)
    return filled


def _in_order(score: Any, spans: list[tuple[int, int]], threads: int) -> Iterator[Any]:
    ahead = threads * 4  # blocks whose sums wait at once
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(spans), ahead):
            yield from pool.map(score, spans[at : at + ahead])
