from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from tenure.backtest import METRICS, Backtest, BacktestError, crps, measure, randomized_pit, track
from tenure.rfm import Split
from tenure.scorer import Futures
from tenure.summary import Rfm

CUTOFF, DAYS = date(2024, 6, 30), 180
LEVEL = 0.90


@dataclass(frozen=True)
class Case:
    """Everything that `measure` takes, of a base whose truth is known."""

    split: Split
    futures: Futures
    expected: pd.DataFrame

    def measure(self, level: float = LEVEL, seed: int = 0) -> Backtest:
        rng = np.random.default_rng(seed)
        return measure(self.split, self.futures, self.expected, level=level, rng=rng)


def make_split(frequency: np.ndarray, purchases: np.ndarray, spend: np.ndarray, mean: np.ndarray) -> Split:
    ids = [f"c{i:05d}" for i in range(len(frequency))]
    customers = pd.DataFrame(
        {
            "customer_id": ids,
            "frequency": frequency,
            "recency": np.where(frequency > 0, 50 + frequency, 0),
            "T": 150,
            "monetary_value": np.where(frequency > 0, mean, 0.0),
        }
    )
    calibration = Rfm.from_frame(customers, as_of=CUTOFF)
    holdout = pd.DataFrame(
        {
            "customer_id": calibration.customers["customer_id"],
            "purchases": purchases.astype(np.int64),
            "spend": spend.astype(np.float64),
        }
    )
    return Split(calibration, holdout, CUTOFF, CUTOFF + timedelta(days=DAYS), 7)


def make_case(size: int = 2000, draws: int = 400, seed: int = 1, *, empty: bool = False) -> Case:
    """Make customers whose actual outcome is one more draw of what is simulated for them."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 1.5, size)
    counts = rng.poisson(rate[:, None], (size, draws + 1))
    values = np.where(counts > 0, rng.gamma(np.maximum(counts, 1) * 4.0, 5.0), 0.0)
    keep = 0 if empty else 1
    frequency = np.minimum(rng.poisson(rate), 40)
    split = make_split(frequency, counts[:, 0] * keep, values[:, 0] * keep, rng.gamma(4.0, 5.0, size))
    futures = Futures(counts=counts[:, 1:].astype(np.int32), values=values[:, 1:])
    ids = split.calibration.customers["customer_id"]
    expected = pd.DataFrame({"customer_id": ids, "expected_purchases": rate, "clv": rate * 20.0})
    return Case(split, futures, expected)


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


@pytest.fixture(scope="module")
def backtest(case: Case) -> Backtest:
    return case.measure()


def brute_force_crps(simulated: np.ndarray, actual: float) -> float:
    pairs = np.abs(simulated[:, None] - simulated[None, :]).sum()
    return float(np.abs(simulated - actual).mean() - pairs / (2 * len(simulated) * (len(simulated) - 1)))


def test_crps_equals_its_double_sum() -> None:
    rng = np.random.default_rng(3)
    simulated, actual = rng.gamma(1.0, 2.0, (25, 17)), rng.gamma(1.0, 2.0, 25)
    simulated[:10] = np.round(simulated[:10])
    wanted = [brute_force_crps(row, value) for row, value in zip(simulated, actual, strict=True)]
    np.testing.assert_allclose(crps(simulated, actual), wanted, rtol=1e-12, atol=1e-12)


def test_crps_is_fair_so_its_mean_does_not_depend_on_the_number_of_simulations() -> None:
    rng = np.random.default_rng(4)
    few, many = (crps(rng.normal(size=(40_000, size)), rng.normal(size=40_000)).mean() for size in (2, 50))
    assert few == pytest.approx(1 / np.sqrt(np.pi), abs=0.02)
    assert many == pytest.approx(1 / np.sqrt(np.pi), abs=0.01)


def test_crps_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    actual = case.split.holdout["spend"].to_numpy()
    whole = crps(case.futures.values, actual)
    monkeypatch.setattr("tenure.backtest._CELLS_AT_ONCE", 1000)
    np.testing.assert_allclose(crps(case.futures.values, actual), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("outcome", ["counts", "value"])
def test_the_pit_of_simulated_truth_is_uniform(backtest: Backtest, outcome: str) -> None:
    assert kstest(backtest.pit[outcome], "uniform").pvalue > 0.01


@pytest.mark.parametrize("draws", [2, 3, 9])
def test_the_pit_is_uniform_however_few_the_simulations(draws: int) -> None:
    rng = np.random.default_rng(5)
    counts = rng.poisson(0.4, (20_000, draws + 1))
    assert kstest(randomized_pit(counts[:, 1:], counts[:, 0], rng), "uniform").pvalue > 0.01


def test_an_outcome_beyond_all_simulations_lies_in_the_last_step_of_the_pit() -> None:
    rng = np.random.default_rng(6)
    simulated, actual = np.tile(np.arange(9.0), (3, 1)), np.array([-1.0, 9.0, 4.0])
    low, high, middle = randomized_pit(simulated, actual, rng)
    assert 0 <= low < 0.1
    assert 0.9 <= high < 1
    assert 0.4 <= middle < 0.6


def test_simulated_truth_is_covered_at_every_level(case: Case) -> None:
    for level in (0.5, 0.9, 0.98):
        metrics = case.measure(level).metrics
        for outcome in ("purchases", "value"):
            error = 3 * metrics[f"{outcome}.pit_coverage_se"]
            tail_error = 3.5 * metrics[f"{outcome}.pit_low_tail_se"]
            assert metrics[f"{outcome}.pit_coverage"] == pytest.approx(level, abs=error)
            assert metrics[f"{outcome}.pit_low_tail"] == pytest.approx((1 - level) / 2, abs=tail_error)
            assert metrics[f"{outcome}.pit_high_tail"] == pytest.approx((1 - level) / 2, abs=tail_error)


def test_an_interval_of_the_expectation_would_not_be_mistaken_for_a_prediction(case: Case) -> None:
    means = np.repeat(case.expected["clv"].to_numpy()[:, None], 400, axis=1)
    noise = np.random.default_rng(7).normal(1.0, 0.02, means.shape)
    futures = Futures(counts=case.futures.counts, values=means * noise)
    assert replace(case, futures=futures).measure().metrics["value.pit_coverage"] < 0.1


def test_totals_are_taken_of_column_sums(case: Case, backtest: Backtest) -> None:
    totals = np.sort(case.futures.values.sum(axis=0))
    metrics = backtest.metrics
    assert metrics["value.total_low"] == pytest.approx(totals[int(np.ceil(0.05 * 400)) - 1], rel=1e-12)
    assert metrics["value.total_high"] == pytest.approx(totals[int(np.ceil(0.95 * 400)) - 1], rel=1e-12)
    assert metrics["purchases.total_low"] in case.futures.counts.sum(axis=0)
    summed = np.quantile(case.futures.values, [0.05, 0.95], axis=1).sum(axis=1)
    assert metrics["value.total_high"] - metrics["value.total_low"] < 0.1 * (summed[1] - summed[0])


def test_a_total_outside_its_interval_is_said(case: Case) -> None:
    assert case.measure().metrics["value.total_holds_actual"] == 1.0
    shrunk = Futures(counts=case.futures.counts, values=case.futures.values * 0.5)
    assert replace(case, futures=shrunk).measure().metrics["value.total_holds_actual"] == 0.0


def test_errors_are_those_of_the_expectation(case: Case, backtest: Backtest) -> None:
    actual, expected = case.split.holdout["purchases"], case.expected["expected_purchases"]
    metrics = backtest.metrics
    assert metrics["purchases.bias"] == pytest.approx(expected.sum() / actual.sum() - 1)
    assert metrics["purchases.mae"] == pytest.approx((expected - actual).abs().mean())
    assert metrics["purchases.rmse"] == pytest.approx(np.sqrt(((expected - actual) ** 2).mean()))
    assert metrics["purchases.correlation"] == pytest.approx(expected.corr(actual))
    assert metrics["purchases.spearman"] == pytest.approx(expected.corr(actual, method="spearman"))


def test_spend_per_purchase_is_a_ratio_of_totals(case: Case, backtest: Backtest) -> None:
    holdout, metrics = case.split.holdout, backtest.metrics
    assert metrics["spend_per_purchase.expected"] == pytest.approx(20.0)
    actual = holdout["spend"].sum() / holdout["purchases"].sum()
    assert metrics["spend_per_purchase.actual"] == pytest.approx(actual)
    assert metrics["spend_per_purchase.bias"] == pytest.approx(20.0 / actual - 1)
    assert 0 < metrics["spend_per_purchase.bias_se"] < 0.05


def test_facts_describe_the_data(case: Case, backtest: Backtest) -> None:
    customers, metrics = case.split.calibration.customers, backtest.metrics
    repeat = customers[customers["frequency"] > 0]
    assert metrics["customers"] == 2000
    assert metrics["repeat_buyers"] == len(repeat)
    assert metrics["one_time_share"] == pytest.approx(1 - len(repeat) / 2000)
    assert metrics["holdout_buyers"] == (case.split.holdout["purchases"] > 0).sum()
    assert metrics["born_in_holdout"] == 7
    assert metrics["horizon_days"] == DAYS
    assert metrics["level"] == LEVEL
    for name, method in (("correlation", "pearson"), ("rank_correlation", "spearman")):
        wanted = repeat["frequency"].corr(repeat["monetary_value"], method=method)
        assert metrics[f"spend_frequency_{name}"] == pytest.approx(wanted)


def test_metrics_are_floats_and_have_the_announced_names(backtest: Backtest) -> None:
    assert set(backtest.metrics) == set(METRICS)
    assert len(set(METRICS)) == len(METRICS)
    assert all(type(value) is float for value in backtest.metrics.values())


def test_an_absent_frequency_is_an_empty_row_and_not_its_neighbours() -> None:
    frequency = np.array([0, 0, 3, 9, 12])
    split = make_split(frequency, np.array([0, 1, 2, 4, 6]), np.array([0.0, 5, 10, 20, 30]), np.full(5, 9.0))
    counts = np.random.default_rng(8).poisson(1.0, (5, 20)).astype(np.int32)
    ids = split.calibration.customers["customer_id"]
    expected = pd.DataFrame({"customer_id": ids, "expected_purchases": np.arange(5.0), "clv": np.arange(5.0)})
    table = Case(split, Futures(counts=counts, values=counts * 5.0), expected).measure().by_frequency
    assert list(table["frequency"]) == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert list(table["customers"]) == [2, 0, 0, 1, 0, 0, 0, 2]
    assert table["actual_purchases"].to_numpy() == pytest.approx(
        [0.5, np.nan, np.nan, 2.0, np.nan, np.nan, np.nan, 5.0], nan_ok=True
    )
    assert table.loc[7, ["expected_purchases", "actual_value", "expected_value"]].tolist() == [3.5, 25.0, 3.5]


def test_deciles_are_equal_groups_from_the_highest_expected_value_down(case: Case, backtest: Backtest) -> None:
    table = backtest.deciles
    assert list(table["decile"]) == list(range(1, 11))
    assert set(table["customers"]) == {200}
    assert table["expected_value"].is_monotonic_decreasing
    top = case.expected["clv"].nlargest(200).index
    assert table.loc[0, "actual_value"] == pytest.approx(case.split.holdout.loc[top, "spend"].mean())
    assert table["value_coverage"].mean() == pytest.approx(backtest.metrics["value.pit_coverage"])


def test_customers_of_equal_expected_value_are_not_ranked_by_their_order() -> None:
    frequency = np.repeat([0, 1], 500)
    split = make_split(frequency, frequency, frequency * 10.0, np.full(1000, 9.0))
    counts = np.ones((1000, 2), dtype=np.int32)
    ids = split.calibration.customers["customer_id"]
    expected = pd.DataFrame({"customer_id": ids, "expected_purchases": 1.0, "clv": 10.0})
    table = Case(split, Futures(counts=counts, values=counts * 10.0), expected).measure().deciles
    assert table["actual_purchases"].between(0.3, 0.7).all()


def test_an_empty_holdout_leaves_what_it_cannot_tell_as_nan() -> None:
    metrics = make_case(300, 50, empty=True).measure().metrics
    unknown = {name for name, value in metrics.items() if np.isnan(value)}
    assert unknown == {
        *(f"{outcome}.{name}" for outcome in ("purchases", "value") for name in ("bias", "correlation", "spearman")),
        "spend_per_purchase.actual",
        "spend_per_purchase.bias",
    }
    assert metrics["purchases.actual_total"] == 0
    assert metrics["holdout_buyers"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_single_customer_is_measured(seed: int) -> None:
    backtest = make_case(1, 10, seed=seed).measure()
    assert len(backtest.pit) == len(backtest.deciles) == 1
    assert np.isnan(backtest.metrics["purchases.correlation"])
    assert np.isnan(backtest.metrics["spend_frequency_correlation"])


def test_a_base_without_a_repeat_buyer_is_measured() -> None:
    case = make_case(50, 10)
    customers = case.split.calibration.customers.assign(frequency=0, recency=0, monetary_value=0.0)
    split = replace(case.split, calibration=Rfm.from_frame(customers, as_of=CUTOFF))
    metrics = replace(case, split=split).measure().metrics
    assert metrics["one_time_share"] == 1.0
    assert np.isnan(metrics["spend_frequency_correlation"])


def test_no_result_names_a_customer(case: Case, backtest: Backtest) -> None:
    ids = set(case.split.calibration.customers["customer_id"])
    for table in (backtest.by_frequency, backtest.deciles, backtest.pit):
        assert "customer_id" not in table.columns
        assert not ids & set(table.astype(str).to_numpy().ravel())
        assert isinstance(table.index, pd.RangeIndex)


def test_the_same_seed_gives_the_same_backtest(case: Case, backtest: Backtest) -> None:
    again = case.measure()
    assert again.metrics == backtest.metrics
    pd.testing.assert_frame_equal(again.pit, backtest.pit)


def test_customers_in_another_order_are_refused(case: Case) -> None:
    shuffled = replace(case, expected=case.expected.iloc[::-1])
    with pytest.raises(BacktestError, match="the calibration's customers in the calibration's order"):
        shuffled.measure()


def test_futures_of_another_shape_are_refused(case: Case) -> None:
    cut = Futures(counts=case.futures.counts[:-1], values=case.futures.values)
    with pytest.raises(BacktestError, match=r"2,000 customers by two draws or more, not \(1999, 400\)"):
        replace(case, futures=cut).measure()
    one = Futures(counts=case.futures.counts[:, :1], values=case.futures.values[:, :1])
    with pytest.raises(BacktestError, match="two draws or more"):
        replace(case, futures=one).measure()


def test_expectations_and_futures_that_are_not_finite_are_refused_together(case: Case) -> None:
    expected = case.expected.assign(clv=np.nan)
    values = np.where(case.futures.values > 300, np.inf, case.futures.values)
    values[0, 0] = np.inf
    broken = replace(case, expected=expected, futures=Futures(counts=case.futures.counts, values=values))
    with pytest.raises(BacktestError, match="expected must be finite; futures must be finite"):
        broken.measure()


def test_missing_columns_and_a_level_of_ninety_are_refused(case: Case) -> None:
    with pytest.raises(BacktestError, match="lacks the column clv; level must be between 0 and 1, got 90"):
        replace(case, expected=case.expected.drop(columns="clv")).measure(90)


def test_a_backtest_refuses_what_is_not_one(backtest: Backtest) -> None:
    metrics = {name: value for name, value in backtest.metrics.items() if name != "value.crps"}
    with pytest.raises(BacktestError, match=r"metric value\.crps is missing; metric crsp is unknown"):
        replace(backtest, metrics={**metrics, "crsp": 1.0})
    with pytest.raises(BacktestError, match="pit must have the columns counts, value"):
        replace(backtest, pit=backtest.pit.assign(customer_id="a"))
    with pytest.raises(BacktestError, match="pit must lie between 0 and 1"):
        replace(backtest, pit=backtest.pit + 1)


# Tracking.


def make_purchases(seed: int = 9, customers: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = {(f"c{rng.integers(customers)}", int(rng.integers(120) ** 2 / 120)) for _ in range(600)}
    table = pd.DataFrame(sorted(rows), columns=["customer_id", "day"])
    table["date"] = pd.Timestamp("2024-01-03") + pd.to_timedelta(table.pop("day"), unit="D")
    return table.assign(amount=1.0)


def make_curves(draws: int = 30, days: int = 130) -> np.ndarray:
    rng = np.random.default_rng(10)
    return np.cumsum(rng.gamma(1.0, 0.02, (draws, days)), axis=1) - 0.0


def daily(purchases: pd.DataFrame, cutoff: date, end: date) -> pd.DataFrame:
    first = purchases.groupby("customer_id")["date"].transform("min")
    ours = purchases[(first <= pd.Timestamp(cutoff)) & (purchases["date"] <= pd.Timestamp(end))]
    is_birth = ours["date"] == first[ours.index]
    days = pd.date_range(ours["date"].min(), end, name="date")
    births, repeats = (ours[rows].groupby("date").size().reindex(days, fill_value=0) for rows in (is_birth, ~is_birth))
    return pd.DataFrame({"births": births, "repeats": repeats}).reset_index()


def brute_force_track(purchases: pd.DataFrame, curves: np.ndarray, cutoff: date, day: pd.Timestamp) -> Any:
    births = purchases.groupby("customer_id")["date"].min()
    births = births[births <= pd.Timestamp(cutoff)]
    ours = purchases[purchases["customer_id"].isin(births.index) & (purchases["date"] <= day)]
    actual = len(ours) - (births <= day).sum()
    drawn = sum(curves[:, (day - birth).days] for birth in births if birth <= day)
    return actual, np.mean(drawn), *np.quantile(drawn, [0.05, 0.95], method="inverted_cdf")


def test_tracking_equals_a_loop_over_customers() -> None:
    purchases, curves, cutoff, end = make_purchases(), make_curves(), date(2024, 3, 12), date(2024, 4, 27)
    table = track(daily(purchases, cutoff, end), curves, cutoff=cutoff, level=LEVEL)
    for row in table.itertuples():
        wanted = brute_force_track(purchases, curves, cutoff, row.day)
        assert (row.actual, row.expected, row.low, row.high) == pytest.approx(wanted, rel=1e-12)


def test_tracking_weeks_meet_the_cutoff_and_stay_within_the_window() -> None:
    cutoff, end = date(2024, 3, 12), date(2024, 4, 27)
    table = track(daily(make_purchases(), cutoff, end), make_curves(), cutoff=cutoff, level=LEVEL)
    assert pd.Timestamp("2024-03-12") in set(table["day"])
    assert set(table["day"].diff().dropna()) == {pd.Timedelta(days=7)}
    assert table["day"].iloc[-1] == pd.Timestamp("2024-04-23")
    assert table["day"].iloc[0] < pd.Timestamp("2024-01-10")


def test_weekly_increments_add_up_to_the_cumulative_track() -> None:
    cutoff, end = date(2024, 3, 12), date(2024, 4, 27)
    table = track(daily(make_purchases(), cutoff, end), make_curves(), cutoff=cutoff, level=LEVEL)
    assert table["weekly_actual"].cumsum().tolist() == table["actual"].tolist()
    np.testing.assert_allclose(table["weekly_expected"].cumsum(), table["expected"])


def test_tracking_refuses_curves_that_end_too_early_and_a_cut_off_after_the_end() -> None:
    counts = daily(make_purchases(), date(2024, 3, 12), date(2024, 4, 27))
    with pytest.raises(BacktestError, match="ends 99 days after the first purchase; the log runs for 115 days"):
        track(counts, make_curves(days=100), cutoff=date(2024, 3, 12), level=LEVEL)
    with pytest.raises(BacktestError, match="The cut-off 2024-05-01 is after the end 2024-04-27"):
        track(counts, make_curves(), cutoff=date(2024, 5, 1), level=LEVEL)
