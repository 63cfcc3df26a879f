"""Expectations: against published numbers, against mpmath, against the library on the same draws."""

import warnings
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from cases import few
from populations import CHANCES, PURCHASE_MODELS
from scipy.integrate import quad

from tenure.posterior import Posterior
from tenure.purchase.bg_nbd.intensity import (
    PANELS,
    POINTS,
    ROOM,
    fall_scale,
    integrate_undiscounted,
    panels_to,
    tabulate,
)
from tenure.purchase.bg_nbd.scoring import (
    Parameters,
    allocate,
    expect_if_active,
    p_alive,
    p_any_purchase,
    prepare,
    purchases_if_active,
    renew_x,
)
from tenure.rfm import Split
from tenure.scorer import Scorer
from tenure.spend.gamma_gamma.scoring import mean_spend
from tenure.summary import CustomerSummary

# Fader, Hardie & Lee (2005), Table 2: r, alpha (weeks), a, b; here in days.
R, ALPHA, A, B = 0.2425945, 4.4136019 * 7, 0.7929199, 2.4258881
P, Q, V = 6.25, 3.74, 15.44


def expected(x: float, t_x: float, T: float, days: float) -> float:
    alive = p_alive(x, t_x, T, R, ALPHA, A, B, 0)
    return float(alive * purchases_if_active(x, T, days, 0.0, R, ALPHA, A, B, 0)[0])


def test_a_customer_of_the_excel_note_is_expected_to_buy_as_published() -> None:
    """Hardie, note 004 (published.md, row 3)."""
    assert expected(2, 30.43 * 7, 38.86 * 7, 39 * 7) == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize(
    ("weeks", "published"),
    [(1 / 7, 0.0078), (1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437)],
)
def test_a_new_customer_is_expected_to_buy_as_published(weeks: float, published: float) -> None:
    """The same (row 4)."""
    assert expected(0, 0, 0, weeks * 7) == pytest.approx(published, abs=5.1e-5)


def test_the_published_expectation_over_78_weeks_is_a_series_cut_short() -> None:
    """Row 4's last number, 1.8576, is what 150 terms of the hypergeometric series give; the sum itself is 1.85796."""
    z = 78 / (ALPHA / 7 + 78)
    terms = [(R + j) * (B + j) / ((A + B - 1 + j) * (j + 1)) * z for j in range(150)]
    cut_short = (A + B - 1) / (A - 1) * (1 - (1 - z) ** R * (1 + np.cumprod(terms).sum()))
    assert cut_short == pytest.approx(1.8576, abs=5e-5)
    whole = (A + B - 1) / (A - 1) * (1 - (1 - z) ** R * float(mpmath.hyp2f1(R, B, A + B - 1, z)))
    assert expected(0, 0, 0, 78 * 7) == pytest.approx(whole, rel=1e-10)


def test_customer_1516_is_as_published() -> None:
    """BTYD walkthrough 4.3 (row 5)."""
    x, t_x, T = 26, 30.857 * 7, 31 * 7
    assert p_alive(x, t_x, T, R, ALPHA, A, B, 0) == pytest.approx(0.96885, abs=2e-5)
    assert expected(x, t_x, T, 52 * 7) == pytest.approx(25.757, abs=2e-3)


@pytest.mark.parametrize(("x", "published"), [(10, 0.34746), (15, 0.04283), (20, 0.004159), (25, 0.0003584)])
def test_more_purchases_before_a_long_silence_mean_fewer_to_come(x: int, published: float) -> None:
    """The increasing-frequency paradox (row 6)."""
    assert expected(x, 20 * 7, 39 * 7, 52 * 7) == pytest.approx(published, rel=2e-3)


def test_expectations_by_frequency_are_the_published_ones(cdnow_split: Split) -> None:
    """BTYD walkthrough 4.4 (row 7), and the correlation of FHL 2005, Table 3 (row 8)."""
    customers, actual = cdnow_split.calibration.table, cdnow_split.holdout["purchases"]
    rows = customers[["frequency", "recency", "T"]].itertuples(index=False)
    means = pd.Series([expected(x, t_x, T, 273) for x, t_x, T in rows])
    by = customers["frequency"].clip(upper=7)
    published = [0.22509, 0.52314, 1.04413, 1.52026, 2.16382, 2.65379, 3.50396, 6.15704]
    assert means.groupby(by).mean().to_numpy() == pytest.approx(published, abs=2e-4)
    published = [0.23671, 0.69704, 1.39252, 1.56, 2.53226, 2.94737, 3.86207, 6.35938]
    assert actual.groupby(by).mean().to_numpy() == pytest.approx(published, abs=1e-5)
    assert np.corrcoef(means, actual)[0, 1] == pytest.approx(0.626, abs=5e-4)


def test_the_share_of_new_customers_who_never_return_is_the_published_one() -> None:
    """BTYD manual, parameters rounded to three decimals (row 9)."""
    r, alpha = 0.243, 4.414 * 7
    assert 1 - p_any_purchase(0, 0, 39 * 7, r, alpha) == pytest.approx(0.5737864, abs=5e-7)


def test_expected_spends_are_the_published_ones(cdnow_split: Split) -> None:
    """Hardie, note 025, the first ten customers (row 11)."""
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    customers = cdnow_split.calibration.table.set_index("customer_id").loc[[str(i) for i in range(1, 11)]]
    rows = customers[["frequency", "monetary_value"]].itertuples(index=False)
    assert [mean_spend(x, m, P, Q, V) for x, m in rows] == pytest.approx(published, abs=0.05)


def exact(x: float, T: float, days: float, delta: float, r: float, alpha: float, a: float, b: float) -> Any:
    """Integrate the intensity in high precision, in many pieces."""
    G = mpmath.mpf(alpha + T)

    def intensity(u: Any) -> Any:
        z = mpmath.expm1(u)
        return (r + x) * mpmath.exp(u - delta * G * z) * mpmath.hyp2f1(r + x + 1, a, a + b + x, -z)

    pieces = mpmath.linspace(0, mpmath.log1p(days / G), 8)
    return mpmath.quad(intensity, pieces)


HARD = [
    (350, 365.0, 3650.0, 0.0, 0.24, 31.0, 0.8, 2.4),
    (0, 0.0, 10950.0, 0.0, 0.24, 31.0, 0.8, 2.4),
    (0, 18250.0, 10950.0, 2.6e-4, 0.24, 31.0, 0.8, 2.4),
    (0, 100.0, 3650.0, 0.0, 0.5, 10.0, 0.5, 0.5),
    (3, 100.0, 3650.0, 0.0, 2.0, 10.0, 1.0, 3.0),
    (2, 30.0, 10950.0, 4.9e-3, 1e-3, 5.0, 0.3, 0.2),
    (0, 30.0, 365.0, 0.0, 200.0, 5000.0, 0.02, 4.0),
    (1, 0.5, 10950.0, 0.0, 0.3, 0.01, 0.9, 1.5),
]


@pytest.mark.parametrize("case", few(map(pytest.param, HARD), 3))
def test_hard_expectations_are_right(case: tuple[float, ...]) -> None:
    """A heavy buyer, a new customer over 30 years, a = 1, a + b = 1, whole A - a, r near 0, no heterogeneity."""
    delta = case[3]
    with mpmath.workdps(25):
        right = float(exact(*case))
    x, T, days, _, r, alpha, a, b = case
    found = purchases_if_active(x, T, days, delta, r, alpha, a, b, 0)[1]
    assert found == pytest.approx(right, rel=1e-8)


def test_antiderivatives_are_the_quadrature() -> None:
    """Without a discount, over wide populations and from minutes to centuries, in one call and period by period."""
    rng, ends = np.random.default_rng(5), np.array([1e-4, 0.03, 1.0, 7.0, 45.0, 365.0, 3650.0, 150_000.0])
    for _ in range(300):
        r, alpha, a, b = np.exp(rng.normal([-0.5, 3.4, -0.3, 0.5], [1.5, 1.5, 1.0, 1.0]))
        x, T = float(rng.choice([0, 1, 2, 5, 20, 100, 400])), float(rng.choice([0, 10, 365, 3000]))
        parameters = Parameters(np.array([r]), np.array([alpha]), np.array([a]), np.array([b]), 0)
        plain, discounted, buying = np.empty((1, ends.size)), np.empty((1, ends.size)), np.empty(1)
        workspace = allocate(1)
        renew_x(x, parameters, workspace)
        expect_if_active(x, T, ends, 0.0, prepare(ends, 0.0), parameters, workspace, plain, discounted, buying)
        # A discount so low that it changes no digit is computed by quadrature.
        right = [purchases_if_active(x, T, end, 1e-300, r, alpha, a, b, 0)[0] for end in ends]
        np.testing.assert_allclose(plain[0], right, rtol=1e-9)
        np.testing.assert_array_equal(discounted, plain)


def test_an_integral_that_ends_beside_the_edge_of_a_panel_needs_no_further_one() -> None:
    """The edges are at 1, 3, 7 ... widths; a table that is not filled has no numbers."""
    A, a, c = 3.0, 0.8, 4.0
    scale = fall_scale(A, a, c)
    for edge in (1.0, 3.0, 7.0, 1023.0):
        for reach in (np.nextafter(edge, 0.0), edge, np.nextafter(edge, 1e9), edge * (1 + 1e-15)):
            panels, table = int(panels_to(reach, scale)), np.full((PANELS, 1, POINTS), np.nan)
            tabulate(A, a, c, panels, 0, table, 0, np.empty(2), np.empty(ROOM))
            ends, total = np.array([reach * scale]), np.empty((1, 1))
            integrate_undiscounted(ends, 1.0, scale, table, 0, panels, prepare(ends, 0.0), total)
            right = quad(lambda z: float(mpmath.hyp2f1(A, a, c, -z)), 0.0, ends[0], epsabs=0.0, epsrel=1e-11)[0]
            assert total[0, 0] == pytest.approx(right, rel=1e-9)


@pytest.mark.slow
def test_random_expectations_are_right() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        r, alpha, a, b = np.exp(rng.normal([-0.5, 3.4, -0.3, 0.5], [1.5, 1.0, 1.0, 1.0]))
        case = (
            float(rng.choice([0, 0, 1, 2, 5, 20, 100])), float(rng.choice([0, 10, 365, 3000])),
            float(rng.choice([1, 30, 365, 3650, 10950])), float(rng.choice([0.0, 2.6e-4, 3e-3])), r, alpha, a, b,
        )  # fmt: skip
        with mpmath.workdps(20):
            right = float(exact(*case))
        x, T, days, delta, r, alpha, a, b = case
        assert purchases_if_active(x, T, days, delta, r, alpha, a, b, 0)[1] == pytest.approx(right, rel=1e-8), case


def integrals(
    x: float, t_x: float, T: float, days: float, r: float, alpha: float, a: float, b: float, chances: int
) -> tuple[float, float]:
    """P(alive) and expected purchases from the likelihood of one rate and one dropout, integrated over both.

    Over the rate, Gamma(r, alpha) a priori, rate^x e^(-rate s) gives (alpha + s)^-(r + x), up to a constant.
    """
    n, G = x + chances, mpmath.mpf(alpha + T)

    def over_dropout(of: Any) -> Any:
        return mpmath.quad(lambda p: p ** (a - 1) * (1 - p) ** (b - 1) * of(p), [0, 0.1, 0.5, 1])

    def ahead(p: Any) -> Any:
        """Integrate (1 - e^(-rate p days)) / p, the mean count until dropout, over the rate."""
        return -mpmath.expm1(-(r + x) * mpmath.log1p(p * days / G)) / p

    active = over_dropout(lambda p: (1 - p) ** n)
    left = over_dropout(lambda p: p * (1 - p) ** (n - 1)) * (G / (alpha + t_x)) ** (r + x) if n else 0
    purchases = over_dropout(lambda p: (1 - p) ** n * ahead(p))
    return float(active / (active + left)), float(purchases / (active + left))


@pytest.mark.parametrize("chances", CHANCES.values(), ids=CHANCES)
@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0, 0), (0, 0, 300), (1, 20, 300), (6, 250, 300), (40, 200, 210)])
@pytest.mark.parametrize("population", [(R, ALPHA, A, B), (1.4, 60.0, 1.0, 1.2), (0.6, 8.0, 2.5, 4.0)])
def test_answers_are_integrals_over_rate_and_dropout(
    x: int, t_x: int, T: int, population: tuple[float, float, float, float], chances: int
) -> None:
    with mpmath.workdps(30):
        alive, purchases = integrals(x, t_x, T, 365, *population, chances)
    found = p_alive(x, t_x, T, *population, chances)
    assert found == pytest.approx(alive, rel=1e-9)
    found *= purchases_if_active(x, T, 365.0, 0.0, *population, chances)[0]
    assert found == pytest.approx(purchases, rel=1e-9)


def simulate_lives(
    population: tuple[float, float, float, float], chances: int, T: float, days: float, size: int
) -> tuple[np.ndarray, ...]:
    """Simulate customers from their first purchase: x, t_x, whether active at T, purchases in the `days` after."""
    r, alpha, a, b = population
    rng = np.random.default_rng(17)
    rate, dropout = rng.gamma(r, 1 / alpha, size), rng.beta(a, b, size)
    x, t_x, time, later = np.zeros((4, size))
    active = rng.random(size) >= dropout * chances
    active_at_T = active.copy()
    while active.any():
        time += rng.exponential(1 / rate)
        active &= time <= T + days
        before = active & (time <= T)
        x += before
        t_x[before] = time[before]
        later += active & ~before
        leaves = active & (rng.random(size) < dropout)
        active_at_T &= ~(leaves & before)
        active &= ~leaves
    return x, t_x, active_at_T, later


@pytest.mark.parametrize("chances", CHANCES.values(), ids=CHANCES)
@pytest.mark.parametrize("population", [(0.6, 40.0, 0.9, 3.0), (2.0, 60.0, 1.0, 1.5)])
def test_simulated_lives_go_on_as_expected_of_their_histories(
    population: tuple[float, float, float, float], chances: int
) -> None:
    T, days = 200.0, 300.0
    x, t_x, active, later = simulate_lives(population, chances, T, days, 60_000)
    alive = np.array([p_alive(*history, T, *population, chances) for history in zip(x, t_x, strict=True)])
    ahead = {n: purchases_if_active(n, T, days, 0.0, *population, chances)[0] for n in np.unique(x)}
    any_ahead = {n: p_any_purchase(n, T, days, *population[:2]) for n in np.unique(x)}
    differences = {
        "active": active - alive,
        "purchases": later - alive * [ahead[n] for n in x],
        "any purchase": (later > 0) - alive * [any_ahead[n] for n in x],
    }
    recent = t_x > T / 2
    groups = [
        x >= 0,
        x == 0,
        *((np.minimum(x, 3) == n) & (recent == half) for n in (1, 2, 3) for half in (True, False)),
    ]
    for name, difference in differences.items():
        for at, group in enumerate(groups):
            error = difference[group].std() / np.sqrt(group.sum())
            assert group.sum() > 300
            assert abs(difference[group].mean()) <= 4 * error, (name, at)


def of_library(name: str, posterior: Posterior, customers: pd.DataFrame) -> Any:
    """Make a stock library model that holds our draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import xarray as xr
        from pymc_marketing import clv

        model = getattr(clv, name)()
        model.build_model(customers)
        draws = {name: (("chain", "draw"), values) for name, values in posterior.draws.items()}
        model.idata = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    return model


LIBRARY = {"bg_nbd": "BetaGeoModel", "mbg_nbd": "ModifiedBetaGeoModel"}
MEAN = ("chain", "draw")


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_expected_purchases_are_the_librarys_on_the_same_draws(
    purchases: str, posterior: Posterior, summaries: pd.DataFrame
) -> None:
    theirs, ours = (
        of_library(LIBRARY[purchases], posterior, summaries),
        Scorer(replace(posterior, purchase_model=purchases)),
    )
    table = ours.score(summaries, horizon_days=200, discount_rate=0.0).table
    right = theirs.expected_purchases(data=summaries, future_t=200).mean(MEAN).values
    assert table["expected_purchases"].to_numpy() == pytest.approx(right, rel=1e-6)
    right = theirs.expected_probability_alive(data=summaries).mean(MEAN).values
    assert table["p_alive"].to_numpy() == pytest.approx(right, rel=1e-6)
    right = theirs.expected_purchases_new_customer(data=summaries[:1], t=200).mean(MEAN).values
    assert ours.expected_new_customer(np.array([200])).mean(axis=0) == pytest.approx(right, rel=1e-6)


def test_chances_to_buy_and_spends_are_the_librarys_on_the_same_draws(
    posterior: Posterior, summaries: pd.DataFrame
) -> None:
    repeat = summaries[summaries["frequency"] > 0]
    table = Scorer(posterior).score(summaries, horizon_days=200).table
    purchases, spend = (
        of_library("BetaGeoModel", posterior, summaries),
        of_library("GammaGammaModel", posterior, repeat),
    )
    # For one-time buyers the library counts a dropout that the BG/NBD does not know: they had no chance to leave.
    right = 1 - purchases.expected_probability_no_purchase(t=200, data=repeat).mean(MEAN).values
    assert table["p_purchase"].to_numpy()[repeat.index] == pytest.approx(right, rel=1e-6)
    right = spend.expected_customer_spend(data=summaries).mean(MEAN).values
    assert table["expected_spend"].to_numpy() == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize(
    ("customer", "a", "b"),
    [((350, 365, 365), 0.8, 2.4), ((3, 100, 120), 1.0, 2.4), ((0, 0, 120), 0.4, 0.6)],
    ids=["a heavy buyer over ten years", "a = 1", "a + b = 1 with x = 0"],
)
def test_expectations_are_finite_where_the_librarys_are_not(customer: tuple[int, int, int], a: float, b: float) -> None:
    """T-07 and T-08; the library's formula, as it stands, is NaN or infinite at each."""
    from scipy.special import hyp2f1

    x, t_x, T = customer
    with np.errstate(all="ignore"):
        G = ALPHA + T + 3650
        textbook = (
            (a + b + x - 1)
            / np.float64(a - 1)
            * (1 - ((ALPHA + T) / G) ** (R + x) * hyp2f1(R + x, b + x, a + b + x - 1, 3650 / G))
        )
    assert not np.isfinite(textbook)
    draws = {"r": R, "alpha": ALPHA, "a": a, "b": b, "p": P, "q": Q, "v": V}
    one = Posterior({name: np.full((1, 100), value) for name, value in draws.items()}, "bg_nbd", "gamma_gamma")
    frame = pd.DataFrame({"customer_id": ["c"], "frequency": [x], "recency": [t_x], "T": [T], "monetary_value": [20.0]})
    row = Scorer(one).score(CustomerSummary.from_frame(frame), horizon_days=3650).table.iloc[0]
    assert 0 < row["expected_purchases"] < np.inf
    assert 0 < row["clv"] < np.inf
