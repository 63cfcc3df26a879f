"""`tenure-promote`: fit both recipes to the challenger's calibration window, compare, decide, move the alias, log."""

import logging
from typing import Any

from tenure import registry
from tenure.errors import InputError, Reason
from tenure.fit import fit_models
from tenure.posterior import Posterior
from tenure.promote import Comparison, Decision, PromoteError, compare_recipes, decide
from tenure.record import Record, finite
from tenure.review import Verdict
from tenure.rfm import AcquisitionWindow, Split, split_log
from tenure.settings import FitSettings, PromoteSettings, carry_segments
from tenure.transactions import read

from . import console
from .result_file import nested
from .results import Promotion
from .run_names import settings_record
from .run_settings import read_fit, read_recipe
from .sweeps import Result

REFUSED = 3
log = logging.getLogger("tenure")


def run(settings: PromoteSettings, config: str) -> Result:
    """Promote or roll back, and print the result; return it."""
    by = settings.by or registry.login()
    if by is None:
        raise PromoteError("The login has no name on this machine. Name the person who promotes with by=...")
    uri = registry.connect(settings.registry, must_exist=True)
    if settings.rollback:
        return _roll_back(settings.model_name, settings, config, by)
    challenger = registry.find_version(settings.model)
    champion = registry.find_champion(challenger.name)
    if champion is not None and champion.number == challenger.number:
        console.print_line(f"{challenger.uri} is the champion already.")
        return Result(
            model_verdict=challenger.verdict,
            model=challenger.uri,
            alias="champion",
            as_of=challenger.tags.get("as_of"),
        )
    if challenger.verdict is not Verdict.FAIL:  # no reason promotes a FAIL
        registry.verify(challenger.uri)
    with registry.open_run(settings.registry, "promote", config, _run_name("promote", challenger.uri)) as opened:
        registry.log_record(settings_record(settings, "promote"))
        comparison = _compare(champion, challenger, settings)
        decision = decide(challenger.verdict, comparison, has_champion=champion is not None, reason=settings.reason)
        promotion = Promotion(champion, challenger, comparison, decision)
        _settle(promotion, by)
    console.print_promotion(promotion)
    console.print_run(opened.info.run_id, registry.ui_command(uri))
    return Result(
        0 if decision.is_promoted else REFUSED,
        reason=None if decision.is_promoted else Reason.PROMOTION_REFUSED,
        model_verdict=challenger.verdict,
        run_id=opened.info.run_id,
        model=challenger.uri,
        alias="champion" if decision.is_promoted else None,
        as_of=challenger.tags.get("as_of"),
        customers=comparison.customers if comparison else None,
        totals=_scores(comparison) if comparison else {},
    )


def _scores(comparison: Comparison) -> dict[str, Any]:
    tables = nested(comparison.metrics())
    return {name: table for name, table in tables.items() if name != "customers"}


def challenge(uri: str, split: Split, settings: FitSettings, *, seed: int, calibration: Posterior) -> Promotion:
    """Compare the model of the open run, which has just passed, with the champion, and log the decision.

    Where they cannot be compared, or another promotion is faster, it stays challenger and a warning gives the reason.
    The training is kept. The arguments are those of `_compare_recipes`.
    """
    challenger = registry.find_version(uri)
    champion = registry.find_champion(challenger.name)
    comparison = None
    try:
        if champion is not None:
            comparison = _compare_recipes(champion, split, settings, seed=seed, calibration=calibration)
        decision = decide(challenger.verdict, comparison, has_champion=champion is not None, reason=None)
        promotion = Promotion(champion, challenger, comparison, decision)
        _settle(promotion, registry.login() or "unknown")
    except InputError as error:
        log.warning("%s stays challenger: %s", challenger.uri, error)
        promotion = Promotion(champion, challenger, comparison, Decision(False, str(error)))
        registry.log_record(promotion.decision.record())
    return promotion


def _settle(promotion: Promotion, by: str) -> None:
    """Move the alias if so decided, and log the comparison and the decision to the open run."""
    comparison, decision = promotion.comparison, promotion.decision
    registry.log_record(_versions(champion=promotion.champion, challenger=promotion.challenger))
    if comparison is not None:
        registry.log_record(comparison.record())
    if decision.is_promoted:
        figures = comparison.metrics() if comparison else {}
        registry.set_champion(
            promotion.challenger, promotion.champion, by=by, because=decision.because, figures=figures
        )
    registry.log_record(decision.record())


def _versions(**versions: registry.Version | None) -> Record:
    """Return the versions that the run is about, such as `champion`, as tags."""
    return Record(tags={name: "none" if version is None else version.uri for name, version in versions.items()})


def _compare(
    champion: registry.Version | None, challenger: registry.Version, settings: PromoteSettings
) -> Comparison | None:
    """Fit and compare both recipes; None without a champion, after a FAIL, and where it fails but a reason is given."""
    if champion is None or challenger.verdict is Verdict.FAIL:
        return None
    try:
        recipe = read_recipe(registry.evidence(challenger.run_id).recipe())
        of_champion = read_fit(registry.evidence(champion.run_id).recipe())
        carry_segments(recipe.transactions, of_champion.segments, "the champion's fit.segments")
        recipe.transactions.path = settings.transactions.path or recipe.transactions.path
        _require_trust(recipe.transactions.query, challenger, settings)
        with console.stage(f"read {recipe.transactions.path}"):
            transactions = read(recipe.transactions, end=recipe.rfm.end)
        _require_same_log(transactions.digest, recipe.transactions.path, challenger)
        window, most = AcquisitionWindow.of(recipe.rfm, transactions), recipe.backtest.judge_customers
        at_cutoff = split_log(transactions, recipe.rfm.cutoff, recipe.rfm.end, window, most=most)
        return _compare_recipes(champion, at_cutoff, recipe.fit, seed=settings.seed)
    except InputError as error:
        if settings.reason is None:
            raise
        log.warning("the recipes cannot be compared; the reason alone decides: %s", error)
        return None


def _require_trust(query: str | None, challenger: registry.Version, settings: PromoteSettings) -> None:
    """Raise PromoteError for the SQL of a run unless it is trusted: anyone with access to the store can change it."""
    if query is None:
        return
    if not settings.transactions.trust_query:
        raise PromoteError(
            f"{challenger.uri} was trained on a query, which this command does not run without permission. Read it,"
            f" then allow it with transactions.trust_query=true: {' '.join(query.split())!r}."
        )
    log.info("run the query of %s: %r", challenger.uri, " ".join(query.split()))


def _require_same_log(digest: str, path: str, challenger: registry.Version) -> None:
    trained = challenger.tags.get("data_digest", "unknown")
    if digest != trained:
        raise PromoteError(
            f"{path} is not the log that {challenger.uri} was trained on: its digest is {digest[:12]}, then it was "
            f"{trained[:12]}. Name that log with transactions.path=..., or train on the new one."
        )


def _compare_recipes(
    champion: registry.Version,
    split: Split,
    settings: FitSettings,
    *,
    seed: int,
    calibration: Posterior | None = None,
) -> Comparison:
    """Fit both recipes to the calibration days and compare them; equal recipes are one fit.

    Args:
        champion: the champion, whose recipe is read from its run.
        split: the challenger's split.
        settings: the challenger's recipe.
        seed: of the fits and the simulated outcomes.
        calibration: the challenger's own fit by this recipe and seed, where it is at hand.
    """
    of_champion = read_fit(registry.evidence(champion.run_id).recipe())
    challenger = calibration or _fit("challenger", split, settings, seed)
    refitted = challenger if of_champion == settings else _fit("champion", split, of_champion, seed)
    with console.stage(f"compare over {split.horizon_days} days"):
        return compare_recipes(
            split, refitted.thin(of_champion.joint_draws), challenger.thin(settings.joint_draws), seed=seed
        )


def _fit(role: str, split: Split, settings: FitSettings, seed: int) -> Posterior:
    model, method = settings.purchase_model, settings.method
    with console.stage(f"fit the {role}'s recipe to the days up to {split.cutoff}: {model}, {method}") as progress:
        fitted = fit_models(split.compress(settings.segments), settings, seed=seed, progress=progress)
    registry.log_record(Record(metrics=finite(fitted.diagnostics)), under=f"promotion.{role}")
    return fitted.posterior


def _run_name(job: str, model: str) -> str:
    return f"{job} {model.removeprefix('models:/')}"


def _roll_back(name: str, settings: PromoteSettings, config: str, by: str) -> Result:
    because = settings.reason or "no reason given"
    with registry.open_run(settings.registry, "rollback", config, _run_name("rollback", name)) as opened:
        registry.log_record(settings_record(settings, "promote"))
        replaced, champion = registry.roll_back(name, by=by, because=because)
        registry.log_record(_versions(left=replaced, champion=champion))
    console.print_line(f"{champion.uri} is champion again, in the place of {replaced.uri}.")
    return Result(
        run_id=opened.info.run_id,
        model_verdict=champion.verdict,
        model=champion.uri,
        alias="champion",
        as_of=champion.tags.get("as_of"),
    )
