"""`tenure-decide`: load the model, read the log, derive the decisions, write the folder, log what names no customer."""

import logging
import time
from datetime import date
from pathlib import Path
from typing import Any

from tenure import decide, paths, registry, report
from tenure.batch import ScoreFile
from tenure.id_hashing import IdHashing, hashing_of
from tenure.output import atomic_folder, refuse_input, require_new_folder
from tenure.record import Record, finite
from tenure.scorer import Params
from tenure.settings import DecideJobSettings, carry_segments
from tenure.transactions import AccountedLog, Transactions, choose_type, input_files, read

from . import console
from .customers import Customers, check_customers
from .run_names import deciding_name, settings_record
from .scoring import model_of, require_verdict
from .sweeps import Result

CUSTOMERS, PAGE = "customers.parquet", "report.html"
log = logging.getLogger("tenure")


def run(settings: DecideJobSettings, config: str) -> Result:
    """Derive the decisions, print them in short; return the result."""
    require_new_folder(settings.output)
    hashing = hashing_of(settings.hash_ids)
    uri = registry.connect(settings.registry)
    loaded = registry.load(settings.model)
    model = model_of(loaded.about)
    verdict = require_verdict(loaded.about, accept_failed=settings.score.accept_failed)
    of_model = decide.names_of(loaded.scorer.posterior)
    carry_segments(settings.transactions, of_model, f"{model}, fitted by segments,")
    decide.refuse_names(tuple(settings.transactions.segments))
    decide.require_cost_names(settings.decide, tuple(settings.transactions.segments), of_model)
    decide.require_model(loaded.scorer, model, Params(**settings.score.params(), seed=settings.seed))
    histories, observed, question, read_log = _read(loaded, settings, hashing)
    as_of = str(histories.as_of)
    name = deciding_name(settings, model, as_of)
    about = {"model": model, "verdict": verdict.value, "as_of": as_of, "hash_ids": settings.hash_ids}
    with (
        atomic_folder(settings.output) as folder,
        registry.open_run(settings.registry, "decide", config, name) as opened,
    ):
        registry.log_record(settings_record(settings, "decide"))
        registry.log_record(read_log)
        start = time.perf_counter()
        decisions = _write(folder, histories, observed, question, {**about, "run_id": opened.info.run_id})
        registry.log_record(_record(decisions, folder, model, time.perf_counter() - start))
    console.print_decisions(decisions, settings.output, opened.info.run_id, registry.ui_command(uri))
    totals = {"customers": decisions.worth.customers, **decide.summary_of(decisions)}
    written = {"output": str(Path(settings.output).expanduser().resolve()), "log": settings.transactions.path}
    return Result(
        model_verdict=verdict.value, run_id=opened.info.run_id, model=model, name=name, totals=totals, paths=written
    )


def _read(
    loaded: registry.Loaded, settings: DecideJobSettings, hashing: IdHashing | None
) -> tuple[decide.HistoryFile, decide.Observed, decide.Question, Record]:
    """Return the customers' histories, checked, what is asked of them, and the account of the log.

    Nothing of the log stays in memory.
    """
    refuse_input(settings.output, input_files(settings.transactions))
    with console.stage(f"read {settings.transactions.path}"):
        transactions = read(settings.transactions, end=settings.rfm.end)
    question = _question(transactions, loaded, settings)
    id_type = choose_type(transactions, settings.transactions.id_type, loaded.about.get("id_type"))
    with console.stage("summarize the customers"):
        engine, delta = settings.transactions.engine, loaded.scorer.delta
        histories = decide.stream_histories(transactions, question.days, id_type, delta, engine, hashing)
    decide.require_costs(histories, question)
    decide.require_plan(histories, question)
    accounted = AccountedLog.of(transactions, histories.as_of, settings.transactions.normalize_ids)
    console.print_reconciliation(accounted.reconciliation)
    console.print_identities(accounted.identities)
    with console.stage("check the customers"):
        check_customers(Customers(histories, str(histories.as_of), accounted), loaded.scorer, settings.score)
    with console.stage("read the past"):
        observed = decide.observe(transactions, histories, question)
    return histories, observed, question, accounted.record("decisions")


def _question(transactions: Transactions, loaded: registry.Loaded, settings: DecideJobSettings) -> decide.Question:
    """Return what is asked of the customers."""
    backtest = registry.backtest_of(loaded.about)
    if backtest[0] is None:
        log.warning("The model has no backtest in the store: no range of p_purchase is known to be unreliable.")
    params = Params(**settings.score.params(), seed=settings.seed)
    end = date.fromisoformat(settings.rfm.end) if settings.rfm.end else transactions.last_day
    days = decide.Days.of(end, params.horizon_days, settings.decide)
    segments = tuple(settings.transactions.segments)
    return decide.Question(loaded.scorer, params, settings.decide, days, segments, *backtest, loaded.drifts)


def _write(
    folder: Path,
    histories: decide.HistoryFile,
    observed: decide.Observed,
    question: decide.Question,
    about: dict[str, Any],
) -> decide.Decisions:
    """Write the files of a folder, the page last."""
    output = ScoreFile(folder / CUSTOMERS)
    of_thresholds = min(histories.customers, question.settings.threshold_customers)
    most = question.settings.forecast.sample_customers or histories.customers
    followed = min(histories.customers, most)
    with console.progress("decide", of_thresholds + histories.customers + followed) as advance:
        decisions = decide.derive(histories, observed, question, output.write, advance)
    output.close({**about, "params": question.score_params, "customers": histories.customers})
    for name, table in decisions.tables().items():
        table.to_csv(folder / name, index=False, float_format="%.6g")
    with console.stage("write the page"):
        from tenure import figures  # noqa: PLC0415 (ArviZ and matplotlib take seconds, and memory)

        page = report.render_decisions(decisions, figures.decision_pictures(decisions), about)
    (folder / PAGE).write_text(page, encoding="utf-8")
    return decisions


def _record(decisions: decide.Decisions, folder: Path, model: str, seconds: float) -> Record:
    """Return the tables and the page, none of which names a customer."""
    page = (folder / PAGE).read_text(encoding="utf-8")
    tables = {
        f"{paths.DECISIONS}/{name.removesuffix('.csv')}": table.set_index(table.columns[0])
        for name, table in decisions.tables().items()
        if name not in decide.NAMING_CUSTOMERS
    }
    metrics = {f"decide.{name}": float(value) for name, value in decide.summary_of(decisions).items()}
    parts = {f"decide.seconds.{name.replace(' ', '_')}": value for name, value in decisions.prospects.seconds.items()}
    return Record(
        metrics=finite({"decide.seconds": seconds, "decide.customers": decisions.worth.customers, **metrics, **parts}),
        tags={"model": model},
        tables=tables,
        files={f"{paths.DECISIONS}/{PAGE}": page},
    )
