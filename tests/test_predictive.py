from typing import Any

import numpy as np
import pytest
from populations import PURCHASE_MODELS
from pymc_marketing.clv.distributions import BetaGeoNBD, ModifiedBetaGeoNBD
from scipy.special import hyp2f1
from scipy.stats import chi2_contingency, ks_2samp

from tenure.fit.predictive import PredictiveError, replicate_purchases, replicate_spends
from tenure.posterior import Posterior

CDNOW = {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.4}


def make_posterior(draws: int = 400, purchases: str = "bg_nbd", **changes: float) -> Posterior:
    """Repeat one population, so that a mean over replicates has a closed form."""
    population = CDNOW | changes
    return Posterior({name: np.full((1, draws), value) for name, value in population.items()}, purchases, "gamma_gamma")


def expected_purchases(purchases: str, T: float, r: float, alpha: float, a: float, b: float) -> float:
    """Fader, Hardie & Lee (2005), eq. 9; Batislam et al. (2007), eq. 4."""
    z = T / (alpha + T)
    if purchases == "mbg_nbd":
        return b / (a - 1) * (1 - (1 - z) ** r * hyp2f1(r, b + 1, a + b, z))
    return (a + b - 1) / (a - 1) * (1 - (1 - z) ** r * hyp2f1(r, b, a + b - 1, z))


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
@pytest.mark.parametrize("changes", [{}, {"a": 2.5, "b": 1.2}, {"r": 3.0, "alpha": 8.0}])
def test_mean_purchases_are_the_closed_form(changes: dict[str, float], purchases: str) -> None:
    posterior = make_posterior(purchases=purchases, **changes)
    T = np.repeat([30, 200], 500)
    drawn = replicate_purchases(posterior, T, np.random.default_rng(1), 400)
    population = {name: (CDNOW | changes)[name] for name in ("r", "alpha", "a", "b")}
    for days in (30, 200):
        of_days = drawn[:, days == T]
        error = of_days.std() / np.sqrt(of_days.size)
        assert of_days.mean() == pytest.approx(expected_purchases(purchases, days, **population), abs=4 * error)


@pytest.mark.parametrize(
    ("purchases", "theirs"), [("bg_nbd", BetaGeoNBD), ("mbg_nbd", ModifiedBetaGeoNBD)], ids=PURCHASE_MODELS
)
def test_purchases_are_distributed_as_the_library_draws_them(purchases: str, theirs: Any) -> None:
    size, days = 40_000, 250
    ours = replicate_purchases(make_posterior(1, purchases), np.full(size, days), np.random.default_rng(2), 1)[0]
    purchase = {name: CDNOW[name] for name in ("a", "b", "r", "alpha")}
    variates = theirs.dist(**purchase, T=days, size=size).owner.op.rng_fn(
        np.random.default_rng(3), *(np.asarray(value) for value in (*purchase.values(), days)), (size,)
    )
    drawn = (ours, variates[:, 1].astype(int))
    counts = [np.bincount(np.minimum(values, 12), minlength=13) for values in drawn]
    assert chi2_contingency(np.stack(counts)).pvalue > 0.01


def test_mean_spend_is_the_closed_form_for_every_frequency() -> None:
    frequency = np.repeat([1, 5], 500)
    drawn = replicate_spends(make_posterior(), frequency, np.random.default_rng(4), 400)
    p, q, v = CDNOW["p"], CDNOW["q"], CDNOW["v"]
    for x in (1, 5):
        of_x = drawn[:, frequency == x]
        variance = (p * v / (q - 1)) ** 2 / (q - 2) + p * v**2 / (x * (q - 1) * (q - 2))
        error = np.sqrt(variance / of_x.size)
        assert of_x.mean() == pytest.approx(p * v / (q - 1), abs=4 * error)
        assert of_x.var() == pytest.approx(variance, rel=0.15)


def test_mean_spends_are_distributed_as_means_of_simulated_purchases() -> None:
    size, x = 20_000, 3
    rng = np.random.default_rng(5)
    ours = replicate_spends(make_posterior(1), np.full(size, x), rng, 1)[0]
    nu = rng.gamma(CDNOW["q"], 1 / CDNOW["v"], size)
    one_by_one = rng.gamma(CDNOW["p"], 1 / nu[:, None], (size, x)).mean(axis=1)
    assert ks_2samp(ours, one_by_one).pvalue > 0.01


def test_each_replicate_uses_one_posterior_draw() -> None:
    draws = {name: np.full((1, 2), value) for name, value in CDNOW.items()}
    draws["r"] = np.array([[1e-3, 50.0]])
    draws["v"] = np.array([[1.0, 1e6]])
    posterior, rng = Posterior(draws, "bg_nbd", "gamma_gamma"), np.random.default_rng(6)
    purchases = replicate_purchases(posterior, np.full(500, 300), rng, 2)
    spends = replicate_spends(posterior, np.full(500, 2), rng, 2)
    assert purchases[0].max() < purchases[1].mean()
    assert spends[0].max() < spends[1].min()


def test_more_replicates_than_draws_use_the_draws_again() -> None:
    rng = np.random.default_rng(10)
    assert replicate_purchases(make_posterior(2), np.arange(4), rng, 5).shape == (5, 4)
    assert replicate_spends(make_posterior(2), np.ones(4), rng, 5).shape == (5, 4)


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_a_dropout_that_underflows_to_zero_leaves_time_to_decide(purchases: str) -> None:
    posterior = make_posterior(200, purchases, a=1e-6, b=2.0, r=4.0, alpha=20.0)
    drawn = replicate_purchases(posterior, np.full(500, 100), np.random.default_rng(7), 200)
    assert drawn.mean() == pytest.approx(4.0 / 20.0 * 100, rel=0.01)


@pytest.mark.parametrize(("purchases", "most"), [("bg_nbd", 1), ("mbg_nbd", 0)])
def test_a_certain_dropout_is_taken_at_the_first_chance(purchases: str, most: int) -> None:
    posterior, T = make_posterior(20, purchases, a=1e9, b=1e-6), np.full(50, 300)
    drawn = replicate_purchases(posterior, T, np.random.default_rng(8), 20)
    assert drawn.max() == most


def test_one_chance_more_to_leave_costs_one_purchase_at_most() -> None:
    T = np.full(1_000, 400)
    bg, mbg = (replicate_purchases(make_posterior(5, p), T, np.random.default_rng(11), 5) for p in PURCHASE_MODELS)
    assert set(np.unique(bg - mbg)) == {0, 1}


def test_a_customer_seen_for_no_day_has_no_repeat_purchase() -> None:
    drawn = replicate_purchases(make_posterior(3), np.array([0]), np.random.default_rng(9), 3)
    assert drawn.shape == (3, 1)
    assert drawn.dtype == np.int64
    assert not drawn.any()


def test_the_same_seed_draws_the_same_replicates() -> None:
    posterior, T = make_posterior(5), np.arange(20)
    first, second = (replicate_purchases(posterior, T, np.random.default_rng(1), 5) for _ in range(2))
    assert np.array_equal(first, second)


def test_wrong_data_are_refused() -> None:
    posterior, rng = make_posterior(2), np.random.default_rng(0)
    message = r"2 of 3 values are wrong \(first: -1, nan\): T must be a number of days, 0 or more\."
    with pytest.raises(PredictiveError, match=message):
        replicate_purchases(posterior, np.array([3.0, -1.0, np.nan]), rng, 1)
    message = r"1 of 2 values are wrong \(first: 0\): a mean spend needs one repeat purchase or more\."
    with pytest.raises(PredictiveError, match=message):
        replicate_spends(posterior, np.array([0, 2]), rng, 1)
