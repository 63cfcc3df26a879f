"""`tenure-train`: read the log, train, log the evidence, write the report, register the model."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import pandas as pd

from tenure import figures, invocation, paths, pipeline, registry, report
from tenure.errors import Reason
from tenure.failures import Failures
from tenure.fit import Progress
from tenure.pipeline import HoldoutReport, StageFit, Training, TrainingData
from tenure.record import Record, finite
from tenure.review import Review, Verdict, as_text
from tenure.scorer import NewCustomer
from tenure.settings import FitSettings, TrainSettings
from tenure.spend import MODELS as SPEND_MODELS
from tenure.totals import Drifts
from tenure.transactions import Transactions, read

from . import console, promoting
from .console import stage
from .past_errors import PastErrors, read_past_errors
from .result_file import nested
from .results import Trained
from .run_names import own_priors, settings_record, training_name
from .sweeps import Result

FAILED_REVIEW = 3
REPORT = "report"
log = logging.getLogger("tenure")


def run(settings: TrainSettings, config: str, *, is_sweep: bool) -> Result:
    """Train and print the result; return the exit code and the numbers that a sweep compares."""
    setting = settings.registry.register
    register = (not is_sweep) if setting is None else setting
    _name_priors(settings.fit)
    data = _prepare(settings)
    uri = registry.connect(settings.registry)
    past_errors = read_past_errors(settings, data.transactions)
    failures = Failures(data.split.calibration.table["customer_id"])
    name = training_name(settings, data.split.cutoff)
    with registry.open_run(settings.registry, "train", config, name) as opened:
        _log_data(data, settings, failures)
        trained = _train(data, settings, past_errors, opened.info.run_id, failures, register=register)
        trained = replace(trained, review=_report(opened.info.run_id, trained.review, failures))
        registry.describe(report.describe_findings(registry.evidence(opened.info.run_id)))
    file = registry.local_file(opened.info.artifact_uri, paths.REPORT)
    console.print_training(trained, settings, registry.ui_command(uri), file)
    return _result(trained, settings, opened.info.run_name)


def _name_priors(settings: FitSettings) -> None:
    """Log which priors are the user's own, and warn of those of models that are not fitted."""
    fitted = settings.models
    used = (*fitted, SPEND_MODELS[fitted[1]].without_amounts)
    own = own_priors(settings)
    if of_fit := [model for model in own if model in used]:
        log.info("own priors of %s; the report compares each with its posterior", ", ".join(of_fit))
    if others := [model for model in own if model not in used]:
        names = ", ".join(f"fit.priors.{model}" for model in others)
        log.warning("%s: no effect. The models of this fit are %s.", names, " and ".join(fitted))


def _read(settings: TrainSettings) -> Transactions:
    with stage(f"read {settings.transactions.path}"):
        return read(settings.transactions, end=settings.rfm.end)


def _prepare(settings: TrainSettings) -> TrainingData:
    """Read, split and print the log; a log that cannot be fitted is refused before a run is opened."""
    data = pipeline.prepare(_read(settings), settings)
    split = data.split
    log.info(
        "calibration to %s: %s customers; holdout %s days to %s",
        split.cutoff, f"{split.counts.customers:,}", split.horizon_days, split.end,
    )  # fmt: skip
    if split.everyone is not None:
        log.info("the holdout is judged on %s (backtest.judge_customers)", split.judged)
    console.print_reconciliation(data.log.reconciliation)
    console.print_unscored(data.log.unscored, "fitted")
    console.print_identities(data.log.identities)
    console.print_window(split, data.window, data.truncation)
    data.require_spend(settings.fit)
    return data


def _log_data(data: TrainingData, settings: TrainSettings, failures: Failures) -> None:
    registry.log_record(settings_record(settings, "train"))
    registry.log_record(data.log.record("training"))
    registry.log_record(data.split.record())
    registry.log_record(data.record())
    truncation = data.truncation
    if truncation is not None:
        pictures = {"acquisitions": lambda: figures.acquisitions(truncation)}
        registry.log_record(figures.record_figures(paths.DATA, pictures, failures))


class _EvidenceLog(pipeline.Observer):
    """The evidence of a training, logged to the open run as soon as it exists."""

    def __init__(self, settings: TrainSettings, failures: Failures) -> None:
        self.settings = settings
        self.failures = failures

    def stage(self, name: str) -> AbstractContextManager[Progress | None]:
        """Log the start of a stage and its seconds, and show its progress."""
        return stage(name)

    def on_fit(self, fitted: StageFit) -> None:
        """Log a fit, its diagnostics and its pictures."""
        for warning in fitted.report.warnings:
            log.warning("%s fit: %s", fitted.stage, warning)
        level = self.settings.review.level
        with stage(f"draw and log {fitted.stage} diagnostics"):
            registry.log_record(fitted.report.record(fitted.stage, level), under=fitted.stage)
            pictures = figures.fit_pictures(fitted, level)
            registry.log_record(figures.record_figures(paths.diagnostics(fitted.stage), pictures, self.failures))

    def on_holdout(self, holdout: HoldoutReport) -> None:
        """Log the measured holdout and its pictures."""
        registry.log_record(holdout.record())
        pictures = figures.holdout_pictures(holdout, self.settings.review.level)
        registry.log_record(figures.record_figures(paths.BACKTEST, pictures, self.failures))

    def on_refit_drift(self, numbers: Mapping[str, float]) -> None:
        """Log how far the refit differs from the calibration fit."""
        registry.log_record(Record(metrics=finite(numbers)), under="final")

    def on_drifts(self, drifts: Drifts) -> None:
        """Log the drift of totals."""
        days = self.settings.score.horizon_days
        log.info("totals over %s days: the drift is %s", days, drifts.source(days))
        registry.log_record(drifts.record())

    def on_new_customer(self, new_customer: NewCustomer) -> None:
        """Log the clv of a new customer."""
        registry.log_record(pipeline.record_new_customer(new_customer), under="new_customer")

    def on_new_customers_by_segment(self, table: pd.DataFrame) -> None:
        """Log the clv of a new customer of each segment."""
        registry.log_record(Record(tables={paths.NEW_BY_SEGMENT: table.set_index("segment")}))

    def on_base_forecast(self, numbers: Mapping[str, float], drifts: Drifts) -> None:
        """Log the forecast of the customer base, and the source of its drift."""
        source = drifts.source(self.settings.score.horizon_days)
        registry.log_record(pipeline.record_base_forecast(numbers, source), under="base")


def _train(
    data: TrainingData,
    settings: TrainSettings,
    past_errors: PastErrors,
    run_id: str,
    failures: Failures,
    *,
    register: bool,
) -> Trained:
    """Train in the open run; register the model unless the review fails it."""
    training = pipeline.train(
        data.transactions,
        settings,
        data=data,
        past_errors=past_errors,
        failures=failures,
        observer=_EvidenceLog(settings, failures),
    )
    trained = Trained(run_id, training, _log_review(training.review, failures))
    if not register or trained.review.verdict is Verdict.FAIL:
        return trained
    # The report is written before the model is registered: a report that fails changes the verdict.
    trained = replace(trained, review=_report(run_id, trained.review, failures))
    trained = replace(trained, registered=_register(trained, settings))
    return _challenge(trained, settings)


def _challenge(trained: Trained, settings: TrainSettings) -> Trained:
    """Compare a challenger that passed with the champion; the better one is champion."""
    registered, calibration = trained.registered, trained.training.calibration
    if registered is None or registered.alias != "challenger" or trained.review.verdict is not Verdict.PASS:
        return trained
    with stage("compare with the champion"):
        promotion = promoting.challenge(
            registered.uri,
            trained.training.data.split,
            settings.fit,
            seed=calibration.seed,
            calibration=calibration.posterior,
        )
    if promotion.decision.is_promoted:
        before = None if promotion.champion is None else promotion.champion.number
        registered = replace(registered, alias="champion", replaced=before)
    return replace(trained, registered=registered, promotion=promotion)


def _register(trained: Trained, settings: TrainSettings) -> registry.Registered | None:
    training = trained.training
    if training.final is None:
        return None
    posterior = training.final.posterior
    with stage(f"register {settings.registry.name}"):
        return registry.register(
            posterior.thin(settings.fit.joint_draws),
            settings.registry.name,
            run_id=trained.run_id,
            verdict=trained.review.verdict.value,
            validated_horizon_days=training.data.split.horizon_days,
            tags=_version_tags(training, settings),
            drifts=training.drifts,
            note=report.describe_findings(registry.evidence(trained.run_id)),
        )


def _version_tags(training: Training, settings: TrainSettings) -> dict[str, str]:
    data, drifts = training.data, training.drifts
    method = "" if training.final is None else training.final.posterior.origin["method"]
    bias = finite({"holdout.spend_bias": training.holdout.metrics["spend.bias"]})
    return {
        "data_digest": data.transactions.digest,
        "id_type": data.id_type,
        "first_day": str(data.transactions.first_day),
        "as_of": str(data.split.end),
        "purchase_model": settings.fit.purchase_model,
        "method": method,
        "totals.adjusted": drifts.source(settings.score.horizon_days),
        "totals.source_run": drifts.source_run or "none",
        **{name: f"{value:.4f}" for name, value in bias.items()},
    }


def _report(run_id: str, review: Review, failures: Failures) -> Review:
    """Log the report of the run; return the review, with a finding if the report fails."""
    if any(failure.part == REPORT for failure in failures.failures):
        return review
    with failures.contain(REPORT), stage("write the report"):
        registry.log_record(Record(files={paths.REPORT: report.render(registry.evidence(run_id))}))
        return review
    log.warning("To write the report again: %s", invocation.command("report", f"model={run_id}"))
    return _log_review(review, failures)


def _log_review(review: Review, failures: Failures) -> Review:
    """Log the review with the parts that failed so far, and the traces of their errors."""
    complete = review.with_failures(failures.failures)
    registry.log_record(complete.record())
    registry.log_record(Record(files={paths.FINDINGS: as_text(complete)}))
    registry.log_record(failures.record())
    return complete


def _result(trained: Trained, settings: TrainSettings, name: str | None) -> Result:
    training, verdict, registered = trained.training, trained.review.verdict, trained.registered
    data = training.data
    base = {} if training.forecasts is None else nested(training.forecasts.base)
    is_failed = verdict is Verdict.FAIL
    return Result(
        FAILED_REVIEW if is_failed else 0,
        name,
        verdict.value,
        training.holdout.metrics,
        training.calibration.report.loos,
        (data.transactions.digest, str(data.split.cutoff), repr(data.window)),
        trained.run_id,
        None if registered is None else registered.uri,
        None if registered is None else registered.alias,
        {name: row for name, row in base.items() if isinstance(row, Mapping)},
        {"log": settings.transactions.path, "report": f"runs:/{trained.run_id}/{paths.REPORT}"},
        reason=Reason.REVIEW_FAILED if is_failed else None,
        as_of=str(data.split.end),
        customers=_customers(training),
        not_scored=data.log.unscored.by_reason,
    )


def _customers(training: Training) -> int:
    """Count the customers of the last fit."""
    return training.data.split.counts.customers if training.final is None else training.final.base.customers
