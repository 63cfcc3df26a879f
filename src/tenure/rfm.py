"""Windows and cut-offs: from purchases to customer summaries, splits and distinct histories.

Everything is asked of the log as one Ibis expression, and only what has to be in memory comes there: `summaries` is
lazy, `base` brings the distinct histories, `summarize` and `split` bring a row per customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import InputError
from .summary import FirstOrders, Rfm
from .transactions import Transactions

__all__ = [
    "Base", "Births", "Histories", "RfmError", "Spends", "Split", "Streamed",
    "base", "daily_counts", "histories", "origins", "split", "stream", "summaries", "summarize",
]  # fmt: skip

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]

SHOWN = 3


class RfmError(InputError):
    """A window does not fit the log, or a summary of it would break the contract."""


@dataclass(frozen=True)
class Split:
    """What was known at the cut-off, and what the same customers did until the end.

    Attributes:
        calibration: the summary of every customer seen by the cut-off, from the days up to it alone.
        holdout: `customer_id`, `purchases` (purchase days) and `spend` after the cut-off, row by row as in
            `calibration.customers`.
        cutoff: the last day of calibration.
        end: the last day of the holdout.
        born_in_holdout: customers first seen after the cut-off; they are in neither table.
    """

    calibration: Rfm
    holdout: pd.DataFrame
    cutoff: date
    end: date
    born_in_holdout: int

    def __post_init__(self) -> None:
        if not self.cutoff < self.end:
            raise RfmError(f"The holdout has no day: it ends on {self.end}, the cut-off is {self.cutoff}.")
        if list(self.holdout.columns) != ["customer_id", "purchases", "spend"]:
            raise RfmError(f"A holdout has customer_id, purchases and spend, not {list(self.holdout.columns)}.")
        if not self.holdout["customer_id"].equals(self.calibration.customers["customer_id"]):
            raise RfmError("The holdout and the calibration list different customers, or in another order.")
        if self.calibration.as_of != self.cutoff:
            raise RfmError(f"The calibration is as of {self.calibration.as_of}, the cut-off is {self.cutoff}.")

    @property
    def horizon_days(self) -> int:
        """Return the length of the holdout in days."""
        return (self.end - self.cutoff).days


@dataclass(frozen=True)
class Histories:
    """The distinct purchase histories, sorted, each with the number of customers who share it."""

    frequency: Ints
    recency: Ints
    T: Ints
    count: Ints

    def __post_init__(self) -> None:
        columns = (self.frequency, self.recency, self.T, self.count)
        if any(column.dtype != np.int64 or column.shape != self.T.shape for column in columns):
            raise RfmError("The histories' frequency, recency, T and count are not int64 of one length.")
        if (self.count < 1).any():
            raise RfmError(f"{np.count_nonzero(self.count < 1):,} histories are no customer's: their count is below 1.")


@dataclass(frozen=True)
class Spends:
    """The repeat buyers' distinct pairs of frequency and mean spend, sorted, each with its number of customers."""

    frequency: Ints
    mean: Floats
    count: Ints

    def __post_init__(self) -> None:
        if {column.shape for column in (self.mean, self.count)} != {self.frequency.shape}:
            raise RfmError("The spends' frequency, mean and count are not of one length.")
        right = (self.frequency >= 1) & (self.mean > 0) & np.isfinite(self.mean) & (self.count >= 1)
        if not right.all():
            raise RfmError(
                f"{np.count_nonzero(~right):,} spends have no purchase, no finite mean above 0, or no customer."
            )


@dataclass(frozen=True)
class Base:
    """All that the likelihood has to know of a customer base: its size is that of the distinct rows, not of the base.

    Two grouped queries make it from a log of any size; `Base.of` makes it from a summary in memory.
    """

    histories: Histories
    spends: Spends
    as_of: date | None
    first_orders: FirstOrders | None = None

    def __post_init__(self) -> None:
        repeat = int(self.histories.count[self.histories.frequency > 0].sum())
        if self.repeat_buyers != repeat:
            raise RfmError(f"The histories have {repeat:,} repeat buyers, the spends {self.repeat_buyers:,}.")

    @classmethod
    def of(cls, rfm: Rfm) -> Base:
        """Group a customer summary."""
        repeat = rfm.customers["frequency"] > 0
        pairs = rfm.customers.loc[repeat, ["frequency", "monetary_value"]]
        grouped = pairs.groupby(["frequency", "monetary_value"], as_index=False).size()
        columns = (grouped[name].to_numpy() for name in ("frequency", "monetary_value", "size"))
        return cls(histories(rfm), Spends(*columns), rfm.as_of, rfm.first_orders)

    @property
    def customers(self) -> int:
        """Count the customers."""
        return int(self.histories.count.sum())

    @property
    def repeat_buyers(self) -> int:
        """Count the customers who bought again."""
        return int(self.spends.count.sum())


@dataclass(frozen=True)
class Births:
    """Which customers are looked at: those whose first purchase lies in a window (None: open on that side).

    The log begins at some day and its customers do not: whoever bought before it began is taken for new on the first
    purchase that the log shows. A window that leaves out the log's first weeks leaves most of them out.
    """

    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise RfmError(f"No customer is born from {self.first} to {self.last}: the window ends before it begins.")


EVERYONE = Births()


def summaries(transactions: Transactions, end: date | str | None = None, births: Births = EVERYONE) -> Any:
    """Summarise every customer seen by the end of observation, lazily: an Ibis table of any size, in no order.

    It holds the five columns of a customer summary and the segments; write it with `to_parquet`, stream it with
    `to_pyarrow_batches`. Sales and refunds after the end change nothing. Of the contract's rules, that repeat purchases
    have a mean above 0 is up to the log: `summarize` and `base` refuse one that breaks it.
    """
    last = _end(transactions, end)
    found = _histories(transactions, last, births).drop("first", "first_order")
    segments = transactions.segment_values(last)
    return found if segments is None else found.join(segments, "customer_id")


def summarize(transactions: Transactions, end: date | str | None = None, births: Births = EVERYONE) -> Rfm:
    """Summarise every customer seen by the end of observation (the log's last day when None), in memory.

    The first purchase is neither in `frequency` nor in `monetary_value`. Sales after the end change nothing. Customers
    are sorted by id; the log's segments follow the five columns.
    """
    last = _end(transactions, end)
    found = _histories(transactions, last, births)
    segments = transactions.segment_values(last)
    if segments is not None:
        found = found.join(segments, "customer_id")
    table = found.order_by("customer_id").to_pandas()
    _refuse_nobody(len(table), births)
    free = table.loc[(table["frequency"] > 0) & (table["monetary_value"] == 0), "customer_id"]
    _refuse_free_repeats(list(free[:SHOWN]), len(free), int((table["frequency"] > 0).sum()))
    first = table["first_order"].to_numpy(dtype=np.float64)
    orders = FirstOrders(float(first.mean()), float(first.std()), first.size)
    return Rfm.from_frame(table, as_of=last, first_orders=orders, segments=transactions.segments)


@dataclass(frozen=True)
class Streamed:
    """Every customer's summary, read from the engine some rows at a time and as often as need be, sorted by id.

    Attributes:
        table: of `summaries`, kept on the engine's side.
        as_of: the end of observation.
        rows: how many at a time.
    """

    table: Any
    as_of: date
    rows: int = 250_000

    def parts(self) -> Iterator[pd.DataFrame]:
        """Give the summaries part by part."""
        for part in self.table.order_by("customer_id").to_pyarrow_batches(chunk_size=self.rows):
            if part.num_rows:
                yield part.to_pandas()


def stream(transactions: Transactions, end: date | str | None = None, births: Births = EVERYONE) -> Streamed:
    """Summarise as `summarize` does, for as many customers as there are."""
    last = _end(transactions, end)
    found = summaries(transactions, last, births).cache()
    repeat = found.filter(found["frequency"] > 0)
    free = repeat.filter(repeat["monetary_value"] == 0)
    counted = [int(table.count().to_pyarrow().as_py()) for table in (found, free, repeat)]
    _refuse_nobody(counted[0], births)
    first = free.order_by("customer_id").limit(SHOWN)["customer_id"].to_list() if counted[1] else []
    _refuse_free_repeats(first, counted[1], counted[2])
    return Streamed(found, last)


def base(transactions: Transactions, end: date | str | None = None, births: Births = EVERYONE) -> Base:
    """Group a log of any size to what the likelihood needs: memory grows with distinct rows, not with customers."""
    last = _end(transactions, end)
    # Grouped twice and summed once: kept on the engine's side meanwhile, not computed three times.
    with _histories(transactions, last, births).cache() as found:
        by = ["frequency", "recency", "T"]
        distinct = found.group_by(by).aggregate(count=found.count()).order_by(by).to_pandas()
        repeat = found.filter(found["frequency"] > 0)
        pairs = ["frequency", "monetary_value"]
        spends = repeat.group_by(pairs).aggregate(count=repeat.count()).order_by(pairs).to_pandas()
        free = (
            repeat.filter(repeat["monetary_value"] == 0).order_by("customer_id").limit(SHOWN)["customer_id"].to_list()
        )
        order = found["first_order"]
        first = found.aggregate(mean=order.mean(), sd=order.std(how="pop"), customers=found.count()).to_pandas().iloc[0]
    _refuse_nobody(len(distinct), births)
    freed = int(spends.loc[spends["monetary_value"] == 0, "count"].sum())
    _refuse_free_repeats(free, freed, int(spends["count"].sum()))
    whole = [distinct[name].to_numpy(dtype=np.int64) for name in (*by, "count")]
    means = spends["monetary_value"].to_numpy(dtype=np.float64)
    counts = [spends[name].to_numpy(dtype=np.int64) for name in ("frequency", "count")]
    orders = FirstOrders(float(first["mean"]), float(first["sd"]), int(first["customers"]))
    return Base(Histories(*whole), Spends(counts[0], means, counts[1]), last, orders)


def split(
    transactions: Transactions,
    cutoff: date | str | None = None,
    end: date | str | None = None,
    births: Births = EVERYONE,
) -> Split:
    """Split a log at the end of the cut-off day: summaries before, purchases and spend after.

    The calibration knows nothing of the days after the cut-off, their refunds included. A refund in the holdout is
    taken off the sale that it gives back: one of a sale before the cut-off lowers neither side.

    Args:
        transactions: the log.
        cutoff: last day of calibration; half-way through the log when None.
        end: last day of the holdout; the log's last day when None.
        births: whose first purchase counts; those outside are in neither table.
    """
    last = _as_day(end, "rfm.end") if end is not None else transactions.last_day
    first = transactions.first_day
    at = _as_day(cutoff, "rfm.cutoff") if cutoff is not None else first + (last - first) // 2
    if not first <= at < last:
        between = f"between the log's first purchase and the day before rfm.end ({last})"
        raise RfmError(f"rfm.cutoff has to lie {between}, and is {at}: {_range(transactions)}.")
    calibration = summarize(transactions, at, births)
    later = transactions.purchases(last).filter(lambda table: table["date"] > at)
    bought = later.group_by("customer_id").aggregate(purchases=later.count(), spend=later["amount"].sum())
    known = set(calibration.customers["customer_id"])
    told = bought.mutate(spend=bought["spend"].cast("float64")).to_pandas()
    # Who bought before the cut-off is not born after it, even outside the window of births.
    seen_before = transactions.purchases(at).select("customer_id").distinct()
    born = later.select("customer_id").distinct().anti_join(seen_before, "customer_id").count()
    holdout = _holdout(calibration.customers["customer_id"], told[told["customer_id"].isin(known)])
    return Split(calibration, holdout, at, last, int(born.to_pyarrow().as_py()))


def origins(
    transactions: Transactions, cutoffs: Iterable[date | str], horizon_days: int, births: Births = EVERYONE
) -> Iterator[Split]:
    """Split at several cut-offs, each with a holdout of the same length, one after the other.

    Every cut-off is refused that leaves no whole holdout, before the first split is made.
    """
    days = [_as_day(cutoff, "a cut-off") for cutoff in cutoffs]
    late = [day for day in days if day + timedelta(horizon_days) > transactions.last_day]
    if late or horizon_days < 1:
        shown = ", ".join(str(day) for day in late[:SHOWN])
        what = f"{len(late):,} of {len(days):,} cut-offs leave no holdout of {horizon_days:,} days (first: {shown})"
        raise RfmError(f"{what}: {_range(transactions)}.")
    return (split(transactions, day, day + timedelta(horizon_days), births) for day in days)


def daily_counts(transactions: Transactions, cutoff: date, end: date, births: Births = EVERYONE) -> pd.DataFrame:
    """Count births and repeat purchases of each day to the end, of the customers born by the cut-off.

    Returns:
        `date`, `births` and `repeats`, from the first birth to the end, every day once.
    """
    purchases = transactions.purchases(end)
    first = purchases.group_by("customer_id").aggregate(birth=purchases["date"].min())
    ours = first.filter(_is_born(first["birth"], births) & (first["birth"] <= cutoff))
    dated = purchases.join(ours, "customer_id")
    is_birth = dated["date"] == dated["birth"]
    counted = dated.group_by("date").aggregate(births=is_birth.sum(), repeats=(~is_birth).sum()).to_pandas()
    if counted.empty:
        raise RfmError(f"No customer was born by the cut-off {cutoff}: there is nothing to follow.")
    counted = counted.assign(date=pd.to_datetime(counted["date"])).set_index("date").astype("int64")
    days = pd.date_range(counted.index.min(), end, name="date", unit="us")
    daily: pd.DataFrame = counted.reindex(days, fill_value=0).reset_index()
    return daily


def histories(rfm: Rfm) -> Histories:
    """Find the distinct histories (frequency, recency, T) and how many customers share each."""
    columns = [rfm.customers[name].to_numpy(dtype=np.int64) for name in ("frequency", "recency", "T")]
    ranked = np.stack(columns)[:, np.lexsort(columns[::-1])]
    is_first = np.ones(ranked.shape[1], dtype=bool)
    is_first[1:] = (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)
    starts = np.flatnonzero(is_first)
    frequency, recency, T = ranked[:, starts]
    return Histories(frequency, recency, T, np.diff(starts, append=ranked.shape[1]).astype(np.int64))


def _histories(transactions: Transactions, end: date, births: Births) -> Any:
    """Return the five columns, the `first` day and the `first_order`, an Ibis table."""
    bought = transactions.purchases(end)
    per_customer = bought.group_by("customer_id").aggregate(
        first=bought["date"].min(),
        last=bought["date"].max(),
        days=bought.count(),
        spend=bought["amount"].sum(),
        first_order=bought["amount"].argmin(bought["date"]),
    )
    found = per_customer.filter(_is_born(per_customer["first"], births))
    frequency = found["days"] - 1
    repeat_spend = (found["spend"] - found["first_order"]).cast("float64")
    return found.select(
        "customer_id",
        frequency=frequency.cast("int64"),
        recency=found["last"].delta(found["first"], unit="day").cast("int64"),
        T=ibis.literal(end).delta(found["first"], unit="day").cast("int64"),
        monetary_value=(frequency > 0).ifelse(repeat_spend / frequency, 0.0),
        first="first",
        first_order=found["first_order"].cast("float64"),
    )


def _is_born(birth: Any, births: Births) -> Any:
    is_ours = ibis.literal(True)
    if births.first is not None:
        is_ours &= birth >= births.first
    if births.last is not None:
        is_ours &= birth <= births.last
    return is_ours


def _end(transactions: Transactions, end: date | str | None) -> date:
    last = _as_day(end, "rfm.end") if end is not None else transactions.last_day
    if last < transactions.first_day:
        raise RfmError(f"rfm.end, {last}, is before the log's first purchase: {_range(transactions)}.")
    return last


def _refuse_nobody(customers: int, births: Births) -> None:
    if customers:
        return
    window = f" with a first purchase from {births.first or '...'} to {births.last or '...'}"
    where = "" if births == EVERYONE else window
    raise RfmError(
        f"There is no customer{where}: every sale that the rules let count was given back, or lies elsewhere."
    )


def _refuse_free_repeats(first: list[str], free: int, repeat_buyers: int) -> None:
    if free:
        raise RfmError(
            f"{free:,} of {repeat_buyers:,} repeat buyers spent nothing on repeat purchases"
            f" (first: {', '.join(map(repr, first))})."
            " Their mean spend has to be above 0: set transactions.zero_amounts=drop."
        )


def _holdout(customers: pd.Series[str], bought: pd.DataFrame) -> pd.DataFrame:
    ours = bought.set_index("customer_id").reindex(customers, fill_value=0)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "purchases": ours["purchases"].to_numpy(dtype=np.int64),
            "spend": ours["spend"].to_numpy(dtype=np.float64),
        }
    )


def _as_day(given: date | str, key: str) -> date:
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        if isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
            return date.fromisoformat(given)
    except ValueError:
        pass  # such as the 31st of June
    raise RfmError(f"{key} is a calendar day such as 1997-09-30, not {given!r}.")


def _range(transactions: Transactions) -> str:
    return f"the log runs from {transactions.first_day} to {transactions.last_day}"
