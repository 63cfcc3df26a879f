"""Customer summaries as a Spark data frame: read, checked, counted. No row comes to the driver."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ..addresses import mask
from ..errors import Reason
from ..frames import NULLABLE
from ..scorer import group, refuse_groups
from ..settings import SummarySettings
from ..summary import COLUMNS, OPTIONAL, CustomerSummary, Fault, SummaryError, repeated, require_segments
from ..transactions import CANONICAL, INTEGER, TEXT, refuse_others
from ..units import Seen
from .errors import SparkError, in_words
from .executor import FAULTS, Work, check

SHOWN = 3
ROW_NUMBERS = " (first rows: {first})", " (first: {first})"  # of messages


class SparkTableError(SparkError):
    """A table of customer summaries that Spark cannot read."""

    reason = Reason.BAD_LOG


@dataclass
class SparkCustomers:
    """Checked customers on Spark, with what the scoring needs to know of them.

    Attributes:
        frame: the columns of a customer summary, those to keep, those to total by, and the segments.
        customers: how many.
        digest: of the table, whatever the order of its rows.
        groups: values of the columns to total by, in a fixed order.
        seen: the facts for the comparison of units.
    """

    frame: DataFrame
    customers: int
    digest: str
    groups: list[tuple[Any, ...]]
    seen: Seen


def read_summary(session: SparkSession, settings: SummarySettings) -> DataFrame:
    """Return the data frame of a Parquet file or folder that the executors see, or of a table.

    Raises SparkTableError where there is none.
    """
    if settings.table is not None:
        source = f"summary.table {settings.table!r}"
    else:
        source = f"summary.path {mask(settings.path or '')!r}"
        if (settings.path or "").endswith(".csv"):
            raise SparkTableError(f"{source}: engine=spark reads Parquet files and tables. Write it as Parquet.")
    try:
        with in_words(f"{source} cannot be read by Spark"):
            frame = session.table(settings.table) if settings.table else session.read.parquet(address(settings.path))
            frame.schema  # noqa: B018 (Spark Connect looks at the table only now)
            return frame
    except SparkError as error:
        if isinstance(error.__cause__, AnalysisException):
            raise SparkTableError(f"{source}: Spark finds no such {'table' if settings.table else 'file'}.") from error
        raise


def address(path: str | None) -> str:
    """Return a path as Spark takes it: an address as it is, a path of this machine in full."""
    text = str(path)
    return text if "://" in text or text.startswith("dbfs:") else str(Path(text).expanduser().resolve())


def with_id_type(frame: DataFrame, setting: str | None) -> DataFrame:
    """Return the data frame with ids of the type in the settings; raise IdTypeError for others than integers."""
    names = [name for name in frame.columns if name == "customer_id"]
    kind = dict(frame.dtypes).get("customer_id") if names else None
    if setting == TEXT and kind in ("tinyint", "smallint", "int", "bigint"):
        return frame.withColumn("customer_id", F.col("customer_id").cast("string"))
    if setting != INTEGER or kind != "string":
        return frame
    ids = F.col("customer_id")
    others = frame.where(~ids.rlike(CANONICAL) | ids.try_cast("bigint").isNull())
    first = [row[0] for row in others.select("customer_id").sort("customer_id").limit(SHOWN).collect()]
    if first:
        raise refuse_others(others.count(), frame.count(), first, is_setting=True)
    return frame.withColumn("customer_id", ids.cast("bigint"))


def check_customers(
    frame: DataFrame, work: Work, segments: Sequence[str], further: Sequence[str], advance: Callable[[], None]
) -> SparkCustomers:
    """Check every customer in the executors, and count them.

    Args:
        frame: of the table.
        work: with the model, whose rules of a customer summary are those of the check, and the columns to total by.
        segments: columns by which the model has segments.
        further: columns to keep, where the table has them.
        advance: called after each query.

    Raises SummaryError with every broken rule of the table, ScoreError for groups that cannot be built.
    """
    _require_columns(frame.columns, work.by, segments)
    present = [name for name in (*OPTIONAL, *further) if name in frame.columns]
    frame = frame.select(*map(quoted, dict.fromkeys([*COLUMNS, *present, *work.by, *segments])))
    faults = frame.mapInArrow(partial(check, work), f"{FAULTS} string")
    broken = [_fault(*fault) for row in faults.collect() for fault in json.loads(row[0])]
    advance()
    customers, digest = digest_of(frame)
    advance()
    broken = broken or _duplicates(frame)
    if broken:
        raise SummaryError.of(broken, customers)
    if not customers:
        raise SparkTableError("There are no customers to score.")
    advance()
    groups = _groups(frame, work.by)
    advance()
    return SparkCustomers(frame, customers, digest, groups, _seen(frame))


def quoted(name: str) -> Column:
    """Return a column by its name, whatever characters it has."""
    return F.col(f"`{name.replace('`', '``')}`")


def _require_columns(columns: list[str], by: Sequence[str], segments: Sequence[str]) -> None:
    none = pd.DataFrame({name: [] for name in columns})
    require_segments(columns, segments)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        CustomerSummary.from_frame(none)  # raises, with all of them
    group(none, by)


def _fault(text: str, number: int, first: list[str]) -> Fault:
    """Return a fault without the numbers of rows: those of a distributed table have none."""
    for names in ROW_NUMBERS if not first or first[0][:1].isdigit() or first[0].startswith("row ") else ():
        text = text.replace(names, "")
    return Fault(text, number, tuple(first))


def digest_of(frame: DataFrame) -> tuple[int, str]:
    """Count the rows, and return a digest of them that does not depend on their order."""
    key = F.xxhash64(*(quoted(name) for name in frame.columns))
    row = frame.agg(F.count(F.lit(1)), F.bit_xor(key), F.sum(key.cast("decimal(20,0)"))).collect()[0]
    kinds = ", ".join(f"{name} {kind}" for name, kind in frame.dtypes)
    return row[0], hashlib.sha256(f"{row[0]} {row[1]} {row[2]} {kinds}".encode()).hexdigest()


def _duplicates(frame: DataFrame) -> list[Fault]:
    ids = frame.groupBy(F.col("customer_id").cast("string").alias("id")).count().where("count > 1")
    first = [repr(row[0]) for row in ids.select("id").sort("id").limit(SHOWN).collect()]
    return [repeated(ids.count(), first)] if first else []


def _groups(frame: DataFrame, by: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the values of the columns to total by, in a fixed order."""
    if not by:
        return []
    distinct = frame.select(*map(quoted, by)).distinct()
    refuse_groups(by, distinct.count())
    values = pd.DataFrame(distinct.toArrow().to_pandas(types_mapper=NULLABLE.get))
    return sorted(group(values, by)[0], key=lambda key: [(pd.isna(one), str(one)) for one in key])


def _seen(frame: DataFrame) -> Seen:
    """Count the customers by history, and by spend in four digits, as `units.Seen` does."""
    days = [F.col(name).cast("bigint").alias(name) for name in ("T", "frequency")]
    histories = frame.select(*days).groupBy("T", "frequency").count().toArrow().to_pandas()
    spend = F.col("monetary_value").cast("double")
    step = F.pow(F.lit(10.0), F.greatest(F.floor(F.log10(spend)) - 3, F.lit(-300)))
    paid = frame.where((F.col("frequency") > 0) & (spend > 0)).select((F.rint(spend / step) * step).alias("spend"))
    spends = paid.groupBy("spend").count().toArrow().to_pandas()
    return Seen(spends.set_index("spend")["count"], histories.set_index(["T", "frequency"])["count"])
