"""`tenure-score`: find the model, read the customers, score, write, log."""

import inspect
import logging
import time
import warnings
from dataclasses import asdict
from typing import Any

import pandas as pd

from tenure import batch, figures, registry
from tenure.backtest import Factors
from tenure.batch import Scored, Summaries, SummaryFile
from tenure.output import require_writable, written_whole
from tenure.rfm import stream
from tenure.scorer import RESIDUAL, Scorer, Scores, Totals
from tenure.settings import ScoreJobSettings
from tenure.transactions import Reconciliation, Transactions, read

from . import console

log = logging.getLogger("tenure")


def run(settings: ScoreJobSettings, config: str) -> int:
    """Score and report; return the exit code."""
    require_writable(settings.output)
    summaries, as_of, log_read = _customers(settings)
    if log_read is not None:
        console.print_reconciliation(log_read[1])
    rows = batch.check(summaries, settings.by)  # refuse a bad table before the model is looked for
    uri = registry.connect(settings.registry)
    loaded = registry.load(settings.model)
    model = loaded.about["model"]
    require_known(loaded.scorer, settings, model)
    log.info("%s customers; model %s", f"{rows:,}", model)
    with registry.open_run(settings.registry, "score", config) as opened:
        registry.log_settings(asdict(settings))
        if log_read is not None:
            registry.log_data(*log_read, "scoring")
        start = time.perf_counter()
        about = {"model": model, "model_tags": loaded.about, "as_of": as_of, "run_id": opened.info.run_id}
        scored = score_parts(loaded.scorer, summaries, rows, settings, about, loaded.factors)
        months, level = scored.scores.months, settings.score.level
        drawn = {} if months is None else {"months": figures.months(months.table(level), level)}
        registry.log_scores(scored, time.perf_counter() - start, drawn)
    console.print_scores(scored, settings, registry.ui_command(uri))
    return 0


def require_known(scorer: Scorer, settings: ScoreJobSettings, model: str) -> None:
    """Refuse a question that a version's own scorer, as old as the version, has no answer to."""
    known = inspect.signature(scorer.score).parameters
    asked = {
        "residual=true": (settings.residual, hasattr(scorer, "residual")),
        "by_month=true": (settings.by_month, "by_month" in known),
        "by=[...]": (bool(settings.by), "by" in known),
    }
    unknown = [name for name, (is_asked, is_known) in asked.items() if is_asked and not is_known]
    if unknown:
        raise registry.RegistryError(
            f"{model} answers with the scorer that it was registered with, which does not know {', '.join(unknown)}:"
            " train again with the version of tenure that is installed here, or do without."
        )


def _customers(
    settings: ScoreJobSettings,
) -> tuple[Summaries, str | None, tuple[Transactions, Reconciliation] | None]:
    if settings.summary.path is not None:
        return SummaryFile(settings.summary.path), settings.summary.as_of, None
    transactions = read(settings.transactions, end=settings.rfm.end)
    found = stream(transactions, settings.rfm.end)
    return found, str(found.as_of), (transactions, transactions.reconcile(found.as_of))


def score_parts(
    scorer: Scorer,
    summaries: Summaries,
    rows: int,
    settings: ScoreJobSettings,
    about: dict[str, Any],
    factors: Factors | None = None,
) -> Scored:
    """Score part by part; write the rows, keep the sums. The factors are for the sums alone: no row knows them."""
    asked = {**asdict(settings.score), "seed": settings.seed}
    # An older version's own scorer knows neither groups nor months, and is not asked for any unless the settings are.
    more: dict[str, Any] = {"by": settings.by} if settings.by else {}
    more |= {"by_month": True} if settings.by_month else {}
    scores, residual, beyond = None, None, None
    with (
        written_whole(settings.output) as path,
        console.progress("score", rows) as advance,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("once", append=True)  # and not once a part; what is silenced stays silent
        output = batch.ScoreFile(path)
        for part in summaries.parts():
            found = scorer.score(part, **more, **asked)
            table = found.table
            if settings.by_month and found.months is not None:
                table = table.assign(
                    expected_purchases_by_month=list(found.months.purchases), clv_by_month=list(found.months.value)
                )
            if settings.residual:
                table, ever = _with_residual(scorer, part, table, asked)
                whole = Totals.empty(scorer.draws) if residual is None else residual
                beyond = batch.share_of_all([(beyond, whole), (ever.share_beyond, ever.totals)])
                residual = whole + ever.totals
            output.write(table)
            scores = batch.merge(scores, found)
            advance(len(part))
        params = asdict(scores.params) if scores is not None else {}
        output.close({**about, "params": params, "customers": rows})
    assert scores is not None  # noqa: S101 (a file without rows is not closed)
    return Scored(scores, residual, beyond, about["model"], about["as_of"], about["run_id"], factors)


def _with_residual(
    scorer: Scorer, part: pd.DataFrame, table: pd.DataFrame, asked: dict[str, Any]
) -> tuple[pd.DataFrame, Scores]:
    params = {name: value for name, value in asked.items() if name != "horizon_days"}
    found = scorer.residual(part, **params)
    return table.join(found.table[list(RESIDUAL.values())]), found
