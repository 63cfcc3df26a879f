"""Zero-inflated BG/NBD: against the BG/NBD at pi0 = 0, direct sums and integrals, and logs with and without a share."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate

from tenure.fit import fit_models, maximum_likelihood
from tenure.posterior import Posterior
from tenure.purchase.bg_nbd import likelihood as bg_nbd
from tenure.purchase.zi_bg_nbd import likelihood, scoring
from tenure.scorer import Scorer
from tenure.simulate import purchase_process
from tenure.summary import CustomerSummary

SPEND = {"p": 6.0, "q": 3.7, "v": 15.0}
POPULATIONS = [
    (0.25, 30.0, 0.9, 2.5, 0.3),
    (3.0, 500.0, 0.2, 5.0, 0.05),
    (0.05, 1e-3, 2.0, 0.5, 0.9),
    (200.0, 1e6, 1e-3, 1.0, 1e-12),
]
NAMES = ("r", "alpha", "a", "b", "pi0")
every_population = pytest.mark.parametrize("theta", POPULATIONS, ids=str)


def make_histories(size=500, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(0.4, 3.0, size))
    T = rng.integers(1, 900, size).astype(float)
    return x, np.where(x > 0, np.ceil(T * rng.random(size)), 0.0), T, rng.integers(1, 9, size).astype(float)


def posterior_of(theta, name="zi_bg_nbd", draws=100):
    parameters = dict(zip(NAMES, theta, strict=True)) | SPEND
    if name != "zi_bg_nbd":
        del parameters["pi0"]
    return Posterior({key: np.full((1, draws), value) for key, value in parameters.items()}, name, "gamma_gamma")


def make_customers():
    x, t_x, T, _ = make_histories(60, seed=4)
    frame = pd.DataFrame({"frequency": x, "recency": np.maximum(t_x, x).astype(int), "T": (T + x).astype(int)})
    return frame.assign(customer_id=np.arange(len(x)), monetary_value=np.where(x > 0, 20.0, 0.0))


# ---- the likelihood


@every_population
def test_the_likelihood_is_the_mixture_to_thirty_digits(theta):
    draws = dict(zip(NAMES, np.array(theta)[:, None], strict=True))
    x, t_x, T, _ = make_histories(60)
    own = likelihood.pointwise(draws, x, t_x, T)[0]
    with mp.workdps(30):
        r, alpha, a, b, pi0 = map(mp.mpf, theta)
        for at in range(x.size):
            n, last, end = int(x[at]), mp.mpf(float(t_x[at])), mp.mpf(float(T[at]))
            stays = mp.beta(a, b + n) / mp.beta(a, b) * (alpha + end) ** -(r + n)
            leaves = mp.beta(a + 1, b + n - 1) / mp.beta(a, b) * (alpha + last) ** -(r + n) if n else 0
            returning = mp.gamma(r + n) / mp.gamma(r) * alpha**r * (stays + leaves)
            exact = mp.log((pi0 if n == 0 else 0) + (1 - pi0) * returning)
            assert own[at] == pytest.approx(float(exact), rel=1e-9, abs=1e-12)


@every_population
def test_without_a_share_it_is_the_bg_nbd(theta):
    data = make_histories()
    expected, slope = bg_nbd.kernel(np.array(theta[:4]), *bg_nbd.Table.of(*data, chances=0).arrays())
    value, gradient = likelihood.kernel(np.array([*theta[:4], 1e-200]), *likelihood.Table.of(*data).arrays())
    assert float(value) == pytest.approx(float(expected), rel=1e-12)
    assert_allclose(gradient[:4], slope, rtol=1e-8, atol=1e-8)


def test_at_a_share_of_zero_scores_are_those_of_the_bg_nbd_to_the_bit():
    theta, customers = (0.25, 30.0, 0.9, 2.5, 0.0), make_customers()
    own, reference = (Scorer(posterior_of(theta, name)).score(customers) for name in ("zi_bg_nbd", "bg_nbd"))
    pd.testing.assert_frame_equal(own.table, reference.table, check_exact=True)
    assert_array_equal(own.totals.clv, reference.totals.clv)


def test_the_maximum_is_no_lower_than_that_of_the_bg_nbd(calibration):
    with_share, without = (maximum_likelihood(calibration, name) for name in ("zi_bg_nbd", "bg_nbd"))
    assert with_share["purchases_log_likelihood"] > without["purchases_log_likelihood"] + 0.5
    assert 0 < with_share["pi0"] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("all_are", ["one-time buyers", "repeat buyers"])
def test_tables_with_one_kind_of_customer_alone(all_are):
    x, t_x, T, count = make_histories()
    kept = (x == 0) == (all_are == "one-time buyers")
    data = tuple(column[kept] for column in (x, t_x, T, count))
    theta = np.array(POPULATIONS[0])
    value, gradient = likelihood.kernel(theta, *likelihood.Table.of(*data).arrays())
    each = likelihood.pointwise(dict(zip(NAMES, theta[:, None], strict=True)), *data[:3])[0]
    assert float(value) == pytest.approx(each @ data[3], rel=1e-12)
    assert np.sign(gradient[4]) == (1 if all_are == "one-time buyers" else -1)


@pytest.mark.parametrize("pi0", [1.0, 1.5])
def test_a_share_of_one_or_more_has_no_likelihood(pi0):
    table = likelihood.Table.of(*make_histories())
    assert likelihood.kernel(np.array([*POPULATIONS[0][:4], pi0]), *table.arrays())[0] == -np.inf


# ---- scoring


@every_population
@pytest.mark.parametrize("T", [0, 1, 40, 365, 18_250])
def test_p_alive_of_a_one_time_buyer_is_bayes_rule(theta, T):
    r, alpha, _, _, pi0 = theta
    silent = (1.0 + T / alpha) ** -r
    frame = pd.DataFrame({"customer_id": ["a"], "frequency": 0, "recency": 0, "T": T, "monetary_value": 0.0})
    alive = Scorer(posterior_of(theta)).expect(frame)["p_alive"].iloc[0]
    assert alive == pytest.approx((1 - pi0) * silent / (pi0 + (1 - pi0) * silent), rel=1e-9)


def test_who_has_returned_is_a_customer_of_the_bg_nbd():
    customers = make_customers()
    own, reference = (Scorer(posterior_of(POPULATIONS[0], name)).expect(customers) for name in ("zi_bg_nbd", "bg_nbd"))
    returned = (customers["frequency"] > 0).to_numpy()
    pd.testing.assert_frame_equal(own[returned], reference[returned], check_exact=True)
    assert (own["p_alive"] < reference["p_alive"])[~returned].all()
    assert (reference["p_alive"] == 1.0)[~returned].all()


def test_expected_purchases_of_a_new_customer_are_an_integral():
    """Over the rate and the dropout of the customers who may return; purchases are a geometric number, or time's."""
    r, alpha, a, b, pi0 = theta = (2.0, 50.0, 1.5, 3.0, 0.3)
    days = 200.0

    def expected(dropout):  # (1 - E[exp(-dropout * rate * days)]) / dropout, weighted by the Beta density
        mean = (1.0 - (alpha / (alpha + dropout * days)) ** r) / dropout
        return mean * dropout ** (a - 1) * (1 - dropout) ** (b - 1)

    beta = integrate.quad(lambda d: d ** (a - 1) * (1 - d) ** (b - 1), 0, 1)[0]
    right = (1 - pi0) * integrate.quad(expected, 0, 1)[0] / beta
    assert Scorer(posterior_of(theta)).expected_new_customer(np.array([days]))[0, 0] == pytest.approx(right, rel=1e-7)


def test_log_odds_are_minus_infinity_without_a_share():
    assert scoring.log_odds_of(0.0) == -np.inf
    assert scoring.log_odds_of(0.5) == 0.0


# ---- fits


def fit_simulated(fit_settings, pi0, customers=5_000):
    rng = np.random.default_rng(3)
    parameters = dict(zip(NAMES, (1.5, 60.0, 0.6, 3.0, pi0), strict=True))
    T = rng.integers(200, 800, customers)
    x, t_x = purchase_process("zi_bg_nbd", parameters).draw_histories(T, rng)
    recency = np.where(x > 0, np.clip(np.ceil(t_x), x, None), 0).astype(int)
    frame = pd.DataFrame({"frequency": x, "recency": recency, "T": T, "monetary_value": np.where(x > 0, 20.0, 0.0)})
    frame = frame.assign(customer_id=np.arange(customers))[(recency <= T).tolist()]
    settings = replace(fit_settings, method="laplace", purchase_model="zi_bg_nbd", draws=1000, joint_draws=500)
    return fit_models(CustomerSummary.from_frame(frame), settings, seed=1).posterior.draws["pi0"]


@pytest.mark.parametrize("pi0", [0.1, 0.6])
def test_a_share_is_recovered(fit_settings, pi0):
    low, high = np.quantile(fit_simulated(fit_settings, pi0), [0.0005, 0.9995])
    assert low < pi0 < high
    assert high - low < 0.12


def test_a_log_without_a_share_gives_the_bg_nbd(fit_settings):
    assert np.quantile(fit_simulated(fit_settings, 0.0), 0.95) < 0.05


@pytest.mark.parametrize("pi0", [-0.1, 1.0, 1.5, np.nan, np.inf])
def test_impossible_shares_have_no_process(pi0):
    with pytest.raises(ValueError, match="pi0 must be at least 0 and below 1"):
        purchase_process("zi_bg_nbd", dict(zip(NAMES, (*POPULATIONS[0][:4], pi0), strict=True)))


def test_who_never_returns_left_at_once():
    process = purchase_process("zi_bg_nbd", dict(zip(NAMES, POPULATIONS[0], strict=True)))
    rng = np.random.default_rng(1)
    state = process.draw_state(5_000, rng)
    never = state["never_returns"] == 1
    assert never.mean() == pytest.approx(0.3, abs=0.03)
    drawn = process.draw_purchases(state, np.full(5_000, 1e6), rng)
    assert (drawn.counts[never] == 0).all()
    assert (drawn.left[never] == 0).all()
    assert (drawn.counts[~never] > 0).mean() > 0.9
