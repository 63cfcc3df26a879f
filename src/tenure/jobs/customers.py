"""The customers of a job, from a log or a summary, and the units of their money and time."""

import logging
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tenure import registry, units
from tenure.output import refuse_input
from tenure.rfm import HISTORY, stream_summary
from tenure.scorer import Scorer
from tenure.settings import ScoreJobSettings, TrustedScoreSettings
from tenure.summary_file import SummaryFile, SummaryParts, check_summaries
from tenure.transactions import AccountedLog, choose_type, input_files, read

from . import console

log = logging.getLogger("tenure")


class Observed(Protocol):
    """What is known of the observation of customers: its last day, and the log, if any."""

    @property
    def as_of(self) -> str | None:
        """Return the last day."""

    @property
    def log(self) -> AccountedLog | None:
        """Return the log."""


class Customers(NamedTuple):
    """The customers to score, the last day of their observation, and the log that they come from, if any."""

    summary: SummaryParts
    as_of: str | None
    log: AccountedLog | None


def read_customers(settings: ScoreJobSettings, loaded: registry.Loaded, segments: Sequence[str]) -> Customers:
    """Read the customers of a summary or of a log; refuse a log that is the output."""
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
    compare_units(seen, customers, scorer, settings)
    return rows


def compare_units(seen: units.Seen, customers: "Observed", scorer: Scorer, settings: TrustedScoreSettings) -> None:
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
