"""What a training may learn of totals from an earlier `tenure-backtest`: the same log, read and fitted the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date

from tenure import registry
from tenure.backtest import PastError
from tenure.errors import InputError
from tenure.settings import TrainSettings
from tenure.transactions import Transactions

PAST_ERRORS = "rolling/lessons"
# A lesson is of one recipe: what else a backtest was told, such as how many draws to take, teaches nothing different.
RECIPE = (
    "transactions.", "rfm.burn_in_days", "rfm.acquisition", "fit.purchase_model", "fit.spend_model",
    "fit.no_repeat_buyers", "fit.scale.", "fit.priors.",
)  # fmt: skip
FREE = ("transactions.path", "transactions.engine.", "transactions.segments")  # the digest says which log it is
SHOWN = 3


class SourceRunError(InputError):
    """A run that cannot teach the drift of totals to this training."""


def read_past_errors(settings: TrainSettings, transactions: Transactions) -> Mapping[str, Sequence[PastError]]:
    """Read, by outcome, what the run of `backtest.drift.source_run` taught; nothing where none is named.

    Raises SourceRunError with everything that speaks against it.
    """
    run_id = settings.backtest.drift.source_run
    if run_id is None:
        return {}
    try:
        found = registry.evidence(run_id)
    except registry.NoModelError as error:
        raise SourceRunError(f"backtest.drift.source_run: {error}") from error
    faults = _faults(found, settings, transactions)
    if faults:
        raise SourceRunError(
            f"backtest.drift.source_run: run {run_id} cannot teach this training: {'; '.join(faults)}. Run "
            "tenure-backtest with the settings of this training first."
        )
    past_errors: dict[str, list[PastError]] = {}
    for row in found.table(PAST_ERRORS).to_dict("records"):
        cutoff, end = (date.fromisoformat(row[name]) for name in ("cutoff", "end"))
        past_errors.setdefault(row["outcome"], []).append(PastError(cutoff, end, row["log_ratio"], row["log_sd"]))
    return past_errors


def _faults(found: registry.Evidence, settings: TrainSettings, transactions: Transactions) -> list[str]:
    job = found.tags.get("tenure.job", "unknown")
    if job != "backtest":
        return [f"it is of the job {job}, not backtest"]
    if not found.holds(f"{PAST_ERRORS}.csv"):
        return [f"it holds no {PAST_ERRORS}.csv, as runs of earlier versions do not"]
    digest = found.tags.get("data.digest", "none")
    faults = [] if digest == transactions.digest else [f"its log is another, of digest {digest[:12]}"]
    asked = registry.flat_settings(asdict(settings))
    keys = {key for key in {*asked, *found.params} if key.startswith(RECIPE) and not key.startswith(FREE)}
    differ = sorted(key for key in keys if asked.get(key) != found.params.get(key))
    if (settings.fit.method == "map") != (found.params.get("fit.method") == "map"):
        differ.append("fit.method")  # a point knows less of its own error than draws do; nuts and laplace draw the same
    if differ:
        first = ", ".join(f"{key} ({found.params.get(key)} there, {asked.get(key)} here)" for key in differ[:SHOWN])
        faults.append(f"{len(differ)} of its settings differ (first: {first})")
    return faults
