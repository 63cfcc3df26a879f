"""What a caller hands over, a purchase log or a customer summary, as customers of the models."""

import datetime as dt
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Any

import pandas as pd

from tenure.frames import Frame, FrameError
from tenure.rfm import EVERYONE, AcquisitionWindow, summarize
from tenure.settings import TrainSettings
from tenure.summary import CustomerSummary
from tenure.transactions import STRING, Transactions, choose_type, of_frame, read

ID = "customer_id"
DAYS = {"frequency", "recency", "T"}  # columns that tell a summary from a log


@dataclass(frozen=True)
class Kind:
    """The kind of table that a caller gave, for the tables that are returned.

    Attributes:
        frame: the caller's table; of a log, its columns without rows; None for a file, whose results are pandas.
        id_column: its column of ids.
    """

    frame: Frame | None = None
    id_column: str = ID

    def like(self, table: pd.DataFrame) -> Any:
        """Return a table in the kind; its ids have the type of the caller's."""
        return table if self.frame is None else self.frame.like(table, {ID: self.id_column} if ID in table else {})


@dataclass(frozen=True)
class Log:
    """A purchase log and the kind of table that it was."""

    transactions: Transactions
    kind: Kind


@dataclass(frozen=True)
class Customers:
    """Customers to fit or to score.

    Attributes:
        summary: one row per customer.
        given: the rows to score: those of the summary, or a table as the caller gave it, with further columns.
        kind: of the caller's table.
        is_log: the caller gave a log.
        id_type: the type of the ids of a log.
    """

    summary: CustomerSummary
    given: pd.DataFrame
    kind: Kind
    is_log: bool = False
    id_type: str = STRING

    def scored(self, delta: float | None) -> pd.DataFrame:
        """Return the table that a scorer takes; with `delta`, of its model, the columns of fading evidence of a log.

        A table, as a registered model's own code does not have the installed class of summaries.
        """
        if delta is None or self.summary.orders is None:
            return self.given
        return self.summary.with_faded(delta).table

    def beside(self, table: pd.DataFrame) -> Any:
        """Return a row per customer in the kind that the caller gave: same order, index and type of the ids."""
        if not self.is_log and self.kind.frame is not None:
            return self.kind.frame.beside(table, ID)
        return self.kind.like(typed_ids(table, self.id_type))

    def like(self, table: pd.DataFrame) -> Any:
        """Return another table in the kind that the caller gave."""
        return self.kind.like(table)


def typed_ids(table: pd.DataFrame, id_type: str) -> pd.DataFrame:
    """Return a table whose ids, which are text, have the type of those of the log."""
    return table if id_type == STRING else table.astype({ID: id_type})


def read_log(data: object, settings: TrainSettings, name: str = "log") -> Log:
    """Read a purchase log: a table of any kind, or the path of a file.

    Raises TransactionsError for a log that cannot be used, FrameError for what is no table.
    """
    named, column, end = settings.transactions, settings.transactions.columns.customer_id, settings.rfm.end
    if isinstance(data, str | PathLike):
        return Log(read(replace(named, path=fspath(data)), end=end), Kind())
    frame = _with_ids(data if isinstance(data, Frame) else Frame.of(data, name), column)
    if set(frame.columns) >= DAYS and named.columns.date not in frame.columns:
        summary = f"{name} is a customer summary, which has no purchases by day: give the purchase log"
        raise FrameError(f"{summary}, a row per sale or refund.")
    return Log(of_frame(frame, named, end=end), Kind(frame.without_rows(), column))


def summary_of(data: object, name: str, as_of: str | None = None) -> Customers | None:
    """Return the customers of a customer summary; None where the data are a log.

    Args:
        data: a table of any kind, or a `CustomerSummary`.
        name: of the argument.
        as_of: the day up to which a summary counts.

    Raises SummaryError for a summary that breaks its contract, FrameError for what is no table.
    """
    if isinstance(data, CustomerSummary):
        return Customers(data, data.table, Kind())
    if isinstance(data, str | PathLike):
        return None
    frame = _with_ids(data if isinstance(data, Frame) else Frame.of(data, name), ID)
    if not set(frame.columns) >= DAYS:
        return None
    given, day = frame.to_pandas(), None if as_of is None else dt.date.fromisoformat(as_of)
    return Customers(CustomerSummary.from_frame(given, day), given, Kind(frame))


def collected(data: object, name: str) -> object:
    """Return a table in memory, so that a lazy one is collected once; paths and summaries as they are."""
    return data if isinstance(data, str | PathLike | CustomerSummary) else Frame.of(data, name)


def customers_of(
    log: Log, settings: TrainSettings, window: AcquisitionWindow = EVERYONE, *, with_orders: bool
) -> Customers:
    """Summarise the customers of a log at the end of observation, sorted by id: by number where ids are integers."""
    summary = summarize(log.transactions, settings.rfm.end, window, with_orders=with_orders)
    id_type = choose_type(log.transactions, settings.transactions.id_type)
    if id_type != STRING:
        order = summary.table.astype({ID: id_type})[ID].argsort(kind="stable")
        summary = summary.take(order.to_numpy())
    return Customers(summary, summary.table, log.kind, is_log=True, id_type=id_type)


def _with_ids(frame: Frame, column: str) -> Frame:
    """Return a frame whose ids are a column: in pandas they may be the index."""
    if frame.kind == "pandas" and column not in frame.columns and frame.native.index.name == column:
        return replace(frame, native=frame.native.reset_index())
    return frame
