"""`tenure-train`: log, split, fit, score the holdout, backtest, review, refit, register."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from tenure import figures, registry, report
from tenure.backtest import Holdout, measure_refit_drift
from tenure.failures import Failures
from tenure.fit import Fit, FitReport, check, fit, predictive, require_spend
from tenure.posterior import Posterior
from tenure.review import Review, Verdict, judge
from tenure.rfm import AcquisitionWindow, CompressedSummary, Split, find_truncation, split, summarize
from tenure.scorer import NewCustomer, Scorer
from tenure.settings import TrainSettings
from tenure.streams import derive_seed, stream
from tenure.summary import Rfm
from tenure.totals import Drifts, PastError, estimate_drifts, forecast_base
from tenure.transactions import Transactions, choose_type, find_identities, kind_of, read

from . import console, promoting
from .holdouts import log_holdout
from .past_errors import read_past_errors
from .results import Trained
from .sweeps import Result

FAILED_REVIEW = 3
REPLICATES = 200
REPORT = "report"
CHECKED = 50_000  # customers in the posterior-predictive pictures; a larger base is sampled
log = logging.getLogger("tenure")


def run(settings: TrainSettings, config: str, *, is_sweep: bool) -> Result:
    """Train and report; return the exit code and what a sweep compares."""
    wants = settings.registry.register
    register = (not is_sweep) if wants is None else wants
    transactions = _read(settings)
    window = AcquisitionWindow.of(settings.rfm, transactions)
    parts = split(transactions, settings.rfm.cutoff, settings.rfm.end, window)
    log.info(
        "calibration to %s: %s customers; holdout %s days to %s",
        parts.cutoff, f"{len(parts.calibration.customers):,}", parts.horizon_days, parts.end,
    )  # fmt: skip
    accounts = transactions.reconcile(parts.end)
    console.print_reconciliation(accounts)
    identities = find_identities(transactions, parts.end, settings.transactions.normalize_ids)
    console.print_identities(identities)
    truncation = find_truncation(transactions, parts.end, window)
    console.print_window(parts, window, truncation)
    repeat = parts.calibration.customers.query("frequency > 0")
    paying = int((repeat["monetary_value"] > 0).sum())
    require_spend(len(parts.calibration.customers), len(repeat), paying, settings.fit)  # before a run is opened
    id_type = kind_of(choose_type(transactions, settings.transactions.id_type))
    uri = registry.connect(settings.registry)
    past_errors = read_past_errors(settings, transactions)
    failures = Failures(parts.calibration.customers["customer_id"])
    with registry.open_run(settings.registry, "train", config) as opened:
        registry.log_settings(asdict(settings))
        registry.log_data(transactions, accounts, identities, "training")
        registry.log_id_type(id_type)
        registry.log_window(parts)
        facts = {**registry.data_metrics(accounts, identities), "truncation.weeks": 0.0}
        if truncation is not None:
            pictures = {"acquisitions": partial(figures.acquisitions, truncation)}
            registry.log_truncation(truncation, figures.draw("data", pictures, failures))
            facts |= truncation.metrics()
        trained = _train(
            settings,
            transactions,
            parts,
            window,
            past_errors,
            facts,
            opened.info.run_id,
            failures,
            register=register,
        )
        trained = replace(trained, review=_report(opened.info.run_id, trained.review, failures))
    console.print_training(trained, settings, registry.ui_command(uri))
    return _result(trained, opened.info.run_name, (transactions.digest, str(parts.cutoff), repr(window)))


def _result(trained: Trained, name: str | None, fitted_to: tuple[str, ...]) -> Result:
    verdict = trained.review.verdict
    return Result(
        FAILED_REVIEW if verdict is Verdict.FAIL else 0,
        name,
        verdict.value,
        trained.holdout.metrics,
        trained.calibration.loos,
        fitted_to,
    )


def _read(settings: TrainSettings) -> Transactions:
    with _stage(f"read {settings.transactions.path}"):
        return read(settings.transactions, end=settings.rfm.end)


def _train(
    settings: TrainSettings,
    transactions: Transactions,
    parts: Split,
    window: AcquisitionWindow,
    past_errors: Mapping[str, Sequence[PastError]],
    facts: Mapping[str, float],
    run_id: str,
    failures: Failures,
    *,
    register: bool,
) -> Trained:
    seed = derive_seed(settings.seed, "tenure-train.calibration")
    calibration = _fit("calibration", parts.calibration, settings, seed, failures)
    holdout = _backtest(calibration.fit, transactions, parts, window, past_errors, settings, failures)
    metrics = {**facts, **_prefixed("calibration", calibration.metrics), **holdout.metrics}
    fits = _prefixed("calibration", calibration.fit.methods)
    review = judge(metrics, settings.review.checks, fits=fits)
    final = whole = None
    if review.verdict is not Verdict.FAIL:
        whole = summarize(transactions, parts.end)  # everyone is valued; the new alone are learnt from
        estimated = whole if window == AcquisitionWindow() else summarize(transactions, parts.end, window)
        final = _fit("final", estimated, settings, derive_seed(settings.seed, "tenure-train.final"), failures)
        moved = measure_refit_drift(calibration.fit.posterior, final.fit.posterior, parts.horizon_days)
        registry.log_diagnostics("final", moved)
        metrics |= _prefixed("final", {**final.metrics, **moved})
        review = judge(metrics, settings.review.checks, fits=fits | _prefixed("final", final.fit.methods))
    drifts = _factors(past_errors, parts, settings)
    registry.log_drifts(drifts)
    new_customer = None
    if final is not None and whole is not None:
        new_customer = _new_customer(final.fit, settings)
        _look_ahead(final.fit, whole, drifts, settings)
    review = _log_review(review, failures)
    registered = promotion = None
    if register and final is not None and review.verdict is not Verdict.FAIL:
        review = _report(run_id, review, failures)  # before anything is registered: one that fails changes the verdict
        registered = _register(final.fit, drifts, transactions, parts, review, settings, run_id)
        if registered.alias == "challenger" and review.verdict is Verdict.PASS:
            with _stage("compare with the champion"):
                promotion = promoting.stand(
                    registered.uri, parts, settings.fit, seed=seed, calibration=calibration.fit.posterior
                )
            if promotion.decision.is_promoted:
                registered = replace(registered, alias="champion")
    return Trained(run_id, parts, calibration, final, holdout, review, registered, new_customer, promotion)


def _fit(stage: str, rfm: Rfm, settings: TrainSettings, seed: int, failures: Failures) -> FitReport:
    base, level = CompressedSummary.of(rfm), settings.review.level
    with _stage(f"fit {stage}: {base.customers:,} customers, {len(base.histories.count):,} distinct histories"):
        fitted = fit(base, settings.fit, seed=seed, progress=console.is_terminal())
    with _stage(f"check {stage}: leave-one-out, the prior's part"):
        checked = check(fitted, base, seed=seed)
    for warning in checked.warnings:
        log.warning("%s", warning)
    with _stage(f"draw and log {stage} diagnostics"):
        drawn = figures.draw(f"diagnostics/{stage}", _fit_pictures(checked, rfm, seed, level), failures)
        registry.log_fit(stage, checked, drawn, level=level)
    return checked


def _fit_pictures(checked: FitReport, rfm: Rfm, seed: int, level: float) -> dict[str, Callable[[], Figure]]:
    both = checked.consequences
    pictures: dict[str, Callable[[], Figure]] = {
        "prior_consequences": partial(figures.consequences, both.prior, both.posterior, level)
    }
    for name, model in checked.fit.models.items():
        tree, parameters = model.tree(), model.target.parameters
        if model.method == "nuts":  # the others have no chains to look at
            pictures[f"{name}_trace"] = partial(figures.trace, tree, parameters)
            pictures[f"{name}_rank"] = partial(figures.rank, tree, parameters)
            pictures[f"{name}_energy"] = partial(figures.energy, tree)
        if not model.is_point:
            pictures[f"{name}_prior_posterior"] = partial(figures.prior_posterior, tree, parameters)
    customers = rfm.customers
    if len(customers) > CHECKED:
        some = stream(seed, "tenure-train.pictured_customers").choice(len(customers), CHECKED, replace=False)
        customers = customers.iloc[some]
    pictures["purchases_check"] = partial(_purchases_check, checked.fit.posterior, customers, seed, level)
    paid = customers[customers["monetary_value"] > 0]
    if len(paid):
        pictures["spend_check"] = partial(_spend_check, checked.fit.posterior, paid, seed, level)
    return pictures


def _purchases_check(posterior: Posterior, customers: pd.DataFrame, seed: int, level: float) -> Figure:
    rng = stream(seed, "tenure-train.replicated_purchases")
    replicated = predictive.replicate_purchases(posterior, customers["T"].to_numpy(), rng=rng, replicates=REPLICATES)
    return figures.purchases_check(customers["frequency"].to_numpy(), replicated, level)


def _spend_check(posterior: Posterior, paid: pd.DataFrame, seed: int, level: float) -> Figure:
    rng = stream(seed, "tenure-train.replicated_spends")
    replicated = predictive.replicate_spends(posterior, paid["frequency"].to_numpy(), rng=rng, replicates=REPLICATES)
    return figures.spend_check(paid["monetary_value"].to_numpy(float), replicated, level)


def _backtest(
    calibration: Fit,
    transactions: Transactions,
    parts: Split,
    window: AcquisitionWindow,
    past_errors: Mapping[str, Sequence[PastError]],
    settings: TrainSettings,
    failures: Failures,
) -> Holdout:
    """Compare the calibration's forecast with the holdout."""
    with _stage(f"backtest over {parts.horizon_days} days, beside {len(settings.backtest.baselines.names)} baselines"):
        return log_holdout(
            transactions,
            parts,
            window,
            calibration.posterior.thin(settings.fit.joint_draws),
            settings.backtest,
            past_errors=past_errors,
            level=settings.review.level,
            seed=derive_seed(settings.seed, "tenure-train.holdout"),
            failures=failures,
        )


def _factors(past_errors: Mapping[str, Sequence[PastError]], parts: Split, settings: TrainSettings) -> Drifts:
    """Learn what totals after the log are adjusted by; the holdout, which ended before them, may have taught it."""
    asked = settings.backtest.drift
    drifts = estimate_drifts(past_errors, parts.end, asked, source_run=asked.source_run, seed=settings.seed)
    log.info("totals over %s days: a drift %s", settings.score.horizon_days, drifts.source(settings.score.horizon_days))
    return drifts


def _register(
    final: Fit,
    drifts: Drifts,
    transactions: Transactions,
    parts: Split,
    review: Review,
    settings: TrainSettings,
    run_id: str,
) -> registry.Registered:
    tags = {
        "data_digest": transactions.digest,
        "id_type": kind_of(choose_type(transactions, settings.transactions.id_type)),
        "first_day": str(transactions.first_day),
        "as_of": str(parts.end),
        "purchases": settings.fit.purchase_model,
        "method": final.posterior.origin["method"],
        "totals.adjusted": drifts.source(settings.score.horizon_days),
        "totals.source_run": drifts.source_run or "none",
    }
    with _stage(f"register {settings.registry.name}"):
        return registry.register(
            final.posterior.thin(settings.fit.joint_draws),
            settings.registry.name,
            run_id=run_id,
            verdict=review.verdict.value,
            validated_horizon_days=parts.horizon_days,
            tags=tags,
            drifts=drifts,
        )


def _new_customer(final: Fit, settings: TrainSettings) -> NewCustomer:
    """Value a customer who is not yet acquired, as `score` asks."""
    scorer = Scorer(final.posterior.thin(settings.fit.joint_draws))
    found = scorer.new_customer(**asdict(settings.score), seed=settings.seed)
    registry.log_new_customer(found)
    return found


def _look_ahead(final: Fit, whole: Rfm, drifts: Drifts, settings: TrainSettings) -> None:
    """Sum up what the log's customers come to, as `score` asks; their own rows are not kept."""
    asked = settings.score
    with _stage(f"look {asked.horizon_days} days ahead: {len(whole.customers):,} customers"):
        scorer = Scorer(final.posterior.thin(settings.fit.joint_draws))
        scores = scorer.score(whole, **asdict(asked), seed=settings.seed)
        registry.log_base_forecast(
            forecast_base(scores, whole.customers["frequency"], drifts), drifts.source(asked.horizon_days)
        )


def _report(run_id: str, review: Review, failures: Failures) -> Review:
    """Log the run's page, once more at the end; return the review, to which a failure is a finding."""
    if any(failure.part == REPORT for failure in failures.failures):
        return review
    with failures.contain(REPORT), _stage("write the report"):
        registry.log_report(report.render(registry.evidence(run_id)))
        return review
    log.warning("To write the report again: tenure-report model=%s", run_id)
    return _log_review(review, failures)


def _log_review(review: Review, failures: Failures) -> Review:
    """Log the review with the parts that failed so far, and where they did."""
    complete = review.with_failures(failures.failures)
    registry.log_review(complete)
    registry.log_failures(failures.failures)
    return complete


def _prefixed[Value](stage: str, values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{stage}.{key}": value for key, value in values.items()}


@contextmanager
def _stage(what: str) -> Iterator[None]:
    log.info("%s ...", what)
    start = time.perf_counter()
    yield
    log.info("%s: %.1f s", what, time.perf_counter() - start)
