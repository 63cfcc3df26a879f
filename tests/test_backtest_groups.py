"""Bias by group of customers, with the number of comparisons in mind."""

import numpy as np
import pandas as pd
import pytest

from tenure.backtest import GROUP_METRICS, describe_groups, measure_groups, tabulate_groups
from tenure.backtest.groups import GROUP_COLUMNS, LEAST_CUSTOMERS, ONE_TIME, REPEAT, REST
from tenure.backtest.outcome import Outcome


class Measured:
    """The outcomes of a backtest."""

    def __init__(self, actual, expected, pit=None):
        pit = np.full(len(actual), 0.5) if pit is None else pit
        zeros = np.zeros(len(actual))
        self.outcomes = {
            "purchases": Outcome(actual, expected, zeros, pit, np.zeros(5)),
            "spend": Outcome(10 * actual, 10 * expected, zeros, pit, np.zeros(5)),
        }

    def outcome(self, name):
        return self.outcomes[name]


def customers(size: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"frequency": rng.integers(0, 3, size), "channel": rng.choice(["ads", "mail", "shop"], size)})
    expected = rng.gamma(1.0, 1.0, size)
    return frame, rng.poisson(expected).astype(float), expected


def test_a_group_that_is_forecast_too_high_is_named():
    frame, actual, expected = customers(4000)
    once = frame["frequency"].to_numpy() == 0
    actual = np.where(once, np.random.default_rng(1).binomial(actual.astype(int), 0.6), actual)
    table = tabulate_groups(Measured(actual, expected), frame, ["channel"])
    assert tuple(table.columns) == GROUP_COLUMNS
    row = table[(table["group"] == ONE_TIME) & (table["outcome"] == "purchases")].iloc[0]
    assert row["is_beyond_chance"]
    assert row["bias"] == pytest.approx(1 / 0.6 - 1, abs=0.15)
    sentence = describe_groups(table[table["outcome"] == "purchases"])
    assert "most wrong for one-time buyers: 6" in sentence or "most wrong for one-time buyers: 7" in sentence
    assert "more purchases than they had" in sentence


def test_a_segment_that_is_forecast_too_low_is_named():
    frame, actual, expected = customers(4000)
    expected = np.where(frame["channel"] == "mail", 0.5 * expected, expected)
    table = tabulate_groups(Measured(actual, expected), frame, ["channel"])
    assert "customers of channel mail: 5" in describe_groups(table)
    assert "fewer purchases" in describe_groups(table) or "less spend" in describe_groups(table)


def test_a_right_forecast_is_seldom_called_wrong_for_any_group():
    wrong = 0
    for seed in range(200):
        frame, actual, expected = customers(600, seed)
        wrong += tabulate_groups(Measured(actual, expected), frame, ["channel"])["is_beyond_chance"].any()
    assert wrong <= 20  # 5% of 200, and two standard errors


def test_small_segments_are_one_group_and_no_group_is_missing():
    frame, actual, expected = customers(500)
    frame.loc[: LEAST_CUSTOMERS - 2, "channel"] = "tiny"
    table = tabulate_groups(Measured(actual, expected), frame, ["channel"])
    groups = table.groupby("group")["customers"].first()
    assert groups[REST] == LEAST_CUSTOMERS - 1
    assert "tiny" not in groups
    assert groups.drop([ONE_TIME, REPEAT]).sum() == groups[[ONE_TIME, REPEAT]].sum() == 500


def test_groups_without_customers_or_purchases_have_no_bias_and_no_alarm():
    frame = pd.DataFrame({"frequency": np.ones(30, int)})
    table = tabulate_groups(Measured(np.zeros(30), np.zeros(30)), frame)
    assert not table["is_beyond_chance"].any()
    assert describe_groups(table) == "By group: no bias is beyond chance among 4 comparisons."


def test_coverage_is_the_share_of_the_group_inside_its_intervals():
    frame, actual, expected = customers(100)
    pit = np.where(frame["frequency"] == 0, 0.01, 0.5)
    table = tabulate_groups(Measured(actual, expected, pit), frame).set_index(["group", "outcome"])["coverage_90"]
    assert (table[ONE_TIME, "spend"], table[REPEAT, "spend"]) == (0.0, 1.0)


def metrics_of(actual, expected, frame, pit=None):
    return measure_groups(tabulate_groups(Measured(actual, expected, pit), frame, ["channel"]))


def test_a_bias_of_one_time_buyers_that_repeat_buyers_cancel_is_measured():
    frame, actual, expected = customers(4000)
    once = frame["frequency"].to_numpy() == 0
    expected = np.where(once, 1.7 * expected, 0.65 * expected)
    metrics = metrics_of(actual, expected, frame)
    assert 0.5 < metrics["purchases.one_time.bias_beyond_chance"] < 0.7
    assert -0.35 < metrics["spend.repeat.bias_beyond_chance"] < -0.2
    assert abs(metrics["purchases.segments.bias_beyond_chance"]) < 0.05


@pytest.mark.parametrize("times", [0.5, 1.6])
def test_the_segment_that_is_most_wrong_is_measured_on_its_side(times):
    frame, actual, expected = customers(4000)
    expected = np.where(frame["channel"] == "mail", times * expected, expected)
    metrics = metrics_of(actual, expected, frame)
    assert metrics["segments_compared"] == 3
    assert metrics["spend.segments.bias_beyond_chance"] == pytest.approx(times - 1, abs=0.25)
    assert metrics["spend.segments.coverage_beyond_chance"] >= 0


def test_a_segment_whose_intervals_do_not_cover_is_measured():
    frame, actual, expected = customers(4000)
    pit = np.where((frame["channel"] == "shop") & (np.arange(4000) % 3 == 0), 0.001, 0.5)
    metrics = metrics_of(actual, expected, frame, pit)
    assert -0.25 < metrics["purchases.segments.coverage_beyond_chance"] < -0.15


def test_a_group_that_bought_nothing_is_measured_relative_to_its_forecast():
    frame, actual, expected = customers(4000)
    metrics = metrics_of(np.where(frame["frequency"] == 0, 0.0, actual), expected, frame)
    assert metrics["purchases.one_time.bias_beyond_chance"] > 0.8


def test_a_right_forecast_has_no_group_beyond_the_limit():
    for seed in range(30):
        frame, actual, expected = customers(600, seed)
        metrics = metrics_of(actual, expected, frame)
        assert all(abs(value) < 0.1 for name, value in metrics.items() if name.endswith("bias_beyond_chance"))


def test_without_segments_none_is_compared():
    frame = pd.DataFrame({"frequency": np.ones(30, int)})
    metrics = measure_groups(tabulate_groups(Measured(np.zeros(30), np.zeros(30)), frame))
    assert metrics.pop("segments_compared") == 0
    assert {value for name, value in metrics.items() if ".segments." in name} == {0.0}
    assert np.isnan(metrics["spend.one_time.coverage_beyond_chance"])  # there are none


def test_every_metric_of_groups_is_measured():
    frame, actual, expected = customers(400)
    assert tuple(sorted(metrics_of(actual, expected, frame))) == tuple(sorted(GROUP_METRICS))


def test_a_forecast_that_is_no_number_leaves_no_metric_that_passes():
    frame, actual, expected = customers(400)
    expected[frame["channel"] == "mail"] = np.nan
    assert np.isnan(metrics_of(actual, expected, frame)["purchases.segments.bias_beyond_chance"])


def test_segments_that_cover_too_much_do_not_hide_one_that_covers_too_little():
    frame, actual, expected = customers(4000)
    pit = np.where(frame["channel"] == "shop", np.where(np.arange(4000) % 4 == 0, 0.001, 0.5), 0.5)
    assert metrics_of(actual, expected, frame, pit)["spend.segments.coverage_beyond_chance"] < -0.08
