"""The compiled likelihoods and densities, against the literature, the library and their own derivatives."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from populations import CHANCES

from tenure.fit.target import purchase_target, spend_target
from tenure.purchase.bg_nbd.likelihood import Table as PurchaseTable
from tenure.purchase.bg_nbd.likelihood import kernel as purchase_kernel
from tenure.purchase.bg_nbd.likelihood import pointwise as purchase_pointwise
from tenure.rfm import CompressedSummary
from tenure.spend.gamma_gamma.likelihood import Table as SpendTable
from tenure.spend.gamma_gamma.likelihood import kernel as gamma_gamma_kernel

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


def test_scales_can_be_set(calibration, fit_settings):
    fixed = replace(fit_settings, scale=replace(fit_settings.scale, time_days=30.0, money=20.0))
    targets = make_targets(calibration, fixed)
    assert (targets["bg_nbd"].scale, targets["spend"].scale) == (30.0, 20.0)
