"""The compiled likelihoods and densities, against the literature, the library and their own derivatives."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from populations import CHANCES
from scipy import optimize

from tenure.fit.target import purchase_target, spend_target
from tenure.purchase.bg_nbd.likelihood import Table as PurchaseTable
from tenure.purchase.bg_nbd.likelihood import kernel as purchase_kernel
from tenure.purchase.bg_nbd.likelihood import pointwise as purchase_pointwise
from tenure.rfm import CompressedSummary
from tenure.settings import PriorSettings
from tenure.spend.gamma_gamma.likelihood import Table as SpendTable
from tenure.spend.gamma_gamma.likelihood import kernel as gamma_gamma_kernel
from tenure.spend.gamma_gamma.likelihood import pointwise as gamma_gamma_pointwise
from tenure.summary import CustomerSummary

PUBLISHED = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
PURCHASES = ("r", "alpha", "a", "b")
MODELS = ("bg_nbd", "mbg_nbd")
MANY = 3000  # histories: enough for the kernel to tabulate powers, group by group


def make_histories(size, seed=1, most=400):
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(0.5, 4.0, size))
    x[0] = 25
    T = rng.integers(max(most // 10, 1), most, size).astype(float)
    t_x = np.where(x > 0, np.floor(T * rng.random(size)), 0.0)
    return x, t_x, T, rng.integers(1, 9, size).astype(float)


def make_spends(size, seed=2):
    rng = np.random.default_rng(seed)
    return rng.poisson(2.0, size) + 1.0, rng.gamma(3.0, 10.0, size), rng.integers(1, 9, size).astype(float)


def evaluate(kernel, theta, table):
    value, gradient = kernel(np.asarray(theta, float), *table.arrays())
    return float(value), gradient


def in_weeks(summary):
    customers = summary.table
    return customers["frequency"].to_numpy(), customers["recency"].to_numpy() / 7, customers["T"].to_numpy() / 7


def test_the_log_likelihood_of_cdnow_is_the_published_one(calibration):
    """Fader, Hardie & Lee (2005), Marketing Science 24(2), Table 2."""
    x, t_x, T = in_weeks(calibration)
    table = PurchaseTable.of(x, t_x, T, np.ones(x.size), chances=0)
    value, gradient = evaluate(purchase_kernel, [PUBLISHED[name] for name in PURCHASES], table)
    assert value == pytest.approx(-9582.429, abs=5e-4)
    assert np.abs(gradient * list(PUBLISHED.values())).max() < 0.05


@pytest.mark.parametrize(
    ("customer", "published"), [("1", -9.4596), ("2", -4.4711), ("6", -21.8644), ("2356", -14.1284)]
)
def test_a_customers_log_likelihood_is_the_published_one(calibration, customer, published):
    """The same, Figure 1, which rounds t_x."""
    x, t_x, T = in_weeks(calibration)
    draws = {name: np.array([value]) for name, value in PUBLISHED.items()}
    each = purchase_pointwise(draws, x, t_x, T, chances=0)[0]
    assert each[calibration.table["customer_id"] == customer] == pytest.approx(published, abs=7e-4)


def test_maximum_likelihood_is_the_published_one(calibration):
    """Table 2 again; Fader, Hardie & Lee (2005), JMR 42, and note 025."""
    from tenure.fit import maximum_likelihood

    found = maximum_likelihood(calibration)
    for name, published in PUBLISHED.items():
        scale = 7.0 if name == "alpha" else 1.0
        assert found[name] / scale == pytest.approx(published, rel=1e-3)
    purchases = calibration.table["frequency"].sum()
    assert found["purchases_log_likelihood"] + purchases * np.log(7) == pytest.approx(-9582.429, abs=1e-3)
    assert found["p"] == pytest.approx(6.25, abs=0.005)
    assert found["q"] == pytest.approx(3.74, abs=0.005)
    assert found["v"] == pytest.approx(15.44, abs=0.006)
    assert found["spend_log_likelihood"] == pytest.approx(-4055.9177, abs=1e-3)


def test_maximum_likelihood_of_the_mbg_nbd_is_the_published_one(calibration):
    from tenure.fit import maximum_likelihood

    found = maximum_likelihood(calibration, "mbg_nbd")
    assert found["r"] == pytest.approx(0.525, abs=6e-4)
    assert found["alpha"] / 7 == pytest.approx(6.183, abs=6e-4)
    assert found["a"] == pytest.approx(0.891, abs=6e-4)
    assert found["b"] == pytest.approx(1.614, abs=6e-4)
    purchases = calibration.table["frequency"].sum()
    assert found["purchases_log_likelihood"] + purchases * np.log(7) == pytest.approx(-9582.136, abs=1e-3)


@pytest.mark.parametrize("size", [40, MANY])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("theta", [(0.25, 30.0, 0.8, 2.5), (5.0, 1e-3, 0.05, 0.4), (1e6, 2e8, 1e-6, 1e6)])
def test_the_purchase_kernels_gradient_is_its_derivative(theta, model, size):
    table = PurchaseTable.of(*make_histories(size), chances=CHANCES[model])
    log_theta = np.log(theta)
    _, gradient = evaluate(purchase_kernel, theta, table)
    numeric = optimize.approx_fprime(log_theta, lambda z: evaluate(purchase_kernel, np.exp(z), table)[0], 1e-6)
    assert_allclose(gradient * theta, numeric, rtol=2e-4, atol=2e-5 * size)


@pytest.mark.parametrize("theta", [(6.0, 3.7, 15.0), (0.2, 1.05, 1e-2), (300.0, 40.0, 1e4)])
def test_the_spend_kernels_gradient_is_its_derivative(theta):
    table = SpendTable.of(*make_spends(300))
    log_theta = np.log(theta)
    _, gradient = evaluate(gamma_gamma_kernel, theta, table)
    numeric = optimize.approx_fprime(log_theta, lambda z: evaluate(gamma_gamma_kernel, np.exp(z), table)[0], 1e-6)
    assert_allclose(gradient * theta, numeric, rtol=2e-4, atol=2e-2)


@pytest.mark.parametrize("most", [3, 400, 20_000])
@pytest.mark.parametrize("size", [40, MANY])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("theta", [(0.25, 30.0, 0.8, 2.5), (5.0, 1e-3, 0.05, 0.4), (1e6, 2e8, 1e-6, 1e6)])
def test_grouped_and_tabulated_is_the_sum_over_customers(theta, model, size, most):
    """A distinct history without its count would be one customer; tabulated powers are a short cut and no other sum."""
    x, t_x, T, count = make_histories(size, most=most)
    draws = dict(zip(PURCHASES, np.array(theta)[:, None], strict=True))
    each = purchase_pointwise(draws, x, t_x, T, chances=CHANCES[model])[0]
    summed = evaluate(purchase_kernel, theta, PurchaseTable.of(x, t_x, T, count, chances=CHANCES[model]))[0]
    assert summed == pytest.approx(each @ count, rel=1e-11)


@pytest.mark.parametrize("theta", [(6.0, 3.7, 15.0), (0.2, 1.05, 1e-2), (1e4, 1e4, 20.0)])
def test_grouped_spends_are_the_sum_over_buyers(theta):
    frequency, mean, count = make_spends(MANY)
    each = gamma_gamma_pointwise(dict(zip("pqv", np.array(theta)[:, None], strict=True)), frequency, mean)[0]
    table = SpendTable.of(frequency, mean, count)
    assert evaluate(gamma_gamma_kernel, theta, table)[0] == pytest.approx(each @ count, rel=1e-9)


def test_the_spend_likelihood_does_not_cancel_where_spends_are_nearly_equal():
    """At p = q = 1e6 the textbook's gamma functions are 1e7 each; against 60 digits."""
    import mpmath as mp

    p, q, v, x, mean = 1e6, 1e6, 1.0, 2.0, 1.0000003
    with mp.workdps(60):
        k, spent = mp.mpf(p) * x, mp.mpf(x) * mean
        exact = mp.loggamma(k + q) - mp.loggamma(k) - mp.loggamma(q) + k * mp.log(spent / v) - mp.log(mean)
        exact -= (k + q) * mp.log1p(spent / v)
    table = SpendTable.of(np.array([x]), np.array([mean]), np.array([1.0]))
    assert evaluate(gamma_gamma_kernel, [p, q, v], table)[0] == pytest.approx(float(exact), abs=1e-8)


@pytest.fixture(scope="module")
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pymc as pm
        from pymc_marketing.clv import GammaGammaModel
        from pymc_marketing.clv.distributions import BetaGeoNBD, ModifiedBetaGeoNBD
    return pm, {"bg_nbd": BetaGeoNBD, "mbg_nbd": ModifiedBetaGeoNBD}, GammaGammaModel


@pytest.mark.parametrize("model", MODELS)
def test_the_purchase_likelihood_and_its_gradient_are_the_librarys(library, model):
    import pytensor
    import pytensor.tensor as pt

    pm, distributions, _ = library
    x, t_x, T, count = make_histories(400)
    theta = pt.dvector("theta")
    r, alpha, a, b = (theta[at] for at in range(4))
    distribution = distributions[model].dist(a=a, b=b, r=r, alpha=alpha, T=T)
    total = (pm.logp(distribution, np.stack([t_x, x], axis=1)) * count).sum()
    theirs = pytensor.function([theta], [total, pytensor.grad(total, theta)])
    table = PurchaseTable.of(x, t_x, T, count, chances=CHANCES[model])
    rng = np.random.default_rng(2)
    for _ in range(5):
        point = np.exp(rng.normal([-1, 3, -0.3, 0.8], 0.7))
        value, gradient = theirs(point)
        ours = evaluate(purchase_kernel, point, table)
        assert ours[0] == pytest.approx(float(value), rel=1e-9)
        assert_allclose(ours[1], gradient, rtol=1e-8)


def test_the_spend_likelihood_and_its_gradient_are_the_librarys(library):
    import pytensor

    frequency, mean, _ = make_spends(400)
    data = pd.DataFrame({"customer_id": range(mean.size), "frequency": frequency, "monetary_value": mean})
    model = library[2]()
    model.build_model(data)
    total, parameters = model.model.potentials[0].sum(), [model.model[name] for name in "pqv"]
    theirs = pytensor.function(parameters, [total, *pytensor.grad(total, parameters)])
    for theta in [(6.0, 3.7, 15.0), (0.5, 1.2, 3.0)]:
        value, *gradient = theirs(*theta)
        ours = evaluate(gamma_gamma_kernel, theta, SpendTable.of(frequency, mean, np.ones(mean.size)))
        assert ours[0] == pytest.approx(float(value), rel=1e-9)
        assert_allclose(ours[1], gradient, rtol=1e-8)


# ---- the densities: likelihood and prior in unconstrained coordinates


def make_targets(summary, settings):
    base = CompressedSummary.of(summary)
    return {
        "bg_nbd": purchase_target(base, settings),
        "mbg_nbd": purchase_target(base, replace(settings, purchase_model="mbg_nbd")),
        "spend": spend_target(base, settings),
    }


POINTS = {4: [(0.3, -1.2, -1.0, 1.1), (-3.0, 2.0, 4.0, -2.0)], 3: [(0.1, -0.9, -0.5), (2.0, 1.5, 1.0)]}


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "spend"])
def test_a_densitys_gradient_is_its_derivative(calibration, fit_settings, name):
    target = make_targets(calibration, fit_settings)[name]
    for point in POINTS[len(target.names)]:
        value, gradient = target.density(np.array(point))
        numeric = optimize.approx_fprime(np.array(point), lambda u, target=target: target.density(u)[0], 1e-6)
        assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-2)
        assert target.densities(np.array([point, point])) == pytest.approx([value, value], rel=1e-14)


FAMILIES = {
    "LogNormal": {"mu": 0.2, "sigma": 0.8},
    "Gamma": {"alpha": 2.0, "beta": 3.0},
    "InverseGamma": {"alpha": 2.0, "beta": 3.0},
    "HalfNormal": {"sigma": 1.3},
    "Exponential": {"lam": 0.7},
}


@pytest.mark.parametrize(
    ("name", "family"), [*(("spend", family) for family in FAMILIES), ("bg_nbd", "LogNormal"), ("mbg_nbd", "Gamma")]
)
def test_a_density_is_that_of_the_pymc_model(calibration, fit_settings, name, family):
    """Up to a constant: differences between points are equal, under every family of priors."""
    from tenure.fit.pymc_model import pymc_model

    prior = PriorSettings(family, FAMILIES[family])
    priors = fit_settings.priors
    changed = {
        model: replace(getattr(priors, model), mean_rate=prior, dropout_concentration=prior) for model in MODELS
    } | {"gamma_gamma": replace(priors.gamma_gamma, mean_spend=prior, variation_within=prior)}
    target = make_targets(calibration, replace(fit_settings, priors=replace(priors, **changed)))[name]
    log_density = pymc_model(target).compile_logp()
    endings = ["logit" if quantity.is_share else "log__" for quantity in target.spec.quantities.values()]
    named = [f"{quantity}_{ending}" for quantity, ending in zip(target.names, endings, strict=True)]
    points = POINTS[len(target.names)]
    theirs = [float(log_density(dict(zip(named, map(np.array, point), strict=True)))) for point in points]
    ours = [target.density(np.array(point))[0] for point in points]
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1], rel=1e-9)
    # The parameters that come out are the PyMC model's deterministics.
    quantities = target.quantities(np.array(points[0]))
    model = pymc_model(target)
    values = {
        model[f"{name}_logit" if quantity.is_share else name]: points[0][at] if quantity.is_share else quantities[name]
        for at, (name, quantity) in enumerate(target.spec.quantities.items())
    }
    for parameter in target.parameters:
        assert float(model[parameter].eval(values, on_unused_input="ignore")) == pytest.approx(
            float(quantities[parameter]), rel=1e-12
        )


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "spend"])
def test_the_density_does_not_know_the_unit(calibration, fit_settings, name):
    """Days times 7 and money times 100: the same density at the same coordinates, to 1e-9."""
    ours, other = (make_targets(summary, fit_settings)[name] for summary in (calibration, in_other_units(calibration)))
    point = np.array(POINTS[len(ours.names)][0])
    assert ours.density(point)[0] == pytest.approx(other.density(point)[0], rel=1e-9)


def in_other_units(summary):
    customers = summary.table.assign(
        recency=summary.table["recency"] * 7,
        T=summary.table["T"] * 7,
        monetary_value=summary.table["monetary_value"] * 100,
    )
    return CustomerSummary.from_frame(customers, summary.as_of)


def test_scales_can_be_set(calibration, fit_settings):
    fixed = replace(fit_settings, scale=replace(fit_settings.scale, time_days=30.0, money=20.0))
    targets = make_targets(calibration, fixed)
    assert (targets["bg_nbd"].scale, targets["spend"].scale) == (30.0, 20.0)


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "spend"])
@pytest.mark.parametrize("far", [-1e9, -301.0, -290.0, -40.0, 40.0, 290.0, 301.0, 1e9, np.nan])
def test_far_out_the_density_is_minus_infinity_or_a_number(calibration, fit_settings, name, far):
    target = make_targets(calibration, fit_settings)[name]
    for at in range(len(target.names)):
        point = np.zeros(len(target.names))
        point[at] = far
        value, gradient = target.density(point)
        assert value < 0
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("beyond", [0.0, np.inf, np.nan])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_kernel_that_a_sampler_leads_out_of_the_doubles_is_minus_infinity(at, beyond):
    """PyMC's own sampler takes such steps while it warms up."""
    for kernel, table, size in (
        (purchase_kernel, PurchaseTable.of(*make_histories(20), chances=0), 4),
        (gamma_gamma_kernel, SpendTable.of(*make_spends(20)), 3),
    ):
        theta = np.ones(size)
        theta[at] = beyond
        value, gradient = kernel(theta, *table.arrays())
        assert value == -np.inf
        assert_allclose(gradient, np.zeros(size))
