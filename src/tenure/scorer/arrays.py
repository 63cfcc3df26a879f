"""What the kernel takes and fills: customers, draws, the question, the outputs, and room to work in."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..counter_random import draw_salt
from ..spend.order_evidence import Evidence
from .exact_sums import Rounding

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Keys = NDArray[np.uint64]


class Customers(NamedTuple):
    """Columns of the summary as floats, evidence on spend, and the keys of the random numbers, by customer."""

    x: Floats
    t_x: Floats
    T: Floats
    evidence: Evidence
    key: Keys


class Population(NamedTuple):
    """Draws of the models' parameters: `scoring.Parameters` of the purchase and of the spend model."""

    purchase: Any
    spend: Any


class Question(NamedTuple):
    """A request in the kernel's terms.

    Attributes:
        ends: last days of the periods, ascending; the last is the horizon.
        delta: continuous discount rate per day.
        margin: share of spend that is kept.
        of_purchases, of_clv: how addends of totals are rounded, so that the sums are exact.
        prepared: of the purchase model's `scoring.prepare`.
        low: rank of an interval's lower end among sorted draws.
        high: rank of its upper end.
        with_outcomes: whether to simulate.
        windows: the first and the last period of each window whose buyers are counted, shape (windows, 2).
        knots: last days of the periods of expectations, as `ends` or fewer; the last is the horizon too.
    """

    ends: Floats
    delta: float
    margin: float
    of_purchases: Rounding
    of_clv: Rounding
    prepared: Any
    low: int
    high: int
    with_outcomes: bool
    windows: Ints
    knots: Floats


class Outputs(NamedTuple):
    """Arrays that `score_block` fills; those by customer are shared by all blocks.

    Attributes:
        table: shape (customers, columns.WIDTH); columns of outcomes stay as they are without them.
        totals: the sums of `columns.TOTALS` in the bins of `exact_sums`, shape (4, BINS, draws).
        paths: each customer's expected purchases and value by period, shape (2, customers, periods); of no periods if
            not wanted.
        total_paths: the same by period, shape (4, BINS, periods, draws).
        counts: simulated counts, shape (customers, draws); (0, 0) if not wanted.
        values: simulated values, alike.
        buyers: customers with a purchase in each window, shape (windows, draws).
    """

    table: Floats
    totals: Floats
    paths: Floats
    total_paths: Floats
    counts: NDArray[np.int32]
    values: Floats
    buyers: Floats


class Cache(NamedTuple):
    """What a thread keeps from row to row and from block to block: what depends on the x, the T and the t_x alone.

    Attributes:
        x: of what is kept, shape (1,); -1 for none yet.
        purchase, spend: the models' workspaces.
        plain, discounted: expected purchases up to each period's end given active, shape (draws, periods).
        buying: P(purchase) given active, shape (draws,).
        alive, chance, worth: P(alive), P(purchase), and clv per unit of mean spend, shape (draws,).
        sums: of `alive`, `chance` and expected purchases over draws, shape (3,).
        salts: of `counter_random.draw_salt`, shape (draws,).
    """

    x: Floats
    purchase: Any
    spend: Any
    plain: Floats
    discounted: Floats
    buying: Floats
    alive: Floats
    chance: Floats
    worth: Floats
    sums: Floats
    salts: Keys


class Scratch(NamedTuple):
    """Room for one customer's draws: spend of a purchase, values, outcomes, who buys, what puts them in order."""

    spends: Floats
    values: Floats
    counts: Floats
    outcomes: Floats
    by_period: Floats
    state: Keys
    starts: Keys
    buyers: Ints
    places: Ints
    buckets: Ints


def allocate_cache(purchase_workspace: Any, spend_workspace: Any, draws: int, periods: int) -> Cache:
    """Return an empty cache."""
    buying, alive, chance, worth = (np.empty(draws) for _ in range(4))
    with np.errstate(over="ignore"):  # the mixing wraps around, as it should
        salts = np.array([draw_salt(s) for s in range(draws)], np.uint64)
    return Cache(
        np.array([-1.0]), purchase_workspace, spend_workspace, np.empty((draws, periods)), np.empty((draws, periods)),
        buying, alive, chance, worth, np.empty(3), salts,
    )  # fmt: skip
