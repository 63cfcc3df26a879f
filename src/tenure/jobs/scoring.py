"""`tenure-score`: find the model, read the customers, score, write, log."""

import inspect
import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tenure import batch, registry, summary_file, units
from tenure.backtest import Drifts
from tenure.batch import Scored
from tenure.errors import InputError
from tenure.output import atomic_file, is_described, keep, refuse_input, require_writable
from tenure.review import Verdict
from tenure.rfm import HISTORY, stream
from tenure.scorer import RESIDUAL, Scorer, Scores, Totals
from tenure.settings import ScoreJobSettings
from tenure.summary_file import Summaries, SummaryFile
from tenure.transactions import (
    Identities,
    Reconciliation,
    Transactions,
    choose_type,
    find_identities,
    input_files,
    read,
)

from . import console
from .columns import with_columns

FINISHED = "FINISHED"
log = logging.getLogger("tenure")


class FailedReviewError(InputError):
    """A training run whose review failed it."""

    exit_code = 3


class Customers(NamedTuple):
    """Whom to score, up to which day they were observed, and the log that they come from, if any."""

    summaries: Summaries
    as_of: str | None
    log_read: tuple[Transactions, Reconciliation, Identities] | None


def run(settings: ScoreJobSettings, config: str) -> int:
    """Score and report; return the exit code."""
    require_writable(settings.output)
    refuse_input(settings.output, [settings.summary.path or settings.transactions.path])
    uri = registry.connect(settings.registry)
    loaded = registry.load(settings.model)  # before the customers are read, which may take long
    model = model_of(loaded.about)
    verdict = require_verdict(loaded.about, accept_failed=settings.score.accept_failed)
    require_known(loaded.scorer, settings, model)
    customers = _customers(settings, loaded.about)
    if customers.log_read is not None:
        console.print_reconciliation(customers.log_read[1])
        console.print_identities(customers.log_read[2])
    rows = check_customers(customers, loaded.scorer, settings)
    log.info("%s customers; model %s", f"{rows:,}", model)
    about: dict[str, Any] = {"model": model, "model_tags": loaded.about, "verdict": verdict.value}
    # Put in its place last: where the output is, its run is complete.
    with (
        atomic_file(settings.output) as path,
        kept_if_lost(path, settings.output),
        registry.open_run(settings.registry, "score", config) as opened,
    ):
        registry.log_settings(asdict(settings))
        if customers.log_read is not None:
            registry.log_data(*customers.log_read, "scoring")
        start = time.perf_counter()
        about |= {"as_of": customers.as_of, "run_id": opened.info.run_id}
        scored = score_parts(loaded.scorer, customers.summaries, rows, settings, about, path, loaded.drifts)
        months, level = scored.scores.months, settings.score.level
        figures = {} if months is None else _month_figure(months.table(level), level)
        registry.log_scores(scored, time.perf_counter() - start, figures)
    console.print_scores(scored, settings, registry.ui_command(uri))
    return 0


def _month_figure(table: pd.DataFrame, level: float) -> dict[str, Any]:
    from tenure import figures  # Matplotlib takes a second to import

    return {"months": figures.months(table, level)}


@contextmanager
def kept_if_lost(path: Path, output: str) -> Iterator[None]:
    """Keep scores that are complete under another name where their run cannot be, as the store fails meanwhile."""
    try:
        yield
    except Exception:
        if is_described(path):
            kept = keep(path, output)
            log.error("The scores were computed, but their run could not be logged. They are kept in %s", kept)
        raise


def model_of(about: Mapping[str, str]) -> str:
    """Name the model by its number, or the training run."""
    return about["model"] if "run" not in about else f"runs:/{about['run']}"


def require_verdict(about: Mapping[str, str], *, accept_failed: bool) -> Verdict:
    """Return the verdict of the model's review; a training run without one counts as failed.

    Raises NoModelError for a run that did not come to its end, FailedReviewError for one that failed unless that is
    accepted.
    """
    stored = about.get("verdict")
    verdict = Verdict(stored) if stored in list(Verdict) else Verdict.FAIL
    if "run" not in about:
        return verdict
    run_id, status = about["run"], about["status"]
    if status != FINISHED:
        raise registry.NoModelError(
            f"Run {run_id} has the status {status}: it is still at work, or was stopped before its end. Only a training"
            " run that came to its end is scored with."
        )
    if verdict is Verdict.FAIL and not accept_failed:
        raise FailedReviewError(
            f"The review of run {run_id} ended with FAIL, so its numbers are not to be relied on. What failed:"
            f" tenure-report model={run_id}. To score with it nevertheless: score.accept_failed=true; every row then"
            " carries the verdict."
        )
    return verdict


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


def _customers(settings: ScoreJobSettings, about: Mapping[str, str]) -> Customers:
    of_model, setting = about.get("id_type"), settings.transactions.id_type
    if settings.summary.path is not None:
        file = SummaryFile(settings.summary.path).with_type(setting, of_model)
        return Customers(file, settings.summary.as_of, None)
    refuse_input(settings.output, input_files(settings.transactions))
    transactions = read(settings.transactions, end=settings.rfm.end)
    further = [name for name in settings.score.columns if name in HISTORY]
    id_type = choose_type(transactions, setting, of_model)
    summaries = stream(transactions, settings.rfm.end, id_type=id_type, further=further)
    as_of = summaries.as_of
    identities = find_identities(transactions, as_of, settings.transactions.normalize_ids)
    return Customers(summaries, str(as_of), (transactions, transactions.reconcile(as_of), identities))


def check_customers(customers: Customers, scorer: Scorer, settings: ScoreJobSettings) -> int:
    """Check the customers and the units of their money and time, and count them."""
    seen = units.Seen()
    rows = summary_file.check_summaries(customers.summaries, settings.by, seen)
    try:
        warning = units.compare_money(seen, scorer.posterior.origin)
        if customers.log_read is None:
            units.compare_time(seen, scorer, customers.as_of)
    except units.UnitError as error:
        if not settings.score.allow_unit_change:
            raise
        warning = str(error)
    if warning is not None:
        log.warning("%s", warning)
    return rows


def score_parts(
    scorer: Scorer,
    summaries: Summaries,
    rows: int,
    settings: ScoreJobSettings,
    about: dict[str, Any],
    path: Path,
    drifts: Drifts | None = None,
) -> Scored:
    """Score part by part; write the rows, keep the sums. The drifts are for the sums alone: no row depends on them."""
    asked = {**settings.score.params(), "seed": settings.seed}
    # An older version's own scorer knows neither groups nor months, and is not asked for any unless the settings are.
    more: dict[str, Any] = {"by": settings.by} if settings.by else {}
    more |= {"by_month": True} if settings.by_month else {}
    bar: dict[str, Any] = {}
    shows_blocks = "advance" in inspect.signature(scorer.score).parameters
    scores, residual, beyond, largest = None, None, None, None
    with (
        console.progress("score", rows * (2 if settings.residual else 1)) as advance,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("once", append=True)  # and not once a part; what is silenced stays silent
        output = batch.ScoreFile(path)
        bar |= {"advance": advance} if shows_blocks else {}
        for part in summaries.parts():
            part_scores = scorer.score(part, **bar, **more, **asked)
            table = _with_months(part_scores) if settings.by_month else part_scores.table
            if settings.residual:
                params = {name: value for name, value in asked.items() if name != "horizon_days"}
                ever = scorer.residual(part, **bar, **params)
                table = table.join(ever.table[list(RESIDUAL.values())])
                before = Totals.empty(scorer.draws) if residual is None else residual
                beyond = batch.share_of_all([(beyond, before), (ever.extrapolated_share, ever.totals)])
                residual = before + ever.totals
            output.write(with_columns(table, part, settings.score, about))
            scores = batch.merge(scores, part_scores)
            largest = batch.larger(largest, part_scores.table)
            if not shows_blocks:
                advance(len(part) * (2 if settings.residual else 1))
        params = asdict(scores.params) if scores is not None else {}
        output.close({**about, "params": params, "customers": rows})
    assert scores is not None  # noqa: S101 (a file without rows is not closed)
    return Scored(scores, residual, beyond, about["model"], about["as_of"], about["run_id"], drifts, largest)


def _with_months(scores: Scores) -> pd.DataFrame:
    """Return the table with the two columns of lists."""
    months = scores.months
    if months is None:
        return scores.table
    return scores.table.assign(expected_purchases_by_month=list(months.purchases), clv_by_month=list(months.value))
