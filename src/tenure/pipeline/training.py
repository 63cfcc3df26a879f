"""Fit, measure on the holdout, judge, refit on the whole log, forecast the customer base."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

from tenure.backtest import measure_refit_drift
from tenure.failures import Failures
from tenure.fit import FitReport, Progress, check, fit
from tenure.posterior import Posterior
from tenure.record import Record, add_prefix, finite
from tenure.review import Review, Verdict, judge
from tenure.rfm import AcquisitionWindow, CompressedSummary, summarize
from tenure.scorer import NewCustomer, Scorer
from tenure.settings import SettingsError, TrainSettings
from tenure.streams import derive_seed
from tenure.summary import CustomerSummary
from tenure.totals import Drifts, PastError, estimate_drifts, forecast_base
from tenure.transactions import Transactions

from .data import TrainingData, prepare
from .holdout import HoldoutReport, measure_holdout

CALIBRATION, FINAL = "calibration", "final"


@dataclass(frozen=True)
class StageFit:
    """A fit of a training.

    Args:
        stage: `calibration` or `final`.
        report: the fit and its diagnostics.
        summary: the customers that were fitted.
        seed: of the fit.
    """

    stage: str
    report: FitReport
    summary: CustomerSummary
    seed: int

    @property
    def posterior(self) -> Posterior:
        """Return the draws of the population."""
        return self.report.fit.posterior

    @property
    def methods(self) -> dict[str, str]:
        """Return the method that gave the draws of each model, under the stage."""
        return add_prefix(self.stage, self.report.fit.methods)

    @property
    def metrics(self) -> dict[str, float]:
        """Return the diagnostics under the stage."""
        return add_prefix(self.stage, self.report.metrics)


@dataclass(frozen=True)
class Forecasts:
    """The forecasts of a refit, at the settings of `score`.

    Args:
        new_customer: the clv of a customer who is not yet acquired.
        base: numbers of `forecast_base`.
    """

    new_customer: NewCustomer
    base: Mapping[str, float]


def record_new_customer(new_customer: NewCustomer) -> Record:
    """Return the clv of a customer who is not yet acquired."""
    row = new_customer.table().iloc[0].to_dict()
    return Record(metrics={str(key): float(value) for key, value in row.items()})


def record_base_forecast(numbers: Mapping[str, float], drift_source: str) -> Record:
    """Return the forecast of the customer base, and the source of its drift."""
    return Record(metrics=finite(numbers), tags={"adjusted": drift_source})


@dataclass(frozen=True)
class Training:
    """The result of a training.

    Args:
        data: the log as it was used.
        calibration: the fit that was judged.
        holdout: its forecast beside the holdout.
        final: the refit on the whole log; None where the review failed the calibration.
        refit_drift: how far the refit differs, of `measure_refit_drift`; empty without a refit.
        drifts: the drift of totals after the end of the log.
        forecasts: of the refit; None without one.
        metrics: the numbers that were judged.
        review: the verdict and its checks.
    """

    data: TrainingData
    calibration: StageFit
    holdout: HoldoutReport
    final: StageFit | None
    refit_drift: Mapping[str, float]
    drifts: Drifts
    forecasts: Forecasts | None
    metrics: Mapping[str, float]
    review: Review


class Observer:
    """The receiver of a training's results, each as soon as it exists; this one ignores them.

    A job overrides the methods to log evidence before a later stage can fail.
    """

    def stage(self, name: str) -> AbstractContextManager[Progress | None]:
        """Return a context in which a stage of the training runs; it may take the stage's progress."""
        return nullcontext()

    def on_fit(self, fitted: StageFit) -> None:
        """Handle a fit and its diagnostics."""

    def on_holdout(self, holdout: HoldoutReport) -> None:
        """Handle the measured holdout."""

    def on_refit_drift(self, numbers: Mapping[str, float]) -> None:
        """Handle the difference between the refit and the calibration fit."""

    def on_drifts(self, drifts: Drifts) -> None:
        """Handle the drift of totals."""

    def on_new_customer(self, new_customer: NewCustomer) -> None:
        """Handle the clv of a new customer."""

    def on_base_forecast(self, numbers: Mapping[str, float], drifts: Drifts) -> None:
        """Handle the forecast of the customer base."""


def train(
    transactions: Transactions,
    settings: TrainSettings,
    *,
    data: TrainingData | None = None,
    past_errors: Mapping[str, Sequence[PastError]] | None = None,
    failures: Failures | None = None,
    observer: Observer | None = None,
) -> Training:
    """Fit the calibration, judge it on the holdout and, unless it fails, refit on the whole log.

    Args:
        transactions: the log.
        settings: of `tenure-train`; those of the registry are not used.
        data: of `prepare`, where it is at hand.
        past_errors: by outcome, the errors of totals that the run `backtest.drift.source_run` measured.
        failures: takes the parts that fail without ending the training; the review lists them.
        observer: receives each result as soon as it exists.

    Raises:
        FitError: where the customers cannot be fitted.
        SettingsError: where the settings name a source run, and its past errors are not given.
    """
    _require_past_errors(settings, past_errors)
    data = data or prepare(transactions, settings)
    data.require_spend(settings.fit)
    if failures is None:
        failures = Failures(data.split.calibration.table["customer_id"])
    return _Trainer(data, settings, past_errors or {}, failures, observer or Observer()).run()


def _require_past_errors(settings: TrainSettings, past_errors: Mapping[str, Sequence[PastError]] | None) -> None:
    source_run = settings.backtest.drift.source_run
    if source_run is not None and past_errors is None:
        raise SettingsError(
            f"backtest.drift.source_run is {source_run}, but no past errors were given: read them from that run, or set"
            " backtest.drift.source_run to null."
        )


def _advance(progress: Progress, customers: int) -> Callable[[int], None]:
    """Return a function that adds customers to those done."""
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done, customers)

    return advance


@dataclass(frozen=True)
class _Trainer:
    """The stages of one training."""

    data: TrainingData
    settings: TrainSettings
    past_errors: Mapping[str, Sequence[PastError]]
    failures: Failures
    observer: Observer

    def run(self) -> Training:
        """Run all stages."""
        split, checks = self.data.split, self.settings.review.checks
        calibration = self._fit(CALIBRATION, split.calibration)
        holdout = self._measure(calibration.posterior)
        metrics = {**self.data.metrics, **calibration.metrics, **holdout.metrics}
        review = judge(metrics, checks, fits=calibration.methods)
        final, whole_log, refit_drift = None, None, dict[str, float]()
        if review.verdict is not Verdict.FAIL:
            whole_log = summarize(self.data.transactions, split.end)
            final = self._refit(whole_log)
            refit_drift = measure_refit_drift(calibration.posterior, final.posterior, split.horizon_days)
            self.observer.on_refit_drift(refit_drift)
            metrics |= {**final.metrics, **add_prefix(FINAL, refit_drift)}
            review = judge(metrics, checks, fits=calibration.methods | final.methods)
        drifts = self._estimate_drifts()
        forecasts = None if final is None or whole_log is None else self._forecast(final, whole_log, drifts)
        review = review.with_failures(self.failures.failures)
        return Training(self.data, calibration, holdout, final, refit_drift, drifts, forecasts, metrics, review)

    def _fit(self, stage: str, summary: CustomerSummary) -> StageFit:
        base, seed = CompressedSummary.of(summary), derive_seed(self.settings.seed, f"tenure-train.{stage}")
        size = f"{base.customers:,} customers, {len(base.histories.count):,} distinct histories"
        with self.observer.stage(f"fit {stage}: {size}") as progress:
            fitted = fit(base, self.settings.fit, seed=seed, progress=progress)
        with self.observer.stage(f"check {stage}: leave-one-out, prior sensitivity"):
            report = check(fitted, base, seed=seed)
        result = StageFit(stage, report, summary, seed)
        self.observer.on_fit(result)
        return result

    def _refit(self, whole_log: CustomerSummary) -> StageFit:
        """Fit the customers of the acquisition window; the scores are of all customers."""
        if self.data.window == AcquisitionWindow():
            return self._fit(FINAL, whole_log)
        return self._fit(FINAL, summarize(self.data.transactions, self.data.split.end, self.data.window))

    def _measure(self, posterior: Posterior) -> HoldoutReport:
        split, settings = self.data.split, self.settings
        baselines = len(settings.backtest.baselines.names)
        with self.observer.stage(f"backtest over {split.horizon_days} days, beside {baselines} baselines"):
            holdout = measure_holdout(
                self.data.transactions,
                split,
                self.data.window,
                posterior.thin(settings.fit.joint_draws),
                settings.backtest,
                past_errors=self.past_errors,
                level=settings.review.level,
                seed=derive_seed(settings.seed, "tenure-train.holdout"),
                failures=self.failures,
            )
            self.observer.on_holdout(holdout)
        return holdout

    def _estimate_drifts(self) -> Drifts:
        """Estimate the drift of totals after the log, from origins whose holdouts ended within it."""
        settings, end = self.settings.backtest.drift, self.data.split.end
        drifts = estimate_drifts(
            self.past_errors, end, settings, source_run=settings.source_run, seed=self.settings.seed
        )
        self.observer.on_drifts(drifts)
        return drifts

    def _forecast(self, final: StageFit, whole_log: CustomerSummary, drifts: Drifts) -> Forecasts:
        """Forecast a new customer and the customer base; the base's own rows are not kept."""
        scorer, params = Scorer(final.posterior.thin(self.settings.fit.joint_draws)), asdict(self.settings.score)
        new_customer = scorer.new_customer(**params, seed=self.settings.seed)
        self.observer.on_new_customer(new_customer)
        customers, days = len(whole_log.table), self.settings.score.horizon_days
        with self.observer.stage(f"forecast {days} days ahead: {customers:,} customers") as progress:
            advance = None if progress is None else _advance(progress, customers)
            scores = scorer.score(whole_log, **params, seed=self.settings.seed, advance=advance)
            base = forecast_base(scores, whole_log.table["frequency"], drifts)
            self.observer.on_base_forecast(base, drifts)
        return Forecasts(new_customer, base)
