"""Score the parts of a table: write their rows, keep their sums. Parts that are done already are not scored again.

While a part is scored, the next one is read and the one before is written.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pandas as pd

from tenure.batch import BatchError, CustomerParts, PartFiles, Sums, largest_in
from tenure.batch.sums import sums_of
from tenure.scorer import RESIDUAL, Scorer, Scores
from tenure.settings import ScoreJobSettings

from . import console
from .columns import with_columns


class _PartScorer:
    """The scorer of a model with the settings of a job."""

    def __init__(self, scorer: Scorer, settings: ScoreJobSettings, about: dict[str, Any]) -> None:
        self.scorer, self.settings, self.about = scorer, settings, about
        self.params: dict[str, Any] = {**settings.score.params(), "seed": settings.seed}
        # The scorer of an older version supports neither groups, months nor progress within a part.
        self.further: dict[str, Any] = {"by": settings.by} if settings.by else {}
        self.further |= {"by_month": True} if settings.by_month else {}
        self.shows_blocks = "advance" in inspect.signature(scorer.score).parameters
        self.passes = 2 if settings.residual else 1

    def score(self, part: pd.DataFrame, advance: Callable[[int], None]) -> tuple[pd.DataFrame, Sums]:
        """Score a part; return its rows and its sums."""
        bar: dict[str, Any] = {"advance": advance} if self.shows_blocks else {}
        scores = self.scorer.score(part, **bar, **self.further, **self.params)
        table, residual = _with_months(scores) if self.settings.by_month else scores.table, None
        if self.settings.residual:
            params = {name: value for name, value in self.params.items() if name != "horizon_days"}
            to_infinity = self.scorer.residual(part, **bar, **params)
            table, residual = table.join(to_infinity.table[list(RESIDUAL.values())]), sums_of(to_infinity)
        sums = Sums(sums_of(scores), residual, largest_in(scores.table))
        if not self.shows_blocks:
            advance(len(part) * self.passes)
        return with_columns(table, part, self.settings.score, self.about), sums


def score_parts(
    scorer: Scorer, customers: CustomerParts, files: PartFiles, settings: ScoreJobSettings, about: dict[str, Any]
) -> Sums:
    """Score the parts that are not done and write them; return the sums of all.

    Args:
        scorer: of the model.
        customers: in parts.
        files: of the parts.
        settings: of the job.
        about: the `model`, its `verdict` and `as_of`, for the columns that name them.
    """
    if not customers.numbers:
        raise BatchError("There are no customers to score.")
    part_scorer = _PartScorer(scorer, settings, about)
    with (
        console.progress("score", customers.customers * part_scorer.passes) as advance,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("once", append=True)  # not once per part; what is silenced stays silent
        total, todo = _done(customers, files, lambda rows: advance(rows * part_scorer.passes))
        if todo:
            files.reopen()
        with _Written(files, part_scorer.shows_blocks) as written, _ahead(customers.read(todo)) as parts:
            for number, part in parts:
                table, sums = part_scorer.score(part, written.counted(len(part) * part_scorer.passes, advance))
                written.add(number, table, sums)
                total = sums if total is None else total + sums
    assert total is not None  # noqa: S101 (there is at least one part)
    return total


def _done(customers: CustomerParts, files: PartFiles, advance: Callable[[int], None]) -> tuple[Sums | None, list[int]]:
    """Return the sums of the parts that are done, and the numbers of the others."""
    total, todo = None, []
    for number in customers.numbers:
        sums = files.read(number)
        if sums is None:
            todo.append(number)
            continue
        total = sums if total is None else total + sums
        advance(int(customers.rows[number]))
    return total, todo


@contextmanager
def _ahead[T](items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Yield an iterator whose next item is computed while the present one is used."""
    with ThreadPoolExecutor(1, "read") as pool:

        def ahead() -> Iterator[T]:
            coming = pool.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = pool.submit(next, items, None)
                yield item

        yield ahead()


class _Written:
    """The writing of parts, one at a time, while the next one is scored.

    A part is on disk before half of the next one is scored, so that never more than one scored part is lost.
    """

    def __init__(self, files: PartFiles, shows_blocks: bool) -> None:
        self.files, self.shows_blocks = files, shows_blocks
        self.pool = ThreadPoolExecutor(1, "write")
        self.last: Future[None] | None = None

    def __enter__(self) -> "_Written":
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown()
        if error[0] is None:
            self._wait()

    def add(self, number: int, table: pd.DataFrame, sums: Sums) -> None:
        """Write a part in the background, after the one before."""
        self._wait()
        self.last = self.pool.submit(self.files.write, number, table, sums)

    def counted(self, rows: int, advance: Callable[[int], None]) -> Callable[[int], None]:
        """Return `advance` for a part of so many rows, which waits at half of them for the part before."""
        if not self.shows_blocks:
            self._wait()
        left = [rows]

        def count(done: int) -> None:
            left[0] -= done
            if 2 * left[0] <= rows:
                self._wait()
            advance(done)

        return count

    def _wait(self) -> None:
        last, self.last = self.last, None
        if last is not None:
            last.result()


def _with_months(scores: Scores) -> pd.DataFrame:
    """Return the table with the two columns of lists."""
    months = scores.months
    if months is None:
        return scores.table
    return scores.table.assign(expected_purchases_by_month=list(months.purchases), clv_by_month=list(months.clv))
