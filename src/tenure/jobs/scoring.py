"""`tenure-score`: load the model, read the customers, score, write, log."""

import inspect
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tenure import invocation, paths, registry, units
from tenure.batch import CustomerParts, PartFiles, Scored, ScoreFolder, divide, join
from tenure.errors import InputError, Reason
from tenure.id_hashing import IdHashing, hashing_of
from tenure.output import atomic_file, is_described, keep, refuse_input
from tenure.record import Record
from tenure.review import Verdict
from tenure.rfm import HISTORY, stream_summary
from tenure.scorer import Months, Params, Scorer
from tenure.settings import ScoreJobSettings, TrustedScoreSettings, carry_segments
from tenure.summary_file import SummaryCheck, SummaryFile, SummaryParts, check_summaries
from tenure.transactions import AccountedLog, choose_type, input_files, read

from . import console
from .part_scores import score_parts
from .run_names import scoring_name, settings_record
from .sweeps import Result

FINISHED = "FINISHED"
log = logging.getLogger("tenure")


class FailedReviewError(InputError):
    """A training run with the verdict FAIL."""

    exit_code = 3
    reason = Reason.REVIEW_FAILED


class Customers(NamedTuple):
    """The customers to score, the last day of their observation, and the log that they come from, if any."""

    summary: SummaryParts
    as_of: str | None
    log: AccountedLog | None


def run(settings: ScoreJobSettings, config: str) -> Result:
    """Score and print the totals; return the result."""
    folder, hashing = ScoreFolder(settings.output), hashing_of(settings.hash_ids)
    folder.require_writable()
    refuse_input(settings.output, [settings.summary.path or settings.transactions.path])
    uri = registry.connect(settings.registry, must_exist=True)
    loaded = registry.load(settings.model)  # before the customers are read, which may take long
    model = model_of(loaded.about)
    verdict = require_verdict(loaded.about, accept_failed=settings.score.accept_failed)
    require_supported(loaded.scorer, settings, model)
    segments = segments_of(loaded.scorer)
    carry_segments(settings.transactions, segments, f"{model}, fitted by segments,")
    with folder.locked():
        customers = _customers(settings, loaded, segments)
        if customers.log is not None:
            console.print_reconciliation(customers.log.reconciliation)
            console.print_unscored(customers.log.unscored, "scored")
            console.print_identities(customers.log.identities)
        with console.stage("check the customers"):
            parts = _divide(customers, loaded.scorer, settings, folder, hashing)
        log.info("%s customers; model %s", f"{parts.customers:,}", model)
        about = {"model": model, "model_tags": loaded.about, "verdict": verdict.value, "as_of": customers.as_of}
        scored = _score(loaded, customers, parts, about, settings, config)
        console.print_scores(scored, settings, loaded.about, registry.ui_command(uri))
        if folder.is_file:
            folder.discard()  # last of all: until then a job that is stopped continues from the parts
    source = {"summary": settings.summary.path} if settings.summary.path else {"log": settings.transactions.path}
    totals = {str(name): row for name, row in scored.totals_table().to_dict("index").items()}
    return Result(
        model_verdict=verdict.value,
        run_id=scored.run_id,
        model=model,
        alias=settings.model.partition("@")[2] or None,
        as_of=scored.as_of,
        customers=scored.customers,
        not_scored={} if customers.log is None else customers.log.unscored.by_reason,
        totals=totals,
        paths={"output": str(folder.target), **source},
    )


def _divide(
    customers: Customers,
    scorer: Scorer,
    settings: ScoreJobSettings,
    folder: ScoreFolder,
    hashing: IdHashing | None,
) -> CustomerParts:
    """Check the customers and the units of their money and time, and divide them into parts."""
    segments = segments_of(scorer)
    check = SummaryCheck(settings.by, units.Seen(), segments)
    further = [name for name in settings.score.columns if name in HISTORY]
    further += [name for name in segments if name not in settings.by]
    parts = divide(customers.summary, folder.customers, settings.score.part_rows, check, further, hashing)
    _compare_units(check.seen or units.Seen(), customers, scorer, settings.score)
    return parts


def _score(
    loaded: registry.Loaded,
    customers: Customers,
    parts: CustomerParts,
    about: dict[str, Any],
    settings: ScoreJobSettings,
    config: str,
) -> Scored:
    """Write the scores in a run of their own; the output is complete last, so that its run is too."""
    folder = ScoreFolder(settings.output)
    job = folder.claim(job_of(loaded, parts, about, settings), restart=settings.restart)
    params = Params(**settings.score.params(), seed=settings.seed)
    files = PartFiles(folder.path, job, params, tuple(settings.by), parts.groups)
    facts = {**about, "params": asdict(params), "customers": parts.customers, "hash_ids": settings.hash_ids}
    name = scoring_name(settings, about["model"], about["as_of"])
    with _published(folder) as joined:
        with registry.open_run(settings.registry, "score", config, name) as opened:
            registry.log_record(settings_record(settings, "score"))
            if customers.log is not None:
                registry.log_record(customers.log.record("scoring"))
            start = time.perf_counter()
            sums = score_parts(loaded.scorer, parts, files, settings, about)
            if joined is not None:
                join((files.rows_of(number) for number in parts.numbers), joined, {**facts, "job": job})
            run = (about["model"], about["as_of"], opened.info.run_id)
            scored = Scored(sums.scores, sums.residual, *run, loaded.drifts, sums.largest)
            registry.log_record(scored.record(time.perf_counter() - start))
            if sums.scores.months is not None:
                registry.log_record(_draw_months(sums.scores.months, settings.score.level))
        totals = scored.totals_table().to_dict("index")
        if joined is None:
            folder.finish(files, parts.numbers, {**facts, "totals": totals, "totals_are_exact": scored.is_exact})
    if not scored.is_exact:
        log.warning("The totals are beyond the range of exact sums: their last digits depend on score.part_rows.")
    return scored


@contextmanager
def _published(folder: ScoreFolder) -> Iterator[Path | None]:
    """Yield the path of the joined file, which replaces the output at the end; None for a folder of parts."""
    if not folder.is_file:
        yield None
        return
    with atomic_file(folder.output) as path, kept_if_lost(path, folder.output):
        yield path


def job_of(
    loaded: registry.Loaded, parts: CustomerParts, about: Mapping[str, Any], settings: ScoreJobSettings
) -> dict[str, dict[str, Any]]:
    """Return what the bytes of the scores depend on, by the names that a refusal uses."""
    scored = ("by", "by_month", "residual")
    return {
        "model": {"model": about["model"], "verdict": about["verdict"], "files": loaded.digest},
        "params": {
            **asdict(Params(**settings.score.params(), seed=settings.seed)),
            **{name: getattr(settings, name) for name in scored},
            "columns": list(settings.score.columns),
            "accept_failed": settings.score.accept_failed,
        },
        "input": {
            "customers": parts.customers,
            "as_of": about["as_of"],
            "digest": parts.digest,
            "further": parts.further,
        },
        "salt": {"hash_ids": False} if parts.hashing is None else {"hash_ids": True, "digest": parts.hashing.digest},
        "part size": {"part_rows": settings.score.part_rows},
    }


def _draw_months(months: Months, level: float) -> Record:
    from tenure import figures  # noqa: PLC0415 (ArviZ and matplotlib take longer than most scorings)

    return Record(figures={paths.SCORE_MONTHS: figures.months(months.table(level), level)})


@contextmanager
def kept_if_lost(path: Path, output: str) -> Iterator[None]:
    """Save complete scores under another name where the store fails before their run is logged."""
    try:
        yield
    except Exception:
        if is_described(path):
            kept = keep(path, output)
            log.error("The scores were computed, but their run could not be logged. They are kept in %s", kept)
        raise


def model_of(about: Mapping[str, str]) -> str:
    """Return the model by its number, or the training run."""
    return about["model"] if "run" not in about else f"runs:/{about['run']}"


def require_verdict(about: Mapping[str, str], *, accept_failed: bool) -> Verdict:
    """Return the verdict of the model's review; a training run without one counts as failed.

    Raises NoModelError for a run that is not finished, FailedReviewError for one that failed unless that is accepted.
    """
    stored = about.get("verdict")
    verdict = Verdict(stored) if stored in list(Verdict) else Verdict.FAIL
    if "run" not in about:
        return verdict
    run_id, status = about["run"], about["status"]
    if status != FINISHED:
        raise registry.NoModelError(
            f"Run {run_id} has the status {status}: it is still running, or was stopped. Score with a finished training"
            " run."
        )
    if verdict is Verdict.FAIL and not accept_failed:
        raise FailedReviewError(
            f"The verdict of run {run_id} is FAIL, so its scores are not reliable. For the failed checks:"
            f" {invocation.command('report', f'model={run_id}')}. To score with it nevertheless:"
            " score.accept_failed=true; every row then carries the verdict."
        )
    return verdict


def require_supported(scorer: Scorer, settings: ScoreJobSettings, model: str) -> None:
    """Raise RegistryError for settings that the model's own scorer, of an older version, does not support."""
    parameters = inspect.signature(scorer.score).parameters
    requests = {
        "residual=true": (settings.residual, hasattr(scorer, "residual")),
        "by_month=true": (settings.by_month, "by_month" in parameters),
        "by=[...]": (bool(settings.by), "by" in parameters),
    }
    unsupported = [name for name, (is_set, is_supported) in requests.items() if is_set and not is_supported]
    if unsupported:
        raise registry.RegistryError(
            f"{model} scores with the code that it was registered with, which does not support"
            f" {', '.join(unsupported)}: train again with the installed version of tenure, or leave the setting out."
        )


def _customers(settings: ScoreJobSettings, loaded: registry.Loaded, segments: Sequence[str]) -> Customers:
    of_model, setting = loaded.about.get("id_type"), settings.transactions.id_type
    if settings.summary.path is not None:
        file = SummaryFile(settings.summary.path, texts=(*settings.by, *segments)).with_type(setting, of_model)
        return Customers(file, settings.summary.as_of, None)
    refuse_input(settings.output, input_files(settings.transactions))
    with console.stage(f"read {settings.transactions.path}"):
        transactions = read(settings.transactions, end=settings.rfm.end)
    further = [name for name in settings.score.columns if name in HISTORY]
    id_type = choose_type(transactions, setting, of_model)
    delta = getattr(loaded.scorer, "delta", None)  # the scorer of an older version has none
    summary = stream_summary(transactions, settings.rfm.end, id_type=id_type, further=further, delta=delta)
    as_of = summary.as_of
    accounted = AccountedLog.of(transactions, as_of, settings.transactions.normalize_ids)
    return Customers(summary, str(as_of), accounted)


def segments_of(scorer: Scorer) -> tuple[str, ...]:
    """Return the columns by which a model has segments; none of a model of an older version."""
    segments = getattr(scorer.posterior, "segments", None)
    return () if segments is None else segments.names


def check_customers(
    customers: Customers, scorer: Scorer, settings: TrustedScoreSettings, by: Sequence[str] = ()
) -> int:
    """Check the customers and the units of their money and time, and count them."""
    seen = units.Seen()
    rows = check_summaries(customers.summary, by, seen, segments_of(scorer))
    _compare_units(seen, customers, scorer, settings)
    return rows


def _compare_units(seen: units.Seen, customers: Customers, scorer: Scorer, settings: TrustedScoreSettings) -> None:
    """Compare the units of the customers' money and time with those of the model; warn, or raise UnitError."""
    try:
        warning = units.compare_money(seen, scorer.posterior.origin)
        if customers.log is None:
            units.compare_time(seen, scorer, customers.as_of)
    except units.UnitError as error:
        if not settings.allow_unit_change:
            raise
        warning = str(error)
    if warning is not None:
        log.warning("%s", warning)
