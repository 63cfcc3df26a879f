"""Scoring in the executors of a Spark cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import Any

from tenure.batch import PartFiles, ScoreFolder, Sums
from tenure.errors import InputError
from tenure.registry import Loaded, example_of, model_files
from tenure.rfm import HISTORY, PAID, end_of
from tenure.scorer import RESIDUAL, Scorer
from tenure.settings import SPARK, ScoreJobSettings
from tenure.transactions import AccountedLog, choose_type

from . import console
from .customers import compare_units

try:
    from tenure import spark
except ImportError as error:
    raise InputError(
        f"engine=spark needs pyspark 4.0 ({error}): uv sync --group spark, or pip install 'pyspark[connect]==4.0.*'"
        " 'ibis-framework[pyspark]'. It also needs Java 17."
    ) from error


@contextmanager
def open_engine(
    settings: ScoreJobSettings, loaded: Loaded, folder: ScoreFolder, segments: Sequence[str]
) -> Iterator["SparkEngine"]:
    """Yield the engine, with a Spark session of its own or the active one."""
    require_params(loaded.scorer, settings)
    with spark.open_session(settings.spark) as session:
        yield SparkEngine(session, settings, loaded, folder, segments)


class SparkEngine:
    """Scoring in the executors of a Spark cluster; parts are Spark's partitions."""

    def __init__(
        self, session: Any, settings: ScoreJobSettings, loaded: Loaded, folder: ScoreFolder, segments: Sequence[str]
    ) -> None:
        self.session, self.settings, self.segments = session, settings, segments
        self.loaded, self.scorer, self.scratch = loaded, loaded.scorer, folder.customers
        is_log = settings.summary.source is None
        model, digest = spark.pack_model(model_files(loaded))
        self.work = spark.Work(
            model,
            digest,
            {**settings.score.params(), "seed": settings.seed},
            tuple(settings.by),
            by_month=settings.by_month,
            residual=RESIDUAL if settings.residual else {},
            delta=getattr(loaded.scorer, "delta", None) if is_log else None,
            rows=settings.score.part_rows,
        )
        self.hashing = None  # the settings refuse it
        self.as_of: str | None = None
        self.log: AccountedLog | None = None
        self.numbers: list[int] = []
        self.further: dict[str, str] = {}

    def read(self) -> None:
        """Read the customers: of a summary or a log, in Parquet files that the executors see or in a table."""
        spark.require_shared(self.session, self.scratch, self.settings.output, self.work.digest)
        with spark.watched(self.session, self.settings.spark.patience_seconds, self.scratch):
            if self.settings.summary.source is not None:
                self._read_summary()
            else:
                self._read_log()

    def _read_summary(self) -> None:
        summary, id_type = self.settings.summary, self.settings.transactions.id_type
        self.frame = spark.with_id_type(spark.read_summary(self.session, summary), id_type)
        self.as_of = summary.as_of

    def _read_log(self) -> None:
        settings, session, scratch = self.settings, self.session, self.scratch
        log = settings.transactions
        with console.stage(f"read {log.table or log.path} on Spark"):
            transactions = spark.read_log(session, log, scratch, settings.rfm.end)
            last = end_of(transactions, settings.rfm.end)
            id_type = choose_type(transactions, log.id_type, self.loaded.about.get("id_type"))
            further, with_orders = self.further_columns, self.work.delta is not None
            self.frame = spark.summarize_log(
                session, transactions, last, scratch, id_type=id_type, further=further, with_orders=with_orders
            )
            self.as_of = str(last)
            self.log = AccountedLog.of(transactions, last, log.normalize_ids)

    @property
    def further_columns(self) -> list[str]:
        """Return the columns of a customer's history that follow the scores."""
        return [name for name in self.settings.score.columns if name in HISTORY]

    def divide(self) -> "SparkEngine":
        """Check the customers and the units of their money and time in the executors."""
        settings, further = self.settings, self.further_columns
        further += [PAID] if self.work.delta is not None else []
        with (
            spark.in_words("The customers could not be checked on Spark"),
            spark.watched(self.session, settings.spark.patience_seconds, self.scratch) as advance,
        ):
            self.checked = spark.check_customers(self.frame, self.work, self.segments, further, advance)
        compare_units(self.checked.seen, self, self.scorer, settings.score)
        return self

    @property
    def customers(self) -> int:
        """Count the customers."""
        return self.checked.customers

    @property
    def digest(self) -> str:
        """Return a digest of the table."""
        return self.checked.digest

    @property
    def groups(self) -> list[tuple[Any, ...]]:
        """Return the values of the columns to total by."""
        return self.checked.groups

    def part_size(self) -> dict[str, Any]:
        """Return what the bytes of the parts depend on, beside the customers."""
        return {"engine": SPARK, "partitions": spark.partitions_of(self.checked, self.settings.spark)}

    def score(self, files: PartFiles, about: dict[str, Any]) -> Sums:
        """Score the customers in the executors and take over what they wrote, unless all of it is there; add it up."""
        if (done := self._done(files)) is not None:
            return done
        files.reopen()
        kept = spark.columns_of(self.checked.frame, self.settings.score, about)
        place = self.scratch / "spark"
        with console.stage("score on Spark"):
            written = spark.write_scores(self.session, self.checked, kept, self.work, self.settings.spark, place)
        with console.stage("take over the scores"):
            each = [self._take_over(part, files) for part in written]
        self.numbers = [part.number for part in written]
        return reduce(add, each)

    def _take_over(self, part: spark.WrittenPart, files: PartFiles) -> Sums:
        sums = files.restored(part.facts, part.arrays)
        files.write_rows(part.number, part.write, sums)
        return sums

    def _done(self, files: PartFiles) -> Sums | None:
        """Return the sums of an earlier job, if it has scored all customers."""
        numbers = range(spark.partitions_of(self.checked, self.settings.spark))
        sums = {number: part for number in numbers if (part := files.read(number)) is not None}
        if sum(part.scores.totals.customers for part in sums.values()) != self.customers:
            return None
        self.numbers = list(sums)
        return reduce(add, sums.values())


def require_params(scorer: Scorer, settings: ScoreJobSettings) -> None:
    """Raise ScoreError for params that the model cannot score with; warn of a horizon that was not validated."""
    scorer.expect(example_of(scorer.posterior).iloc[:0], **settings.score.params(), seed=settings.seed)
