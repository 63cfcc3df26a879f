"""Totals with drift: does the adjusted interval cover the actual total as often as it states?"""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from cases import few
from scipy import stats

from tenure.settings import DriftSettings
from tenure.totals import ASSUMED, Drift, PastError, PastErrorsError, estimate_drift
from tenure.totals.adjusted import adjusted_metrics
from tenure.totals.drift import ESTIMATED
from tenure.totals.past_errors import day_shares

SETTINGS = DriftSettings(bias_sd=0.1, spread_sd=0.1, spread_df=3, least_periods=3, source_run=None)
START = date(2024, 1, 1)
LEVEL, DRAWS = 0.90, 400
OWN = 0.04  # the error of the log total that the model itself admits


def day(number: int) -> date:
    return START + timedelta(days=number)


def make_past_errors(ratios: np.ndarray, days: int = 90) -> list[PastError]:
    return [PastError(day(days * at), day(days * (at + 1)), float(ratio), OWN) for at, ratio in enumerate(ratios)]


def cover(delta: np.ndarray, tau: np.ndarray, periods: int, seed: int) -> tuple[float, float, float]:
    """Simulate a log per delta and tau: the shares that raw and adjusted intervals hold, and their widths' ratio."""
    rng = np.random.default_rng(seed)
    held, widths = np.zeros((2, len(delta))), np.zeros((2, len(delta)))
    for at, (bias, spread) in enumerate(zip(delta, tau, strict=True)):
        ratios = bias + rng.normal(0, spread, periods + 1) + rng.normal(0, OWN, periods + 1)
        totals = 1000.0 * np.exp(rng.normal(0, OWN, DRAWS))
        actual = float(1000.0 * np.exp(ratios[-1]))
        drift = estimate_drift(make_past_errors(ratios[:-1]), day(90 * periods), SETTINGS, draws=DRAWS, rng=rng)
        assert drift.source == (ESTIMATED if periods >= 3 else ASSUMED)
        numbers = adjusted_metrics(actual, totals, drift, level=LEVEL, rng=rng)
        low, high = np.quantile(totals, [0.05, 0.95])
        held[:, at] = low <= actual <= high, numbers["adjusted_covers_actual"]
        widths[:, at] = high - low, numbers["adjusted_high"] - numbers["adjusted_low"]
    return float(held[0].mean()), float(held[1].mean()), float(np.median(widths[1] / widths[0]))


@pytest.mark.parametrize("periods", few([0, 2, 3, 6], 3))
def test_over_logs_of_the_prior_adjusted_totals_are_held_as_often_as_they_say(periods: int) -> None:
    """As simulation-based calibration would have it: truth from the prior, coverage is the level exactly."""
    rng, logs = np.random.default_rng(30 + periods), 1500
    delta, tau = rng.normal(0, 0.1, logs), 0.1 * np.abs(rng.standard_t(3, logs))
    raw, adjusted, _ = cover(delta, tau, periods, seed=periods)
    assert adjusted == pytest.approx(LEVEL, abs=3.5 * np.sqrt(LEVEL * (1 - LEVEL) / logs))
    assert raw < 0.65


@pytest.mark.parametrize("delta", [-0.15, 0.15])
def test_in_a_drifting_world_adjusted_totals_are_held_and_raw_ones_are_not(delta: float) -> None:
    """A shop that shrinks or grows by the same share each period, with seasons of 8% on top."""
    logs = 400
    raw, adjusted, _ = cover(np.full(logs, delta), np.full(logs, 0.08), 6, seed=4)
    assert raw < 0.25
    assert 0.84 < adjusted < 0.96


def test_in_a_stationary_world_adjusted_totals_are_held_and_not_much_wider_than_raw_ones() -> None:
    logs = 400
    raw, adjusted, wider = cover(np.zeros(logs), np.zeros(logs), 8, seed=5)
    assert raw == pytest.approx(LEVEL, abs=0.06)
    assert 0.88 < adjusted < 0.995
    assert 1.0 < wider < 1.5


def test_the_width_follows_what_periods_differ_by() -> None:
    rng = np.random.default_rng(6)
    steady, restless = (
        estimate_drift(make_past_errors(np.tile([-size, size], 4)), day(720), SETTINGS, draws=4000, rng=rng).logs
        for size in (0.01, 0.25)
    )
    assert steady.std() < 0.08
    assert 0.2 < restless.std() < 0.35


def test_more_periods_leave_less_doubt_of_a_steady_bias() -> None:
    rng = np.random.default_rng(7)
    spreads = []
    for periods in (3, 6, 24):
        logs = estimate_drift(make_past_errors(np.full(periods, -0.2)), day(9000), SETTINGS, draws=4000, rng=rng).logs
        spreads.append(logs.std())
        assert -0.22 < np.median(logs) < -0.13
    assert all(more > fewer for more, fewer in pairwise(spreads))


def test_an_origin_counts_only_after_its_holdout_has_ended() -> None:
    """The last of four ends a day too late: what it says changes nothing, to the bit."""
    known_by, draws = day(359), 100
    logs = [
        estimate_drift(
            make_past_errors(np.array([0.1, 0.0, 0.1, last])),
            known_by,
            SETTINGS,
            draws=draws,
            rng=np.random.default_rng(8),
        )
        for last in (0.1, -3.0)
    ]
    np.testing.assert_array_equal(logs[0].logs, logs[1].logs)
    assert logs[0].periods == 3
    later = estimate_drift(
        make_past_errors(np.array([0.1, 0.0, 0.1, -3.0])), day(360), SETTINGS, draws=draws, rng=np.random.default_rng(8)
    )
    assert later.periods == 4
    assert np.median(later.logs) < np.median(logs[0].logs)


def test_holdouts_that_overlap_do_not_count_twice() -> None:
    """Every past error three times over has the weight that it had once."""
    past_errors = make_past_errors(np.array([-0.2, -0.1, -0.25]))
    once, thrice = (
        estimate_drift(given, day(900), SETTINGS, draws=500, rng=np.random.default_rng(9))
        for given in (past_errors, past_errors * 3)
    )
    assert thrice.periods == pytest.approx(once.periods) == 3
    np.testing.assert_allclose(thrice.logs, once.logs)


def test_many_origins_within_two_periods_are_two_periods_and_add_nothing() -> None:
    past_errors = [PastError(day(10 * at), day(10 * at + 100), -0.5, OWN) for at in range(11)]
    assert day_shares(past_errors).sum() == pytest.approx(2.0)
    drift = estimate_drift(past_errors, day(900), SETTINGS, draws=4000, rng=np.random.default_rng(10))
    assert drift.source == "assumed by default, not measured on this log"
    assert np.median(drift.logs) == pytest.approx(0.0, abs=0.01)
    assert np.quantile(np.exp(drift.logs), [0.05, 0.95]) == pytest.approx([0.77, 1.31], abs=0.02)


def test_the_posterior_is_that_of_a_plain_sum_over_a_fine_grid() -> None:
    """Two routes: delta integrated out, and a grid over delta and tau both."""
    ratios, own = np.array([-0.3, 0.05, -0.12, -0.2]), np.array([0.02, 0.05, 0.1, 0.04])
    past_errors = [
        PastError(day(90 * at), day(90 * at + 90), r, s) for at, (r, s) in enumerate(zip(ratios, own, strict=True))
    ]
    logs = estimate_drift(past_errors, day(900), SETTINGS, draws=200_000, rng=np.random.default_rng(11)).logs
    delta, tau = np.linspace(-0.7, 0.7, 701)[:, None], (np.arange(3000) + 0.5)[None, :] / 1000
    log_p = -0.5 * (delta / 0.1) ** 2 + stats.t(3, scale=0.1).logpdf(tau)
    for ratio, sd in zip(ratios, own, strict=True):
        variance = tau**2 + sd**2
        log_p = log_p - 0.5 * np.log(variance) - 0.5 * (ratio - delta) ** 2 / variance
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean = (p * delta).sum()
    variance = (p * (tau**2 + delta**2)).sum() - mean**2
    assert logs.mean() == pytest.approx(mean, abs=0.002)
    assert logs.std() == pytest.approx(np.sqrt(variance), rel=0.01)


def test_a_past_error_is_the_log_of_actual_over_expected_and_there_is_none_of_nothing() -> None:
    totals = np.exp(np.random.default_rng(12).normal(np.log(100), 0.05, 500))
    past = PastError.of(80.0, 100.0, totals, cutoff=day(0), end=day(90))
    assert past is not None
    assert past.log_ratio == pytest.approx(np.log(0.8))
    assert past.log_sd == pytest.approx(0.05, rel=0.1)
    assert PastError.of(0.0, 100.0, totals, cutoff=day(0), end=day(90)) is None
    assert PastError.of(80.0, 0.0, np.zeros(500), cutoff=day(0), end=day(90)) is None


def test_the_raw_total_is_left_as_it_is() -> None:
    totals = np.linspace(90.0, 110.0, 50)
    drift = Drift(np.array([0.0, 0.5]), ESTIMATED, 3.0)
    adjusted = drift.adjust(totals, np.random.default_rng(13))
    assert totals.tolist() == np.linspace(90.0, 110.0, 50).tolist()
    assert set(np.round(np.log(adjusted / totals), 9)) == {0.0, 0.5}


def test_a_past_error_without_a_holdout_or_a_ratio_is_refused() -> None:
    for broken in ((day(5), day(5), 0.0, 0.1), (day(0), day(5), np.inf, 0.1), (day(0), day(5), 0.0, -0.1)):
        with pytest.raises(PastErrorsError, match="A past error has a holdout, a finite log ratio"):
            PastError(*broken)
