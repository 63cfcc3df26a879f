"""A block of the log as an Arrow table, with its counts; and the truth of its customers."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..purchase.protocol import Floats, Ints
from ..settings import SimulateSettings
from ..streams import stream
from .by_segment import draw_segments
from .calendar import Calendar
from .orders import Customers
from .processes import state_names
from .rows import DIRT, Rows, draw_copies, draw_dirt, draw_refunds, in_log, joined, sales

# Customers whose random numbers are drawn together, from (seed, block, stream). Part of what a seed means: another size
# would make another log.
BLOCK = 2_000
STREAMS = ("orders", "segments", "refunds", "dirt")
DAYS = 100_000  # more than a log can have
GUEST = "GUEST"
TIME_TYPES = {"day": pa.date32(), "time": pa.timestamp("us")}


@dataclass(frozen=True)
class Block:
    """Rows of some customers, in the order of time; the customers' truth; and how many there are of what.

    `counts` has `customers` with a row, `one_time` those with orders on one day alone, `purchase_days`, `orders`,
    `refunds`, `refunds_with_own_id` and `duplicates` (rows that are copies); `rows` is the sum of orders, refunds and
    duplicates. Each kind of `DIRT` is counted over all rows.
    """

    log: pa.Table
    truth: pa.Table
    counts: Counter[str]


@dataclass(frozen=True)
class Simulation:
    """A simulation. Blocks can be drawn in any order, on any thread."""

    settings: SimulateSettings
    seed: int

    @property
    def blocks(self) -> int:
        """Count the blocks."""
        return -(-self.settings.customers // BLOCK)

    @property
    def schema(self) -> pa.Schema:
        """Return the columns of the log."""
        columns = [("customer_id", pa.string()), ("date", TIME_TYPES[self.settings.dates])]
        columns += [("amount", pa.float64()), ("order_id", pa.string())]
        return pa.schema([*columns, *((name, pa.string()) for name in self.settings.segments)])

    @property
    def truth_schema(self) -> pa.Schema:
        """Return the columns of the customers' truth; some are the purchase model's own."""
        state = [(name, pa.float64()) for name in state_names(self.settings.truth.purchase_model)]
        columns = [("customer_id", pa.string()), ("acquired", pa.timestamp("us")), *state, ("mean_spend", pa.float64())]
        return pa.schema([*columns, ("repeats", pa.int64()), ("left", pa.timestamp("us"))])

    @cached_property
    def calendar(self) -> Calendar:
        """Return the days of the simulation."""
        return Calendar.of(self.settings)

    def draw(self, block: int) -> Block:
        """Draw one block. A last, smaller one is drawn whole and cut: a larger base begins with the smaller one."""
        streams = self._streams(block)
        codes = self._segments(streams["segments"])
        customers, orders = draw_segments(BLOCK, self.settings, codes, self.calendar, streams["orders"])
        sold = sales(orders)
        rows = in_log(joined(sold, draw_refunds(sold, self.settings.refunds, streams["refunds"])), self.calendar)
        wrong = draw_dirt(rows.time.size, self.settings.dirt, streams["dirt"])
        places = draw_copies(rows.time.size, self.settings.dirt, streams["dirt"])
        wanted = min(BLOCK, self.settings.customers - block * BLOCK)
        places = places[rows.customer[places] < wanted]
        originals = rows.take(places[np.diff(places, prepend=-1) > 0])
        rows, wrong = rows.take(places), {column: kinds[places] for column, kinds in wrong.items()}
        ids = _texts(np.arange(BLOCK) + block * BLOCK + 1)
        log = self._table(rows, wrong, ids, codes)
        return Block(log, self._truth(customers, ids).slice(0, wanted), _count(originals, wrong, rows.time.size))

    def _streams(self, block: int) -> dict[str, np.random.Generator]:
        return {name: stream(self.seed, "simulate", name, block) for name in STREAMS}

    def _segments(self, rng: np.random.Generator) -> dict[str, Ints]:
        """Draw each customer's segments, as places of their values."""
        codes = {}
        for name, shares in self.settings.segments.items():
            ends = np.cumsum(list(shares.values()))[:-1]
            codes[name] = np.searchsorted(ends, rng.random(BLOCK), side="right")
        return codes

    def _table(self, rows: Rows, wrong: dict[str, Ints], ids: pa.Array, codes: dict[str, Ints]) -> pa.Table:
        at = pa.array(rows.customer)
        customer_ids = ids.take(at)
        order_ids = _order_ids(rows, customer_ids, self.settings.refunds.prefix or "")
        columns = [
            _spoilt_ids(customer_ids, wrong["customer_id"]),
            self._dates(rows.time, wrong["date"]),
            _spoilt_amounts(rows.amount, wrong["amount"]),
            order_ids,
            *(
                pa.array(list(self.settings.segments[name])).take(pa.array(code)).take(at)
                for name, code in codes.items()
            ),
        ]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _values(self, segment: str) -> pa.Array:
        return pa.array(list(self.settings.segments[segment]))

    def _dates(self, time: Floats, wrong: Ints) -> pa.Array:
        moments = self._moments(time)
        moments[wrong == _code("date", "epoch_dates")] = np.datetime64(0, "us")
        unit = "D" if self.settings.dates == "day" else "us"
        blank = wrong == _code("date", "null_dates")
        return pa.array(moments.astype(f"datetime64[{unit}]"), TIME_TYPES[self.settings.dates], mask=blank)

    def _moments(self, time: Floats) -> NDArray[np.datetime64]:
        """Convert days from the origin to moments; a rounded product could fall on the next day."""
        days = np.floor(time)
        moments = np.minimum(np.floor((time - days) * 86_400e6), 86_400e6 - 1)
        start = np.datetime64(self.calendar.origin, "us")
        return start + (days.astype(np.int64) * 86_400_000_000 + moments.astype(np.int64)).astype("timedelta64[us]")

    def _truth(self, customers: Customers, ids: pa.Array) -> pa.Table:
        stays = np.isnan(customers.left)
        left = pa.array(self._moments(np.where(stays, 0.0, customers.left)), mask=stays)
        acquired = pa.array(self._moments(customers.acquired))
        numbers = (*customers.state.values(), customers.mean_spend, customers.repeats)
        return pa.Table.from_arrays([ids, acquired, *map(pa.array, numbers), left], schema=self.truth_schema)


def _order_ids(rows: Rows, customer_ids: pa.Array, prefix: str) -> pa.Array:
    """Build order ids, such as 17-0 and 17-1; a refund has its order's number or, with an r, one of its own."""
    starts = pa.array(["", prefix]).take(pa.array(rows.is_refund.astype(np.int8)))
    marks = pa.array(["-", "-r"]).take(pa.array(rows.has_own_id.astype(np.int8)))
    return pc.binary_join_element_wise(starts, customer_ids, marks, _texts(rows.number), "")


def _spoilt_ids(ids: pa.Array, wrong: Ints) -> pa.Array:
    for kind, spoilt in (
        ("null_ids", pa.scalar(None, pa.string())),
        ("blank_ids", ""),
        ("guest_ids", GUEST),
        ("float_ids", pc.binary_join_element_wise(ids, ".0", "")),
    ):
        rows = wrong == _code("customer_id", kind)
        if rows.any():
            ids = pc.if_else(pa.array(rows), spoilt, ids)
    return ids


def _spoilt_amounts(amounts: Floats, wrong: Ints) -> pa.Array:
    values = amounts.copy()
    values[wrong == _code("amount", "zero_amounts")] = 0.0
    values[wrong == _code("amount", "nan_amounts")] = np.nan
    return pa.array(values, mask=wrong == _code("amount", "null_amounts"))


def _count(originals: Rows, wrong: dict[str, Ints], rows: int) -> Counter[str]:
    sold = originals.take(~originals.is_refund)
    days = np.sort(sold.customer * DAYS + sold.time.astype(np.int64))
    bought = np.bincount(days[np.diff(days, prepend=-1) > 0] // DAYS)
    totals: Counter[str] = Counter(
        customers=int((np.bincount(originals.customer) > 0).sum()),
        one_time=int((bought == 1).sum()),
        purchase_days=int(bought.sum()),
        orders=sold.customer.size,
        refunds=int(originals.is_refund.sum()),
        refunds_with_own_id=int(originals.has_own_id.sum()),
        duplicates=rows - originals.customer.size,
        rows=rows,
    )
    for column, kinds in DIRT.items():
        counts = np.bincount(wrong[column], minlength=len(kinds) + 1)
        totals.update({kind: int(count) for kind, count in zip(kinds, counts, strict=False)})
    return totals


def _code(column: str, kind: str) -> int:
    return DIRT[column].index(kind)


def _texts(numbers: Ints) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())
