"""Segments against the No-U-Turn sampler on all of their parameters at once, non-centred, in plain PyMC."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from segmented import QUICK, customers, summary

from tenure import purchase
from tenure.fit.by_segment import explore_segments
from tenure.fit.target import Target, purchase_target
from tenure.rfm import CompressedSummary
from tenure.settings import ScaleSettings

SETTINGS = replace(QUICK, draws=1000, joint_draws=4000)


def base_of(segments: int, size: int, model: str) -> CompressedSummary:
    rng = np.random.default_rng(segments)
    channels = {
        f"s{at:02}": (size, 0.006 * np.exp(rng.normal(0, 0.4)), 1 / (1 + np.exp(0.8 - rng.normal(0, 0.5))), 30.0)
        for at in range(segments)
    }
    return CompressedSummary.of(summary(customers(channels, seed=segments, model=model)), ["channel"])


def sampled_by_pymc(pooled: Target, parts: list[Target]) -> dict[str, np.ndarray[Any, Any]]:
    """Sample all parameters; return them as coordinates, shape (draws,), and effects, shape (draws, segments)."""
    import pymc as pm
    import pytensor.tensor as pt

    from tenure.fit.pymc_model import _operator, _share

    form = purchase.model_part(pooled.spec.name, "pymc")
    with pm.Model():
        quantities: dict[str, Any] = {}
        for name, quantity in pooled.spec.quantities.items():
            prior = pooled.priors[name]
            if quantity.is_share:
                quantities[name] = _share(name, prior)[0]
            else:
                values = {key: np.float64(value) for key, value in prior.parameters.items()}
                quantities[name] = getattr(pm, prior.distribution)(name, **values)
        spreads = {name: pm.HalfNormal(f"{name}_spread", 0.5) for name in ("mean_rate", "dropout_mean")}
        effects = {
            name: pm.Deterministic(f"{name}_effect", spread * pm.Normal(f"{name}_z", shape=len(parts)))
            for name, spread in spreads.items()
        }
        logit = pt.log(quantities["dropout_mean"]) - pt.log1p(-quantities["dropout_mean"])
        for at, part in enumerate(parts):
            own = logit + effects["dropout_mean"][at]
            moved = {**quantities, "mean_rate": quantities["mean_rate"] * pt.exp(effects["mean_rate"][at])}
            moved["dropout_mean"] = pt.sigmoid(own)
            complements = {"dropout_mean": pt.sigmoid(-own)}
            if "one_and_done" in quantities:
                complements["one_and_done"] = 1.0 - quantities["one_and_done"]
            theta = pt.stack(form.to_theta(moved, complements))
            arrays = [pt.constant(np.asarray(array)) for array in part.table.arrays()]
            pm.Potential(f"likelihood_{at}", _operator(part.likelihood.kernel)(theta, *arrays)[0])
        trace = pm.sample(
            draws=1500, tune=1000, chains=2, cores=2, random_seed=1, target_accept=0.95, nuts_sampler="pymc",
            progressbar=False, compute_convergence_checks=False,
        )  # fmt: skip
    draws = {name: trace["posterior"][name].values for name in trace["posterior"]}
    out = {}
    for name, quantity in pooled.spec.quantities.items():
        flat = draws[name].ravel()
        out[name] = np.log(flat) - np.log1p(-flat) if quantity.is_share else np.log(flat)
    for name in spreads:
        out[f"{name}_spread"] = np.log(draws[f"{name}_spread"].ravel())
        out[f"{name}_effect"] = draws[f"{name}_effect"].reshape(-1, len(parts))
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("segments", "size", "model"), [(8, 80, "bg_nbd"), (30, 40, "mbg_nbd"), (5, 150, "zi_bg_nbd")])
def test_segments_have_the_posterior_that_nuts_finds(segments, size, model):
    settings = replace(SETTINGS, purchase_model=model)
    base = base_of(segments, size, model)
    pooled = purchase_target(base, settings)
    scaled = replace(settings, scale=ScaleSettings(time_days=pooled.scale))
    nuts = sampled_by_pymc(pooled, [purchase_target(part.base, scaled) for part in base.parts])
    fitted = explore_segments(pooled, base, settings, seed=1)
    u = fitted.model.u.reshape(-1, fitted.model.u.shape[-1])
    for at, name in enumerate(fitted.model.target.names):
        assert abs(u[:, at].mean() - nuts[name].mean()) < 0.2 * nuts[name].std(), name
        assert u[:, at].std() == pytest.approx(nuts[name].std(), rel=0.2), name
    for name, drawn in fitted.effects.items():
        own, other = drawn[:-1, 0].T, nuts[f"{name}_effect"]
        assert (np.abs(own.mean(axis=0) - other.mean(axis=0)) < 0.25 * other.std(axis=0)).all(), name
        assert own.std(axis=0) == pytest.approx(other.std(axis=0), rel=0.2), name
