"""Fit, measure on the holdout, judge, refit on the whole log, forecast the customer base."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from tenure.backtest import measure_refit_drift
from tenure.failures import Failures
from tenure.fit import Fit, Progress, check_fit, fit_models
from tenure.posterior import Posterior
from tenure.record import add_prefix
from tenure.review import Review, Verdict, judge
from tenure.rfm import EVERYONE, AcquisitionWindow, CompressedSummary, LogCustomers
from tenure.scorer import HeavyTailWarning, NewCustomer, Scorer, Scores
from tenure.settings import SettingsError, TrainSettings
from tenure.streams import derive_seed
from tenure.summary import CustomerSummary
from tenure.totals import Drifts, PastError, estimate_drifts, forecast_base
from tenure.transactions import Transactions

from .data import TrainingData, prepare
from .holdout import HoldoutReport, measure_holdout
from .results import Evaluation, Forecasts, StageFit, Training
from .segment_estimates import tabulate_segments

CALIBRATION, FINAL = "calibration", "final"


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

    def on_new_customers_by_segment(self, table: pd.DataFrame) -> None:
        """Handle the clv of a new customer of each segment."""

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
    return _trainer(transactions, settings, data, past_errors, failures, observer).run()


def evaluate(
    transactions: Transactions,
    settings: TrainSettings,
    *,
    failures: Failures | None = None,
    observer: Observer | None = None,
) -> Evaluation:
    """Fit the calibration and judge it on the holdout, as `train` does before its refit."""
    return _trainer(transactions, settings, None, None, failures, observer).evaluate()


def fit_whole(base: CompressedSummary, settings: TrainSettings) -> tuple[Fit, int]:
    """Fit customers as the refit of `train` fits those of the whole log; return the fit and its seed."""
    seed = _seed_of(FINAL, settings)
    return fit_models(base, settings.fit, seed=seed), seed


def _seed_of(stage: str, settings: TrainSettings) -> int:
    if stage == CALIBRATION:
        return derive_seed(settings.seed, "tenure-train.calibration")
    return derive_seed(settings.seed, "tenure-train.final")


def _trainer(
    transactions: Transactions,
    settings: TrainSettings,
    data: TrainingData | None,
    past_errors: Mapping[str, Sequence[PastError]] | None,
    failures: Failures | None,
    observer: Observer | None,
) -> "_Trainer":
    _require_past_errors(settings, past_errors)
    data = data or prepare(transactions, settings)
    data.require_spend(settings.fit)
    if failures is None:
        failures = Failures(data.split.calibration.table["customer_id"])
    return _Trainer(data, settings, past_errors or {}, failures, observer or Observer())


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

    def evaluate(self) -> Evaluation:
        """Run the stages up to the review of the calibration."""
        split = self.data.split
        base = split.compress(self.settings.fit.segments)
        calibration = self._fit(CALIBRATION, base, split.calibration)
        holdout = self._measure(calibration.posterior)
        metrics = {**self.data.metrics, **calibration.metrics, **holdout.metrics}
        review = self._judge(metrics, calibration.methods)
        return Evaluation(self.data, calibration, holdout, metrics, review.with_failures(self.failures.failures))

    def run(self) -> Training:
        """Run all stages."""
        judged, split = self.evaluate(), self.data.split
        calibration, metrics, review = judged.calibration, dict(judged.metrics), judged.review
        final, whole_log, refit_drift = None, self._customers(EVERYONE), dict[str, float]()
        if review.verdict is not Verdict.FAIL:
            final = self._refit(whole_log)
            refit_drift = measure_refit_drift(calibration.posterior, final.posterior, split.horizon_days)
            self.observer.on_refit_drift(refit_drift)
            metrics |= {**final.metrics, **add_prefix(FINAL, refit_drift)}
            review = self._judge(metrics, calibration.methods | final.methods)
        drifts = self._estimate_drifts()
        forecasts = None if final is None else self._forecast(final, whole_log, drifts)
        review = review.with_failures(self.failures.failures)
        refit = (final, refit_drift, drifts, forecasts)
        return Training(self.data, calibration, judged.holdout, metrics, review, *refit)

    def _judge(self, metrics: Mapping[str, float], fits: Mapping[str, str]) -> Review:
        return judge(metrics, self.settings.review.checks, fits=fits, score_days=self.settings.score.horizon_days)

    def _customers(self, window: AcquisitionWindow) -> LogCustomers:
        """Return the customers of the whole log in a window."""
        most, with_orders = self.settings.backtest.judge_customers, self.settings.fit.needs_orders
        return LogCustomers(self.data.transactions, self.data.split.end, window, with_orders, most)

    def _fit(self, stage: str, base: CompressedSummary, summary: CustomerSummary) -> StageFit:
        seed = _seed_of(stage, self.settings)
        size = f"{base.customers:,} customers, {len(base.histories.count):,} distinct histories"
        with self.observer.stage(f"fit {stage}: {size}") as progress:
            fitted = fit_models(base, self.settings.fit, seed=seed, progress=progress)
        with self.observer.stage(f"check {stage}: leave-one-out, prior sensitivity"):
            report = check_fit(fitted, base, seed=seed).without_data()
        result = StageFit(stage, report, base, summary, seed)
        self.observer.on_fit(result)
        return result

    def _refit(self, whole_log: LogCustomers) -> StageFit:
        """Fit the customers of the acquisition window; the scores are of all customers."""
        customers = whole_log if self.data.window == EVERYONE else self._customers(self.data.window)
        return self._fit(FINAL, customers.compress(self.settings.fit.segments), customers.summary)

    def _measure(self, posterior: Posterior) -> HoldoutReport:
        split, settings = self.data.split, self.settings
        baselines = len(settings.backtest.baselines.names)
        with self.observer.stage(f"backtest over {split.horizon_days} days, beside {baselines} baselines") as progress:
            advance = None if progress is None else _advance(progress, split.counts.customers)
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
                advance=advance,
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

    def _forecast(self, final: StageFit, whole_log: LogCustomers, drifts: Drifts) -> Forecasts:
        """Forecast a new customer and the customer base; the base's own rows are not kept."""
        scorer, params = Scorer(final.posterior.thin(self.settings.fit.joint_draws)), asdict(self.settings.score)
        new_customer = scorer.new_customer(**params, seed=self.settings.seed)
        self.observer.on_new_customer(new_customer)
        by_segment = self._new_customers(scorer, final, params)
        if by_segment is not None:
            self.observer.on_new_customers_by_segment(by_segment)
        customers, days = whole_log.count, self.settings.score.horizon_days
        with self.observer.stage(f"forecast {days} days ahead: {customers:,} customers") as progress:
            advance = None if progress is None else _advance(progress, customers)
            base = forecast_base(self._scores(scorer, whole_log, params, advance), drifts)
            self.observer.on_base_forecast(base, drifts)
        return Forecasts(new_customer, base, by_segment)

    def _scores(
        self, scorer: Scorer, whole_log: LogCustomers, params: Mapping[str, Any], advance: Callable[[int], None] | None
    ) -> "Iterator[tuple[Scores, pd.Series[int]]]":
        """Yield the scores of all customers with their repeat purchase days, share by share."""
        for summary in whole_log.shares():
            with warnings.catch_warnings():
                if whole_log.are_many:  # the numbers of all shares are in the base forecast
                    warnings.simplefilter("ignore", HeavyTailWarning)
                scores = scorer.score(summary, **params, seed=self.settings.seed, advance=advance)
            yield scores, summary.table["frequency"]

    def _new_customers(self, scorer: Scorer, final: StageFit, params: Mapping[str, Any]) -> pd.DataFrame | None:
        """Tabulate new customers by segment; None without segments."""
        fit = self.settings.fit
        if not fit.segments:
            return None
        return tabulate_segments(scorer, final.base, fit, {**params, "seed": self.settings.seed})
