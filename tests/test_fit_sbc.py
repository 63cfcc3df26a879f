"""Simulation-based calibration: the truth is anywhere among the draws, as often in one place as in another."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import sbc
from cases import few

from tenure.fit.run import explore

MODELS = sbc.MODELS
# The least share of fits that the method itself must have made, or it would not be tested: the rest fall back to nuts.
# Beside a share that never returns, one-time buyers have three explanations, and the fallback is frequent
# (experiments/sbc.md).
OWN_SHARE = {"zi_bg_nbd": 0.25}


@pytest.fixture(autouse=True)
def quiet():
    """Many of these logs are hard on purpose, and each that is given to nuts says so."""
    logging.getLogger("tenure").setLevel(logging.ERROR)
    yield
    logging.getLogger("tenure").setLevel(logging.NOTSET)


@pytest.fixture
def short(fit_settings):
    return replace(fit_settings, chains=2, tune=300, draws=400, joint_draws=400)


@pytest.mark.parametrize("model", ["bg_nbd", "gamma_gamma"])
@pytest.mark.parametrize(("method", "fits"), few([("laplace", 60), ("nuts", 10)], 1))
def test_ranks_of_the_truth_are_uniform(short, model, method, fits):
    shares = sbc.rank_truths(model, replace(short, method=method), fits, customers=150, seed=1)
    assert sbc.not_uniform(shares) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("method", "fits"), [("laplace", 200), ("nuts", 50)])
def test_ranks_of_the_truth_are_uniform_over_many_fits(fit_settings, model, method, fits):
    shares = sbc.rank_truths(model, replace(fit_settings, draws=1000, method=method), fits, seed=2)
    assert (shares["method"] == method).mean() > OWN_SHARE.get(model, 0.4)
    assert sbc.not_uniform(shares) == []


@pytest.mark.slow
def test_draws_that_are_too_sure_are_caught(short, monkeypatch):
    def too_sure(*arguments, **named):
        fitted = explore(*arguments, **named)
        centre = fitted.u.mean(axis=(0, 1))
        return replace(fitted, u=centre + 0.7 * (fitted.u - centre))

    monkeypatch.setattr(sbc, "explore", too_sure)
    shares = sbc.rank_truths("gamma_gamma", replace(short, method="laplace"), 100, customers=150, seed=1)
    assert "density" in sbc.not_uniform(shares)


@pytest.mark.slow
def test_draws_that_are_off_centre_are_caught(short, monkeypatch):
    def off_centre(*arguments, **named):
        fitted = explore(*arguments, **named)
        return replace(fitted, u=fitted.u + 0.7 * fitted.u.std(axis=(0, 1)) * np.array([1.0, 0.0, 0.0]))

    monkeypatch.setattr(sbc, "explore", off_centre)
    shares = sbc.rank_truths("gamma_gamma", replace(short, method="laplace"), 100, customers=150, seed=1)
    assert "mean_spend" in sbc.not_uniform(shares)


@pytest.mark.slow
def test_a_scale_taken_from_the_log_would_spoil_the_calibration(short):
    """With few customers the prior counts, and it must not have been centred on their very spends."""
    by_importance = replace(short, method="laplace")
    fixed = sbc.rank_truths("gamma_gamma", by_importance, 150, customers=2, seed=1)
    assert sbc.not_uniform(fixed) == []
    taken = sbc.rank_truths("gamma_gamma", by_importance, 150, customers=2, seed=1, money_from_the_log=True)
    assert "mean_spend" in sbc.not_uniform(taken)
