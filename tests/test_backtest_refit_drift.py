"""How far a refit differs from the calibration fit that the review judges."""

from dataclasses import replace

import numpy as np
import pytest

from tenure.backtest import measure_refit_drift
from tenure.backtest.stationarity import REFIT_METRICS
from tenure.posterior import Posterior

HORIZON = 90


def moved(posterior: Posterior, **factors: float) -> Posterior:
    draws = {name: values * factors.get(name, 1.0) for name, values in posterior.draws.items()}
    return replace(posterior, draws=draws)


def test_a_refit_on_the_same_days_has_not_moved(posterior: Posterior) -> None:
    found = measure_refit_drift(posterior, posterior, HORIZON)
    assert tuple(found) == REFIT_METRICS
    assert found["purchases.refit_drift"] == found["spend.refit_drift"] == 0.0
    assert found["purchases.refit_drift_se"] > 0
    assert found["spend.refit_drift_se"] > 0


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_spend_moves_by_its_scale_and_purchases_do_not(posterior: Posterior, factor: float) -> None:
    found = measure_refit_drift(posterior, moved(posterior, v=factor), HORIZON)
    assert found["spend.refit_drift"] == pytest.approx(factor - 1)
    assert found["purchases.refit_drift"] == 0.0


def test_rarer_purchases_are_fewer_and_spend_stays(posterior: Posterior) -> None:
    found = measure_refit_drift(posterior, moved(posterior, alpha=1.5), HORIZON)
    assert -0.5 < found["purchases.refit_drift"] < -0.1
    assert found["spend.refit_drift"] == 0.0


def test_dropout_that_tells_only_after_the_horizon_counts(posterior: Posterior) -> None:
    """The later purchases move further than the earlier, and are what is said."""
    both = [
        measure_refit_drift(posterior, moved(posterior, a=2.0), days)["purchases.refit_drift"]
        for days in (HORIZON, 2 * HORIZON)
    ]
    assert both[0] < -0.1
    assert both[1] < both[0]


def test_the_unit_of_money_changes_nothing(posterior: Posterior) -> None:
    refit = moved(posterior, v=1.2, alpha=1.1)
    in_cents = measure_refit_drift(moved(posterior, v=100.0), moved(refit, v=100.0), HORIZON)
    assert in_cents == pytest.approx(measure_refit_drift(posterior, refit, HORIZON))


def test_the_error_is_the_spread_of_the_judged_posterior(posterior: Posterior) -> None:
    rng = np.random.default_rng(5)
    shape = posterior.draws["v"].shape
    base = {name: np.full(shape, float(np.median(values))) for name, values in posterior.draws.items()}
    judged = replace(posterior, draws={**base, "v": base["v"] * np.exp(rng.normal(0.0, 0.05, shape))})
    found = measure_refit_drift(judged, replace(posterior, draws=base), HORIZON)
    assert found["spend.refit_drift_se"] == pytest.approx(0.05, rel=0.25)
    assert found["purchases.refit_drift_se"] == pytest.approx(0.0, abs=1e-12)
