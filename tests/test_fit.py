"""The fit: its methods agree with each other, with a long reference run, and say what they are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import few
from numpy.testing import assert_allclose

from tenure import figures
from tenure.fit import fit_models
from tenure.fit.diagnostics import diagnose
from tenure.rfm import CompressedSummary
from tenure.summary import CustomerSummary

PURCHASES = ("r", "alpha", "a", "b")
MODELS = ("purchases", "spend")


@pytest.fixture(scope="module")
def by_importance(calibration, fit_settings):
    return fit_models(calibration, replace(fit_settings, method="laplace", draws=1000), seed=4)


def error_of_mean(draws, method):
    """Chains are correlated; importance draws are as good as independent."""
    import arviz as az

    return draws.std() / np.sqrt(draws.size) if method == "laplace" else float(az.mcse(draws, method="mean"))


def agree(first, second):
    """Tell which parameters' means lie more than four Monte Carlo standard errors apart."""
    apart = []
    for name, draws in first.posterior.draws.items():
        other = second.posterior.draws[name]
        model = "purchases" if name in PURCHASES else "spend"
        error = np.hypot(
            *(error_of_mean(fitted.posterior.draws[name], fitted.methods[model]) for fitted in (first, second))
        )
        if abs(draws.mean() - other.mean()) > 4 * error:
            apart.append(name)
    return apart


@pytest.mark.parametrize("method", ["nuts", "laplace"])
def test_the_posterior_agrees_with_a_long_reference_run(fitted, by_importance, method):
    """The reference: stock PyMC NUTS on the library's own likelihood under the same priors; see its script."""
    reference = pd.read_csv("tests/reference_posterior.csv", index_col=0, comment="#")
    ours = {"nuts": fitted, "laplace": by_importance}[method]
    for name, row in reference.iterrows():
        draws = ours.posterior.draws[name]
        error = np.hypot(error_of_mean(draws, method), row["mcse"])
        assert abs(draws.mean() - row["mean"]) < 4 * error, name
        assert draws.std() == pytest.approx(row["sd"], rel=0.12), name


@pytest.mark.parametrize("purchases", few(["bg_nbd", "mbg_nbd"], 1))
def test_importance_draws_are_those_of_the_sampler(calibration, fit_settings, fitted, by_importance, purchases):
    """Not means alone: the quantiles too, which an approximation would miss."""
    import arviz as az

    chains, drawn = fitted, by_importance
    if purchases == "mbg_nbd":
        settings = replace(fit_settings, purchase_model=purchases, draws=1000)
        chains, drawn = (
            fit_models(calibration, replace(settings, method=method), seed=9) for method in ("nuts", "laplace")
        )
    assert agree(chains, drawn) == []
    for name, draws in chains.posterior.draws.items():
        others = drawn.posterior.draws[name]
        for level in (0.05, 0.25, 0.75, 0.95):
            errors = [float(az.mcse(each, method="quantile", prob=level)) for each in (draws, others)]
            assert abs(np.quantile(draws, level) - np.quantile(others, level)) < 4 * np.hypot(*errors), (name, level)


@pytest.mark.slow
def test_whitened_and_plain_coordinates_have_one_posterior(calibration, fit_settings, fitted):
    """PyMC's own sampler knows nothing of the mode, nor of the matrix that whitens there."""
    plain = fit_models(calibration, replace(fit_settings, sampler="pymc"), seed=7)
    assert plain.methods == {"purchases": "nuts", "spend": "nuts"}
    assert plain.diagnostics["purchases.rhat_max"] < 1.02
    assert agree(fitted, plain) == []
    for name, draws in fitted.posterior.draws.items():
        assert draws.std() == pytest.approx(plain.posterior.draws[name].std(), rel=0.12)


def test_a_fit_in_other_units_is_the_same_model(calibration, by_importance, fit_settings):
    customers = calibration.table
    scaled = customers.assign(
        recency=customers["recency"] * 7, T=customers["T"] * 7, monetary_value=customers["monetary_value"] * 100
    )
    other = fit_models(
        CustomerSummary.from_frame(scaled), replace(fit_settings, method="laplace", draws=1000), seed=4
    ).posterior
    for name, scale in {"r": 1, "alpha": 7, "a": 1, "b": 1, "p": 1, "q": 1, "v": 100}.items():
        assert_allclose(other.draws[name], by_importance.posterior.draws[name] * scale, rtol=1e-4)


def test_diagnostics_of_a_good_fit_are_good(fitted, by_importance):
    for model in MODELS:
        numbers = {key.partition(".")[2]: value for key, value in fitted.diagnostics.items() if key.startswith(model)}
        assert numbers["rhat_max"] < 1.02
        assert numbers["ess_bulk_min"] > 300
        assert numbers["bfmi_min"] > 0.5
        assert numbers["divergences"] == 0
        assert numbers["sampling_seconds"] > 0
        assert by_importance.diagnostics[f"{model}.proposal_khat"] < 0.4
        assert by_importance.diagnostics[f"{model}.effective_draws"] > 3000
        assert by_importance.diagnostics[f"{model}.point_estimate"] == 0


def test_diagnostics_of_chains_that_disagree_are_bad(fitted):
    trace = fitted.models["purchases"].tree()
    trace["posterior"]["r"][0] += 1.0
    numbers = diagnose(trace, PURCHASES)
    assert numbers["rhat_max"] > 1.5
    trace["posterior"]["r"][:] = np.nan
    assert np.isnan(diagnose(trace, PURCHASES)["rhat_max"])


@pytest.mark.parametrize("method", ["nuts", "laplace", "map"])
def test_a_fit_is_repeatable(calibration, fit_settings, method):
    settings = replace(fit_settings, method=method, tune=200, draws=200)
    once, again = (fit_models(calibration, settings, seed=4).posterior for _ in range(2))
    for name, draws in once.draws.items():
        assert_allclose(again.draws[name], draws, rtol=1e-12)
        assert draws.shape == (4, 200)


def test_another_seed_gives_other_draws(calibration, fit_settings, by_importance):
    other = fit_models(calibration, replace(fit_settings, method="laplace", draws=1000), seed=5)
    assert (other.posterior.draws["r"] != by_importance.posterior.draws["r"]).all()
    assert agree(other, by_importance) == []


def test_the_mode_is_a_point_estimate_and_says_so(calibration, fit_settings, by_importance):
    fitted = fit_models(calibration, replace(fit_settings, method="map"), seed=0)
    assert fitted.methods == {"purchases": "map", "spend": "map"}
    assert fitted.posterior.origin["method"] == "map"
    for name, model in fitted.models.items():
        assert model.is_point
        assert fitted.diagnostics[f"{name}.point_estimate"] == 1
        point = model.u[0, 0]
        assert np.abs(model.target.density(point)[1]).max() < 1e-3
        assert (by_importance.models[name].u != point).all()
    for name, draws in fitted.posterior.draws.items():
        assert np.ptp(draws) == 0
        spread = by_importance.posterior.draws[name]
        assert np.quantile(spread, 0.05) < draws[0, 0] < np.quantile(spread, 0.95)


def test_a_base_of_distinct_histories_is_all_that_a_fit_needs(calibration, fit_settings, by_importance):
    """Memory grows with distinct histories only: a base ten times as large has no more of them."""
    base = CompressedSummary.of(calibration)
    settings = replace(fit_settings, method="laplace", draws=1000)
    same = fit_models(base, settings, seed=4)
    assert_allclose(same.posterior.draws["r"], by_importance.posterior.draws["r"])
    tenfold = CompressedSummary(
        replace(base.histories, count=base.histories.count * 10),
        replace(base.spends, count=base.spends.count * 10),
        None,
    )
    larger = fit_models(tenfold, settings, seed=4)
    for name, draws in larger.posterior.draws.items():
        assert draws.std() < 0.45 * by_importance.posterior.draws[name].std()
        table = larger.models["purchases"].target.table
        assert table.count.size == base.histories.count.size


def test_the_posterior_holds_the_scales_and_no_customer(fitted, calibration):
    origin = fitted.posterior.origin
    assert origin["scales"]["time_days"] == pytest.approx(calibration.table["T"].mean())
    assert set(origin) == {"method", "scales", "as_of", "customers", "observed_days", "repeat_spend", "first_orders"}
    assert origin["first_orders"]["customers"] == origin["customers"] == len(calibration.table)
    for model in fitted.models.values():
        assert set(model.tree().children) == {"posterior", "prior", "sample_stats"}


def test_every_chain_is_a_line_of_its_own_in_the_picture_of_ranks(fitted):
    """Without coordinates ArviZ draws one line per draw, across the chains."""
    model = fitted.models["purchases"]
    drawn = figures.rank(model.tree(), model.target.parameters)
    chains, draws = model.u.shape[:2]
    for axes in drawn.axes:
        lines = [line for line in axes.lines if len(line.get_xdata()) == draws]
        assert len(lines) == chains
