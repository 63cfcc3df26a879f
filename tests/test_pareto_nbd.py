"""Pareto/NBD: against published numbers, arbitrary precision, the library, finite differences and simulation."""

import math
import warnings
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from cases import few
from numpy.testing import assert_allclose
from scipy import optimize, stats

from tenure.model_spec import ProcessError
from tenure.purchase.pareto_nbd import likelihood, race, scoring
from tenure.purchase.pareto_nbd.process import Process
from tenure.purchase.protocol import Purchases

# Fader, Hardie & Lee (2005), Marketing Science 24(2), Table 2: r, alpha (weeks), s, beta (weeks).
PUBLISHED = np.array([0.55315, 10.57633, 0.60625, 11.67150])
WIDE = (-4.0, 6.0)  # powers of ten of every parameter


def evaluate(theta, table):
    value, gradient = likelihood.kernel(np.asarray(theta, float), *table.arrays())
    return float(value), gradient


def make_table(rfm, unit=7.0):
    customers = rfm.table
    rows, count = np.unique(customers[["frequency", "recency", "T"]].to_numpy(float), axis=0, return_counts=True)
    return likelihood.Table.of(rows[:, 0].astype(int), rows[:, 1] / unit, rows[:, 2] / unit, count.astype(float))


def wide_cases(size, seed):
    """Return parameters, shape (size, 4), and x, t_x, T over many orders of magnitude, with every edge among them."""
    rng = np.random.default_rng(seed)
    theta = 10.0 ** rng.uniform(*WIDE, (size, 4))
    x = np.floor(10.0 ** rng.uniform(0.0, 4.0, size)).astype(int) - 1
    T = 10.0 ** rng.uniform(-2.0, 4.0, size)
    share = rng.choice([0.0, 1e-3, 0.5, 1.0 - 1e-6, 1.0], size) * rng.random(size) ** 0.1
    return theta, x, np.where(x > 0, T * share, 0.0), T


def exact_log_likelihood(theta, x, t_x, T):
    """Integrate over the time at which a customer leaves, as in Schmittlein et al. (1987), with 30 digits."""
    with mp.workdps(30):
        r, alpha, s, beta, t_x, T = (mp.mpf(float(value)) for value in (*theta, t_x, T))
        k = r + int(x)
        peak = -k * mp.log(alpha + t_x) - s * mp.log(beta + t_x)

        def leaves(y):
            return mp.exp(-k * mp.log(alpha + y) - (s + 1) * mp.log(beta + y) - peak)

        silent = mp.exp(-k * mp.log(alpha + T) - s * mp.log(beta + T) - peak)
        gone = (
            s * mp.quad(leaves, doublings(t_x, T, 1 / (k / (alpha + t_x) + (s + 1) / (beta + t_x)))) if t_x != T else 0
        )
        rates = mp.loggamma(k) - mp.loggamma(r)
        return float(rates + r * mp.log(alpha) + s * mp.log(beta) + peak + mp.log(silent + gone))


def doublings(start, end, step):
    """Return points from start to end, each twice as far from the start as the one before."""
    points = [start]
    while start + step < end:
        points.append(start + step)
        step *= 2
    return [*points, end]


# ---- likelihood


def test_the_log_likelihood_and_its_maximum_on_cdnow_are_the_published_ones(calibration):
    table = make_table(calibration)
    value, gradient = evaluate(PUBLISHED, table)
    assert value == pytest.approx(-9594.976, abs=1e-3)
    assert np.abs(gradient * PUBLISHED).max() < 0.15  # the published parameters are rounded

    def downhill(log_theta):
        value, gradient = evaluate(np.exp(log_theta), table)
        return -value, -gradient * np.exp(log_theta)

    best = optimize.minimize(downhill, np.log([0.5, 5.0, 0.5, 5.0]), jac=True)
    assert_allclose(np.exp(best.x), PUBLISHED, rtol=5e-3)
    assert -best.fun == pytest.approx(-9594.976, abs=1e-3)


def test_days_and_weeks_are_the_same_up_to_the_unit(calibration):
    weeks, days = make_table(calibration), make_table(calibration, 1.0)
    in_days = PUBLISHED * [1.0, 7.0, 1.0, 7.0]
    purchases = calibration.table["frequency"].sum()
    expected = evaluate(PUBLISHED, weeks)[0] - purchases * math.log(7.0)
    assert evaluate(in_days, days)[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("size", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_log_likelihood_of_wide_histories_is_exact(size):
    worst = 0.0
    for theta, x, t_x, T in zip(*wide_cases(size, seed=size), strict=True):
        exact = exact_log_likelihood(theta, x, t_x, T)
        each = likelihood.pointwise(named(theta), *history(x, t_x, T))
        summed = evaluate(theta, likelihood.Table.of(*history(x, t_x, T), np.ones(1)))[0]  # type: ignore[call-arg]
        worst = max([worst, *(abs(value - exact) / max(1.0, abs(exact)) for value in (each[0, 0], summed))])
    assert worst < 1e-8


def named(theta):
    return dict(zip(("r", "alpha", "s", "beta"), theta[:, None], strict=True))


def history(x, t_x, T):
    return np.array([int(x)]), np.array([float(t_x)]), np.array([float(T)])


def test_the_gradient_is_the_derivative():
    """By central differences of the logs, over wide parameters, whose rounding is a share of the value."""
    for theta, x, t_x, T in zip(*wide_cases(300, seed=3), strict=True):
        table = likelihood.Table.of(*history(x, t_x, T), np.array([3.0]))  # type: ignore[call-arg]
        value, gradient = evaluate(theta, table)
        for at in range(4):
            step = np.zeros(4)
            step[at] = 1e-4
            ahead, back, farther, farther_back = (
                evaluate(theta * np.exp(by * step), table)[0] for by in (1.0, -1.0, 2.0, -2.0)
            )
            numeric = (8.0 * (ahead - back) - (farther - farther_back)) / 12e-4
            scale = max(1.0, abs(gradient[at] * theta[at]))
            assert abs(numeric - gradient[at] * theta[at]) < 1e-6 * scale + 1e-11 * abs(value) / 1e-4


def test_grouped_is_the_sum_over_customers():
    theta, x, t_x, T = wide_cases(200, seed=4)
    count = np.random.default_rng(0).integers(1, 9, 200).astype(float)
    for parameters in theta[:20]:
        each = likelihood.pointwise(named(parameters), x, t_x, T)
        summed = evaluate(parameters, likelihood.Table.of(x, t_x, T, count))[0]
        assert summed == pytest.approx(each[0] @ count, rel=1e-11)


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("far", [-1e9, -301.0, -299.0, -150.0, -40.0, 40.0, 150.0, 299.0, 301.0, 1e9, np.nan])
def test_far_out_the_density_is_minus_infinity_or_a_number(at, far):
    _, x, t_x, T = wide_cases(50, seed=5)
    u = np.zeros(4)
    u[at] = far
    value, gradient = likelihood.density(u, *likelihood.Table.of(x, t_x, T, np.ones(50)).arrays())
    assert value == -np.inf or np.isfinite(value)
    assert (value == -np.inf) == (not abs(far) <= 300.0) or abs(far) > 100.0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("beyond", [0.0, -1.0, np.inf, np.nan])
def test_parameters_out_of_the_doubles_have_no_likelihood(beyond):
    _, x, t_x, T = wide_cases(20, seed=6)
    value, gradient = evaluate([1.0, beyond, 1.0, 1.0], likelihood.Table.of(x, t_x, T, np.ones(20)))
    assert value == -np.inf
    assert not gradient.any()


def test_without_dropout_it_is_the_nbd():
    """Schmittlein, Bemmaor & Morrison (1985): no customer leaves if lifetimes are without end."""
    r, alpha, T = 0.7, 20.0, np.array([5.0, 100.0])
    x, t_x = np.array([0, 4]), np.array([0.0, 60.0])
    draws = {"r": np.array([r]), "alpha": np.array([alpha]), "s": np.array([1.0]), "beta": np.array([1e13])}
    ordered = math.lgamma(r + 4) - math.lgamma(r) + r * math.log(alpha) - (r + 4) * math.log(alpha + 100.0)
    expected = [-r * math.log1p(5.0 / alpha), ordered]
    assert_allclose(likelihood.pointwise(draws, x, t_x, T)[0], expected, atol=1e-10)


# ---- the library


@pytest.fixture(scope="module")
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pymc as pm
        from pymc_marketing.clv import ParetoNBDModel
        from pymc_marketing.clv.distributions import ParetoNBD
    return pm, ParetoNBD, ParetoNBDModel


def test_the_likelihood_and_its_gradient_are_the_librarys(library):
    pm, distribution, _ = library
    rng = np.random.default_rng(1)
    T = rng.uniform(1.0, 50.0, 100)
    x = rng.poisson(2.0, 100)
    t_x = np.where(x > 0, T * rng.random(100), 0.0)
    table = likelihood.Table.of(x, t_x, T, np.ones(100))
    finite = 0
    for theta in np.exp(rng.normal([-0.5, 2.0, -0.5, 2.0], 0.7, (5, 4))):
        r, alpha, s, beta = theta
        theirs = pm.logp(distribution.dist(r=r, alpha=alpha, s=s, beta=beta, T=T), np.stack([t_x, x], axis=1)).eval()
        draws = named(theta)
        own, is_finite = likelihood.pointwise(draws, x, t_x, T)[0], np.isfinite(theirs)
        assert_allclose(own[is_finite], theirs[is_finite], rtol=1e-9, atol=1e-9)
        assert evaluate(theta, table)[0] == pytest.approx(own.sum(), rel=1e-12)
        finite += is_finite.sum()
    assert finite > 400


# ---- the race


@pytest.mark.parametrize("seed", few(range(3), 1))
def test_the_race_is_exact_within_the_bounds_of_a_posterior(seed):
    rng = np.random.default_rng(seed)
    for shape, scale, other, other_scale in 10.0 ** rng.uniform(-9.0, 12.0, (15, 4)):
        time = 10.0 ** rng.uniform(0.0, 4.0)
        with mp.workdps(30):

            def first(y, a=shape, c=scale, b=other, d=other_scale):
                return a / (c + y) * mp.exp(-a * mp.log1p(y / c) - b * mp.log1p(y / d))

            step = min(1.0 / (shape / scale + other / other_scale), scale, other_scale)
            exact = mp.quad(first, doublings(mp.mpf(0), mp.mpf(time), mp.mpf(step)))
        assert race.p_first(shape, scale, other, other_scale, time) == pytest.approx(
            float(exact), rel=1e-10, abs=1e-300
        )


def test_the_race_can_be_inverted():
    rng = np.random.default_rng(7)
    for clocks in 10.0 ** rng.uniform(-3.0, 5.0, (200, 4)):
        time = 10.0 ** rng.uniform(0.0, 4.0)
        most = race.p_first(*clocks, time)
        for share in most * rng.random(4):
            reached = race.time_of_first(share, *clocks, time)
            assert 0.0 <= reached <= time
            assert race.p_first(*clocks, reached) == pytest.approx(share, rel=1e-6, abs=1e-7 * most)
        assert race.time_of_first(most * (1 + 1e-15), *clocks, time) <= time


# ---- scoring


@pytest.mark.slow
def test_p_alive_is_the_published_formula(library):
    """The odds of the two terms of the likelihood; 1 at the last purchase, and never rising in silence."""
    for theta, x, t_x, T in zip(*wide_cases(100, seed=8), strict=True):
        with_alive = exact_log_likelihood(theta, x, t_x, T)
        with mp.workdps(30):
            r, alpha, s, beta = map(mp.mpf, map(float, theta))
            k = r + int(x)
            active = mp.loggamma(k) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta)
            active -= k * mp.log(alpha + mp.mpf(float(T))) + s * mp.log(beta + mp.mpf(float(T)))
            exact = float(mp.exp(active - mp.mpf(with_alive)))
        value = scoring.p_alive(float(x), t_x, T, *theta)
        rounding = 1e-14 * abs(with_alive)  # `with_alive` is a double
        assert value == pytest.approx(exact, rel=1e-8 + rounding, abs=1e-8)
        assert scoring.p_alive(float(x), t_x, t_x, *theta) == 1.0
        silence = [scoring.p_alive(float(x), t_x, t_x + more, *theta) for more in (0.0, 1.0, 10.0, 1e3, 1e5)]
        assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(silence))


def expect(x, T, horizon, delta, theta):
    ends, plain, discounted, buying = np.array([float(horizon)]), np.empty((1, 1)), np.empty((1, 1)), np.empty(1)
    parameters = scoring.Parameters(*(np.array([value]) for value in theta))
    prepared = scoring.prepare(ends, delta)
    scoring.expect_if_active(
        float(x), float(T), ends, delta, prepared, parameters, scoring.allocate(1), plain, discounted, buying
    )
    return plain[0, 0], discounted[0, 0], buying[0]


@pytest.mark.parametrize("delta", [0.0, 2.6e-4, 0.005])
@pytest.mark.parametrize("horizon", few([365.0, 1.0, 10_950.0], 1))
def test_expected_purchases_are_the_integral_of_the_intensity(horizon, delta):
    rng = np.random.default_rng(9)
    cases = [(0.55, 74.0, 0.6, 82.0), (0.5, 10.0, 1.0, 10.0), (0.5, 10.0, 1.0 + 1e-12, 10.0)]
    for theta in [*cases, *10.0 ** rng.uniform(*WIDE, (30, 4))]:
        x, T = rng.integers(0, 50), rng.uniform(0.0, 1000.0)
        r, alpha, s, beta = theta
        with mp.workdps(25):
            H = mp.mpf(float(beta + T))
            points = doublings(mp.mpf(0), mp.mpf(horizon), min(H / max(s, 1), mp.mpf(1 / (delta + 1e-9))))
            plain = mp.quad(lambda t, H=H, s=s: (1 + t / H) ** -s, points)
            discounted = mp.quad(lambda t, H=H, s=s: mp.exp(-delta * t) * (1 + t / H) ** -s, points)
        values = expect(x, T, horizon, delta, theta)
        rate = (r + x) / (alpha + T)
        assert values[0] == pytest.approx(rate * float(plain), rel=1e-9)
        assert values[1] == pytest.approx(rate * float(discounted), rel=1e-9)
        assert values[1] <= values[0]
        assert values[2] <= min(1.0, values[0] * (1 + 1e-12))


def test_expected_purchases_and_p_alive_are_the_librarys(library):
    """pymc-marketing's closed forms, at the published parameters."""
    import arviz as az
    import pandas as pd
    import xarray as xr

    data = pd.DataFrame(
        {
            "customer_id": [1, 2, 3, 4],
            "frequency": [0, 2, 26, 5],
            "recency": [0.0, 30.43, 30.86, 4.0],
            "T": [38.9, 38.86, 31.0, 39.0],
        }
    )
    model = library[2]()
    model.build_model(data)
    names = ("r", "alpha", "s", "beta")
    draws = {name: np.full((1, 1), value) for name, value in zip(names, PUBLISHED, strict=True)}
    idata: xr.DataTree = az.from_dict({"posterior": draws})
    idata["fit_data"] = xr.DataTree(model.create_fit_data_group())
    model.idata = model.set_idata_attrs(idata)
    model.is_fitted_ = True
    alive = model.expected_probability_alive(data).to_numpy().ravel()
    purchases = model.expected_purchases(data, future_t=39.0).to_numpy().ravel()
    for row, p, expected in zip(data.itertuples(), alive, purchases, strict=True):
        own = scoring.p_alive(float(row.frequency), row.recency, row.T, *PUBLISHED)
        assert own == pytest.approx(p, rel=1e-8)
        assert own * expect(row.frequency, row.T, 39.0, 0.0, PUBLISHED)[0] == pytest.approx(expected, rel=1e-8)


# ---- process


def test_the_process_draws_what_the_likelihood_describes():
    """Counts of new customers against the probabilities of the race, and histories against the fitted parameters."""
    rng = np.random.default_rng(10)
    truth = np.array([0.8, 20.0, 1.2, 60.0])
    process = Process(*truth)
    T = np.full(100_000, 50.0)
    counts = process.draw_counts(T, rng)
    x, t_x = process.draw_histories(T, rng)
    never = 1.0 - race.p_first(*truth, 50.0)
    for drawn_counts in (counts, x):
        assert abs((drawn_counts == 0).mean() - never) < 4 * math.sqrt(never * (1 - never) / T.size)
        mean = expect(0, 0.0, 50.0, 0.0, truth)[0]
        assert abs(drawn_counts.mean() - mean) < 4 * drawn_counts.std() / math.sqrt(T.size)
    assert (t_x[x == 0] == 0).all()
    assert ((t_x[x > 0] > 0) & (t_x[x > 0] <= 50.0)).all()


def test_maximum_likelihood_recovers_the_truth_of_the_process():
    rng = np.random.default_rng(11)
    truth = np.array([0.8, 20.0, 1.2, 60.0])
    T = rng.uniform(100.0, 300.0, 4_000)
    x, t_x = Process(*truth).draw_histories(T, rng)
    table = likelihood.Table.of(x, t_x, T, np.ones(T.size))

    def downhill(log_theta):
        value, gradient = evaluate(np.exp(log_theta), table)
        return -value, -gradient * np.exp(log_theta)

    best = optimize.minimize(downhill, np.log([0.5, 50.0, 0.5, 50.0]), jac=True)
    spread = np.sqrt(np.diag(best.hess_inv))
    assert (np.abs(best.x - np.log(truth)) < np.maximum(4 * spread, 0.25)).all()
    # Twice the gain over the truth is chi-squared with four degrees of freedom.
    assert 2 * (-best.fun - evaluate(truth, table)[0]) < stats.chi2.ppf(1 - 1e-4, 4)


def test_purchases_come_before_the_customer_leaves():
    rng = np.random.default_rng(12)
    process = Process(2.0, 5.0, 0.5, 5.0)
    span = np.full(2_000, 40.0)
    purchases = process.draw_purchases(process.draw_state(span.size, rng), span, rng)
    assert isinstance(purchases, Purchases)
    assert purchases.times.size == purchases.counts.sum()
    owner = np.repeat(np.arange(span.size), purchases.counts)
    end = np.where(np.isnan(purchases.left), 1.0, purchases.left)
    assert (purchases.times <= end[owner]).all()
    assert (np.diff(purchases.times)[np.diff(owner) == 0] >= 0).all()
    assert 0 < np.isnan(purchases.left).mean() < 1


def test_a_dropout_rate_that_underflows_is_a_lifetime_without_end():
    rng = np.random.default_rng(13)
    counts = Process(2.0, 5.0, 1e-6, 1e9).draw_counts(np.full(100, 10.0), rng)
    assert counts.mean() > 2


@pytest.mark.parametrize("name", ["r", "alpha", "s", "beta"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_process_of_impossible_parameters_raises(name, value):
    with pytest.raises(ProcessError, match=f"{name} must be finite and above 0"):
        Process(**{"r": 1.0, "alpha": 1.0, "s": 1.0, "beta": 1.0, name: value})
