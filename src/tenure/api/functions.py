"""The functions of the Python API: summarise a log, train, load a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from tenure import pipeline
from tenure.pipeline import StageFit
from tenure.rfm import AcquisitionWindow
from tenure.scorer import Scorer
from tenure.settings import SettingsError, TrainSettings

from . import saved
from .customers import Customers, Log, customers_of, read_log, typed_ids
from .estimator import CLV
from .fitted import FitResult, Fitted, NotFittedError
from .named_priors import check_priors
from .saved import SavedModelError
from .words import AllWords, Day, TrainWords, WindowWords, settings_of

RUN = "(runs:/)?[0-9a-f]{32}"
OTHERS = "nor a model (models:/clv@champion, models:/clv/3), nor a run (runs:/ and the 32 digits of its id)"


def summarize(log: object, *, delta: float | None = None, **settings: Unpack[WindowWords]) -> Any:
    """Return the customer summary of a purchase log, in the kind of table that came in, sorted by id.

    Columns: `customer_id` (type as in the log), `frequency` (repeat purchase days), `recency`, `T` (days),
    `monetary_value` (mean spend per repeat purchase day), `first_order_value`, then the `segments`; with `delta` also
    `faded_frequency` and `faded_spend`.

    Args:
        log: one row per sale or refund: pandas, Polars, Arrow, a lazy frame, a DuckDB relation, an Ibis table; or the
            path of a file.
        delta: of a model of fading evidence on spend, `clv.scorer.delta`, for the columns that such a model needs.
        **settings: how the log is read (`customer_id`, `date`, `amount`, ...), `end` (of observation; by default the
            last day of the log), and `burn_in_days` or `acquisition`.

    Raises:
        TransactionsError, FrameError: for a log that cannot be used; the message lists every fault.
        SettingsError: for an unknown setting, or a value that it does not take.

    Example:
        >>> summary = tenure.summarize(log, customer_id="client", end="1998-01-31")  # doctest: +SKIP
    """
    if delta is not None and not (isinstance(delta, float | int) and 0 < delta <= 1):
        raise SettingsError(f"delta must be above 0 and at most 1, or None, got {delta!r}.")
    used = settings_of(settings, WindowWords, "tenure.summarize")
    read = read_log(log, used)
    window = AcquisitionWindow.of(used.rfm, read.transactions)
    customers = customers_of(read, used, window, with_orders=delta is not None)
    table = customers.given if delta is None else customers.summary.with_faded(delta).table
    return customers.like(typed_ids(table, customers.id_type))


@dataclass(frozen=True)
class Training(pipeline.Training):
    """The result of `tenure.train`: evidence, verdict and model.

    Args:
        data: the log as it was used.
        calibration: the fit that was judged.
        holdout: its forecast beside the holdout.
        metrics: the numbers that were judged.
        review: the verdict and its checks; `verdict` and `findings` are short for it.
        final: the refit on the whole log; None where the review failed the calibration.
        refit_drift: how far the refit differs; empty without a refit.
        drifts: the drift of totals after the end of the log.
        forecasts: of the refit, for a new customer and the customer base; None without one.
        settings: all settings.
        log: the log, and the kind of table that it was.
    """

    settings: TrainSettings
    log: Log = field(repr=False)

    @cached_property
    def customers(self) -> Customers:
        """Return the customers of the whole log, one table, which is summarised when it is first used."""
        return customers_of(self.log, self.settings, with_orders=self.settings.fit.needs_orders)

    @property
    def clv(self) -> CLV:
        """Return the refitted model, to score with and to save.

        Raises NotFittedError where the review failed the calibration, which is not refitted then.
        """
        if self.final is None:
            raise NotFittedError(
                "The verdict is FAIL, so nothing was refitted on the whole log: see findings. To look at such a model"
                " nevertheless: tenure.CLV(...).fit(log)."
            )
        return _model(self, self.final)


def _model(training: Training, final: StageFit) -> CLV:
    posterior, joint = final.posterior, training.settings.fit.joint_draws
    scorer = Scorer(posterior.thin(joint), validated_horizon_days=training.data.split.horizon_days)
    result = FitResult(final.report.fit, final.base, final.seed)
    about = {"verdict": training.verdict.value, "cutoff": str(training.data.split.cutoff)}
    return CLV.of(Fitted(posterior, scorer, training.drifts, lambda: training.customers, result, about))


def train(log: object, *, cutoff: Day | None = None, **settings: Unpack[TrainWords]) -> Training:
    """Fit the days up to a cut-off, judge the forecast of the days after it and, unless it fails, refit on all days.

    This is `tenure-train` without MLflow: same words, same defaults, same numbers.

    Args:
        log: one row per sale or refund: pandas, Polars, Arrow, a lazy frame, a DuckDB relation, an Ibis table; or the
            path of a file.
        cutoff: the last day of calibration; None: half-way through the log.
        **settings: as of `CLV`, and `horizon_days`, `discount_rate`, `margin`, `level` of the forecast of the customer
            base.

    Raises:
        TransactionsError, FrameError, RfmError, FitError: for a log that cannot be used.
        SettingsError: for an unknown setting, or a value that it does not take.

    Example:
        >>> training = tenure.train(log, cutoff="1997-09-30", method="laplace")  # doctest: +SKIP
        >>> training.verdict, training.findings                                  # doctest: +SKIP
        >>> training.clv.score(horizon_days=270).totals                          # doctest: +SKIP
    """
    used = settings_of({**settings, "cutoff": cutoff}, AllWords, "tenure.train")
    check_priors(settings.get("priors"), (used.fit.purchase_model,), used.fit.models[1:])
    read = read_log(log, used)
    result = pipeline.train(read.transactions, used)
    of_pipeline: Mapping[str, Any] = {one.name: getattr(result, one.name) for one in fields(result)}
    return Training(**of_pipeline, settings=used, log=read)


def load(path: str | PathLike[str]) -> CLV:
    """Load a model: a folder of `CLV.save`, a registered model, or a training run of the MLflow store that is set up.

    A registered model scores with the code that it was registered with. A loaded model has no customers. The store is
    that of `MLFLOW_TRACKING_URI` or `mlflow.set_tracking_uri`; loading never creates one.

    Args:
        path: `model/`, `models:/clv@champion`, `models:/clv/3`, or `runs:/` and the id of a run.

    Raises:
        SavedModelError: for a folder that is no saved model (`exit_code` 4).
        NoModelError: where the store has no such model or run (4); ModelFilesError where its files are not those that
            were registered (4).
        StoreUnreachableError: where the store does not answer, is missing (StoreMissingError) or damaged
            (StoreDamagedError) (5).

        All are `tenure.errors.InputError`, the last ones of `tenure.registry`.

    Example:
        >>> tenure.load("models:/clv@champion").score(log, horizon_days=90)  # doctest: +SKIP
    """
    if isinstance(path, str):
        if path.startswith(("models:/", "runs:/")) or re.fullmatch(RUN, path):
            return _load_registered(path)
        if not Path(path).expanduser().exists():
            likely = f" Did you mean models:/{path}@champion?" if re.fullmatch(r"[\w.-]+", path) else ""
            raise SavedModelError(f"{path!r} is neither a folder of a saved model, {OTHERS}.{likely}")
    return CLV.of(saved.read(path))


def _load_registered(uri: str) -> CLV:
    from tenure import registry  # noqa: PLC0415 (MLflow takes seconds to import)

    with registry.present_store():
        loaded = registry.load(uri)
    run_id = loaded.about.get("run") or loaded.about.get("run_id")
    stored = None if run_id is None else partial(_stored, run_id)
    return CLV.of(Fitted(loaded.posterior, loaded.scorer, loaded.drifts, about=loaded.about, stored=stored))


def _stored(run_id: str) -> dict[str, float]:
    """Read the diagnostics of a training run: of its refit, or of the calibration where it has none."""
    from tenure import registry  # noqa: PLC0415 (MLflow takes seconds to import)

    with registry.present_store():
        metrics = registry.evidence(run_id).metrics
    for stage in (pipeline.FINAL, pipeline.CALIBRATION):
        own = {name.removeprefix(f"{stage}."): value for name, value in metrics.items() if name.startswith(f"{stage}.")}
        if own:
            return own
    return {}
