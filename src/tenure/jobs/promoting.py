"""`tenure-promote`: fit both recipes where the challenger calibrated, compare, decide, move the alias, log."""

import logging
from dataclasses import asdict

from tenure import registry
from tenure.errors import InputError
from tenure.fit import fit
from tenure.posterior import Posterior
from tenure.promote import Comparison, Decision, PromoteError, compare_recipes, decide
from tenure.review import Verdict
from tenure.rfm import AcquisitionWindow, CompressedSummary, Split, split
from tenure.settings import FitSettings, PromoteSettings
from tenure.transactions import read

from . import console
from .results import Promotion
from .run_settings import read_fit, read_recipe

REFUSED = 3
log = logging.getLogger("tenure")


def run(settings: PromoteSettings, config: str) -> int:
    """Promote or roll back, and report; return the exit code."""
    by = settings.by or registry.login()
    if by is None:
        raise PromoteError("Nobody is logged in by name here: say who promotes with by=...")
    uri = registry.connect(settings.registry)
    if settings.rollback:
        return _roll_back(settings.model_name, settings, config, by)
    challenger = registry.find_version(settings.model)
    champion = registry.find_champion(challenger.name)
    if champion is not None and champion.number == challenger.number:
        console.print_line(f"{challenger.uri} is the champion already.")
        return 0
    if challenger.verdict is not Verdict.FAIL:  # which no reason promotes
        registry.verify(challenger.uri)
    with registry.open_run(settings.registry, "promote", config) as opened:
        registry.log_settings(asdict(settings))
        comparison = _compare(champion, challenger, settings)
        decision = decide(challenger.verdict, comparison, has_champion=champion is not None, reason=settings.reason)
        promotion = Promotion(champion, challenger, comparison, decision)
        _settle(promotion, by)
    console.print_promotion(promotion)
    console.print_run(opened.info.run_id, registry.ui_command(uri))
    return 0 if decision.is_promoted else REFUSED


def stand(uri: str, parts: Split, how: FitSettings, *, seed: int, calibration: Posterior) -> Promotion:
    """Let the model of the open run, which has just passed, stand against the champion, and log what came of it.

    Where they cannot be compared, or somebody else is faster, it stays challenger and the log says why: its training
    is not lost by that. The arguments are those of `_contest`.
    """
    challenger = registry.find_version(uri)
    champion = registry.find_champion(challenger.name)
    comparison = None
    try:
        if champion is not None:
            comparison = _contest(champion, parts, how, seed=seed, calibration=calibration)
        decision = decide(challenger.verdict, comparison, has_champion=champion is not None, reason=None)
        promotion = Promotion(champion, challenger, comparison, decision)
        _settle(promotion, registry.login() or "unknown")
    except InputError as error:
        log.warning("%s stays challenger: %s", challenger.uri, error)
        promotion = Promotion(champion, challenger, comparison, Decision(False, str(error)))
        registry.log_decision(promotion.decision)
    return promotion


def _settle(promotion: Promotion, by: str) -> None:
    """Move the alias if so decided, and log the figures and the decision to the open run."""
    found, decision = promotion.comparison, promotion.decision
    registry.log_versions(champion=promotion.champion, challenger=promotion.challenger)
    if found is not None:
        registry.log_comparison(found)
    if decision.is_promoted:
        figures = found.metrics() if found else {}
        registry.set_champion(
            promotion.challenger, promotion.champion, by=by, because=decision.because, figures=figures
        )
    registry.log_decision(decision)


def _compare(
    champion: registry.Version | None, challenger: registry.Version, settings: PromoteSettings
) -> Comparison | None:
    """Fit and compare, where there is a champion and the verdict allows; a reason does without what cannot be had."""
    if champion is None or challenger.verdict is Verdict.FAIL:
        return None
    try:
        recipe = read_recipe(registry.evidence(challenger.run_id).recipe())
        recipe.transactions.path = settings.transactions.path or recipe.transactions.path
        _require_trust(recipe.transactions.query, challenger, settings)
        transactions = read(recipe.transactions, end=recipe.rfm.end)
        _require_same_log(transactions.digest, recipe.transactions.path, challenger)
        parts = split(transactions, recipe.rfm.cutoff, recipe.rfm.end, AcquisitionWindow.of(recipe.rfm, transactions))
        return _contest(champion, parts, recipe.fit, seed=settings.seed)
    except InputError as error:
        if settings.reason is None:
            raise
        log.warning("promoted by the reason alone, without figures: %s", error)
        return None


def _require_trust(query: str | None, challenger: registry.Version, settings: PromoteSettings) -> None:
    """Refuse SQL out of a run, which anyone who can write to the store may have put there, unless it is trusted."""
    if query is None:
        return
    if not settings.transactions.trust_query:
        raise PromoteError(
            f"{challenger.uri} was trained through a query, which this command does not run unasked."
            f" Read it, then allow it with transactions.trust_query=true: {' '.join(query.split())!r}."
        )
    log.info("run the query of %s: %r", challenger.uri, " ".join(query.split()))


def _require_same_log(digest: str, path: str, challenger: registry.Version) -> None:
    trained = challenger.tags.get("data_digest", "unknown")
    if digest != trained:
        raise PromoteError(
            f"{path} is not the log that {challenger.uri} was trained on: its digest is {digest[:12]}, then it was "
            f"{trained[:12]}. Name that log with transactions.path=..., or train on the new one."
        )


def _contest(
    champion: registry.Version, parts: Split, how: FitSettings, *, seed: int, calibration: Posterior | None = None
) -> Comparison:
    """Fit both recipes to the calibration days and compare them; equal recipes are one fit.

    Args:
        champion: whose recipe is read from its run.
        parts: the challenger's split.
        how: the challenger's recipe.
        seed: of the fits and the simulated outcomes.
        calibration: the challenger's own fit by this recipe and seed, where it is at hand.
    """
    theirs = read_fit(registry.evidence(champion.run_id).recipe())
    challenger = calibration or _fit("challenger", parts, how, seed)
    ours = challenger if theirs == how else _fit("champion", parts, theirs, seed)
    log.info("compare over %s days", parts.horizon_days)
    return compare_recipes(parts, ours.thin(theirs.joint_draws), challenger.thin(how.joint_draws), seed=seed)


def _fit(whose: str, parts: Split, how: FitSettings, seed: int) -> Posterior:
    log.info("fit the %s's recipe to the days up to %s: %s, %s", whose, parts.cutoff, how.purchase_model, how.method)
    fitted = fit(CompressedSummary.of(parts.calibration), how, seed=seed, progress=console.is_terminal())
    registry.log_diagnostics(f"promotion.{whose}", fitted.diagnostics)
    return fitted.posterior


def _roll_back(name: str, settings: PromoteSettings, config: str, by: str) -> int:
    because = settings.reason or "no reason given"
    with registry.open_run(settings.registry, "rollback", config):
        registry.log_settings(asdict(settings))
        left, back = registry.roll_back(name, by=by, because=because)
        registry.log_versions(left=left, champion=back)
    console.print_line(f"{back.uri} is champion again, in the place of {left.uri}.")
    return 0
