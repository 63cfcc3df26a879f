"""The drift with an effect of the season, which a record tries."""

from datetime import date, timedelta

import numpy as np
import pytest
from drift_tries import BIAS, Case, draw_seasonal, draw_shipped, is_same_season

from tenure.totals import PastError

START, OWN = date(2022, 1, 1), 0.05


def holdout(at: int, ratio: float = 0.0, days: int = 91) -> PastError:
    start = START + timedelta(days=days * at)
    return PastError(start, start + timedelta(days=days), ratio, OWN)


def make_case(ratios: list[float]) -> Case:
    past = [holdout(at, ratio) for at, ratio in enumerate(ratios)]
    return Case(holdout(len(ratios)), past, (1, 2))


@pytest.mark.parametrize(("days", "periods"), [(91, 4), (28, 13), (182, 2), (91, 8)])
def test_holdouts_of_about_the_same_days_of_a_year_have_the_same_season(days: int, periods: int) -> None:
    first = holdout(0, days=days)
    assert is_same_season(first, holdout(periods, days=days))
    assert not is_same_season(first, holdout(periods - 1, days=days))
    assert not is_same_season(first, holdout(periods + 1, days=days))


def test_without_an_earlier_year_the_drift_is_the_shipped_one() -> None:
    case = make_case([0.3, -0.3, 0.3])
    assert np.array_equal(draw_seasonal(case).logs, draw_shipped(case).logs)


def test_a_season_that_repeats_is_forecast_more_narrowly() -> None:
    case = make_case([0.4, -0.2, -0.2, 0.0, 0.4, -0.2, -0.2, 0.0])
    seasonal, shipped = draw_seasonal(case).logs, draw_shipped(case).logs
    assert np.median(seasonal) > 0.25 > 0.1 > np.median(shipped)
    assert seasonal.std() < shipped.std()


@pytest.mark.parametrize("ratios", [[0.1, -0.1, 0.0, 0.05], [-0.2, 0.0, 0.1, 0.0, -0.1, 0.1]])
def test_its_posterior_is_that_of_weighted_draws_of_the_prior(ratios: list[float]) -> None:
    rng, size = np.random.default_rng(3), 400_000
    delta = rng.normal(0, 0.1, size)
    tau, omega = 0.1 * np.abs(rng.standard_t(3, (2, size)))
    gamma = omega * rng.standard_normal((4, size))
    log_weight = np.zeros(size)
    for at, ratio in enumerate(ratios):
        variance = tau**2 + OWN**2
        log_weight -= 0.5 * (np.log(variance) + (ratio - delta - gamma[at % 4]) ** 2 / variance)
    weight = np.exp(log_weight - log_weight.max())
    new = delta + gamma[len(ratios) % 4] + tau * rng.standard_normal(size)
    order = np.argsort(new)
    quantiles = np.interp([0.05, 0.5, 0.95], weight[order].cumsum() / weight.sum(), new[order])
    assert np.quantile(draw_seasonal(make_case(ratios)).logs, [0.05, 0.5, 0.95]) == pytest.approx(quantiles, abs=0.015)


def test_a_prior_mean_of_the_bias_moves_an_assumed_drift_by_it() -> None:
    case = make_case([])
    assert draw_shipped(case, BIAS).logs == pytest.approx(draw_shipped(case).logs + BIAS)
