"""A purchase log as a table on Spark: read by the same Ibis expressions as on one machine."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ..addresses import mask
from ..places import S3, place_of
from ..rfm import summary_query
from ..settings import TransactionsSettings
from ..transactions import SPARK, Transactions, TransactionsError, of_table, refuse_doubles, require_date_format
from .customers import address, digest_of
from .errors import in_words

NO_QUERY = "engine=spark runs no transactions.query, which is DuckDB's SQL: make it a view, and name it in"
NO_UNICODE = "engine=spark cannot ignore the Unicode form of ids: leave it out of transactions.normalize_ids."


def read_log(
    session: SparkSession, settings: TransactionsSettings, scratch: Path, end: date | str | None = None
) -> Transactions:
    """Read a purchase log from a Parquet file or folder that the executors see, or from a table of the session.

    Args:
        session: of the log.
        settings: the place of the log, and the rules.
        scratch: a folder that the executors see, for what later queries read again.
        end: the end of observation; rows after it are not checked.

    Raises TransactionsError with one line per fault.
    """
    _refuse_unsupported(settings)
    name = settings.table or mask(settings.path)
    with in_words(f"{name} cannot be read by Spark"):
        frame = session.table(settings.table) if settings.table else _read_parquet(session, settings.path)
        refuse_doubles(settings, frame.columns, frame.columns, is_file=False)
        backend = ibis.pyspark.connect(session)
        view = ibis.util.gen_name("tenure_log")
        frame.createOrReplaceTempView(view)

        def store(table: str, rows: Any) -> Any:
            place = address(str(scratch / table))
            session.sql(backend.compile(rows)).write.parquet(place)
            return backend.read_parquet(place, table_name=table)

        table = backend.table(view)
        moments = [column for column, kind in frame.dtypes if kind == "timestamp"]  # which Ibis takes for local times
        table = table.mutate(**{column: table[column].cast(dt.Timestamp(timezone="UTC")) for column in moments})
        digest = digest_of(frame)[1]
        return of_table(table, settings, source=name, digest=digest, end=end, kind=SPARK, store=store)


def summarize_log(
    session: SparkSession,
    transactions: Transactions,
    end: date,
    scratch: Path,
    *,
    id_type: str,
    further: Sequence[str],
    with_orders: bool,
) -> DataFrame:
    """Return the customer summary of a log at the end of observation as a data frame.

    Args:
        session: of the log.
        transactions: the log.
        end: the end of observation.
        scratch: a folder that the executors see, for the summary.
        id_type: the type of the ids (`transactions.choose_type`).
        further: columns of `HISTORY`.
        with_orders: whether to add the list `PAID`.
    """
    query = summary_query(transactions, end, further=further, with_orders=with_orders)
    typed = query.mutate(customer_id=query["customer_id"].cast(id_type))
    place = address(str(scratch / "summary"))
    with in_words("The customers could not be summarised by Spark"):
        session.sql(query.get_backend().compile(typed)).write.parquet(place)
        return session.read.parquet(place)


def _refuse_unsupported(settings: TransactionsSettings) -> None:
    name = settings.table or settings.path
    if settings.query:
        raise TransactionsError(name, f"{NO_QUERY} transactions.table.")
    if "unicode" in settings.normalize_ids:
        raise TransactionsError(name, NO_UNICODE)
    place = place_of(settings.path)
    if not settings.table and place is not None and place.kind != S3:
        raise TransactionsError(name, "is not read with engine=spark: name a table of Spark's in transactions.table.")
    if not settings.table and (settings.format not in ("auto", "parquet") or settings.path.endswith((".csv", ".gz"))):
        raise TransactionsError(name, "engine=spark reads Parquet files and tables: write the log as Parquet.")
    if settings.csv.date_format:
        require_date_format(ibis.duckdb.connect(), settings)


def _read_parquet(session: SparkSession, path: str) -> DataFrame:
    """Return a Parquet file or folder; its time stamps in nanoseconds, which Spark reads as numbers, as time stamps."""
    frame = session.read.parquet(address(path))
    for name, kind in _nanoseconds(Path(path).expanduser()).items():
        number = "`{}`".format(name.replace("`", "``"))
        frame = frame.withColumn(name, F.expr(f"timestamp_micros({number} div 1000)").cast(kind))
    return frame


def _nanoseconds(path: Path) -> dict[str, str]:
    """Return the columns of a Parquet file, or of the first one in a folder, that have nanoseconds, and their types.

    There are none of a file that only the executors see.
    """
    first = next(iter(sorted(path.rglob("*.parquet"))), None) if path.is_dir() else path
    if first is None or not first.is_file():
        return {}
    stamps = [field for field in pq.read_schema(first) if pa.types.is_timestamp(field.type) and field.type.unit == "ns"]
    return {field.name: "timestamp_ntz" if field.type.tz is None else "timestamp" for field in stamps}
