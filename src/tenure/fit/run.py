"""Run a fit: scale, find the mode, explore around it, diagnose."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.kernel_table import Floats
from tenure.posterior import Posterior, PosteriorError, Segments
from tenure.purchase import MODELS as PURCHASE_MODELS
from tenure.rfm import CompressedSummary, Spends
from tenure.settings import AUTO, FitSettings
from tenure.spend import MODELS as SPEND_MODELS
from tenure.streams import derive_seed, stream
from tenure.summary import CustomerSummary

from .by_segment import explore_segments, require_parts, segments_of
from .diagnostics import diagnose
from .fitted import FittedModel
from .importance import ImportanceDraws, importance_sample
from .mode import find_mode
from .nuts import Progress, sample
from .pareto import LIMIT
from .prior import draw_prior
from .requirements import FitError, other_model, require_orders, require_spend
from .ridge import straighten
from .target import Target, purchase_target, spend_target

if TYPE_CHECKING:
    import xarray as xr

PRIOR_DRAWS = 2000
# Effective draws of importance sampling as a share of the draws; with less, the fit falls back to NUTS.
LEAST_EFFECTIVE = 0.25
log = logging.getLogger("tenure")


@dataclass(frozen=True)
class Fit:
    """A fitted population with the fits of its models, `purchases` and `spend`.

    Args:
        posterior: the population.
        models: the fits.
        segments: draws of every segment of the fit, also of those without a name in the posterior; None without any.
    """

    posterior: Posterior
    models: Mapping[str, FittedModel] = field(repr=False)
    segments: Segments | None = field(default=None, repr=False)

    @property
    def diagnostics(self) -> dict[str, float]:
        """List flat numbers, named `purchases.rhat_max` and so on."""
        return {
            f"{name}.{key}": value for name, model in self.models.items() for key, value in model.diagnostics.items()
        }

    @property
    def methods(self) -> dict[str, str]:
        """Return the method that gave the draws, by model."""
        return {name: model.method for name, model in self.models.items()}

    def prior(self) -> Posterior:
        """Return draws of the prior as a posterior, to compare the two."""
        purchases, spend = (model.target.quantities(model.prior[None]) for model in self.models.values())
        names = self.posterior.purchase_model, self.posterior.spend_model
        return population({**purchases, **spend}, names, {"method": "prior"})


def fit_models(
    data: CompressedSummary | CustomerSummary, settings: FitSettings, *, seed: int, progress: Progress | None = None
) -> Fit:
    """Fit both models; `progress` is called with the draws of nuts so far, and of how many.

    The models are independent given their parameters (Fader, Hardie & Lee 2005, JMR 42), so draw s of one beside
    draw s of the other is a joint draw.
    """
    base = data if isinstance(data, CompressedSummary) else CompressedSummary.of(data, settings.segments)
    require_spend(base.customers, base.repeat_buyers, base.paying_repeat_buyers, settings)
    require_orders(base, settings)
    require_parts(base, settings)
    targets = (purchase_target(base, settings), spend_target(base, settings))
    effects: dict[str, Floats] = {}
    if settings.segments:
        of_segments = {one.kind: explore_segments(one, base, settings, _seed_of(one, seed)) for one in targets}
        models = {kind: one.model for kind, one in of_segments.items()}
        effects = {name: array for one in of_segments.values() for name, array in one.effects.items()}
    else:
        models = {
            target.kind: explore(target, settings, _seed_of(target, seed), _part(progress, at, len(targets)))
            for at, target in enumerate(targets)
        }
    models["spend"] = _with_left_out(models["spend"], base, settings)
    draws = {**models["purchases"].draws, **models["spend"].draws}
    method = " and ".join(dict.fromkeys(model.method for model in models.values()))
    origin = {
        "method": method,
        "scales": {"time_days": targets[0].scale, "money": targets[1].scale},
        "as_of": str(base.as_of),
        "customers": base.customers,
        "observed_days": int(base.histories.T.max()),
        "repeat_spend": _repeat_spend(base.spends),
        "first_orders": None if base.first_orders is None else asdict(base.first_orders),
    }
    posterior = population(draws, (settings.purchase_model, targets[1].spec.name), origin)
    posterior = replace(posterior, without_columns=_without_columns(posterior, base, settings, seed))
    if not effects:
        return Fit(posterior, models)
    # The effects are drawn beside the joint draws alone: 500 segments of all draws would not be worth their room.
    posterior = replace(posterior.thin(settings.joint_draws), segments=segments_of(base, effects))
    return Fit(posterior, models, segments_of(base, effects, with_unnamed=True))


def _without_columns(
    posterior: Posterior, base: CompressedSummary, settings: FitSettings, seed: int
) -> dict[str, Floats] | None:
    """Draw from the spend model for customers without the columns that the fitted one needs; None where it needs none.

    By importance sampling, whose certificate is its own: nothing else judges these draws. Without it there are none,
    and a summary without the columns is refused.
    """
    model = posterior.specs[1].without_columns
    if not model:
        return None
    fit = replace(settings, spend_model=model, method="map" if settings.method == "map" else "laplace")
    target = spend_target(base, fit)
    fitted = explore(target, fit, derive_seed(seed, "fit.without_columns"))
    if fitted.method == "nuts":
        log.warning(
            "spend: a summary without the columns of %s cannot be scored: %s", posterior.spend_model, fitted.note
        )
        return None
    draws = {**posterior.draws, **fitted.draws}
    within = population(draws, (posterior.purchase_model, model), posterior.origin).draws
    return {name: within[name] for name in SPEND_MODELS[model].parameters}


def _with_left_out(model: FittedModel, base: CompressedSummary, settings: FitSettings) -> FittedModel:
    """Add the share of repeat purchase days that were left out, and a note where another model was fitted."""
    amounts, spec = base.amounts, model.target.spec
    is_on_amounts = bool(spec.without_amounts) and amounts is not None  # orders leave out the same days
    share = amounts.left_out / max(amounts.days, 1) if is_on_amounts and amounts is not None else 0.0
    note = model.note
    instead = other_model(spec.name, base, settings)
    if instead:
        note = "; ".join(filter(None, (instead, note)))
        log.log(logging.INFO if settings.spend_model == AUTO else logging.WARNING, "spend: %s", instead)
    return replace(model, diagnostics={**model.diagnostics, "left_out_share": share}, note=note)


def prior_population(data: CompressedSummary | CustomerSummary, settings: FitSettings, *, seed: int) -> Posterior:
    """Draw from the priors without a fit: the draws that a fit with this seed compares its posterior with."""
    base = data if isinstance(data, CompressedSummary) else CompressedSummary.of(data)
    draws: dict[str, Floats] = {}
    targets = (purchase_target(base, settings), spend_target(base, settings))
    for target in targets:
        draws |= target.quantities(_draw_prior(target, _seed_of(target, seed))[None])
    return population(draws, (targets[0].spec.name, targets[1].spec.name), {"method": "prior"})


def _draw_prior(target: Target, seed: int) -> Floats:
    return draw_prior(target, PRIOR_DRAWS, stream(seed, "fit.prior"))


def _seed_of(target: Target, seed: int) -> int:
    return derive_seed(seed, "fit.model", target.kind)


def _part(progress: Progress | None, at: int, of: int) -> Progress | None:
    """Return the progress of one of several fits, as progress of them all."""
    return None if progress is None else lambda done, total: progress(at * total + done, of * total)


def population(draws: Mapping[str, Floats], models: tuple[str, str], origin: Mapping[str, Any]) -> Posterior:
    """Return draws of a fit as a posterior: a draw outside a parameter's bounds is moved to the bound.

    Under a vague prior one draw in thousands is so far out: a parameter of 1e-10 is moved to 1e-9, which changes
    no forecast. Raises FitError for what remains impossible.
    """
    parameters = {**PURCHASE_MODELS[models[0]].parameters, **SPEND_MODELS[models[1]].parameters}
    within = {name: np.clip(draws[name], *parameter.bounds) for name, parameter in parameters.items()}
    try:
        return Posterior(within, *models, origin)
    except PosteriorError as error:
        raise FitError(
            f"The fit to these customers ({origin['method']}) gave impossible draws. {error} Check dates and amounts "
            "of the log, take narrower priors (fit/priors=weak), or set fit.scale.time_days and fit.scale.money."
        ) from error


def _repeat_spend(spends: Spends) -> dict[str, float] | None:
    """Return the median spend per repeat purchase and its customers, by which a change of the unit is detected."""
    paid = spends.mean > 0
    customers = int(spends.count[paid].sum())
    if not customers:
        return None
    order = np.argsort(spends.mean[paid])
    middle = np.searchsorted(np.cumsum(spends.count[paid][order]), customers / 2)
    return {"median": float(spends.mean[paid][order][middle]), "customers": customers}


def explore(target: Target, settings: FitSettings, seed: int, progress: Progress | None = None) -> FittedModel:
    """Fit one model by the method of the settings, with diagnostics."""
    start = time.perf_counter()
    prior = _draw_prior(target, seed)
    shape = (settings.chains, settings.draws, len(target.names))
    if target.is_empty:
        posterior = draw_prior(target, shape[0] * shape[1], stream(seed, "fit.prior_as_posterior"))
        return _fitted(target, "prior", posterior.reshape(shape), prior, {})
    if settings.method == "map":
        return _fitted(target, "map", np.broadcast_to(find_mode(target).point, shape), prior, {})
    note = ""
    if settings.method == "laplace":
        sample_of = importance_sample(
            target, find_mode(target), draws=shape[0] * shape[1], rng=stream(seed, "fit.laplace")
        )
        fault = _fault(sample_of)
        if not fault:
            return _fitted(target, "laplace", sample_of.u.reshape(shape), prior, _importance_numbers(sample_of, start))
        note = f"laplace falls back to nuts: {fault}"
        log.warning("%s: %s", target.kind, note)
    explored = straighten(target)
    u, stats = sample(explored, find_mode(explored), settings, seed=seed, progress=progress)
    seconds = time.perf_counter() - start
    fitted = _fitted(target, "nuts", u, prior, {}, stats, note)
    numbers = diagnose(fitted.tree(), target.parameters)
    numbers |= {"sampling_seconds": seconds, "ess_per_second": numbers["ess_bulk_min"] / seconds}
    return replace(fitted, diagnostics={**fitted.diagnostics, **numbers})


def _fault(draws: ImportanceDraws) -> str:
    """Return why importance draws are not reliable; empty where they are."""
    if not draws.khat <= LIMIT:
        return f"k-hat {draws.khat:.2f} is above {LIMIT}"
    share = draws.effective / len(draws.u)
    if share < LEAST_EFFECTIVE:
        return f"{len(draws.u):,} draws are worth {draws.effective:,.0f}, less than {LEAST_EFFECTIVE:.0%} of them"
    return ""


def _importance_numbers(draws: ImportanceDraws, start: float) -> dict[str, float]:
    return {
        "proposal_khat": draws.khat,
        "effective_draws": draws.effective,
        "relative_ess": draws.effective / len(draws.u),
        **_speed(draws.effective, start),
    }


def _speed(effective: float, start: float) -> dict[str, float]:
    seconds = time.perf_counter() - start
    return {"sampling_seconds": seconds, "ess_per_second": effective / seconds}


def _fitted(
    target: Target,
    method: str,
    u: Floats,
    prior: Floats,
    numbers: Mapping[str, float],
    stats: "xr.Dataset | None" = None,
    note: str = "",
) -> FittedModel:
    about = {"point_estimate": float(method == "map"), "draws": float(u[..., 0].size)}
    for name, is_true in target.spec.shares.items():
        about[name] = float(np.mean(is_true(target.quantities(u))))
    return FittedModel(target, method, u, prior, {**about, **numbers}, stats, note)
