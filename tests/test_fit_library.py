"""A fit handed back to pymc-marketing: stock models that answer for our draws."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from tenure.fit import fit_models, library_model
from tenure.fit.loo import leave_one_out
from tenure.rfm import CompressedSummary
from tenure.scorer import Scorer

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", params=["bg_nbd", "mbg_nbd"])
def handed(request, calibration, fit_settings):
    settings = replace(
        fit_settings, method="laplace", purchase_model=request.param, chains=2, draws=100, joint_draws=100
    )
    fitted = fit_models(calibration, settings, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted, library_model(fitted.posterior, calibration)


def test_the_models_are_the_librarys_own_and_hold_our_draws(handed):
    from pymc_marketing import clv

    posterior, models = handed[0].posterior, handed[1]
    kind = {"bg_nbd": clv.BetaGeoModel, "mbg_nbd": clv.ModifiedBetaGeoModel}[posterior.purchase_model]
    assert type(models.purchases) is kind
    assert type(models.spend) is clv.GammaGammaModel
    for model, names in ((models.purchases, ("r", "alpha", "a", "b")), (models.spend, ("p", "q", "v"))):
        for name in names:
            np.testing.assert_array_equal(model.idata["posterior"][name].values, posterior.draws[name])


def test_the_librarys_expectations_are_ours(handed, calibration):
    posterior, models = handed[0].posterior, handed[1]
    customers = calibration.table
    theirs = models.purchases.expected_purchases(future_t=365).mean(("chain", "draw")).to_numpy()
    ours = Scorer(posterior).score(customers, horizon_days=365, discount_rate=0.0, level=0.9).table
    assert ours["expected_purchases"].to_numpy() == pytest.approx(theirs, rel=1e-6)
    alive = models.purchases.expected_probability_alive().mean(("chain", "draw")).to_numpy()
    assert ours["p_alive"].to_numpy() == pytest.approx(alive, rel=1e-6)
    data = customers[["customer_id", "frequency", "monetary_value"]]
    spend = models.spend.expected_customer_spend(data=data).mean(("chain", "draw")).to_numpy()
    assert ours["expected_spend"].to_numpy() == pytest.approx(spend, rel=1e-9)


def test_the_librarys_spend_distribution_is_in_order_of_the_ids(handed, calibration):
    """It labels values by sorted id, whatever the data's order, so the data are handed over sorted."""
    _, models = handed
    drawn = models.spend.distribution_customer_spend(models.spend.data).mean(("chain", "draw"))
    repeat = calibration.table[calibration.table["frequency"] > 0].set_index("customer_id")
    means = repeat.loc[drawn["customer_id"].values, "monetary_value"]
    assert np.corrcoef(drawn.values, means)[0, 1] > 0.9


@pytest.mark.slow
def test_the_librarys_leave_one_out_is_ours(handed, calibration):
    import arviz as az
    import pymc as pm

    fitted, models = handed
    with models.purchases.model:
        pm.compute_log_likelihood(models.purchases.idata, progressbar=False)
    theirs = az.loo(models.purchases.idata)
    ours = leave_one_out(fitted, CompressedSummary.of(calibration), seed=0)["purchases"]
    assert ours.elpd == pytest.approx(float(theirs.elpd), abs=0.05)
    assert ours.se == pytest.approx(float(theirs.se), rel=1e-4)


def test_the_librarys_plots_draw(handed):
    import matplotlib.pyplot as plt
    from pymc_marketing import clv

    _, models = handed
    clv.plot_probability_alive_matrix(models.purchases)
    clv.plot_frequency_recency_matrix(models.purchases)
    plt.close("all")


def test_a_model_is_saved_and_loaded_by_the_library(handed, tmp_path):
    _, models = handed
    for model in models:
        model.save(str(tmp_path / f"{type(model).__name__}.nc"))
        again = type(model).load(str(tmp_path / f"{type(model).__name__}.nc"))
        name = next(iter(model.idata["posterior"].data_vars))
        np.testing.assert_array_equal(again.idata["posterior"][name].values, model.idata["posterior"][name].values)
