"""`tenure-score`: load the model, read the customers, score, write, log."""

import inspect
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from tenure import invocation, paths, registry
from tenure.batch import PartFiles, Scored, ScoreFolder, join
from tenure.errors import InputError, Reason
from tenure.id_hashing import hashing_of
from tenure.output import atomic_file, is_described, keep
from tenure.record import Record
from tenure.review import Verdict
from tenure.scorer import Months, Params, Scorer
from tenure.settings import SPARK, ScoreJobSettings, carry_segments

from . import console
from .customers import segments_of
from .engine import Engine, Parts, engine_of
from .run_names import scoring_name, settings_record
from .score_target import ScoreTarget
from .sweeps import Result

FINISHED = "FINISHED"
log = logging.getLogger("tenure")


class FailedReviewError(InputError):
    """A training run with the verdict FAIL."""

    exit_code = 3
    reason = Reason.REVIEW_FAILED


def run(settings: ScoreJobSettings, config: str) -> Result:
    """Score and print the totals; return the result."""
    target, hashing = ScoreTarget(settings.output), hashing_of(settings.hash_ids)
    folder = target.folder
    target.require_writable()
    if settings.summary.table is None:
        target.refuse_input([settings.summary.path or settings.transactions.path])
    uri = registry.connect(settings.registry, must_exist=True)
    loaded = registry.load(settings.model)  # before the customers are read, which may take long
    model = model_of(loaded.about)
    verdict = require_verdict(loaded.about, accept_failed=settings.score.accept_failed)
    require_supported(loaded.scorer, settings, model)
    segments = segments_of(loaded.scorer)
    carry_segments(settings.transactions, segments, f"{model}, fitted by segments,")
    with folder.locked(), engine_of(settings, loaded, folder, segments, hashing) as engine:
        engine.read()
        if engine.log is not None:
            console.print_reconciliation(engine.log.reconciliation)
            console.print_unscored(engine.log.unscored, "scored")
            console.print_identities(engine.log.identities)
        with console.stage("check the customers"):
            parts = engine.divide()
        log.info("%s customers; model %s", f"{parts.customers:,}", model)
        about = {"model": model, "model_tags": loaded.about, "verdict": verdict.value, "as_of": engine.as_of}
        scored = _score(loaded, engine, parts, about, settings, config, target)
        console.print_scores(scored, settings, loaded.about, registry.ui_command(uri))
        if (old := console.age_line(scored.as_of, date.today())) is not None:
            log.warning("%s", old)
        target.discard()  # last of all
    target.remove_folder()
    summary = settings.summary.source
    source = {"summary": summary} if summary else {"log": settings.transactions.path}
    totals = {str(name): row for name, row in scored.totals_table().to_dict("index").items()}
    return Result(
        model_verdict=verdict.value,
        run_id=scored.run_id,
        name=scoring_name(settings, model, scored.as_of),
        model=model,
        alias=settings.model.partition("@")[2] or None,
        as_of=scored.as_of,
        customers=scored.customers,
        not_scored={} if engine.log is None else engine.log.unscored.by_reason,
        totals=totals,
        paths={"output": str(target), **source},
    )


def _score(
    loaded: registry.Loaded,
    engine: Engine,
    parts: Parts,
    about: dict[str, Any],
    settings: ScoreJobSettings,
    config: str,
    target: ScoreTarget,
) -> Scored:
    """Write the scores in a run of their own; the output is complete last, so that its run is too."""
    folder = target.folder
    job = target.claim(job_of(loaded, parts, engine.part_size(), about, settings), restart=settings.restart)
    params = Params(**settings.score.params(), seed=settings.seed)
    files = PartFiles(folder.path, job, params, tuple(settings.by), parts.groups)
    facts = {**about, "params": asdict(params), "customers": parts.customers, "hash_ids": settings.hash_ids}
    name = scoring_name(settings, about["model"], about["as_of"])
    with _published(folder) as joined:
        with registry.open_run(settings.registry, "score", config, name) as opened:
            registry.log_record(settings_record(settings, "score"))
            if engine.log is not None:
                registry.log_record(engine.log.record("scoring"))
            start = time.perf_counter()
            sums = engine.score(files, about)
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
            target.publish(files, parts.numbers)
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
    loaded: registry.Loaded,
    parts: Parts,
    part_size: Mapping[str, Any],
    about: Mapping[str, Any],
    settings: ScoreJobSettings,
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
        "part size": dict(part_size),
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
        "engine=spark": (settings.engine == SPARK, hasattr(_package_of(scorer), "BINS")),
    }
    unsupported = [name for name, (is_set, is_supported) in requests.items() if is_set and not is_supported]
    if unsupported:
        raise registry.RegistryError(
            f"{model} scores with the code that it was registered with, which does not support"
            f" {', '.join(unsupported)}: train again with the installed version of tenure, or leave the setting out."
        )


def _package_of(scorer: Scorer) -> Any:
    """Return the package of a scorer, which may be a model's own."""
    return sys.modules.get(type(scorer).__module__.rpartition(".")[0])
