"""Run the kernel: cut the horizon into periods and the customers into blocks, on threads."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..counter_random import customer_keys
from ..spend.order_evidence import Evidence
from .arrays import Cache, Customers, Floats, Outputs, Question
from .columns import TOTALS, WIDTH
from .exact_sums import BINS, limit_of, rounding_of
from .groups import blocks
from .kernel import score_block
from .models import Draws, Populations
from .params import Params
from .quantiles import interval_ranks
from .results import Futures, Months, Totals

MONTH = 365.0 / 12.0


def no_windows() -> NDArray[np.int64]:
    """Return no window of periods."""
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class ScoreRequest:
    """A request: params, last days of periods, whether months and outcomes are wanted, windows of periods.

    `knots` are the last days of the periods of expectations, where these are fewer; see `kernel.Question`.
    """

    params: Params
    ends: Floats
    with_months: bool = False
    with_outcomes: bool = True
    windows: NDArray[np.int64] = field(default_factory=no_windows)
    knots: Floats | None = None

    @classmethod
    def of(
        cls, params: Params, horizon: float, *, observed: float | None, months: bool, outcomes: bool
    ) -> "ScoreRequest":
        """Build a request: cut the horizon at months, if wanted, and at the day up to which customers were observed."""
        cuts = {horizon}
        if months:
            # Less 1e-9 against rounding: the twelfth month of a year ends with the year.
            cuts |= {MONTH * k for k in range(1, math.ceil(horizon / MONTH - 1e-9))}
        if observed is not None and 0 < observed < horizon:
            cuts.add(float(observed))
        return cls(params, np.array(sorted(cuts)), months, outcomes)

    def question(self, draws: Draws) -> Question:
        """Return the request in the kernel's terms."""
        params = self.params
        low, high = interval_ranks(draws.size, params.level)
        knots = self.ends if self.knots is None else self.knots
        margin, prepared = float(params.margin), draws.prepare(knots, params.delta)
        roundings = rounding_of(1.0), rounding_of(margin * draws.mean_spend)
        to_do: tuple[Any, ...] = (prepared, low, high, self.with_outcomes, self.windows, knots)
        return Question(self.ends, params.delta, margin, *roundings, *to_do)

    @property
    def periods(self) -> int:
        """Count the periods that have results of their own."""
        return self.ends.size if self.ends.size > 1 or self.with_months else 0


@dataclass(frozen=True)
class KernelOutput:
    """Output of the kernel: rows, expectations by customer and period, sums of groups, buyers of windows."""

    table: Floats
    paths: Floats
    groups: list[Totals]
    by_period: Floats
    buyers: Floats

    @classmethod
    def empty(cls, customers: int, periods: int, groups: int, draws: int, windows: int = 0) -> "KernelOutput":
        """Return the output before any customer is scored."""
        return cls(
            np.empty((customers, WIDTH)),
            np.zeros((2, customers, periods)),
            [Totals.empty(draws) for _ in range(groups)],
            np.zeros((len(TOTALS), BINS, periods, draws)),
            np.zeros((windows, draws)),
        )

    def without_counts(self) -> "KernelOutput":
        """Return the same with totals that count no purchases."""
        return replace(self, groups=[totals.without_counts() for totals in self.groups])


class Caches:
    """What threads keep from block to block: of one population each, for one number of periods.

    Args:
        populations: whose draws are kept.
        periods: of expectations.
        threads: how many caches at most.
    """

    def __init__(self, populations: Populations, periods: int, threads: int) -> None:
        self._draws, self._periods = populations.draws, periods
        self._free: SimpleQueue[tuple[int, Cache | None]] = SimpleQueue()
        for _ in range(threads):
            self._free.put((-1, None))

    @contextmanager
    def of(self, place: int) -> Iterator[Cache]:
        """Yield a cache of the population at a place, an empty one where the free one is of another."""
        before, cache = self._free.get()
        try:
            if cache is None or before != place:
                cache = self._draws[place].allocate_cache(self._periods)
            yield cache
        finally:
            self._free.put((place, cache))


def score_batches(
    customers: pd.DataFrame,
    populations: Populations,
    request: ScoreRequest,
    codes: NDArray[np.int64],
    groups: int,
    *,
    threads: int,
    futures: Futures | None = None,
    advance: Callable[[int], None] | None = None,
    caches: Caches | None = None,
) -> KernelOutput:
    """Score in blocks on threads.

    A block's customers are of one group and one population, and in the order of (x, T, t_x), so that those with equal
    values share the work. Sums are exact, so neither blocks nor threads change a bit of them. `advance` is called with
    the number of customers of each block done. `caches` are those of an earlier call for the same populations.
    """
    # Copies: pandas may return a read-only view, for which the kernel would be compiled once more.
    x, t_x, T = (customers[name].to_numpy(np.float64, copy=True) for name in ("frequency", "recency", "T"))
    # Without outcomes nothing is simulated.
    keys = customer_keys(customers["customer_id"].tolist() if request.with_outcomes else (), request.params.seed)
    draws, places = populations.draws[0], populations.places
    cells = codes * len(populations.draws) + places
    order = np.lexsort((t_x, T, x, cells))
    output = KernelOutput.empty(len(customers), request.periods, groups, draws.size, len(request.windows))
    question, rows_of = request.question(draws), Customers(x, t_x, T, draws.evidence_of(customers), keys)
    most_clv = limit_of(question.of_clv)
    kept = futures or Futures(np.empty((0, 0), np.int32), np.empty((0, 0)))
    lent = caches or Caches(populations, question.knots.size, threads)

    def score(span: tuple[int, int]) -> tuple[int, int, Floats, Floats, Floats]:
        rows, sums = order[slice(*span)], np.zeros((len(TOTALS), BINS, draws.size))
        by_period, buyers = np.zeros(output.by_period.shape), np.zeros(output.buyers.shape)
        outputs = Outputs(output.table, sums, output.paths, by_period, kept.purchases, kept.clv, buyers)
        place = int(places[rows[0]])
        with lent.of(place) as cache:
            score_block(rows, rows_of, populations.draws[place].population, question, cache, outputs)
        return int(codes[rows[0]]), rows.size, sums, by_period, buyers

    for at, rows, sums, by_period, buyers in _in_order(score, blocks(cells), threads):
        output.groups[at] += Totals(rows, sums, most_clv)
        np.add(output.by_period, by_period, out=output.by_period)
        np.add(output.buyers, buyers, out=output.buyers)
        if advance is not None:
            advance(rows)
    return output


def expect_new_customer(draws: Draws, ends: Floats) -> tuple[Floats, Floats]:
    """Compute a new customer's expected purchases until each day, by draw, and the probability of any, by draw.

    The kernel scores a customer right after the first order, and its cache keeps what it computed by draw: a function
    of their own would take five seconds to compile.
    """
    cache, zero = draws.allocate_cache(ends.size), np.zeros(1)
    roundings = rounding_of(1.0), rounding_of(1.0)
    question = Question(ends, 0.0, 1.0, *roundings, draws.prepare(ends, 0.0), 0, 0, False, no_windows(), ends)
    output, none = KernelOutput.empty(1, 0, 0, draws.size), Futures(np.empty((0, 0), np.int32), np.empty((0, 0)))
    sums = np.zeros((len(TOTALS), BINS, draws.size))
    outputs = Outputs(output.table, sums, output.paths, output.by_period, none.purchases, none.clv, output.buyers)
    customer = Customers(zero, zero, zero, Evidence(zero, zero, zero, zero), np.zeros(1, np.uint64))
    score_block(np.zeros(1, np.int64), customer, draws.population, question, cache, outputs)
    return cache.plain * cache.alive[:, None], cache.chance


def _in_order(score: Any, spans: list[tuple[int, int]], threads: int) -> Iterator[Any]:
    ahead = threads * 4  # blocks whose sums wait at once
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(spans), ahead):
            yield from pool.map(score, spans[at : at + ahead])


def sum_extrapolated(
    output: KernelOutput, request: ScoreRequest, observed: int | None, totals: Totals
) -> Totals | None:
    """Return the totals of the days after the longest time observed; None where there are none."""
    if observed is None or observed >= request.ends[-1] or not request.periods:
        return None
    return replace(totals, sums=output.by_period[:, :, request.ends > observed].sum(axis=2))


def sum_months(output: KernelOutput, request: ScoreRequest, totals: Totals) -> Months:
    """Sum periods into months: the day up to which customers were observed may cut one in two."""
    ends = request.ends
    months = np.minimum(np.ceil(ends / MONTH - 1e-9), math.ceil(ends[-1] / MONTH - 1e-9))
    starts = np.flatnonzero(np.diff(months, prepend=0.0))
    sums = np.add.reduceat(output.by_period, starts, axis=2)
    purchases, value = np.add.reduceat(output.paths, starts, axis=2)
    days = ends[np.append(starts[1:], ends.size) - 1]
    return Months(days, purchases, value, tuple(replace(totals, sums=sums[:, :, k]) for k in range(days.size)))
