"""What a training may learn of totals from an earlier `tenure-backtest`: the same log, read and fitted the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date

from tenure import registry
from tenure.backtest import Lesson
from tenure.errors import InputError
from tenure.settings import TrainSettings
from tenure.transactions import Transactions

LESSONS = "rolling/lessons"
# A lesson is of one recipe: what else a backtest was told, such as how many draws to take, teaches nothing different.
RECIPE = (
    "transactions.", "rfm.burn_in_days", "rfm.births", "fit.purchases", "fit.no_repeat_buyers", "fit.scale.",
    "fit.priors.",
)  # fmt: skip
FREE = ("transactions.path", "transactions.engine.", "transactions.segments")  # the digest says which log it is
SHOWN = 3


class LessonError(InputError):
    """A run that cannot teach the factor of totals to this training."""


def read_lessons(settings: TrainSettings, transactions: Transactions) -> Mapping[str, Sequence[Lesson]]:
    """Read, by outcome, what the run of `backtest.discrepancy.learnt_from` taught; nothing where none is named.

    Raises LessonError with everything that speaks against it.
    """
    run_id = settings.backtest.discrepancy.learnt_from
    if run_id is None:
        return {}
    try:
        found = registry.evidence(run_id)
    except registry.NoModelError as error:
        raise LessonError(f"backtest.discrepancy.learnt_from: {error}") from error
    faults = _faults(found, settings, transactions)
    if faults:
        raise LessonError(
            f"backtest.discrepancy.learnt_from: run {run_id} cannot teach this training: {'; '.join(faults)}. Run "
            "tenure-backtest with the settings of this training first."
        )
    lessons: dict[str, list[Lesson]] = {}
    for row in found.table(LESSONS).to_dict("records"):
        cutoff, end = (date.fromisoformat(row[name]) for name in ("cutoff", "end"))
        lessons.setdefault(row["outcome"], []).append(Lesson(cutoff, end, row["log_ratio"], row["log_sd"]))
    return lessons


def _faults(found: registry.Evidence, settings: TrainSettings, transactions: Transactions) -> list[str]:
    job = found.tags.get("tenure.job", "unknown")
    if job != "backtest":
        return [f"it is of the job {job}, not backtest"]
    if not found.holds(f"{LESSONS}.csv"):
        return [f"it holds no {LESSONS}.csv, as runs of earlier versions do not"]
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
