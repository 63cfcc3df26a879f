"""Run a fit: scale, build, sample, diagnose."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from pymc_extras.prior import Prior

from tenure.errors import InputError
from tenure.posterior import PURCHASE_PARAMETERS, SPEND_PARAMETERS, Posterior
from tenure.rfm import histories
from tenure.settings import FitSettings, PriorSettings
from tenure.summary import Rfm

from .diagnostics import diagnose, relative_ess
from .likelihood import bg_nbd_pointwise, gamma_gamma_pointwise
from .loo import Loo, loo
from .models import CompressedBetaGeoModel, CompressedGammaGammaModel

PRIOR_DRAWS = 2000


class FitError(InputError):
    """A customer summary that the models cannot be fitted to."""


@dataclass(frozen=True)
class Fit:
    """A fitted population with everything that vouches for it.

    Args:
        posterior: the joint draws.
        traces: `purchases` and `spend`: each a tree with groups posterior, sample_stats and prior; no customer rows.
        diagnostics: flat numbers, named `purchases.rhat_max` and so on.
        loos: leave-one-customer-out results by model.
    """

    posterior: Posterior
    traces: dict[str, xr.DataTree]
    diagnostics: dict[str, float]
    loos: dict[str, Loo]


def fit(rfm: Rfm, settings: FitSettings, *, seed: int, progress: bool = False) -> Fit:
    """Sample the posterior of both models.

    The models are independent given their parameters (Fader, Hardie & Lee 2005, JMR 42), so draw s of one beside
    draw s of the other is a joint draw.
    """
    _require_customers(rfm)
    scales = {"time_days": _time_scale(rfm, settings), "money": _money_scale(rfm, settings)}
    streams = [int(child.generate_state(1)[0]) for child in np.random.SeedSequence(seed).spawn(2)]
    purchases = _sample(_purchase_model(rfm, settings, scales["time_days"]), settings, streams[0], progress)
    spend = _sample(_spend_model(rfm, settings, scales["money"]), settings, streams[1], progress)
    traces = {"purchases": purchases, "spend": spend}
    draws = {name: _draws(traces["purchases"], name) for name in PURCHASE_PARAMETERS}
    draws |= {name: _draws(traces["spend"], name) for name in SPEND_PARAMETERS}
    origin = {"method": settings.method, "scales": scales, "as_of": str(rfm.as_of), "customers": len(rfm.customers)}
    posterior = Posterior(draws, settings.purchases, origin)
    loos = _leave_one_out(posterior, traces, rfm)
    names = {"purchases": PURCHASE_PARAMETERS, "spend": SPEND_PARAMETERS}
    diagnostics = {
        f"{model}.{name}": value
        for model, trace in traces.items()
        for name, value in {**diagnose(trace, names[model]), **_loo_numbers(loos[model])}.items()
    }
    return Fit(posterior, traces, diagnostics, loos)


def _require_customers(rfm: Rfm) -> None:
    repeat = int((rfm.customers["frequency"] > 0).sum())
    if repeat < 2:
        raise FitError(
            f"{len(rfm.customers):,} customers, {repeat:,} of them repeat buyers: the spend model needs at least two "
            "repeat buyers. Take a longer log, or a later rfm.cutoff."
        )


def _time_scale(rfm: Rfm, settings: FitSettings) -> float:
    if settings.scale.time_days is not None:
        return settings.scale.time_days
    mean = float(rfm.customers["T"].mean())
    return mean if mean > 0 else 1.0


def _money_scale(rfm: Rfm, settings: FitSettings) -> float:
    if settings.scale.money is not None:
        return settings.scale.money
    spends = rfm.customers.loc[rfm.customers["frequency"] > 0, "monetary_value"]
    return float(np.exp(np.log(spends).mean()))


def _priors(group: Any) -> dict[str, Prior]:
    settings: dict[str, PriorSettings] = {name: getattr(group, name) for name in asdict(group)}
    return {name: Prior(prior.distribution, **prior.parameters) for name, prior in settings.items()}


def _purchase_model(rfm: Rfm, settings: FitSettings, time_scale: float) -> CompressedBetaGeoModel:
    distinct = histories(rfm)
    columns = {name: getattr(distinct, name) for name in ("frequency", "recency", "T", "count")}
    model = CompressedBetaGeoModel(model_config=_priors(settings.priors.purchases))
    model.build_model(pd.DataFrame(columns), time_scale)
    return model


def _spend_model(rfm: Rfm, settings: FitSettings, money_scale: float) -> CompressedGammaGammaModel:
    model = CompressedGammaGammaModel(model_config=_priors(settings.priors.spend))
    model.build_model(_spends(rfm), money_scale)
    return model


def _spends(rfm: Rfm) -> pd.DataFrame:
    repeat = rfm.customers.loc[rfm.customers["frequency"] > 0, ["frequency", "monetary_value"]]
    return repeat.groupby(["frequency", "monetary_value"], as_index=False).size().rename(columns={"size": "count"})


def _sample(model: Any, settings: FitSettings, seed: int, progress: bool) -> xr.DataTree:
    trace = model.fit(
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, os.cpu_count() or 1),
        seed=seed,
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=progress,
    )
    groups = {"posterior": trace["posterior"].to_dataset(), "sample_stats": trace["sample_stats"].to_dataset()}
    return xr.DataTree.from_dict({**groups, "prior": _draw_prior(model.model, seed)})


def _draw_prior(model: pm.Model, seed: int) -> xr.Dataset:
    """Draw from the prior what the posterior holds; the likelihood, a Potential, has no part in it."""
    variables = [*model.free_RVs, *model.deterministics]
    drawn = pm.draw(variables, draws=PRIOR_DRAWS, random_seed=seed)
    named = zip(variables, drawn, strict=True)
    return xr.Dataset({variable.name: (("chain", "draw"), values[None, :]) for variable, values in named})


def _draws(trace: xr.DataTree, name: str) -> Any:
    return np.ascontiguousarray(trace["posterior"][name].transpose("chain", "draw").values)


def _leave_one_out(posterior: Posterior, traces: dict[str, xr.DataTree], rfm: Rfm) -> dict[str, Loo]:
    joint, distinct, spends = posterior.joint(), histories(rfm), _spends(rfm)
    days = distinct.recency.astype(float), distinct.T.astype(float)
    frequency, mean = (spends[name].to_numpy(float) for name in ("frequency", "monetary_value"))

    def purchases(part: slice) -> Any:
        return bg_nbd_pointwise(joint, distinct.frequency[part], days[0][part], days[1][part])

    def spend(part: slice) -> Any:
        return gamma_gamma_pointwise(joint, frequency[part], mean[part])

    def run(log_likelihood: Callable[[slice], Any], count: Any, model: str) -> Loo:
        return loo(log_likelihood, count.astype(float), relative_ess=relative_ess(traces[model]))

    return {
        "purchases": run(purchases, distinct.count, "purchases"),
        "spend": run(spend, spends["count"].to_numpy(), "spend"),
    }


def _loo_numbers(result: Loo) -> dict[str, float]:
    return {
        "loo_elpd": result.elpd,
        "loo_se": result.se,
        "loo_p": result.p_loo,
        "khat_max": result.khat_max,
        "khat_bad": float(result.khat_bad),
    }
