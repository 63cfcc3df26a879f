"""The prior: its draws, what it says in business terms, and who decides."""

from dataclasses import replace

import numpy as np
import pytest
from cases import few
from scipy import stats

from tenure.fit import check_fit, fit_models, prior_population, summarize_prior
from tenure.fit.prior import MEANS, SENSITIVE, draw_prior, sensitivity
from tenure.fit.target import purchase_target, spend_target
from tenure.jobs.compose import compose_settings
from tenure.rfm import CompressedSummary
from tenure.settings import PriorSettings
from tenure.summary import CustomerSummary

DISTRIBUTIONS = {
    "LogNormal": ({"mu": 0.5, "sigma": 0.7}, stats.lognorm(0.7, scale=np.exp(0.5))),
    "Gamma": ({"alpha": 0.4, "beta": 3.0}, stats.gamma(0.4, scale=1 / 3.0)),
    "InverseGamma": ({"alpha": 2.5, "beta": 3.0}, stats.invgamma(2.5, scale=3.0)),
    "HalfNormal": ({"sigma": 1.7}, stats.halfnorm(scale=1.7)),
    "Exponential": ({"lam": 0.4}, stats.expon(scale=2.5)),
}


@pytest.fixture(scope="module")
def settings(fit_settings):
    return replace(fit_settings, method="laplace", draws=1000)


@pytest.fixture(scope="module")
def base(calibration):
    return CompressedSummary.of(calibration)


@pytest.mark.parametrize("family", DISTRIBUTIONS)
def test_draws_of_a_prior_are_its_own(base, settings, family):
    parameters, distribution = DISTRIBUTIONS[family]
    priors = replace(settings.priors.bg_nbd, mean_rate=PriorSettings(family, parameters))
    target = purchase_target(base, replace(settings, priors=replace(settings.priors, bg_nbd=priors)))
    drawn = target.quantities(draw_prior(target, 4000, np.random.default_rng(0)))
    assert stats.kstest(drawn["mean_rate"], distribution.cdf).pvalue > 0.01
    assert stats.kstest(drawn["dropout_mean"], stats.uniform.cdf).pvalue > 0.01
    # The density that is explored is the one that is drawn from: their difference in logs is a constant.
    u = draw_prior(target, 500, np.random.default_rng(1))
    density = distribution.logpdf(np.exp(u[:, 0])) + u[:, 0]
    rest = target.log_prior(u) - density
    others = [
        stats.norm(-0.5, 1.5).logpdf(u[:, 1]),
        -np.logaddexp(0, u[:, 2]) - np.logaddexp(0, -u[:, 2]),
        stats.norm(0.7, 1.25).logpdf(u[:, 3]),
    ]
    assert np.ptp(rest - np.sum(others, axis=0)) < 1e-8


STATED = {  # median and nine-in-ten range, by the comments of conf/fit/priors
    "weak": {
        ("bg_nbd", "mean_rate"): (1, 1 / 27, 27),
        ("bg_nbd", "heterogeneity"): (0.6, 0.05, 7),
        ("bg_nbd", "dropout_concentration"): (2, 0.26, 16),
        ("gamma_gamma", "mean_spend"): (1, 0.2, 5),
        ("gamma_gamma", "variation_within"): (0.5, 0.16, 1.6),
        ("gamma_gamma", "variation_between"): (0.7, 0.31, 1.6),
    },
    "vague": {
        ("bg_nbd", "mean_rate"): (1, 1 / 720, 720),
        ("bg_nbd", "heterogeneity"): (0.6, 0.004, 84),
        ("bg_nbd", "dropout_concentration"): (2, 0.03, 120),
        ("gamma_gamma", "mean_spend"): (1, 1 / 27, 27),
        ("gamma_gamma", "variation_within"): (0.5, 0.05, 5),
        ("gamma_gamma", "variation_between"): (0.7, 0.14, 3.7),
    },
}


@pytest.mark.parametrize("name", few(STATED, 1))
def test_a_shipped_prior_is_as_wide_as_it_says(name):
    priors = compose_settings("train", [f"fit/priors={name}"]).fit.priors
    for (group, quantity), ends in STATED[name].items():
        numbers = getattr(getattr(priors, group), quantity).parameters
        stated = np.exp(numbers["mu"] + numbers["sigma"] * stats.norm.ppf([0.5, 0.05, 0.95]))
        assert stated == pytest.approx(ends, rel=0.12), quantity


def test_the_vague_prior_has_the_medians_of_the_weak_one_and_twice_its_spreads():
    weak, vague = (compose_settings("train", [f"fit/priors={name}"]).fit.priors for name in STATED)
    for group, quantity in STATED["weak"]:
        narrow, wide = (getattr(getattr(priors, group), quantity).parameters for priors in (weak, vague))
        assert (wide["mu"], wide["sigma"]) == (narrow["mu"], 2 * narrow["sigma"])
    assert vague.bg_nbd.dropout_mean.parameters == {"alpha": 0.5, "beta": 0.5}
    for priors in (weak, vague):
        assert vars(priors.mbg_nbd) == vars(priors.bg_nbd)


def test_consequences_are_what_simulated_customers_do(base, settings):
    """Closed forms against new customers who live a year under each posterior draw, and buy."""
    from tenure.fit.predictive import replicate_purchases, replicate_spends

    for purchases in ("bg_nbd", "mbg_nbd"):
        fitted = fit_models(base, replace(settings, purchase_model=purchases), seed=0)
        table = check_fit(fitted, base, seed=0).consequences.table(0.9)
        rng = np.random.default_rng(0)
        lives = replicate_purchases(fitted.posterior, np.full(2000, 365), rng, 200)
        stated = table["posterior_median"]
        assert stated["repeat purchases of a new customer in a year"] == pytest.approx(lives.mean(), rel=0.02)
        assert stated["share of customers without a repeat purchase in a year"] == pytest.approx(
            (lives == 0).mean(), rel=0.01
        )
        spent = replicate_spends(fitted.posterior, np.ones(20_000), rng, 50)
        assert stated["mean spend per purchase"] == pytest.approx(spent.mean(), rel=0.02)
        assert (table["prior_high"] - table["prior_low"] > 5 * (table["posterior_high"] - table["posterior_low"])).all()


def test_with_many_customers_the_data_decide_and_with_few_the_prior(base, settings):
    many = check_fit(fit_models(base, settings, seed=0), base, seed=0)
    assert many.metrics["purchases.prior_dominated"] == 0
    assert many.metrics["spend.prior_dominated"] == 0
    assert many.warnings == []
    assert (many.sensitivities["purchases"]["likelihood"] > SENSITIVE).all()
    customers = {"customer_id": ["a"], "frequency": [1], "recency": [5], "T": [100], "monetary_value": [10.0]}
    import pandas as pd

    alone = CompressedSummary.of(CustomerSummary.from_frame(pd.DataFrame(customers)))
    few = check_fit(fit_models(alone, settings, seed=0), alone, seed=0)
    assert few.metrics["purchases.prior_dominated"] >= 1
    assert any("dominated by the prior, not the data" in warning for warning in few.warnings)


def test_a_narrow_prior_is_seen_to_pull(base, settings):
    """A prior on the mean rate far from the data, and narrower than they are: sensitive to it, alpha above all."""
    narrow = replace(settings.priors.bg_nbd, mean_rate=PriorSettings("LogNormal", {"mu": 2.0, "sigma": 0.05}))
    pulled = fit_models(base, replace(settings, priors=replace(settings.priors, bg_nbd=narrow)), seed=0)
    table = sensitivity(pulled.models["purchases"])
    free = sensitivity(fit_models(base, settings, seed=0).models["purchases"])
    assert table.loc["alpha", "prior"] > 5 * max(free.loc["alpha", "prior"], 0.02)
    assert table.loc["alpha", "dominated_by"] != "the data"


def test_sensitivity_follows_a_refit_under_the_scaled_prior(base, settings):
    """Power-scaling a log-normal prior by 4 halves its spread: the shift of a refit has the sign that is predicted."""
    scaled = {
        name: PriorSettings("LogNormal", {"mu": prior.parameters["mu"], "sigma": prior.parameters["sigma"] / 2})
        for name, prior in vars(settings.priors.gamma_gamma).items()
    }
    target = spend_target(base, settings)
    tight = fit_models(
        base,
        replace(settings, priors=replace(settings.priors, gamma_gamma=type(settings.priors.gamma_gamma)(**scaled))),
        seed=0,
    )
    loose = fit_models(base, settings, seed=0)
    u = loose.models["spend"].u.reshape(-1, 3)
    weights = np.exp(3 * (target.log_prior(u) - target.log_prior(u).max()))
    moved = tight.models["spend"].u.reshape(-1, 3).mean(axis=0) - u.mean(axis=0)
    predicted = weights @ u / weights.sum() - u.mean(axis=0)
    assert moved == pytest.approx(predicted, abs=0.02)


@pytest.mark.slow
def test_a_prior_that_the_log_contradicts_is_found(base, settings):
    """Spend of 581 to 2,268 beside a log whose mean is 36: a prior in units of the log, set without its scale."""
    fair = check_fit(fit_models(base, settings, seed=0), base, seed=0).metrics
    assert min(fair["purchases.prior_conflict"], fair["spend.prior_conflict"]) > 0.1
    far = replace(settings.priors.gamma_gamma, mean_spend=PriorSettings("LogNormal", {"mu": 3.689, "sigma": 0.4214}))
    wrong = replace(settings, priors=replace(settings.priors, gamma_gamma=far))
    metrics = check_fit(fit_models(base, wrong, seed=0), base, seed=0).metrics
    assert metrics["spend.prior_conflict"] < 0.002
    assert metrics["purchases.prior_conflict"] == fair["purchases.prior_conflict"]
    assert metrics["spend.prior_dominated"] == 0  # so that no other check would have said it
    scaled = replace(wrong, scale=replace(settings.scale, money=1.0))
    assert check_fit(fit_models(base, scaled, seed=0), base, seed=0).metrics["spend.prior_conflict"] > 0.1


def test_what_a_prior_implies_is_computed_without_a_fit(base, settings):
    own = {
        "bg_nbd": replace(settings.priors.bg_nbd, mean_rate=PriorSettings("LogNormal", {"mu": 1.04, "sigma": 0.632})),
        "gamma_gamma": replace(
            settings.priors.gamma_gamma, mean_spend=PriorSettings("LogNormal", {"mu": 3.689, "sigma": 0.4214})
        ),
    }
    scaled = replace(settings.scale, time_days=365.0, money=1.0)
    stated = replace(settings, priors=replace(settings.priors, **own), scale=scaled)
    table = summarize_prior(prior_population(base, stated, seed=3), 0.9)
    assert list(table.columns) == ["median", "low", "high"]
    rate, spend = (table.loc[name] for name in MEANS.values())
    # Of 2,000 draws the quantiles at 5% have a relative error of 3% or so.
    assert rate.tolist() == pytest.approx([np.exp(1.04), 1.0, 8.0], rel=0.12)
    assert spend.tolist() == pytest.approx([40.0, 20.0, 80.0], rel=0.08)
