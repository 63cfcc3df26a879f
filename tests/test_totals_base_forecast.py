"""What a base comes to: the scorer's own totals, and who is in it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tenure.posterior import Posterior
from tenure.scorer import Scorer, Scores
from tenure.totals import Drift, Drifts, adjusted_totals, forecast_base

STEADY = Drift(np.zeros(3), "assumed", 0.0)
CHANGING = Drift(np.log([0.5, 1.0, 2.0]), "assumed", 0.0)


@pytest.fixture(scope="module")
def scores(posterior: Posterior, summaries: pd.DataFrame) -> Scores:
    return Scorer(posterior).score(summaries, horizon_days=180, level=0.8)


def _outlook(scores: Scores, summaries: pd.DataFrame, drift: Drift) -> dict[str, float]:
    return forecast_base([(scores, summaries["frequency"])], Drifts(drift))


def test_totals_are_the_scorers_and_a_world_that_does_not_change_adjusts_nothing(
    scores: Scores, summaries: pd.DataFrame
) -> None:
    found = _outlook(scores, summaries, STEADY)
    totals: Any = scores.totals.table(0.8)
    for total in ("purchases", "clv"):
        for end, value in totals.loc[total].items():
            assert found[f"{total}.{end}"] == value
        drawn = np.sort(getattr(scores.totals, total))
        for end in ("low", "high"):
            near = np.abs(drawn - totals.loc[total, end]).argmin()
            assert drawn[near - 1] <= found[f"{total}.adjusted_{end}"] <= drawn[near + 1]


def test_a_world_that_changes_widens_totals_to_both_sides(scores: Scores, summaries: pd.DataFrame) -> None:
    found = _outlook(scores, summaries, CHANGING)
    for total in ("purchases", "clv"):
        assert found[f"{total}.adjusted_low"] < 0.6 * found[f"{total}.expected"]
        assert found[f"{total}.adjusted_high"] > 1.7 * found[f"{total}.expected"]


def test_shares_are_of_customers_and_the_top_tenth_is_of_value(scores: Scores, summaries: pd.DataFrame) -> None:
    found, table = _outlook(scores, summaries, STEADY), scores.table
    assert found["customers"] == 700
    assert found["one_time_share"] == pytest.approx((summaries["frequency"] == 0).sum() / 700)
    assert found["active_share"] == pytest.approx(table["p_alive"].sum() / 700)
    assert found["buying_share"] == pytest.approx(table["p_purchase"].sum() / 700)
    assert found["top_tenth_share"] == pytest.approx(table["clv"].nlargest(70).sum() / table["clv"].sum())


def test_totals_are_adjusted_by_the_factor_of_their_own_horizon_and_outcome(
    posterior: Posterior, summaries: pd.DataFrame
) -> None:
    twice = Drift(np.full(3, np.log(2.0)), "estimated", 4.0)
    drifts = Drifts(STEADY, {"spend": {180: twice}})
    for days, doubled in ((180, 2.0), (365, 1.0)):
        scores = Scorer(posterior).score(summaries, horizon_days=days)
        found: Any = adjusted_totals(scores.totals, drifts, scores.params)
        plain: Any = adjusted_totals(scores.totals, Drifts(STEADY), scores.params)
        pd.testing.assert_series_equal(found.loc["purchases"], plain.loc["purchases"])
        pd.testing.assert_series_equal(found.loc["clv"], doubled * plain.loc["clv"])


def test_groups_share_the_factor_of_the_base_to_the_draw(posterior: Posterior, summaries: pd.DataFrame) -> None:
    """Two halves with the same customers in either have half the base's adjusted interval: chance is not drawn anew."""
    scores = Scorer(posterior).score(summaries, horizon_days=180)
    half = replace(scores.totals, sums=scores.totals.sums / 2)
    base, group = (adjusted_totals(totals, Drifts(CHANGING), scores.params) for totals in (scores.totals, half))
    pd.testing.assert_frame_equal(group, base / 2)
