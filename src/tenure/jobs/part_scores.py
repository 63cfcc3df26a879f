"""Score the parts of a table: write their rows, keep their sums."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from tenure import batch
from tenure.backtest import Drifts
from tenure.batch import Largest, Scored, SummaryParts
from tenure.scorer import RESIDUAL, Scorer, Scores, Totals
from tenure.settings import ScoreJobSettings

from . import console
from .columns import with_columns


class _Sums:
    """The scorer of a model with the settings of a job, and the sums of the parts so far."""

    def __init__(self, scorer: Scorer, settings: ScoreJobSettings, advance: Callable[[int], None]) -> None:
        self.scorer, self.settings, self.advance = scorer, settings, advance
        self.params: dict[str, Any] = {**settings.score.params(), "seed": settings.seed}
        # The scorer of an older version supports neither groups, months nor progress within a part.
        self.further: dict[str, Any] = {"by": settings.by} if settings.by else {}
        self.further |= {"by_month": True} if settings.by_month else {}
        self.shows_blocks = "advance" in inspect.signature(scorer.score).parameters
        self.bar: dict[str, Any] = {"advance": advance} if self.shows_blocks else {}
        self.scores: Scores | None = None
        self.residual: Totals | None = None
        self.beyond: float | None = None
        self.largest: Largest | None = None

    def score(self, part: pd.DataFrame) -> pd.DataFrame:
        """Score a part and add its sums; return its rows."""
        scores = self.scorer.score(part, **self.bar, **self.further, **self.params)
        table = _with_months(scores) if self.settings.by_month else scores.table
        if self.settings.residual:
            table = table.join(self._score_residual(part))
        self.scores = batch.merge(self.scores, scores)
        self.largest = batch.larger(self.largest, scores.table)
        if not self.shows_blocks:
            self.advance(len(part) * (2 if self.settings.residual else 1))
        return table

    def _score_residual(self, part: pd.DataFrame) -> pd.DataFrame:
        params = {name: value for name, value in self.params.items() if name != "horizon_days"}
        scores = self.scorer.residual(part, **self.bar, **params)
        before = Totals.empty(self.scorer.draws) if self.residual is None else self.residual
        self.beyond = batch.share_of_all([(self.beyond, before), (scores.extrapolated_share, scores.totals)])
        self.residual = before + scores.totals
        return scores.table[list(RESIDUAL.values())]


def score_parts(
    scorer: Scorer,
    summary: SummaryParts,
    rows: int,
    settings: ScoreJobSettings,
    about: dict[str, Any],
    path: Path,
    drifts: Drifts | None = None,
) -> Scored:
    """Score part by part; write the rows, keep the sums. The drifts apply to the sums: no row depends on them."""
    with (
        console.progress("score", rows * (2 if settings.residual else 1)) as advance,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("once", append=True)  # not once per part; what is silenced stays silent
        output, sums = batch.ScoreFile(path), _Sums(scorer, settings, advance)
        for part in summary.parts():
            output.write(with_columns(sums.score(part), part, settings.score, about))
        scores = sums.scores
        params = asdict(scores.params) if scores is not None else {}
        output.close({**about, "params": params, "customers": rows})
    assert scores is not None  # noqa: S101 (a file without rows is not closed)
    sources = (about["model"], about["as_of"], about["run_id"])
    return Scored(scores, sums.residual, sums.beyond, *sources, drifts, sums.largest)


def _with_months(scores: Scores) -> pd.DataFrame:
    """Return the table with the two columns of lists."""
    months = scores.months
    if months is None:
        return scores.table
    return scores.table.assign(expected_purchases_by_month=list(months.purchases), clv_by_month=list(months.clv))
