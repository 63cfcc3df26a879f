"""The past errors of totals that an earlier `tenure-backtest` measured on the same log with the same recipe."""

from collections.abc import Mapping, Sequence
from datetime import date

from tenure import invocation, paths, registry
from tenure.errors import InputError
from tenure.settings import TrainSettings
from tenure.totals import PastError
from tenure.transactions import Transactions

from .run_names import flat_of

type PastErrors = Mapping[str, Sequence[PastError]]

# Past errors belong to one recipe. The other settings of a backtest, such as the number of draws, do not change them.
RECIPE = (
    "transactions.", "rfm.burn_in_days", "rfm.acquisition", "fit.purchase_model", "fit.spend_model",
    "fit.segments", "fit.segment_spread.", "fit.delta_prior.", "fit.no_repeat_buyers", "fit.scale.", "fit.priors.",
)  # fmt: skip
FREE = ("transactions.path", "transactions.engine.", "transactions.segments")  # the digest identifies the log
SHOWN = 3


class SourceRunError(InputError):
    """A run whose past errors do not apply to this training."""


def read_past_errors(settings: TrainSettings, transactions: Transactions) -> PastErrors:
    """Read, by outcome, the past errors of the run `backtest.drift.source_run`; none where no run is named.

    Raises SourceRunError with every difference between the run and this training.
    """
    run_id = settings.backtest.drift.source_run
    if run_id is None:
        return {}
    try:
        run = registry.evidence(run_id)
    except registry.NoModelError as error:
        raise SourceRunError(f"backtest.drift.source_run: {error}") from error
    faults = _faults(run, settings, transactions)
    if faults:
        raise SourceRunError(
            f"backtest.drift.source_run: the past errors of run {run_id} do not apply to this training: "
            f"{'; '.join(faults)}. Run {invocation.command('backtest')} with the settings of this training first."
        )
    past_errors: dict[str, list[PastError]] = {}
    for row in run.table(paths.PAST_ERRORS).to_dict("records"):
        cutoff, end = (date.fromisoformat(row[name]) for name in ("cutoff", "end"))
        past_errors.setdefault(row["outcome"], []).append(PastError(cutoff, end, row["log_ratio"], row["log_sd"]))
    return past_errors


def _faults(run: registry.Evidence, settings: TrainSettings, transactions: Transactions) -> list[str]:
    job = run.tags.get("job", "unknown")
    if job != "backtest":
        return [f"it is of the job {job}, not backtest"]
    table = paths.csv(paths.PAST_ERRORS)
    if not run.holds(table):
        return [f"it has no {table}"]
    digest = run.tags.get("data.digest", "none")
    faults = [] if digest == transactions.digest else [f"its log is another, of digest {digest[:12]}"]
    here = flat_of(settings)
    keys = {key for key in {*here, *run.params} if key.startswith(RECIPE) and not key.startswith(FREE)}
    both = {*here} & {*run.params}  # the priors of another model differ with fit.purchase_model
    keys = {key for key in keys if key in both or not key.startswith("fit.priors.")}
    differ = sorted(key for key in keys if here.get(key) != run.params.get(key))
    if (settings.fit.method == "map") != (run.params.get("fit.method") == "map"):
        differ.append("fit.method")  # a point estimate understates its error; nuts and laplace have the same draws
    if differ:
        first = ", ".join(f"{key} ({run.params.get(key)} there, {here.get(key)} here)" for key in differ[:SHOWN])
        faults.append(f"{len(differ)} of its settings differ (first: {first})")
    return faults
