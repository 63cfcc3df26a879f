"""The expectation's two parts over a wide grid: the intensity against mpmath, the integral against two other routes.

Published values, the library as an oracle and the hardest single cases are in `test_expectation.py`.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from cases import few

from tenure.purchase.bg_nbd.intensity import (
    PANELS,
    POINTS,
    ROOM,
    fall_scale,
    panels_to,
    polynomial,
    tabulate,
)
from tenure.purchase.bg_nbd.scoring import p_alive, p_any_purchase, purchases_if_active
from tenure.purchase.horizon import fractions
from tenure.spend.gamma_gamma.scoring import mean_spend

TOLERANCE = 1e-8


class Case(NamedTuple):
    """A customer, a horizon and a population; the last four in the order that the kernels take them."""

    x: float
    T: float
    horizon: float
    r: float
    alpha: float
    a: float
    b: float


def wide_cases(seed: int, count: int) -> Iterator[Case]:
    """Draw customers with up to 10,000 purchases and 50 years, horizons of a day to 30 years, and odd populations.

    One in eight has a = 1, one a + b = 1, two A - a = r + x + 1 - a whole or nearly so, one a huge r, one a base that
    hardly anyone leaves (a huge b), one a new customer of a tiny alpha.
    """
    rng = np.random.default_rng(seed)
    for at in range(count):
        x = float(rng.choice([0, 0, 0, 0, 1, 2, 5, 20, 60, 350, 1_000, 10_000]))
        T = min(x + math.floor(10 ** rng.uniform(0, 4.26)) - 1, 18_250.0)
        r, alpha = 10 ** rng.uniform(-3, 1.3), 10 ** rng.uniform(-0.3, 3.5)
        a, b = 10 ** rng.uniform(-4, 1.7), 10 ** rng.uniform(-4, 2.3)
        kind = at % 8
        if kind == 0:
            a = 1.0
        elif kind == 1:
            a = rng.uniform(0.01, 0.99)
            b = 1.0 - a
        elif kind in (2, 3):
            a = rng.uniform(1e-4, 3.0)
            off = 0.0 if kind == 2 else 10 ** rng.uniform(-7, -2) * rng.choice([-1, 1])
            r = abs(a + rng.integers(0, 4) + off)
        elif kind == 4:
            r = 10 ** rng.uniform(2, 3)
        elif kind == 5:
            b, x = 10 ** rng.uniform(2, 4), min(x, 60.0)
        elif kind == 6:
            x, T, alpha = 0.0, 0.0, 10 ** rng.uniform(-4, 0)
        horizon = float(math.floor(10 ** rng.uniform(0, math.log10(10_950))))
        yield Case(x, T, horizon, float(r), float(alpha), float(a), float(b))


# Every case takes a second or so to compute exactly; the fast suite compares a fifth of them.
thinned = pytest.mark.parametrize("step", few([5, 1], 1))


def positive_series(a: Any, b: Any, c: Any, w: Any) -> Any:
    """Sum 2F1(a, b; c; w) term by term: mpmath's own routine loses its way at c = 10,000."""
    term = total = mpmath.mpf(1)
    n = 0
    while term * w > mpmath.mpf(10) ** -25 * total * (1 - w):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * w
        total += term
        n += 1
    return total


def exact_intensity(z: float, A: float, a: float, c: float) -> Any:
    """Evaluate 2F1(A, a; c; -z) through Pfaff's transformation with positive terms, to 40 digits."""
    A, a, c, y = mpmath.mpf(A), mpmath.mpf(a), mpmath.mpf(c), 1 / (1 + mpmath.mpf(z))
    evaluate = positive_series if y > 0.1 else mpmath.hyp2f1
    if c >= A:
        return y**a * evaluate(a, c - A, c, 1 - y)
    return y**A * evaluate(c - a, A, c, 1 - y)


def tabulated_to(reach: float, A: float, a: float, c: float) -> tuple[np.ndarray, float]:
    """Give a table that holds z up to `reach`, and the width of its first panel."""
    scale = float(fall_scale(A, a, c))
    needed = panels_to(reach, scale)
    table = np.empty((needed, 1, POINTS))
    tabulate(A, a, c, needed, 0, table, 0, np.empty(2), np.empty(ROOM))
    return table, scale


def found_intensity(z: float, A: float, a: float, c: float) -> float:
    table, scale = tabulated_to(z, A, a, c)
    panel = len(table) - 1
    low, half = scale * (2.0**panel - 1.0), 0.5 * scale * 2.0**panel
    return float(polynomial(table[panel, 0], (z - low) / half - 1.0))


def exact_purchases(case: Case, chances: int = 0) -> Any:
    """Evaluate Fader, Hardie & Lee (2005), eq. 10 given active, with a moved off its singularities by 1e-25.

    Batislam et al. (2007), eq. 6 given active is the same of b + 1.
    """
    x, T, horizon, r, alpha, a, b = (mpmath.mpf(value) for value in case)
    a, b = a + mpmath.mpf(10) ** -25, b + chances
    G, z = alpha + T, horizon / (alpha + T + horizon)
    series = mpmath.hyp2f1(r + x, b + x, a + b + x - 1, z)
    return (a + b + x - 1) / (a - 1) * (1 - (G / (G + horizon)) ** (r + x) * series)


def error(found: float, right: Any) -> float:
    """Give the relative error; infinite for what is no number."""
    if not math.isfinite(found):
        return math.inf
    return abs(float((mpmath.mpf(found) - right) / right))


@thinned
def test_the_intensity_is_the_hypergeometric_function_over_a_wide_grid(step: int) -> None:
    """Where it has fallen below 1e-6 of its start, what is left is held against the start: it adds that much."""
    compared = 0
    with mpmath.workdps(40):
        for case in itertools.islice(wide_cases(1, 500), 0, None, step):
            A, c = case.r + case.x + 1.0, case.a + case.b + case.x
            z = case.horizon / (case.alpha + case.T)
            right = exact_intensity(z, A, case.a, c)
            found = found_intensity(z, A, case.a, c)
            compared += right > 1e-6
            assert error(found, right) < TOLERANCE or abs(found - right) < 1e-13, case
    assert compared > 350 / step


@pytest.mark.parametrize("A", [1.2, 4.5, 6.3])
@pytest.mark.parametrize("whole", [-3, 0, 1, 2, 4])
@pytest.mark.parametrize("off", [0.0, 1e-12, 1e-7, 5e-4, -9.99e-4, 1.001e-3, 0.01])
def test_nothing_happens_where_the_textbook_series_degenerates(A: float, whole: int, off: float) -> None:
    """A - a whole: both parts of Abramowitz & Stegun's 15.3.8 would be infinite there and cancel."""
    a = A - whole - off
    if a <= 0.0:
        return
    with mpmath.workdps(30):
        for c in (a + 1e-3, a + 0.2, a + 3.0, a + 40.0):
            for z in (9.5, 60.0, 1e4):
                right = mpmath.hyp2f1(A, a, c, -mpmath.mpf(z))
                if right > 1e-6:
                    assert error(found_intensity(z, A, a, c), right) < TOLERANCE, (c, z)


@thinned
@pytest.mark.parametrize("chances", [0, 1], ids=["BG/NBD", "MBG/NBD"])
def test_the_expectation_is_its_published_formula_over_a_wide_grid(chances: int, step: int) -> None:
    compared = 0
    with mpmath.workdps(80):
        for case in itertools.islice(wide_cases(2, 400), 0, None, step):
            if case.x < 500:  # mpmath's routine again; the next tests cover the rest
                found = purchases_if_active(case.x, case.T, case.horizon, 0.0, *case[3:], chances)[0]
                assert error(found, exact_purchases(case, chances)) < TOLERANCE, case
                compared += 1
    assert compared > 300 / step


def test_given_active_the_mbg_nbd_is_the_bg_nbd_of_b_plus_1() -> None:
    """The dropout is Beta(a, b + x + 1) in both; what a customer's activity says of b is the only difference."""
    for case in wide_cases(7, 300):
        ahead = (case.x, case.T, case.horizon, 3e-4)
        found = purchases_if_active(*ahead, case.r, case.alpha, case.a, case.b, 1)
        assert found == pytest.approx(purchases_if_active(*ahead, *case[3:6], case.b + 1.0, 0), rel=1e-10)


def test_the_discount_changes_nothing_in_the_plain_expectation() -> None:
    for case in wide_cases(5, 200):
        plain, undiscounted = purchases_if_active(case.x, case.T, case.horizon, 0.0, *case[3:], 0)
        again, discounted = purchases_if_active(case.x, case.T, case.horizon, 4e-3, *case[3:], 0)
        assert undiscounted == plain
        assert again == pytest.approx(plain, rel=TOLERANCE)
        assert 0.0 < discounted < plain
        assert discounted > plain * math.exp(-4e-3 * case.horizon)


def by_quadrature(case: Case, delta: float, chances: int) -> Any:
    """Integrate the intensity, evaluated to many digits, over many narrow pieces."""
    A, c, G = case.r + case.x + 1.0, case.a + case.b + (case.x + chances), case.alpha + case.T
    nodes, weights = np.polynomial.legendre.leggauss(16)
    scale = G * min(1.0, c / (A * max(1.0, case.a)), 1.0 / (G * max(delta, 1e-300)))
    edges = np.linspace(0.0, math.log1p(case.horizon / scale), 8)
    total = mpmath.mpf(0)
    for low, high in itertools.pairwise(edges):
        for u, weight in zip(0.5 * ((high - low) * nodes + high + low), weights, strict=True):
            t = scale * math.expm1(u)
            density = exact_intensity(t / G, A, case.a, c) * math.exp(u - delta * t)
            total += 0.5 * (high - low) * weight * scale * density
    return total * (case.r + case.x) / G


@pytest.mark.parametrize(("chances", "rate"), few([(0, 0.1), (0, 5.0), (1, 5.0), (1, 0.1)], 1))
@thinned
def test_the_discounted_expectation_is_the_integral_over_a_wide_grid(chances: int, rate: float, step: int) -> None:
    delta = math.log1p(rate) / 365
    with mpmath.workdps(30):
        for case in itertools.islice(wide_cases(11, 24), 0, None, step):
            found = purchases_if_active(case.x, case.T, case.horizon, delta, *case[3:], chances)[1]
            assert error(found, by_quadrature(case, delta, chances)) < TOLERANCE, case


def test_a_table_is_the_same_however_it_came_to_reach_so_far() -> None:
    """So a customer's numbers do not depend on who was scored before."""
    for case in wide_cases(13, 100):
        A, c, most = case.r + case.x + 1.0, case.a + case.b + case.x, 14
        whole, grown = np.empty((most, 2, POINTS)), np.empty((most, 2, POINTS))
        room, edges = np.empty(ROOM), np.empty(2)
        for done, needed in itertools.pairwise((0, 1, 2, 5, 6, 9, most)):
            tabulate(A, case.a, c, needed, done, grown, 1, edges, room)
        tabulate(A, case.a, c, most, 0, whole, 1, np.empty(2), room)
        np.testing.assert_array_equal(grown[:, 1], whole[:, 1])


def test_every_population_that_a_posterior_may_hold_is_within_the_tables_reach() -> None:
    """The farthest z is a horizon over the least alpha; the narrowest first panel is that of the largest A."""
    horizon = 40.0 / (math.log1p(1e-6) / 365)
    assert panels_to(horizon / 1e-9, fall_scale(1e9 + 10_001.0, 1e-9, 1e-9)) < PANELS


def test_a_tables_cost_is_its_number_of_panels_whatever_the_population() -> None:
    """No series that may have to run long: as many panels as doublings of z, each a set of linear equations."""
    for case in wide_cases(14, 300):
        A, c, reach = case.r + case.x + 1.0, case.a + case.b + case.x, case.horizon / (case.alpha + case.T)
        table, scale = tabulated_to(reach, A, case.a, c)
        assert len(table) == max(1, math.ceil(math.log2(1.0 + reach / scale)))
        assert len(table) <= 2 + math.log2(1.0 + reach) + math.log2(A)


def test_the_fractions_weigh_the_discount_over_the_whole_horizon() -> None:
    for discount in (0.0, 0.1, 3.0):
        nodes, plain, both = fractions(np.array([discount, 7.0]))
        discounted = both[0]
        rings = len(nodes) // 2
        for inner in range(6):
            rows = [*range(inner), rings + inner]
            assert plain[rows].sum() == pytest.approx(1.0, rel=1e-14)
            right = -math.expm1(-discount) / discount if discount else 1.0
            assert discounted[rows].sum() == pytest.approx(right, rel=1e-13)
        assert ((nodes > 0) & (nodes < 1)).all()


@pytest.mark.parametrize("chances", [0, 1])
def test_time_may_be_counted_in_days_or_in_weeks(chances: int) -> None:
    for case in wide_cases(6, 200):
        in_days, in_weeks = (*case[3:], chances), (case.r, case.alpha / 7, case.a, case.b, chances)
        days = purchases_if_active(case.x, case.T, case.horizon, 1e-4, *in_days)
        weeks = purchases_if_active(case.x, case.T / 7, case.horizon / 7, 7e-4, *in_weeks)
        assert weeks == pytest.approx(days, rel=1e-10)
        of_days = p_alive(case.x, case.T / 2, case.T, *in_days)
        of_weeks = p_alive(case.x, case.T / 14, case.T / 7, *in_weeks)
        assert of_weeks == pytest.approx(of_days, rel=1e-9)


def test_without_dropout_purchases_come_at_the_posterior_mean_rate() -> None:
    """With a tending to 0 nobody leaves: the expectation is (r + x) / (alpha + T) * horizon."""
    for x, T, horizon in ((0.0, 50.0, 10.0), (5.0, 100.0, 3650.0), (350.0, 365.0, 10_950.0)):
        found = purchases_if_active(x, T, horizon, 0.0, 0.24, 31.0, 1e-12, 2.4, 0)[0]
        assert found == pytest.approx((0.24 + x) / (31.0 + T) * horizon, rel=1e-8)


def test_a_longer_horizon_expects_more_but_never_more_than_until_dropout() -> None:
    """With a > 1 a customer has (a + b + x - 1) / (a - 1) purchases left in all, a geometric's mean."""
    found = [
        purchases_if_active(3.0, 100.0, float(h), 0.0, 0.5, 20.0, 2.5, 1.0, 0)[0] for h in (1, 10, 100, 1_000, 10_950)
    ]
    assert (np.diff(found) > 0).all()
    assert found[-1] < (2.5 + 1.0 + 3.0 - 1.0) / (2.5 - 1.0)


@pytest.mark.parametrize("r", [300.0, 1_000.0])
@pytest.mark.parametrize(("a", "b"), [(0.3, 0.04), (1.0, 0.4), (15.0, 1e-3), (60.0, 0.1)])
def test_customers_who_hardly_differ_give_no_overflow(r: float, a: float, b: float) -> None:
    """r huge with x = 0: the positive series reaches (1 + z)^r, beyond the largest double."""
    case = Case(0.0, 3.0, 3_650.0, r, 30.0, a, b)
    with mpmath.workdps(80):
        found = purchases_if_active(case.x, case.T, case.horizon, 0.0, *case[3:], 0)[0]
        assert error(found, exact_purchases(case)) < TOLERANCE


def test_p_alive_is_its_published_formula_and_survives_extremes() -> None:
    """Fader, Hardie & Lee (2008), note 021."""
    x, t_x, T, r, alpha, a, b = 2.0, 213.0, 272.0, 0.24, 31.0, 0.8, 2.4
    odds = a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)
    assert p_alive(x, t_x, T, r, alpha, a, b, 0) == pytest.approx(1 / (1 + odds), rel=1e-14)
    assert p_alive(0.0, 0.0, 18_250.0, r, alpha, a, b, 0) == 1.0
    assert 0.0 <= p_alive(10_000.0, 10_000.0, 18_250.0, r, alpha, a, b, 0) < 1e-300
    assert 0.0 <= p_alive(1.0, 1.0, 1.0, r, alpha, a, 1e-20, 0) < 1e-15  # b + x - 1 would round to 0


def test_in_the_mbg_nbd_p_alive_falls_with_silence_from_the_first_purchase_on() -> None:
    """Batislam et al. (2007), eq. 5."""
    r, alpha, a, b = 0.24, 31.0, 0.8, 2.4
    odds = a / (b + 2.0) * ((alpha + 272.0) / (alpha + 213.0)) ** (r + 2.0)
    assert p_alive(2.0, 213.0, 272.0, r, alpha, a, b, 1) == pytest.approx(1 / (1 + odds), rel=1e-14)
    silent = np.array([p_alive(0.0, 0.0, T, r, alpha, a, b, 1) for T in (0.0, 1.0, 30.0, 365.0, 18_250.0)])
    assert silent[0] == pytest.approx(b / (a + b), rel=1e-14)
    assert silent[3] == pytest.approx(1 / (1 + a / b * ((alpha + 365.0) / alpha) ** r), rel=1e-14)
    assert (np.diff(silent) < 0).all()
    assert silent[-1] > 0
    assert 0.0 <= p_alive(0.0, 0.0, 1.0, r, alpha, a, 1e-20, 1) < 1e-15  # b + n - 1 would round to 0


def test_p_any_purchase_is_a_negative_binomials_and_keeps_its_digits_when_tiny() -> None:
    assert p_any_purchase(2.0, 30.0, 60.0, 0.24, 31.0) == pytest.approx(1 - (61 / 121) ** 2.24, rel=1e-14)
    assert p_any_purchase(0.0, 18_250.0, 1.0, 1e-3, 31.0) == pytest.approx(1e-3 / 18_281.5, rel=1e-6)


def test_mean_spend_runs_from_the_populations_to_the_customers_own() -> None:
    p, q, v = 6.25, 3.74, 15.44
    assert mean_spend(0.0, 0.0, p, q, v) == pytest.approx(p * v / (q - 1), rel=1e-14)
    assert mean_spend(1e9, 50.0, p, q, v) == pytest.approx(50.0, rel=1e-6)
    spends = [mean_spend(float(x), 50.0, p, q, v) for x in range(1, 20)]
    assert (np.diff(spends) > 0).all()
    assert math.isfinite(mean_spend(0.0, 0.0, p, 1.0 + 1e-12, v))
