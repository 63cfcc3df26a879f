"""No impossible number anywhere within `posterior.BOUNDS`: random and extreme populations, customers and horizons."""

import math
from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from populations import BOUNDS, PARAMETERS, PURCHASE_MODELS, RATE_BOUNDS, SPEND_BOUNDS

from tenure.fit.run import FitError, population
from tenure.posterior import Posterior
from tenure.purchase.bg_nbd.intensity import POINTS, ROOM, fall_scale, panels_to, tabulate
from tenure.purchase.bg_nbd.scoring import purchases_if_active
from tenure.scorer import COLUMNS, Scorer

pytestmark = pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
Floats = np.ndarray[Any, np.dtype[np.float64]]
DRAWS = 100
HORIZONS = (1, 365, 10_950)
ORDINARY = {"r": 0.243, "alpha": 30.9, "a": 0.85, "b": 2.5, "p": 6.25, "q": 3.74, "v": 15.44}
# Populations that are known to be hard: nearly everyone leaves at once, and buys at a high rate until then.
HARD = {
    "r 1e12, alpha 1e3": {"r": 1e12, "alpha": 1e3},
    "a 1e4 times b": {"r": 4.5e5, "alpha": 51.7, "a": 1.3e4, "b": 3e-3},
    "a 1e9 times b": {"r": 1e3, "alpha": 3.4e-4, "a": 1.4e4, "b": 1e-5},
    "a 1e12": {"r": 1e5, "alpha": 1e-4, "a": 1e12},
    "a and b 1e12": {"r": 1e6, "alpha": 1e-3, "a": 1e12, "b": 1e12},
    "a of 1": {"r": 1e5, "alpha": 1e-4, "a": 1.0 + 1e-15, "b": 1e-5},
    "q near 1": {"q": 1.0 + 1e-9, "v": 1e-9},
    "p 1e9": {"p": 1e9, "v": 1e-9},
    "p 1e-9": {"p": 1e-9, "v": 1e9},
    "money in units of 1e-12": {"v": 1e13},
}


def random_draws(rng: np.random.Generator) -> dict[str, Floats]:
    """Draw log-uniformly within the bounds, one value in five at an end; ratios outside are drawn in."""
    values = {}
    for name, (low, high) in BOUNDS.items():
        off = 1.0 if name == "q" else 0.0
        ends = np.log([low - off, high - off])
        u = np.where(rng.random(DRAWS) < 0.2, rng.integers(0, 2, DRAWS), rng.random(DRAWS))
        values[name] = np.clip(off + np.exp(ends[0] + u * (ends[1] - ends[0])), low, high)
    values["alpha"] = np.maximum(values["alpha"], values["r"] / (0.999 * RATE_BOUNDS[1]))
    mean = np.clip(values["v"] * values["p"] / (values["q"] - 1.0), 2.0 * SPEND_BOUNDS[0], 0.5 * SPEND_BOUNDS[1])
    values["v"] = mean * (values["q"] - 1.0) / values["p"]
    return values


def populations(rng: np.random.Generator, count: int) -> Iterator[dict[str, Floats]]:
    """Yield the hard populations first, then populations one of whose parameters is at a bound, then random ones."""
    yield from (
        {name: np.full(DRAWS, value) for name, value in (ORDINARY | changes).items()} for changes in HARD.values()
    )
    for _ in range(count):
        values = random_draws(rng)
        if rng.random() < 0.3:  # the same for all draws
            values = {name: np.full(DRAWS, draws[0]) for name, draws in values.items()}
        yield values


def random_customers(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw valid customers: up to 10,000 purchases in up to 50 years, spends from a cent's hundredth to a billion."""
    T = np.floor(10 ** rng.uniform(0, 4.26, count)).astype(np.int64) * (rng.random(count) < 0.9)
    few = np.floor(10 ** rng.uniform(0, 4, 4)).astype(np.int64)  # each other x takes tables of its own
    x = rng.choice([0, 0, 1, *few], count)
    T = np.maximum(T, x)
    recency = np.where(x > 0, np.maximum(x, np.ceil(rng.random(count) * T)), 0).astype(np.int64)
    spend = np.where((x > 0) & (rng.random(count) < 0.9), 10 ** rng.uniform(-4, 9, count), 0.0)
    columns = {"customer_id": np.arange(count), "frequency": x, "recency": recency, "T": T, "monetary_value": spend}
    return pd.DataFrame(columns)


def impossible(table: pd.DataFrame, customers: pd.DataFrame, draws: dict[str, Floats], horizon: int) -> Floats:
    """Return which rows hold a number that no customer can have."""
    numbers = table[list(COLUMNS)].to_numpy()
    x, T = (customers[name].to_numpy(np.float64)[:, None] for name in ("frequency", "T"))
    most = (horizon * (draws["r"] + x) / (draws["alpha"] + T)).mean(axis=1)
    is_wrong = ~np.isfinite(numbers).all(axis=1) | (numbers < 0).any(axis=1)
    is_wrong |= (table["p_alive"] > 1) | (table["p_purchase"] > table["p_alive"])
    is_wrong |= table["expected_purchases"] > most * (1 + 1e-12)
    for name in ("purchases", "clv", "clv_mean"):
        is_wrong |= table[f"{name}_low"] > table[f"{name}_high"]
    return np.asarray(is_wrong)


def score_all(count: int, rows: int, seed: int) -> int:
    """Score `rows` random customers with each population, raise at an impossible number, and return how many rows."""
    rng = np.random.default_rng(seed)
    scored = 0
    for at, draws in enumerate(populations(rng, count)):
        customers = random_customers(rng, rows)
        posterior = Posterior(
            {name: draws[name][None, :] for name in PARAMETERS}, PURCHASE_MODELS[at % 2], "gamma_gamma"
        )
        horizon, rate = int(rng.choice(HORIZONS)), float(rng.choice([0.0, 0.1, 5.0]))
        scores = Scorer(posterior).score(customers, horizon_days=horizon, discount_rate=rate)
        wrong = np.flatnonzero(impossible(scores.table, customers, draws, horizon))
        first = {name: draws[name][:3].tolist() for name in PARAMETERS}
        assert not wrong.size, (at, horizon, rate, first, scores.table.iloc[wrong[:3]].to_dict("records"))
        totals = scores.totals
        for sums in (totals.purchases, totals.clv, totals.expected_purchases, totals.expected_clv):
            assert (np.isfinite(sums) & (sums >= 0)).all(), (at, first)
        scored += rows
    return scored


@pytest.mark.slow
def test_no_number_is_impossible_for_thousands_of_customers() -> None:
    assert score_all(count=100, rows=200, seed=1) > 20_000


@pytest.mark.slow
def test_no_number_is_impossible_for_a_million_customers() -> None:
    assert score_all(count=2_000, rows=500, seed=2) > 1_000_000


def test_an_impossible_number_is_seen() -> None:
    rng = np.random.default_rng(3)
    customers = random_customers(rng, 10)
    draws = {name: np.full(DRAWS, value) for name, value in ORDINARY.items()}
    table = (
        Scorer(Posterior({name: values[None, :] for name, values in draws.items()}, "bg_nbd", "gamma_gamma"))
        .score(customers)
        .table
    )
    table.loc[1, "clv"], table.loc[3, "clv_low"], table.loc[5, "p_alive"] = np.inf, 1e99, 1.1
    table.loc[7, "expected_purchases"] = 1e99
    assert np.flatnonzero(impossible(table, customers, draws, 365)).tolist() == [1, 3, 5, 7]


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
@pytest.mark.parametrize("case", HARD)
def test_values_to_infinity_and_of_new_customers_are_possible_too(case: str, purchases: str) -> None:
    known = {name: np.full((1, DRAWS), value) for name, value in (ORDINARY | HARD[case]).items()}
    scorer, customers = (
        Scorer(Posterior(known, purchases, "gamma_gamma")),
        random_customers(np.random.default_rng(4), 50),
    )
    residual = scorer.residual(customers, discount_rate=1e-6).table.drop(columns="customer_id").to_numpy()
    expected = scorer.expected_new_customer(np.array([1.0, 365.0, 10_950.0]))
    assert (np.isfinite(residual) & (residual >= 0)).all()
    assert (np.isfinite(expected) & (expected >= 0)).all()
    assert (expected[:, 1:] >= expected[:, :-1] * (1 - 1e-9)).all()


def exact_purchases(x: float, T: float, horizon: float, r: float, alpha: float, a: float, b: float) -> float:
    """Integrate (r + x) E[(1 + z B)^-A] of B ~ Beta(a, b + x), over the logit of B by Gauss's rule, piece by piece.

    Nothing cancels in it; the closed form's parts do, and mpmath finds no series for such parameters.
    """
    power, reach, b = r + x, horizon / (alpha + T), b + x
    mode, step = math.log(a / b), min(math.sqrt(1 / a + 1 / b), 1.0)

    def log_weight(u: Any) -> Any:
        return -a * np.logaddexp(0, -u) - b * np.logaddexp(0, u)

    points = [mode]
    for sign in (-1, 1):
        at, stride = mode, 0.5 * step
        while log_weight(at) > log_weight(mode) - 60:
            at, stride = at + sign * stride, 1.3 * stride
            points.append(at)
    low, high = min(points), max(points)
    turns = [-math.log(reach * power), -math.log(reach), 0.0]
    points += [turn + k for turn in turns for k in np.arange(-40, 40.5, 0.5) if low < turn + k < high]
    edges = np.unique(points)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    widths = np.diff(edges)[:, None]
    u = edges[:-1, None] + 0.5 * widths * (nodes + 1)
    weight = np.exp(log_weight(u) - log_weight(mode)) * widths * weights
    log_reach = math.log(reach) - np.logaddexp(0, -u)  # of B times the horizon
    fall = power * np.where(log_reach < 0, np.log1p(np.exp(np.minimum(log_reach, 0))), np.logaddexp(0, log_reach))
    within = (
        reach
        * power
        * np.where(
            log_reach + math.log(power) < -200, 1.0, -np.expm1(-fall) / power / np.exp(np.maximum(log_reach, -690))
        )
    )
    return float((weight * within).sum() / weight.sum())


def difference(x: float, T: float, horizon: float, *parameters: float) -> float:
    purchases = purchases_if_active(x, T, horizon, 0.0, *parameters, 0)[0]  # type: ignore[call-arg]
    return abs(purchases / exact_purchases(x, T, horizon, *parameters) - 1)


@pytest.mark.parametrize(
    "case",
    [
        (0, 0, 365, 0.243, 30.9, 0.85, 2.5),
        (3, 200, 10_950, 2.0, 5.0, 1.5, 0.01),
        (20, 50, 365, 40.0, 0.5, 30.0, 0.2),
        (0, 0, 30, 500.0, 2.0, 50.5, 3.0),
    ],
)
def test_the_integral_is_the_closed_form(case: tuple[float, ...]) -> None:
    """Of Fader, Hardie & Lee (2005), eq. 10 given active, by mpmath; where the two can be compared."""
    with mpmath.workdps(60):
        x, T, horizon, r, alpha, a, b = (mpmath.mpf(value) for value in case)
        G, z = alpha + T, horizon / (alpha + T + horizon)
        series = mpmath.hyp2f1(r + x, b + x, a + b + x - 1, z)
        right = (a + b + x - 1) / (a - 1) * (1 - (G / (G + horizon)) ** (r + x) * series)
        assert abs(exact_purchases(*case) / right - 1) < 1e-10


HARD_ONES = [
    # x, T, horizon, r, alpha, a, b: those that gave -8,076 and 37.4 for 1, and 4 times the upper limit
    (0.0, 0.0, 365.0, 4.5e5, 51.7, 1.3e4, 3e-3),
    (0.0, 100.0, 365.0, 4.5e5, 51.7, 1.3e4, 3e-3),
    (0.0, 0.0, 365.0, 1e3, 3.4e-4, 1.4e4, 1e-5),
    (0.0, 0.0, 10_950.0, 1e12, 1e3, 0.85, 2.5),
    (20.0, 100.0, 10_950.0, 1e6, 1e-3, 1e6, 1e-5),
    (0.0, 1.0, 10_950.0, 1e9, 1.0, 1e12, 1e12),
    (0.0, 0.0, 365.0, 1e5, 1e-4, 0.3, 1e-5),
]


@pytest.mark.parametrize("case", HARD_ONES)
def test_expected_purchases_are_exact_where_they_were_impossible(case: tuple[float, ...]) -> None:
    assert difference(*case) < 1e-8


def test_expected_purchases_are_exact_at_random_up_to_the_bounds() -> None:
    rng = np.random.default_rng(5)
    for _ in range(2_000):
        ends = {name: np.log10(BOUNDS[name]) for name in ("r", "alpha", "a", "b")}
        r, alpha, a, b = (float(10 ** rng.uniform(*ends[name])) for name in ends)
        alpha = max(alpha, r / (0.999 * RATE_BOUNDS[1]))
        x = float(rng.choice([0, 0, 0, 1, 5, 300]))
        T, horizon = x + math.floor(10 ** rng.uniform(0, 4)) - 1, float(rng.choice(HORIZONS))
        case = (x, T, horizon, r, alpha, a, b)
        assert difference(*case) < (1e-8 if b >= 1e-5 else 1e-7), case


def test_what_is_left_out_of_a_table_does_not_depend_on_how_it_was_extended() -> None:
    A, a, c = 1e6, 1e4, 1e4 + 1e-3
    needed = panels_to(1e6, fall_scale(A, a, c))
    once, twice = np.empty((2, needed, 1, POINTS))
    ends, room = np.empty(2), np.empty(ROOM)
    tabulate(A, a, c, needed, 0, once, 0, np.empty(2), room)
    for start, stop in ((0, 3), (3, 12), (12, needed)):
        tabulate(A, a, c, stop, start, twice, 0, ends, room)
    np.testing.assert_array_equal(once, twice)
    assert (once[-1] == 0).all()


def test_draws_of_a_fit_beyond_a_bound_are_moved_to_it() -> None:
    draws = {name: np.full((2, 3), value) for name, value in ORDINARY.items()}
    draws["a"][0, 1], draws["b"][1, 2], draws["alpha"][0, 0] = 1e-12, 1e-9, 1e15
    moved = population(draws, ("bg_nbd", "gamma_gamma"), {"method": "nuts"}).draws
    assert (moved["a"][0, 1], moved["b"][1, 2], moved["alpha"][0, 0]) == (1e-9, 1e-6, 1e12)
    np.testing.assert_array_equal(moved["r"], draws["r"])


@pytest.mark.parametrize("changes", [{"r": np.nan}, {"r": 1e6, "alpha": 1e-6}, {"v": 1e20}])
def test_impossible_draws_of_a_fit_end_in_one_line_with_advice(changes: dict[str, float]) -> None:
    draws = {name: np.full((2, 3), value) for name, value in (ORDINARY | changes).items()}
    with pytest.raises(FitError, match=r"gave impossible draws.*6 of 6 .*take narrower priors") as caught:
        population(draws, ("bg_nbd", "gamma_gamma"), {"method": "nuts"})
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (2, False)
