"""Two models on one holdout: differences of errors, of Brier scores and of biases, paired by customer."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from test_backtest import CUTOFF, make_case, make_split

from tenure.backtest import Backtest, BacktestError, compare_measures, measure_forecast, point_forecast
from tenure.rfm import Split

ROWS = ["purchases.crps", "spend.crps", "p_purchase.brier", "purchases.absolute_bias", "spend.absolute_bias"]


def split_of(purchases: list[float], spend: list[float]) -> Split:
    size = len(purchases)
    return make_split(np.ones(size, int), np.array(purchases), np.array(spend), np.full(size, 10.0))


def point(split: Split, purchases: object, spend: object) -> Backtest:
    forecast = point_forecast("point", np.asarray(purchases, float), np.asarray(spend, float), 10)
    return measure_forecast(split, forecast, level=0.9, rng=np.random.default_rng(0))


def test_four_customers_worked_by_hand() -> None:
    """Point forecasts: CRPS is the absolute error, and the probability of a purchase is 0 or 1."""
    split = split_of([2, 0, 1, 3], [20, 0, 10, 50])
    table = compare_measures(
        point(split, [1, 0, 1, 3], [20, 0, 10, 40]),  # errors 1 0 0 0 and 0 0 0 10
        point(split, [3, 1, 1, 2], [20, 10, 10, 56]),  # errors 1 1 0 1 and 0 10 0 6
    )
    assert list(table.index) == ROWS
    assert list(table.columns) == ["this", "other", "difference", "difference_se", "winner"]
    assert table.index.name == "measure"
    purchases, spend, brier = (table.loc[name] for name in ROWS[:3])
    assert [*purchases[:4]] == pytest.approx([0.25, 0.75, -0.5, np.sqrt(1 / 3) / 2])  # of 0 -1 0 -1
    assert [*spend[:4]] == pytest.approx([2.5, 4.0, -1.5, np.sqrt(107 / 3) / 2])  # of 0 -10 0 4
    assert [*brier[:4]] == pytest.approx([0.0, 0.25, -0.25, 0.25])  # of 0 -1 0 0
    assert [*table.loc["purchases.absolute_bias"][:3]] == pytest.approx([1 / 6, 1 / 6, 0.0])  # 5 and 7 of 6
    assert [*table.loc["spend.absolute_bias"][:3]] == pytest.approx([1 / 8, 1 / 5, 1 / 8 - 1 / 5])  # 70 and 96 of 80
    assert [*table["winner"]] == ["neither"] * 5


@pytest.mark.parametrize(("one", "another"), [(0.9, 0.8), (0.9, 1.2), (1.3, 1.25), (1.0, 9.0)])
def test_a_distance_of_the_bias_names_no_winner_however_large(one: float, another: float) -> None:
    """All that moves the customers of a holdout together is in both totals once, and in no spread over customers."""
    actual = np.random.default_rng(2).poisson(2.0, 400).astype(float)
    split, first, second = split_of([*actual], [*(10 * actual)]), one * actual, another * actual
    table = compare_measures(point(split, first, 10 * first), point(split, second, 10 * second))
    rows = table.loc[["purchases.absolute_bias", "spend.absolute_bias"]]
    assert [*rows["difference"]] == pytest.approx([abs(one - 1) - abs(another - 1)] * 2)
    assert rows["difference_se"].isna().all()
    assert [*rows["winner"]] == ["neither"] * 2


def test_a_model_that_is_clearly_better_wins_each_paired_row_from_either_side() -> None:
    case = make_case()
    better = case.measure()
    worse = case.but(
        purchases=3 * case.samples.purchases + 1,
        spend=3 * case.samples.spend + 20,
        expected_purchases=3 * case.samples.expected_purchases + 1,
        expected_spend=3 * case.samples.expected_spend + 20,
    ).measure()
    table, turned = compare_measures(better, worse), compare_measures(worse, better)
    assert [*table["winner"]] == ["this"] * 3 + ["neither"] * 2
    assert [*turned["winner"]] == ["other"] * 3 + ["neither"] * 2
    pd.testing.assert_series_equal(turned["difference"], -table["difference"])
    pd.testing.assert_series_equal(turned["difference_se"], table["difference_se"])
    for name in ROWS[:3]:
        assert table.loc[name, "this"] == better.metrics[name]
        assert table.loc[name, "other"] == worse.metrics[name]
    for outcome in ("purchases", "spend"):
        assert table.loc[f"{outcome}.absolute_bias", "other"] == abs(worse.metrics[f"{outcome}.bias"])


def test_a_model_and_itself_differ_by_exactly_nothing() -> None:
    backtest = make_case(size=200, draws=50).measure()
    table = compare_measures(backtest, backtest)
    assert not table["difference"].any()
    assert not table.loc[ROWS[:3], "difference_se"].any()
    assert set(table["winner"]) == {"neither"}


def test_a_holdout_without_purchases_has_no_bias_to_compare() -> None:
    split = split_of([0, 0, 0], [0, 0, 0])
    table = compare_measures(point(split, [1, 0, 0], [9, 0, 0]), point(split, [0, 0, 0], [0, 0, 0]))
    assert table.loc[ROWS[3:], ["this", "difference", "difference_se"]].isna().all(axis=None)
    assert set(table.loc[ROWS[3:], "winner"]) == {"neither"}
    assert table.loc["purchases.crps", "difference"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("purchases", "spend"), [([2, 0], [20, 0]), ([2, 0, 2], [20, 0, 10]), ([2, 0, 1], [20, 0, 11])]
)
def test_forecasts_of_other_outcomes_are_refused(purchases: list[float], spend: list[float]) -> None:
    split, other = split_of([2, 0, 1], [20, 0, 10]), split_of(purchases, spend)
    assert other.end == CUTOFF + timedelta(days=180)
    with pytest.raises(BacktestError, match="measured on different customers, or on other actual outcomes"):
        compare_measures(point(split, [1, 1, 1], [9, 9, 9]), point(other, [1] * len(spend), [9] * len(spend)))
