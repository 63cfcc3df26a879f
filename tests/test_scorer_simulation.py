"""The simulated futures: against a plain simulation of the same process, one purchase at a time."""

import math

import numpy as np
import pytest
from cases import few
from numba import njit
from scipy import stats

from tenure.counter_random import GAMMA, draw_salt, uniform_at
from tenure.purchase.bg_nbd import scoring
from tenure.purchase.bg_nbd.scoring import p_alive, p_any_purchase, purchases_if_active
from tenure.purchase.dispatch import simulate_buyer
from tenure.scorer.buyers import find_buyers
from tenure.spend.dispatch import start_spending
from tenure.spend.gamma_gamma import scoring as spend_scoring
from tenure.spend.gamma_gamma.scoring import mean_spend
from tenure.spend.order_evidence import Evidence

CDNOW = (0.2426, 30.9, 0.793, 2.426, 6.25, 3.74, 15.44)
LEVEL = 1e-4

type Customer = tuple[float, float, float, float]


@njit
def _buy(state, key, draw, alive, customer, parameters, spend_parameters, ends, delta, by_period):  # type: ignore[no-untyped-def]
    x, T, mean = customer
    quantile = uniform_at(state[0]) / alive
    spending = start_spending(state, x, Evidence(mean, 0.0, x, x * mean), spend_parameters, 0)
    return simulate_buyer(state, key, draw, quantile, x, T, parameters, spending, ends, delta, by_period)


def parameters_of(population, chances, draws):  # type: ignore[no-untyped-def]
    """Return the models' parameters, the same in every draw."""
    arrays = [np.full(draws, float(value)) for value in population]
    r, alpha, a, b, *spend = arrays
    return scoring.Parameters(r, alpha, a, b, chances), spend_scoring.Parameters(*spend)


@njit
def _simulate(  # type: ignore[no-untyped-def]
    key, alive, buying, customer, parameters, spend_parameters, ends, delta, counts, values, by_period
):
    size = counts.size
    salts, starts = np.empty(size, np.uint64), np.empty(size, np.uint64)
    for draw in range(size):
        salts[draw] = draw_salt(draw)
    buyers, state = np.empty(size + 1, np.int64), np.zeros(1, np.uint64)
    counts[:], values[:] = 0.0, 0.0
    for k in range(find_buyers(key, salts, np.full(size, alive * buying), starts, buyers)):
        s = buyers[k]
        state[0] = starts[s]
        counts[s], values[s] = _buy(
            state, key, s, alive, customer, parameters, spend_parameters, ends, delta, by_period[s]
        )


def simulated_by_period(
    customer: Customer,
    ends: list[float],
    delta: float,
    size: int,
    population: tuple[float, ...] = CDNOW,
    key: int = 5,
    chances: int = 0,
    by_period: bool = True,
    alive: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate a customer (x, t_x, T, mean spend) in `size` futures of one population: counts, values, by period."""
    x, t_x, T, spend = customer
    counts, values = np.empty(size), np.empty(size)
    periods = np.zeros((size, 2, len(ends) if by_period else 0))
    if alive is None:
        alive = p_alive(x, t_x, T, *population[:4], chances)
    buying = p_any_purchase(x, T, ends[-1], *population[:2])
    _simulate(
        np.uint64(key), alive, buying, (float(x), float(T), float(spend)), *parameters_of(population, chances, size),
        np.array(ends, float), float(delta), counts, values, periods,
    )  # fmt: skip
    return counts, values, periods


def simulated(
    customer: Customer,
    horizon: float,
    delta: float,
    size: int,
    population: tuple[float, ...] = CDNOW,
    key: int = 5,
    chances: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate over one horizon."""
    return simulated_by_period(customer, [horizon], delta, size, population, key, chances, by_period=False)[:2]


def brute_force(
    customer: Customer, horizon: float, delta: float, size: int, population: tuple[float, ...] = CDNOW, chances: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate the same with NumPy: a whole Poisson process each, cut after a geometric number of purchases."""
    (x, t_x, T, spend), (r, alpha, a, b, p, q, v) = customer, population
    rng = np.random.default_rng(11)
    counts, values = np.zeros(size), np.zeros(size)
    for draw in range(size):
        if rng.random() >= p_alive(x, t_x, T, r, alpha, a, b, chances):
            continue
        rate, dropout = rng.gamma(r + x, 1 / (alpha + T)), rng.beta(a, b + x + chances)
        times = np.sort(rng.uniform(0.0, horizon, rng.poisson(rate * horizon)))
        times = times[: rng.geometric(max(dropout, 1e-18))]
        nu = rng.gamma(q + p * x, 1 / (v + x * spend))
        counts[draw] = times.size
        values[draw] = (rng.gamma(p, 1 / nu, times.size) * np.exp(-delta * times)).sum()
    return counts, values


def assert_mean(outcomes: np.ndarray, expected: float, bound: float = 4.0) -> None:
    standard_error = outcomes.std() / math.sqrt(outcomes.size)
    assert abs(outcomes.mean() - expected) < bound * standard_error


FEW: list[Customer] = [(0, 0, 100, 0.0), (1, 20, 150, 30.0), (4, 60, 200, 12.0), (12, 280, 300, 55.0)]


@pytest.mark.parametrize("chances", few([0, 1], 1), ids=["BG/NBD", "MBG/NBD"])
@pytest.mark.parametrize("customer", FEW, ids=str)
def test_futures_have_the_distribution_of_the_plain_simulation(customer: Customer, chances: int) -> None:
    counts, values = simulated(customer, 365, 3e-4, 20_000, chances=chances)
    other_counts, other_values = brute_force(customer, 365, 3e-4, 20_000, chances=chances)
    most = int(np.quantile(other_counts, 0.999)) + 1
    table = [np.bincount(np.minimum(c, most).astype(int), minlength=most + 1) for c in (counts, other_counts)]
    seen = np.stack(table)[:, np.sum(table, axis=0) >= 10]
    assert stats.chi2_contingency(seen).pvalue > LEVEL
    assert stats.ks_2samp(values[counts > 0], other_values[other_counts > 0]).pvalue > LEVEL
    for at in (0.05, 0.5, 0.95):
        low, high = np.quantile(other_counts, [max(at - 0.02, 0), min(at + 0.02, 1)], method="inverted_cdf")
        assert low <= np.quantile(counts, at, method="inverted_cdf") <= high


MANY: list[Customer] = [(350, 364, 365, 20.0), (60, 118, 120, 8.0)]


@pytest.mark.parametrize("horizon", few([730, 3_650], 1))
@pytest.mark.parametrize("customer", MANY, ids=str)
def test_purchases_drawn_at_once_have_the_distribution_of_single_ones(customer: Customer, horizon: int) -> None:
    for delta in (0.0, math.log1p(0.10) / 365):
        counts, values = simulated(customer, horizon, delta, 4_000)
        other_counts, other_values = brute_force(customer, horizon, delta, 4_000)
        many, other_many = counts > 16, other_counts > 16
        assert many.mean() > 0.3
        assert stats.ks_2samp(counts, other_counts).pvalue > LEVEL
        assert stats.ks_2samp(values, other_values).pvalue > LEVEL
        assert stats.ks_2samp(values[many], other_values[other_many]).pvalue > LEVEL


POPULATIONS = [
    CDNOW,
    (1.4, 60.0, 0.2, 0.5, 2.0, 4.5, 30.0),
    (0.6, 8.0, 1.0, 4.0, 10.0, 6.0, 5.0),
    (3.0, 200.0, 4.0, 12.0, 1.2, 8.0, 90.0),
]


@pytest.mark.parametrize("population", POPULATIONS, ids=str)
@pytest.mark.parametrize(("rate", "chances"), [(0.0, 0), (0.1, 0), (5.0, 0), (0.1, 1)])
def test_means_are_the_expectations_for_many_customers(
    population: tuple[float, ...], rate: float, chances: int
) -> None:
    rng, delta = np.random.default_rng(12), math.log1p(rate) / 365
    scores = []
    for key in range(40):
        x, T = float(rng.choice([0, 1, 2, 5, 20, 80])), float(rng.integers(90, 700))
        t_x = float(rng.integers(x, T + 1)) if x else 0.0
        horizon, spend = float(rng.choice([90, 365, 1_460])), float(rng.uniform(5, 80))
        counts, values = simulated((x, t_x, T, spend), horizon, delta, 4_000, population, key, chances)
        alive = p_alive(x, t_x, T, *population[:4], chances)
        plain, discounted = purchases_if_active(x, T, horizon, delta, *population[:4], chances)  # type: ignore[call-arg]
        if (counts > 0).sum() < 100:
            continue  # too few buyers for a normal mean
        worth = alive * discounted * mean_spend(x, spend, *population[4:])
        for outcomes, expected in ((counts, alive * plain), (values, worth)):
            scores.append((outcomes.mean() - expected) / (outcomes.std() / math.sqrt(outcomes.size)))
        assert_mean(counts > 0, alive * p_any_purchase(x, T, horizon, *population[:2]), 4.5)
    assert len(scores) > 40
    assert np.abs(scores).max() < 4.5
    assert abs(np.mean(scores)) < 4 / math.sqrt(len(scores) / 2)  # a count and its value move together


@pytest.mark.parametrize("rate", [0.1, 1.0, 5.0])
def test_purchases_drawn_at_once_have_the_discounted_mean_over_thirty_years(rate: float) -> None:
    """Purchases before dropout come early: taken for spread over the whole horizon, much would be lost."""
    delta = math.log1p(rate) / 365
    for customer in ((350, 364, 365, 20.0), (40, 40, 40, 20.0)):
        x, t_x, T, spend = customer
        _, values = simulated(customer, 10_950, delta, 200_000)
        discounted = purchases_if_active(x, T, 10_950.0, delta, *CDNOW[:4], 0)[1]
        assert_mean(values, p_alive(x, t_x, T, *CDNOW[:4], 0) * discounted * mean_spend(x, spend, *CDNOW[4:]))


def numbers_used(draw: int, customer: tuple[float, float, float], population: tuple[float, ...]) -> int:
    """Count the random numbers of one future: what it costs on any machine. Each moves the state by GAMMA."""
    begin = 99 * (draw + 1) << 40
    state = np.array([begin], np.uint64)
    both = parameters_of(population, 0, draw + 1)
    _buy(state, np.uint64(5), draw, 1.0, customer, *both, np.array([10_950.0]), 2e-4, np.zeros((2, 0)))
    return (int(state[0]) - begin) * pow(int(GAMMA), -1, 2**64) % 2**64


def test_the_cost_of_a_customer_is_bounded() -> None:
    """10,000 purchases in a day, for thirty years: up to a hundred million purchases in each future."""
    customer = (10_000.0, 1.0, 1.0, 5.0)
    population = (0.2426, 0.01, 1e-6, 2.426, 6.25, 3.74, 15.44)
    counts, values = simulated(customer, 10_950.0, 2e-4, 1_000, population)
    x, _, T, spend = customer
    most = max(numbers_used(draw, (x, T, spend), population) for draw in range(300))
    assert most < 100  # one by one, some would take a hundred million
    assert counts.max() > 1e7
    assert np.isfinite(values).all()


def test_who_is_gone_buys_nothing() -> None:
    counts, values, _ = simulated_by_period((3.0, 50.0, 100.0, 20.0), [365.0], 0.0, 1_000, alive=0.0)
    assert not counts.any()
    assert not values.any()


def test_counts_are_whole_and_values_are_positive_exactly_when_something_is_bought() -> None:
    for customer in (*FEW, *MANY):
        counts, values = simulated(customer, 1_000, 1e-4, 3_000)
        assert (counts == np.floor(counts)).all()
        assert (counts >= 0).all()
        assert ((values > 0) == (counts > 0)).all()


@pytest.mark.parametrize("change", [{0: 1e-3}, {1: 1e-2}, {2: 1e-6}, {3: 1e-6}, {4: 1e-2}, {5: 1.0001}, {6: 1e-6}])
def test_odd_populations_give_finite_futures(change: dict[int, float]) -> None:
    population = tuple(change.get(at, value) for at, value in enumerate(CDNOW))
    for customer in ((0, 0, 0, 0.0), (1, 1, 1, 0.01), (365, 365, 365, 1e6)):
        counts, values = simulated(customer, 10_950, 1e-3, 500, population)
        assert np.isfinite(counts).all()
        assert np.isfinite(values).all()
        assert (values >= 0).all()


def test_a_future_belongs_to_its_key_and_draw() -> None:
    counts, values = simulated(MANY[0], 365, 1e-4, 50, key=3)
    fewer = simulated(MANY[0], 365, 1e-4, 20, key=3)
    np.testing.assert_array_equal(fewer[0], counts[:20])
    np.testing.assert_array_equal(fewer[1], values[:20])
    assert not np.array_equal(simulated(MANY[0], 365, 1e-4, 50, key=4)[1], values)


def test_a_longer_horizon_goes_on_with_the_same_future() -> None:
    """As long as purchases are simulated one by one, a year's are the first of two's."""
    short, long = (simulated(FEW[2], horizon, 0.0, 5_000)[0] for horizon in (100, 200))
    assert (short <= long)[long <= 6].all()
    assert (short < long).any()


MONTHS = [30.4, 60.8, 200.0, 365.0, 1_000.0]


@pytest.mark.parametrize("customer", [FEW[3], MANY[0]], ids=["one by one", "at once"])
@pytest.mark.parametrize("rate", [0.0, 0.1, 5.0])
def test_periods_divide_a_future_and_change_nothing_in_it(customer: Customer, rate: float) -> None:
    delta = math.log1p(rate) / 365
    counts, values, periods = simulated_by_period(customer, MONTHS, delta, 3_000)
    plain = simulated(customer, MONTHS[-1], delta, 3_000)
    np.testing.assert_array_equal(counts, plain[0])
    np.testing.assert_array_equal(values, plain[1])
    np.testing.assert_array_equal(periods[:, 0].sum(axis=1), counts)
    np.testing.assert_allclose(periods[:, 1].sum(axis=1), values, rtol=1e-12)
    assert (periods >= 0).all()
    assert (periods[:, 1][periods[:, 0] == 0] == 0).all()


@pytest.mark.parametrize("customer", [FEW[3], MANY[0]], ids=["one by one", "at once"])
@pytest.mark.parametrize("rate", [0.1, 5.0])
def test_each_periods_outcomes_have_its_expectation(customer: Customer, rate: float) -> None:
    delta, (x, t_x, T, spend) = math.log1p(rate) / 365, customer
    _, _, periods = simulated_by_period(customer, MONTHS, delta, 40_000)
    until = np.array([purchases_if_active(x, T, end, delta, *CDNOW[:4], 0) for end in MONTHS])
    expected = np.diff(until, axis=0, prepend=0.0) * p_alive(x, t_x, T, *CDNOW[:4], 0)
    for at in range(len(MONTHS)):
        assert_mean(periods[:, 0, at], expected[at, 0], 4.5)
        if rate < 1:  # at 500% a year, late periods rest on a handful
            assert_mean(periods[:, 1, at], expected[at, 1] * mean_spend(x, spend, *CDNOW[4:]), 4.5)
