"""`tenure-score`: find the model, read the customers, score, write, log."""

import logging
import time
from dataclasses import asdict

import pandas as pd

from tenure import batch, registry
from tenure.output import require_writable
from tenure.rfm import summarize
from tenure.scorer import group
from tenure.settings import ScoreJobSettings
from tenure.summary import Rfm
from tenure.transactions import Transactions, read

from . import console

log = logging.getLogger("tenure")


def run(settings: ScoreJobSettings, config: str) -> int:
    """Score and report; return the exit code."""
    require_writable(settings.output)
    customers, as_of, transactions = _customers(settings)
    group(customers, settings.by)  # refuse what cannot be grouped by before the model is looked for
    uri = registry.connect(settings.registry)
    loaded = registry.load(settings.model)
    model = loaded.about["model"]
    log.info("%s customers; model %s", f"{len(customers):,}", model)
    with registry.open_run(settings.registry, "score", config) as opened:
        registry.log_settings(asdict(settings))
        if transactions is not None:
            registry.log_data(transactions, "scoring")
        start = time.perf_counter()
        # An older version's own scorer knows no groups, and is not asked for any unless they are.
        by = {"by": settings.by} if settings.by else {}
        scores = loaded.scorer.score(customers, **by, **asdict(settings.score), seed=settings.seed)
        seconds = time.perf_counter() - start
        run_id = opened.info.run_id
        about = {
            "model": model, "model_tags": loaded.about, "as_of": as_of, "params": asdict(scores.params),
            "run_id": run_id, "customers": len(scores.table),
        }  # fmt: skip
        batch.write(scores.table, settings.output, about)
        registry.log_scores(scores, model, seconds)
    console.print_scores(batch.Scored(scores, model, as_of, run_id), settings, registry.ui_command(uri))
    return 0


def _customers(settings: ScoreJobSettings) -> tuple[pd.DataFrame, str | None, Transactions | None]:
    if settings.summary.path is not None:
        table = batch.read_summary(settings.summary.path)
        Rfm.from_frame(table)  # refuse a bad table before the model is looked for
        return table, settings.summary.as_of, None
    transactions = read(settings.transactions)
    rfm = summarize(transactions, settings.rfm.end)
    return rfm.customers, str(rfm.as_of), transactions
