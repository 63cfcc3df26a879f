"""Drifts of totals over several horizons: each answers for its own, and they survive their file."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tenure.posterior import Posterior
from tenure.settings import TrainSettings
from tenure.totals import Drift, Drifts, PastError, PastErrorsError, estimate_drifts

SETTINGS = TrainSettings().backtest.drift
START = date(2024, 1, 1)
YEARS_LATER = date(2030, 1, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def make_past_errors(days: int, ratio: float, periods: int) -> list[PastError]:
    return [PastError(day(days * at), day(days * (at + 1)), ratio, 0.04) for at in range(periods)]


@pytest.fixture(scope="module")
def drifts() -> Drifts:
    """Learn over 90 days of both outcomes, over 180 days of value alone, of which there are too few periods."""
    past_errors = {
        "purchases": make_past_errors(90, -0.3, 6),
        "spend": [*make_past_errors(90, -0.2, 6), *make_past_errors(180, 0.4, 2)],
    }
    return estimate_drifts(past_errors, YEARS_LATER, SETTINGS, source_run="a run", seed=1)


def test_a_factor_answers_for_its_own_horizon_and_the_prior_for_others(drifts: Drifts) -> None:
    assert {outcome: set(known) for outcome, known in drifts.estimated.items()} == {"purchases": {90}, "spend": {90}}
    for outcome, low, high in (("purchases", -0.3, -0.2), ("spend", -0.2, -0.13)):
        assert low < np.median(drifts.over(outcome, 90).logs) < high
        assert drifts.over(outcome, 98) is drifts.over(outcome, 90)
        for other in (1, 80, 101, 180, 365):
            assert drifts.over(outcome, other) is drifts.assumed
    assert np.median(drifts.assumed.logs) == pytest.approx(0.0, abs=0.02)


def test_the_nearest_of_several_horizons_answers() -> None:
    past_errors = {"spend": [*make_past_errors(84, -0.3, 6), *make_past_errors(91, 0.3, 6)]}
    found = estimate_drifts(past_errors, YEARS_LATER, SETTINGS, seed=1)
    assert np.median(found.over("spend", 86).logs) < 0 < np.median(found.over("spend", 90).logs)


def test_factors_say_where_they_come_from(drifts: Drifts) -> None:
    assert drifts.source(90) == "estimated over 90 days, 6.0 periods"
    assert drifts.source(365) == "assumed by default, not measured on this log (estimated over 90 days only)"
    assert (
        estimate_drifts({}, YEARS_LATER, SETTINGS, seed=1).source(365) == "assumed by default, not measured on this log"
    )
    one = estimate_drifts({"spend": make_past_errors(90, 0.1, 4)}, YEARS_LATER, SETTINGS, seed=1)
    assert (
        one.source(90)
        == "purchases: assumed by default, not measured on this log; spend: estimated over 90 days, 4.0 periods"
    )


def test_origins_that_ended_too_late_add_nothing() -> None:
    past_errors = {"spend": make_past_errors(90, -0.3, 3)}
    assert estimate_drifts(past_errors, day(269), SETTINGS, seed=1).estimated == {}
    assert set(estimate_drifts(past_errors, day(270), SETTINGS, seed=1).estimated["spend"]) == {90}


def test_drifts_survive_their_file_to_the_bit(drifts: Drifts, tmp_path: Path) -> None:
    drifts.save(tmp_path / "drift.npz")
    found = Drifts.load(tmp_path / "drift.npz")
    assert found.source_run == "a run"
    for outcome in ("purchases", "spend"):
        for days in (90, 365):
            assert found.source(days) == drifts.source(days)
            np.testing.assert_array_equal(found.over(outcome, days).logs, drifts.over(outcome, days).logs)
    assert (tmp_path / "drift.npz").stat().st_size < 200_000


def test_another_file_is_refused(tmp_path: Path, posterior: Posterior) -> None:
    posterior.save(tmp_path / "posterior.npz")
    with pytest.raises(PastErrorsError, match="is not a file of drifts: it lacks assumed"):
        Drifts.load(tmp_path / "posterior.npz")


def test_what_was_assumed_cannot_be_passed_off_as_estimated(drifts: Drifts) -> None:
    with pytest.raises(PastErrorsError, match="Drifts must be estimated ones of purchases, spend"):
        Drifts(drifts.assumed, {"spend": {90: drifts.assumed}})
    with pytest.raises(PastErrorsError, match="Drifts must be estimated ones"):
        Drifts(drifts.assumed, {"profit": {90: Drift(np.zeros(2), "estimated", 3.0)}})
