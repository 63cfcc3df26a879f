"""Factors of totals over several horizons: each answers for its own, and they survive their file."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tenure.backtest import BacktestError, Factor, Factors, Lesson, learn_factors
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior

SETTINGS = compose_settings("train").backtest.discrepancy
START = date(2024, 1, 1)
YEARS_LATER = date(2030, 1, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def make_lessons(days: int, ratio: float, periods: int) -> list[Lesson]:
    return [Lesson(day(days * at), day(days * (at + 1)), ratio, 0.04) for at in range(periods)]


@pytest.fixture(scope="module")
def factors() -> Factors:
    """Learn over 90 days of both outcomes, over 180 days of value alone, of which there are too few periods."""
    lessons = {
        "purchases": make_lessons(90, -0.3, 6),
        "value": [*make_lessons(90, -0.2, 6), *make_lessons(180, 0.4, 2)],
    }
    return learn_factors(lessons, YEARS_LATER, SETTINGS, learnt_from="a run", seed=1)


def test_a_factor_answers_for_its_own_horizon_and_the_prior_for_others(factors: Factors) -> None:
    assert {outcome: set(known) for outcome, known in factors.learnt.items()} == {"purchases": {90}, "value": {90}}
    for outcome, low, high in (("purchases", -0.3, -0.2), ("value", -0.2, -0.13)):
        assert low < np.median(factors.over(outcome, 90).logs) < high
        assert factors.over(outcome, 98) is factors.over(outcome, 90)
        for other in (1, 80, 101, 180, 365):
            assert factors.over(outcome, other) is factors.assumed
    assert np.median(factors.assumed.logs) == pytest.approx(0.0, abs=0.02)


def test_the_nearest_of_several_horizons_answers() -> None:
    lessons = {"value": [*make_lessons(84, -0.3, 6), *make_lessons(91, 0.3, 6)]}
    found = learn_factors(lessons, YEARS_LATER, SETTINGS, seed=1)
    assert np.median(found.over("value", 86).logs) < 0 < np.median(found.over("value", 90).logs)


def test_factors_say_where_they_come_from(factors: Factors) -> None:
    assert factors.source(90) == "learnt over 90 days, 6.0 periods"
    assert factors.source(365) == "assumed, not learnt (learnt over 90 days only)"
    assert learn_factors({}, YEARS_LATER, SETTINGS, seed=1).source(365) == "assumed, not learnt"
    one = learn_factors({"value": make_lessons(90, 0.1, 4)}, YEARS_LATER, SETTINGS, seed=1)
    assert one.source(90) == "purchases: assumed, not learnt; value: learnt over 90 days, 4.0 periods"


def test_origins_that_ended_too_late_teach_nothing() -> None:
    lessons = {"value": make_lessons(90, -0.3, 3)}
    assert learn_factors(lessons, day(269), SETTINGS, seed=1).learnt == {}
    assert set(learn_factors(lessons, day(270), SETTINGS, seed=1).learnt["value"]) == {90}


def test_factors_survive_their_file_to_the_bit(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors.npz")
    found = Factors.load(tmp_path / "factors.npz")
    assert found.learnt_from == "a run"
    for outcome in ("purchases", "value"):
        for days in (90, 365):
            assert found.source(days) == factors.source(days)
            np.testing.assert_array_equal(found.over(outcome, days).logs, factors.over(outcome, days).logs)
    assert (tmp_path / "factors.npz").stat().st_size < 200_000


def test_another_file_is_refused(tmp_path: Path, posterior: Posterior) -> None:
    posterior.save(tmp_path / "posterior.npz")
    with pytest.raises(BacktestError, match="is not a file of factors: it lacks assumed"):
        Factors.load(tmp_path / "posterior.npz")


def test_what_was_assumed_cannot_be_passed_off_as_learnt(factors: Factors) -> None:
    with pytest.raises(BacktestError, match="Factors are learnt ones of purchases, value"):
        Factors(factors.assumed, {"value": {90: factors.assumed}})
    with pytest.raises(BacktestError, match="Factors are learnt ones"):
        Factors(factors.assumed, {"profit": {90: Factor(np.zeros(2), "learnt", 3.0)}})
