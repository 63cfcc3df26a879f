"""`tenure-train`: log, split, fit, score the holdout, backtest, review, refit, register."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace

import numpy as np
from matplotlib.figure import Figure

from tenure import figures, registry, report
from tenure.backtest import Factors, Holdout, Lesson, learn_factors, shift
from tenure.fit import CheckedFit, Fit, check, fit, predictive, require_repeat_buyers
from tenure.outlook import outlook
from tenure.review import Review, Verdict, judge
from tenure.rfm import Base, Births, Split, find_truncation, split, summarize
from tenure.scorer import NewCustomer, Scorer
from tenure.settings import TrainSettings
from tenure.summary import Rfm
from tenure.transactions import Transactions, read

from . import console, promoting
from .facing import face
from .learning import read_lessons
from .outcomes import Trained

FAILED_REVIEW = 3
REPLICATES = 200
CHECKED = 50_000  # customers in the posterior-predictive pictures; a larger base is sampled
log = logging.getLogger("tenure")


def run(settings: TrainSettings, config: str, *, is_sweep: bool) -> int:
    """Train and report; return the exit code."""
    wants = settings.registry.register
    register = (not is_sweep) if wants is None else wants
    transactions = _read(settings)
    births = Births.of(settings.rfm, transactions)
    parts = split(transactions, settings.rfm.cutoff, settings.rfm.end, births)
    log.info(
        "calibration to %s: %s customers; holdout %s days to %s",
        parts.cutoff, f"{len(parts.calibration.customers):,}", parts.horizon_days, parts.end,
    )  # fmt: skip
    accounts = transactions.reconcile(parts.end)
    console.print_reconciliation(accounts)
    truncation = find_truncation(transactions, parts.end, births)
    console.print_window(parts, births, truncation)
    known = parts.calibration.customers["frequency"]
    require_repeat_buyers(len(known), int((known > 0).sum()), settings.fit)  # before a run is opened
    uri = registry.connect(settings.registry)
    lessons = read_lessons(settings, transactions)
    with registry.open_run(settings.registry, "train", config) as opened:
        registry.log_settings(asdict(settings))
        registry.log_data(transactions, accounts, "training")
        registry.log_window(parts)
        facts = registry.data_metrics(accounts)
        if truncation is not None:
            registry.log_truncation(truncation, figures.births(truncation))
            facts |= truncation.metrics()
        trained = _train(settings, transactions, parts, births, lessons, facts, opened.info.run_id, register=register)
        _report(opened.info.run_id)
    console.print_training(trained, settings, registry.ui_command(uri))
    return FAILED_REVIEW if trained.review.verdict is Verdict.FAIL else 0


def _read(settings: TrainSettings) -> Transactions:
    with _stage(f"read {settings.transactions.path}"):
        return read(settings.transactions, end=settings.rfm.end)


def _train(
    settings: TrainSettings,
    transactions: Transactions,
    parts: Split,
    births: Births,
    lessons: Mapping[str, Sequence[Lesson]],
    facts: Mapping[str, float],
    run_id: str,
    *,
    register: bool,
) -> Trained:
    seeds = [int(child.generate_state(1)[0]) for child in np.random.SeedSequence(settings.seed).spawn(3)]
    calibration = _fit("calibration", parts.calibration, settings, seeds[0])
    holdout = _backtest(calibration.fit, transactions, parts, births, lessons, settings, seeds[2])
    metrics = {**facts, **_prefixed("calibration", calibration.metrics), **holdout.metrics}
    fits = _prefixed("calibration", calibration.fit.methods)
    review = judge(metrics, settings.review.checks, fits=fits)
    final = whole = None
    if review.verdict is not Verdict.FAIL:
        whole = summarize(transactions, parts.end)  # everyone is valued; the new alone are learnt from
        learnt = whole if births == Births() else summarize(transactions, parts.end, births)
        final = _fit("final", learnt, settings, seeds[1])
        moved = shift(calibration.fit.posterior, final.fit.posterior, parts.horizon_days)
        registry.log_diagnostics("final", moved)
        metrics |= _prefixed("final", {**final.metrics, **moved})
        review = judge(metrics, settings.review.checks, fits=fits | _prefixed("final", final.fit.methods))
    registry.log_review(review)
    factors = _factors(lessons, parts, settings)
    registered = promotion = None
    if register and final is not None and review.verdict is not Verdict.FAIL:
        registered = _register(final.fit, factors, transactions, parts, review, settings, run_id)
        if registered.alias == "challenger" and review.verdict is Verdict.PASS:
            with _stage("compare with the champion"):
                promotion = promoting.stand(
                    registered.uri, parts, settings.fit, seed=seeds[0], calibration=calibration.fit.posterior
                )
            if promotion.decision.is_promoted:
                registered = replace(registered, alias="champion")
    new_customer = None
    if final is not None and whole is not None:
        new_customer = _new_customer(final.fit, settings)
        _look_ahead(final.fit, whole, factors, settings)
    return Trained(run_id, parts, calibration, final, holdout, review, registered, new_customer, promotion)


def _fit(stage: str, rfm: Rfm, settings: TrainSettings, seed: int) -> CheckedFit:
    base = Base.of(rfm)
    with _stage(f"fit {stage}: {base.customers:,} customers, {len(base.histories.count):,} distinct histories"):
        fitted = fit(base, settings.fit, seed=seed, progress=console.is_terminal())
    with _stage(f"check {stage}: leave-one-out, the prior's part"):
        checked = check(fitted, base, seed=seed)
    for warning in checked.warnings:
        log.warning("%s", warning)
    with _stage(f"draw and log {stage} diagnostics"):
        registry.log_fit(stage, checked, _fit_figures(checked, rfm, seed))
    return checked


def _fit_figures(checked: CheckedFit, rfm: Rfm, seed: int) -> dict[str, Figure]:
    fitted = checked.fit
    told = checked.consequences
    drawn = {"prior_consequences": figures.consequences(told.prior, told.posterior)}
    for name, model in fitted.models.items():
        tree, parameters = model.tree(), model.target.parameters
        if model.method == "nuts":  # the others have no chains to look at
            drawn[f"{name}_trace"] = figures.trace(tree, parameters)
            drawn[f"{name}_rank"] = figures.rank(tree, parameters)
            drawn[f"{name}_energy"] = figures.energy(tree)
        if not model.is_point:
            drawn[f"{name}_prior_posterior"] = figures.prior_posterior(tree, parameters)
    rng, customers = np.random.default_rng(seed), rfm.customers
    if len(customers) > CHECKED:
        customers = customers.iloc[rng.choice(len(customers), CHECKED, replace=False)]
    replicated = predictive.replicate_purchases(
        fitted.posterior, customers["T"].to_numpy(), rng=rng, replicates=REPLICATES
    )
    drawn["purchases_check"] = figures.purchases_check(customers["frequency"].to_numpy(), replicated)
    repeat = customers[customers["frequency"] > 0]
    if repeat.empty:
        return drawn
    spends = predictive.replicate_spends(
        fitted.posterior, repeat["frequency"].to_numpy(), rng=rng, replicates=REPLICATES
    )
    drawn["spend_check"] = figures.spend_check(repeat["monetary_value"].to_numpy(float), spends)
    return drawn


def _backtest(
    calibration: Fit,
    transactions: Transactions,
    parts: Split,
    births: Births,
    lessons: Mapping[str, Sequence[Lesson]],
    settings: TrainSettings,
    seed: int,
) -> Holdout:
    """Foretell the holdout from the calibration, and measure."""
    with _stage(f"backtest over {parts.horizon_days} days, beside {len(settings.backtest.baselines.names)} baselines"):
        return face(
            transactions,
            parts,
            births,
            calibration.posterior.thin(settings.fit.joint_draws),
            settings.backtest,
            lessons=lessons,
            level=settings.review.level,
            seed=seed,
        )


def _factors(lessons: Mapping[str, Sequence[Lesson]], parts: Split, settings: TrainSettings) -> Factors:
    """Learn what totals after the log are adjusted by; the holdout, which ended before them, may have taught it."""
    asked = settings.backtest.discrepancy
    factors = learn_factors(lessons, parts.end, asked, learnt_from=asked.learnt_from, seed=settings.seed)
    log.info(
        "totals over %s days: a factor %s", settings.score.horizon_days, factors.source(settings.score.horizon_days)
    )
    return factors


def _register(
    final: Fit,
    factors: Factors,
    transactions: Transactions,
    parts: Split,
    review: Review,
    settings: TrainSettings,
    run_id: str,
) -> registry.Registered:
    tags = {
        "data_digest": transactions.digest,
        "first_day": str(transactions.first_day),
        "as_of": str(parts.end),
        "purchases": settings.fit.purchases,
        "method": final.posterior.origin["method"],
        "totals.adjusted": factors.source(settings.score.horizon_days),
        "totals.learnt_from": factors.learnt_from or "none",
    }
    with _stage(f"register {settings.registry.name}"):
        return registry.register(
            final.posterior.thin(settings.fit.joint_draws),
            settings.registry.name,
            run_id=run_id,
            verdict=review.verdict.value,
            validated_horizon_days=parts.horizon_days,
            tags=tags,
            factors=factors,
        )


def _new_customer(final: Fit, settings: TrainSettings) -> NewCustomer:
    """Value a customer who is not yet acquired, as `score` asks."""
    scorer = Scorer(final.posterior.thin(settings.fit.joint_draws))
    found = scorer.new_customer(**asdict(settings.score), seed=settings.seed)
    registry.log_new_customer(found)
    return found


def _look_ahead(final: Fit, whole: Rfm, factors: Factors, settings: TrainSettings) -> None:
    """Sum up what the log's customers come to, as `score` asks; their own rows are not kept."""
    asked = settings.score
    with _stage(f"look {asked.horizon_days} days ahead: {len(whole.customers):,} customers"):
        scorer = Scorer(final.posterior.thin(settings.fit.joint_draws))
        scores = scorer.score(whole, **asdict(asked), seed=settings.seed)
        registry.log_outlook(outlook(scores, whole.customers["frequency"], factors), factors.source(asked.horizon_days))


def _report(run_id: str) -> None:
    """Log the run's page. Where that fails the run stands: what the page shows is logged, and a model may be too."""
    try:
        with _stage("write the report"):
            registry.log_report(report.render(registry.evidence(run_id)))
    except Exception:
        log.warning("The report was not written. To try again: tenure-report model=%s", run_id, exc_info=True)


def _prefixed[Value](stage: str, values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{stage}.{key}": value for key, value in values.items()}


@contextmanager
def _stage(what: str) -> Iterator[None]:
    log.info("%s ...", what)
    start = time.perf_counter()
    yield
    log.info("%s: %.1f s", what, time.perf_counter() - start)
