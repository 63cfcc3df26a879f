"""The fit: its kernels, its priors, its samples, its leave-one-out."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import optimize

from tenure.fit.likelihood import (
    PurchaseTable,
    SpendTable,
    bg_nbd_kernel,
    bg_nbd_pointwise,
    gamma_gamma_kernel,
    gamma_gamma_pointwise,
)
from tenure.summary import Rfm

PUBLISHED = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
PURCHASES = ("r", "alpha", "a", "b")


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(1)
    x = rng.poisson(2.0, 400)
    T = rng.integers(10, 300, 400).astype(float)
    t_x = np.where(x > 0, np.floor(T * rng.random(400)), 0.0)
    count = rng.integers(1, 5, 400).astype(float)
    repeat = x > 0
    spend = (x[repeat].astype(float), rng.gamma(3.0, 10.0, repeat.sum()), count[repeat])
    return (x, t_x, T, count), spend


@pytest.fixture(scope="session")
def fit_settings():
    return replace(compose_settings("train").fit, draws=500, tune=500, joint_draws=500)


def compose_settings(name):
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from tenure.jobs import app

    with initialize_config_dir(app.shipped("conf"), version_base="1.3"):
        return OmegaConf.to_object(compose(name))


@pytest.fixture(scope="session")
def calibration():
    from tenure.rfm import split
    from tenure.transactions import read

    return split(read(compose_settings("train").transactions)).calibration


@pytest.fixture(scope="session")
def fitted(calibration, fit_settings):
    from tenure.fit import fit

    return fit(calibration, fit_settings, seed=4)


def evaluate(kernel, theta, table):
    value, gradient = kernel(np.asarray(theta, float), *table.arrays())
    return float(value), gradient


def in_weeks(rfm):
    customers = rfm.customers
    return customers["frequency"].to_numpy(), customers["recency"].to_numpy() / 7, customers["T"].to_numpy() / 7


def test_the_log_likelihood_of_cdnow_is_the_published_one(calibration):
    """Fader, Hardie & Lee (2005), Marketing Science 24(2), Table 2 (published.md, row 1)."""
    x, t_x, T = in_weeks(calibration)
    table = PurchaseTable.of(x, t_x, T, np.ones(x.size))
    value, gradient = evaluate(bg_nbd_kernel, [PUBLISHED[name] for name in PURCHASES], table)
    assert value == pytest.approx(-9582.429, abs=5e-4)
    assert np.abs(gradient * list(PUBLISHED.values())).max() < 0.05


@pytest.mark.parametrize(
    ("customer", "published"), [("1", -9.4596), ("2", -4.4711), ("6", -21.8644), ("2356", -14.1284)]
)
def test_a_customers_log_likelihood_is_the_published_one(calibration, customer, published):
    """The same, Figure 1, which rounds t_x (row 2)."""
    x, t_x, T = in_weeks(calibration)
    draws = {name: np.array([value]) for name, value in PUBLISHED.items()}
    each = bg_nbd_pointwise(draws, x, t_x, T)[0]
    assert each[calibration.customers["customer_id"] == customer] == pytest.approx(published, abs=7e-4)


def test_maximum_likelihood_is_the_published_one(calibration):
    """Rows 1 and 10: Table 2; Fader, Hardie & Lee (2005), JMR 42, and note 025."""
    from tenure.fit import maximum_likelihood

    found = maximum_likelihood(calibration)
    for name, published in PUBLISHED.items():
        scale = 7.0 if name == "alpha" else 1.0
        assert found[name] / scale == pytest.approx(published, rel=1e-3)
    purchases = calibration.customers["frequency"].sum()
    assert found["purchases_log_likelihood"] + purchases * np.log(7) == pytest.approx(-9582.429, abs=1e-3)
    assert found["p"] == pytest.approx(6.25, abs=0.005)
    assert found["q"] == pytest.approx(3.74, abs=0.005)
    assert found["v"] == pytest.approx(15.44, abs=0.006)
    assert found["spend_log_likelihood"] == pytest.approx(-4055.9177, abs=1e-3)


@pytest.mark.parametrize("theta", [(0.25, 30.0, 0.8, 2.5), (5.0, 1e-3, 0.05, 0.4), (1e6, 2e8, 1e-6, 1e6)])
def test_the_purchase_kernels_gradient_is_its_derivative(tables, theta):
    table = PurchaseTable.of(*tables[0])
    log_theta = np.log(theta)
    _, gradient = evaluate(bg_nbd_kernel, theta, table)
    numeric = optimize.approx_fprime(log_theta, lambda z: evaluate(bg_nbd_kernel, np.exp(z), table)[0], 1e-6)
    assert_allclose(gradient * theta, numeric, rtol=2e-4, atol=2e-2)


@pytest.mark.parametrize("theta", [(6.0, 3.7, 15.0), (0.2, 1.05, 1e-2), (300.0, 40.0, 1e4)])
def test_the_spend_kernels_gradient_is_its_derivative(tables, theta):
    table = SpendTable.of(*tables[1])
    log_theta = np.log(theta)
    _, gradient = evaluate(gamma_gamma_kernel, theta, table)
    numeric = optimize.approx_fprime(log_theta, lambda z: evaluate(gamma_gamma_kernel, np.exp(z), table)[0], 1e-6)
    assert_allclose(gradient * theta, numeric, rtol=2e-4, atol=2e-2)


def test_equal_histories_count_as_often_as_they_occur(tables):
    """T-30: a distinct history without its count would be one customer."""
    (x, t_x, T, count), (frequency, mean, spend_count) = tables
    theta = np.array([0.25, 30.0, 0.8, 2.5])
    each = bg_nbd_pointwise(dict(zip(PURCHASES, theta[:, None], strict=True)), x, t_x, T)[0]
    summed = evaluate(bg_nbd_kernel, theta, PurchaseTable.of(x, t_x, T, count))[0]
    assert summed == pytest.approx(each @ count, rel=1e-12)
    theta = np.array([6.0, 3.7, 15.0])
    each = gamma_gamma_pointwise(dict(zip("pqv", theta[:, None], strict=True)), frequency, mean)[0]
    table = SpendTable.of(frequency, mean, spend_count)
    assert evaluate(gamma_gamma_kernel, theta, table)[0] == pytest.approx(each @ spend_count, rel=1e-12)


@pytest.fixture(scope="module")
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pymc as pm
        from pymc_marketing.clv import GammaGammaModel
        from pymc_marketing.clv.distributions import BetaGeoNBD
    return pm, BetaGeoNBD, GammaGammaModel


def test_the_purchase_likelihood_is_the_librarys(library, tables):
    pm, BetaGeoNBD, _ = library
    x, t_x, T, count = tables[0]
    rng = np.random.default_rng(2)
    for _ in range(5):
        r, alpha, a, b = np.exp(rng.normal([-1, 3, -0.3, 0.8], 0.7))
        theirs = pm.logp(BetaGeoNBD.dist(a=a, b=b, r=r, alpha=alpha, T=T), np.stack([t_x, x], axis=1)).eval()
        ours = evaluate(bg_nbd_kernel, [r, alpha, a, b], PurchaseTable.of(x, t_x, T, count))[0]
        assert ours == pytest.approx(float(theirs @ count), rel=1e-9)


def test_the_spend_likelihood_is_the_librarys(library, tables):
    _, _, GammaGammaModel = library
    frequency, mean, _ = tables[1]
    data = pd.DataFrame({"customer_id": range(mean.size), "frequency": frequency, "monetary_value": mean})
    model = GammaGammaModel()
    model.build_model(data)
    likelihood, parameters = model.model.potentials[0].sum(), [model.model[name] for name in "pqv"]
    for p, q, v in [(6.0, 3.7, 15.0), (0.5, 1.2, 3.0)]:
        ours = evaluate(gamma_gamma_kernel, [p, q, v], SpendTable.of(frequency, mean, np.ones(mean.size)))[0]
        assert ours == pytest.approx(float(likelihood.eval(dict(zip(parameters, (p, q, v), strict=True)))), rel=1e-9)


def test_the_log_density_does_not_know_the_unit(calibration, fit_settings):
    """Days times 7 and money times 100: the same density at mapped parameters, to 1e-9 (T-03, T-05)."""
    from tenure.fit.run import _money_scale, _purchase_model, _spend_model, _time_scale

    scaled = in_other_units(calibration)
    point = {
        "mean_rate_log__": 0.3,
        "heterogeneity_log__": -1.2,
        "dropout_mean_logodds__": -1.0,
        "dropout_concentration_log__": 1.1,
    }
    models = [_purchase_model(rfm, fit_settings, _time_scale(rfm, fit_settings)) for rfm in (calibration, scaled)]
    found = [model.model.compile_logp()(point) for model in models]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    point = {"mean_spend_log__": 0.1, "variation_within_log__": -0.9, "variation_between_log__": -0.5}
    models = [_spend_model(rfm, fit_settings, _money_scale(rfm, fit_settings)) for rfm in (calibration, scaled)]
    found = [model.model.compile_logp()(point) for model in models]
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def in_other_units(rfm):
    customers = rfm.customers.assign(
        recency=rfm.customers["recency"] * 7,
        T=rfm.customers["T"] * 7,
        monetary_value=rfm.customers["monetary_value"] * 100,
    )
    return Rfm.from_frame(customers, rfm.as_of)


def test_a_fit_in_other_units_is_the_same_model(calibration, fitted, fit_settings):
    from tenure.fit import fit

    other = fit(in_other_units(calibration), fit_settings, seed=5).posterior
    for name, scale in {"r": 1, "alpha": 7, "a": 1, "b": 1, "p": 1, "q": 1, "v": 100}.items():
        assert agree(fitted.posterior.draws[name] * scale, other.draws[name]), name


def agree(first, second):
    """Tell whether two means lie within four Monte Carlo standard errors of each other."""
    import arviz as az

    error = np.hypot(*(float(az.mcse(draws, method="mean")) for draws in (first, second)))
    return abs(first.mean() - second.mean()) < 4 * error


def test_the_posterior_agrees_with_a_long_reference_run(fitted):
    """The reference: stock PyMC NUTS on the library's own likelihood under the same priors; see its script."""
    reference = pd.read_csv("tests/reference_posterior.csv", index_col=0, comment="#")
    import arviz as az

    for name, row in reference.iterrows():
        draws = fitted.posterior.draws[name]
        error = np.hypot(float(az.mcse(draws, method="mean")), row["mcse"])
        assert abs(draws.mean() - row["mean"]) < 4 * error, name
        assert draws.std() == pytest.approx(row["sd"], rel=0.12), name


def test_diagnostics_of_a_good_fit_are_good(fitted):
    for model in ("purchases", "spend"):
        prefix = f"{model}."
        numbers = {
            key.removeprefix(prefix): value for key, value in fitted.diagnostics.items() if key.startswith(prefix)
        }
        assert numbers["rhat_max"] < 1.02
        assert numbers["ess_bulk_min"] > 300
        assert numbers["bfmi_min"] > 0.5
        assert numbers["divergences"] == 0
        assert numbers["khat_max"] < 0.7
        assert numbers["sampling_seconds"] > 0


def test_diagnostics_of_chains_that_disagree_are_bad(fitted):
    from tenure.fit.diagnostics import diagnose

    trace = fitted.traces["purchases"].copy(deep=True)
    trace["posterior"]["r"][0] += 1.0
    numbers = diagnose(trace, PURCHASES)
    assert numbers["rhat_max"] > 1.5
    trace["posterior"]["r"][:] = np.nan
    assert np.isnan(diagnose(trace, PURCHASES)["rhat_max"])


def test_leave_one_out_equals_arviz_on_the_customers_themselves(calibration, fitted):
    """Weighting before smoothing would leave whole histories out (design: off by 780 on CDNOW)."""
    import arviz as az
    import xarray as xr

    customers = calibration.customers
    joint = fitted.posterior.joint()
    each = bg_nbd_pointwise(
        joint, customers["frequency"].to_numpy(), customers["recency"].to_numpy(float), customers["T"].to_numpy(float)
    )
    chains, draws = fitted.posterior.draws["r"].shape
    cube = each.reshape(draws, chains, -1).transpose(1, 0, 2)
    tree = xr.DataTree.from_dict(
        {
            "posterior": fitted.traces["purchases"]["posterior"].to_dataset(),
            "log_likelihood": xr.Dataset({"y": (("chain", "draw", "customer"), cube)}),
        }
    )
    theirs, ours = az.loo(tree, pointwise=True), fitted.loos["purchases"]
    assert ours.elpd == pytest.approx(float(theirs.elpd), abs=1e-6)
    assert ours.se == pytest.approx(float(theirs.se), rel=1e-6)
    assert ours.p_loo == pytest.approx(float(theirs.p), abs=1e-6)
    assert ours.khat_max == pytest.approx(float(theirs.pareto_k.max()), abs=1e-9)
    assert ours.count.sum() == len(customers)


def test_a_fit_is_repeatable(calibration, fitted, fit_settings):
    from tenure.fit import fit

    again = fit(calibration, fit_settings, seed=4).posterior
    for name, draws in fitted.posterior.draws.items():
        assert_allclose(again.draws[name], draws, rtol=1e-12)


def test_the_posterior_holds_the_scales_and_no_customer(fitted, calibration):
    origin = fitted.posterior.origin
    assert origin["scales"]["time_days"] == pytest.approx(calibration.customers["T"].mean())
    assert set(origin) == {"method", "scales", "as_of", "customers"}


def test_a_base_without_repeat_buyers_is_refused(calibration, fit_settings):
    from tenure.fit import FitError, fit

    customers = calibration.customers.assign(frequency=0, recency=0)
    with pytest.raises(FitError, match="2,357 customers, 0 of them repeat buyers"):
        fit(Rfm.from_frame(customers), fit_settings, seed=0)


def test_scales_can_be_set(calibration, fit_settings):
    from tenure.fit.run import _money_scale, _time_scale

    fixed = replace(fit_settings, scale=replace(fit_settings.scale, time_days=30.0, money=20.0))
    assert (_time_scale(calibration, fixed), _money_scale(calibration, fixed)) == (30.0, 20.0)
