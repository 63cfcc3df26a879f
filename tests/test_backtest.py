from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from cases import few
from scipy.stats import kstest

from tenure.backtest import METRICS, Backtest, BacktestError, Forecast, Samples, measure_forecast, point_forecast
from tenure.backtest.scores import brier, crps, normalized_gini, randomized_pit
from tenure.backtest.tables import GROUPS, LEVELS, largest_gap, tabulate_reliability
from tenure.rfm import Split
from tenure.settings import TrainSettings
from tenure.summary import CustomerSummary

CUTOFF, DAYS = date(2024, 6, 30), 180
LEVEL = 0.90
PARTS = ("purchases", "spend", "expected_purchases", "expected_spend")


@dataclass(frozen=True)
class Case:
    """Everything that `measure` takes, of a base whose truth is known."""

    split: Split
    samples: Samples

    def forecast(self) -> Forecast:
        def sample(rows: slice) -> Samples:
            return Samples(*(getattr(self.samples, name)[rows] for name in PARTS))

        customers, draws = self.samples.purchases.shape
        return Forecast("simulated", customers, draws, sample)

    def measure(self, level: float = LEVEL, seed: int = 0) -> Backtest:
        return measure_forecast(self.split, self.forecast(), level=level, rng=np.random.default_rng(seed))

    def but(self, **changes: np.ndarray) -> "Case":
        return replace(self, samples=replace(self.samples, **changes))


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
    calibration = CustomerSummary.from_frame(customers, as_of=CUTOFF)
    holdout = pd.DataFrame(
        {
            "customer_id": calibration.table["customer_id"],
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
    return Case(split, Samples(counts[:, 1:].astype(np.int32), values[:, 1:], rate, rate * 20.0))


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


def test_nothing_depends_on_the_blocks_that_customers_come_in(
    monkeypatch: pytest.MonkeyPatch, case: Case, backtest: Backtest
) -> None:
    monkeypatch.setattr("tenure.backtest.forecast.CELLS_AT_ONCE", 10_000)
    blocks = case.measure()
    np.testing.assert_allclose(blocks.spend.crps, backtest.spend.crps, rtol=1e-12, atol=1e-12)
    pd.testing.assert_frame_equal(blocks.pit, backtest.pit)
    np.testing.assert_allclose(blocks.spend.totals, backtest.spend.totals, rtol=1e-12)
    assert blocks.metrics["purchases.total_low"] == backtest.metrics["purchases.total_low"]


@pytest.mark.parametrize("outcome", ["purchases", "spend"])
def test_the_pit_of_simulated_truth_is_uniform(backtest: Backtest, outcome: str) -> None:
    assert kstest(backtest.pit[outcome], "uniform").pvalue > 0.01


@pytest.mark.parametrize("draws", [2, 3, 9])
def test_the_pit_is_uniform_however_few_the_simulations(draws: int) -> None:
    rng = np.random.default_rng(5)
    counts = rng.poisson(0.4, (20_000, draws + 1))
    assert kstest(randomized_pit(counts[:, 1:], counts[:, 0], rng.random(20_000)), "uniform").pvalue > 0.01


def test_an_outcome_beyond_all_simulations_lies_in_the_last_step_of_the_pit() -> None:
    rng = np.random.default_rng(6)
    simulated, actual = np.tile(np.arange(9.0), (3, 1)), np.array([-1.0, 9.0, 4.0])
    low, high, middle = randomized_pit(simulated, actual, rng.random(3))
    assert 0 <= low < 0.1
    assert 0.9 <= high < 1
    assert 0.4 <= middle < 0.6


def test_simulated_truth_is_covered_at_every_level(case: Case) -> None:
    for level in (0.5, 0.9, 0.98):
        metrics = case.measure(level).metrics
        for outcome in ("purchases", "spend"):
            error = 3 * metrics[f"{outcome}.pit_coverage_se"]
            tail_error = 3.5 * metrics[f"{outcome}.pit_low_tail_se"]
            assert metrics[f"{outcome}.pit_coverage"] == pytest.approx(level, abs=error)
            assert metrics[f"{outcome}.pit_low_tail"] == pytest.approx((1 - level) / 2, abs=tail_error)
            assert metrics[f"{outcome}.pit_high_tail"] == pytest.approx((1 - level) / 2, abs=tail_error)


def test_an_interval_of_the_expectation_would_not_be_mistaken_for_a_prediction(case: Case) -> None:
    means = np.repeat(case.samples.expected_spend[:, None], 400, axis=1)
    noise = np.random.default_rng(7).normal(1.0, 0.02, means.shape)
    assert case.but(spend=means * noise).measure().metrics["spend.pit_coverage"] < 0.1


def test_totals_are_taken_of_column_sums(case: Case, backtest: Backtest) -> None:
    totals = np.sort(case.samples.spend.sum(axis=0))
    metrics = backtest.metrics
    assert metrics["spend.total_low"] == pytest.approx(totals[int(np.ceil(0.05 * 400)) - 1], rel=1e-12)
    assert metrics["spend.total_high"] == pytest.approx(totals[int(np.ceil(0.95 * 400)) - 1], rel=1e-12)
    assert metrics["purchases.total_low"] in case.samples.purchases.sum(axis=0)
    summed = np.quantile(case.samples.spend, [0.05, 0.95], axis=1).sum(axis=1)
    assert metrics["spend.total_high"] - metrics["spend.total_low"] < 0.1 * (summed[1] - summed[0])


def test_a_total_outside_its_interval_is_said(case: Case) -> None:
    assert case.measure().metrics["spend.total_covers_actual"] == 1.0
    assert case.but(spend=case.samples.spend * 0.5).measure().metrics["spend.total_covers_actual"] == 0.0


def test_errors_are_those_of_the_expectation(case: Case, backtest: Backtest) -> None:
    actual, expected = case.split.holdout["purchases"], pd.Series(case.samples.expected_purchases)
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
    customers, metrics = case.split.calibration.table, backtest.metrics
    repeat = customers[customers["frequency"] > 0]
    assert metrics["customers"] == 2000
    assert metrics["repeat_buyers"] == len(repeat)
    assert metrics["one_time_share"] == pytest.approx(1 - len(repeat) / 2000)
    assert metrics["holdout_buyers"] == (case.split.holdout["purchases"] > 0).sum()
    assert metrics["acquired_in_holdout"] == 7
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
    table = Case(split, Samples(counts, counts * 5.0, np.arange(5.0), np.arange(5.0))).measure().by_frequency
    assert list(table["frequency"]) == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert list(table["customers"]) == [2, 0, 0, 1, 0, 0, 0, 2]
    assert table["actual_purchases"].to_numpy() == pytest.approx(
        [0.5, np.nan, np.nan, 2.0, np.nan, np.nan, np.nan, 5.0], nan_ok=True
    )
    assert table.loc[7, ["expected_purchases", "actual_spend", "expected_spend"]].tolist() == [3.5, 25.0, 3.5]


def test_deciles_are_equal_groups_from_the_highest_expected_spend_down(case: Case, backtest: Backtest) -> None:
    table = backtest.deciles
    assert list(table["decile"]) == list(range(1, 11))
    assert set(table["customers"]) == {200}
    assert table["expected_spend"].is_monotonic_decreasing
    top = np.argsort(-case.samples.expected_spend)[:200]
    assert table.loc[0, "actual_spend"] == pytest.approx(case.split.holdout.loc[top, "spend"].mean())
    assert table["spend_coverage"].mean() == pytest.approx(backtest.metrics["spend.pit_coverage"])


def test_customers_of_equal_expected_spend_are_not_ranked_by_their_order() -> None:
    frequency = np.repeat([0, 1], 500)
    split = make_split(frequency, frequency, frequency * 10.0, np.full(1000, 9.0))
    counts = np.ones((1000, 2), dtype=np.int32)
    table = Case(split, Samples(counts, counts * 10.0, np.ones(1000), np.full(1000, 10.0))).measure().deciles
    assert table["actual_purchases"].between(0.3, 0.7).all()


UNKNOWN_OF_NOTHING = (
    "bias", "correlation", "spearman", "gini", "top_decile_capture", "top_decile_most", "top_decile_hits",
    "decile_error",
)  # fmt: skip


def test_an_empty_holdout_leaves_what_it_cannot_tell_as_nan() -> None:
    metrics = make_case(300, 50, empty=True).measure().metrics
    unknown = {name for name, value in metrics.items() if np.isnan(value)}
    assert unknown == {
        *(f"{outcome}.{name}" for outcome in ("purchases", "spend") for name in UNKNOWN_OF_NOTHING),
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
    customers = case.split.calibration.table.assign(frequency=0, recency=0, monetary_value=0.0)
    split = replace(case.split, calibration=CustomerSummary.from_frame(customers, as_of=CUTOFF))
    metrics = replace(case, split=split).measure().metrics
    assert metrics["one_time_share"] == 1.0
    assert np.isnan(metrics["spend_frequency_correlation"])


def test_no_result_names_a_customer(case: Case, backtest: Backtest) -> None:
    ids = set(case.split.calibration.table["customer_id"])
    for table in (backtest.by_frequency, backtest.deciles, backtest.coverage, backtest.reliability, backtest.pit):
        assert "customer_id" not in table.columns
        assert not ids & set(table.astype(str).to_numpy().ravel())
        assert isinstance(table.index, pd.RangeIndex)


def test_the_same_seed_gives_the_same_backtest(case: Case, backtest: Backtest) -> None:
    again = case.measure()
    assert again.metrics == backtest.metrics
    pd.testing.assert_frame_equal(again.pit, backtest.pit)


def test_a_forecast_of_other_customers_is_refused(case: Case) -> None:
    fewer = Case(case.split, Samples(*(getattr(case.samples, name)[:-1] for name in PARTS)))
    with pytest.raises(BacktestError, match="simulated is of 1,999 customers, the calibration of 2,000"):
        fewer.measure()


def test_samples_of_another_shape_are_refused(case: Case) -> None:
    with pytest.raises(BacktestError, match=r"2,000 customers by 400 draws, not \(2000, 400\) and \(2000, 399\)"):
        case.but(spend=case.samples.spend[:, 1:]).measure()
    with pytest.raises(BacktestError, match="2,000 customers and 1 draws: at least one and two are needed"):
        case.but(purchases=case.samples.purchases[:, :1], spend=case.samples.spend[:, :1]).measure()


def test_what_is_no_outcome_is_refused_with_every_reason(case: Case) -> None:
    values = case.samples.spend.copy()
    values[0, 0] = np.inf
    broken = case.but(
        expected_spend=case.samples.expected_spend * np.nan, spend=values, purchases=-case.samples.purchases
    )
    said = "purchases must be finite and from 0 up; spend must be finite and from 0 up; expected_spend must be finite"
    with pytest.raises(BacktestError, match=said):
        broken.measure()


def test_a_level_of_ninety_is_refused(case: Case) -> None:
    with pytest.raises(BacktestError, match="level must be between 0 and 1, got 90"):
        case.measure(90)


def test_a_backtest_refuses_what_is_not_one(backtest: Backtest) -> None:
    metrics = {name: value for name, value in backtest.metrics.items() if name != "spend.crps"}
    with pytest.raises(BacktestError, match=r"metric spend\.crps is missing; metric crsp is unknown"):
        replace(backtest, metrics={**metrics, "crsp": 1.0})
    with pytest.raises(BacktestError, match="deciles must have the columns decile, customers"):
        replace(backtest, deciles=backtest.deciles.assign(customer_id="a"))
    with pytest.raises(BacktestError, match="pit must lie between 0 and 1"):
        replace(backtest.spend, pit=backtest.spend.pit + 1)


# Groups, order, probability of a purchase.


def test_coverage_is_right_in_every_group_at_every_level_when_the_forecast_is(backtest: Backtest) -> None:
    table = backtest.coverage
    assert len(table) == 2 * len(GROUPS) * len(LEVELS)
    sizes = table.drop_duplicates("group").set_index("group")["customers"]
    assert sizes["everyone"] == sizes["one_time"] + sizes["repeat"] == 10 * sizes["top_decile"] == 2000
    np.testing.assert_allclose(table[["inside", "below", "above"]].sum(axis=1), 1.0)
    z = (table["inside"] - table["level"]) / table["inside_se"]
    assert z.abs().max() < 4
    for place in ("below", "above"):
        assert ((table[place] - (1 - table["level"]) / 2) / table["tail_se"]).abs().max() < 4
    assert backtest.metrics["spend.top_decile.above_95"] == pytest.approx(
        table.query("outcome == 'spend' and group == 'top_decile' and level == 0.95")["above"].item()
    )


def test_a_group_whose_forecast_alone_is_wrong_shows_alone(case: Case) -> None:
    """The forecast of one-time buyers is three times too high: everyone's coverage hides it, the group's does not."""
    once = case.split.calibration.table["frequency"].to_numpy() == 0
    counts = np.where(once[:, None], 3 * case.samples.purchases + 1, case.samples.purchases)
    metrics = case.but(purchases=counts).measure().metrics
    assert metrics["purchases.one_time.below_90"] > 0.3
    assert metrics["purchases.repeat.below_90"] < 0.08


def test_no_member_of_a_group_leaves_its_coverage_unknown() -> None:
    case = make_case(50, 10)
    customers = case.split.calibration.table.assign(frequency=0, recency=0, monetary_value=0.0)
    split = replace(case.split, calibration=CustomerSummary.from_frame(customers, as_of=CUTOFF))
    metrics = replace(case, split=split).measure().metrics
    assert np.isnan(metrics["spend.repeat.inside_50"])
    assert metrics["spend.one_time.inside_50"] == metrics["spend.everyone.inside_50"]


def brute_force_gini(order: np.ndarray, actual: np.ndarray) -> float:
    """Twice the area between the diagonal and the Lorenz curve, tied customers along one straight piece."""
    values = [actual[order == value] for value in np.unique(order)]
    shares = np.cumsum([0.0, *(part.sum() for part in values)]) / actual.sum()
    places = np.cumsum([0.0, *(len(part) for part in values)]) / len(actual)
    return float(1 - 2 * np.trapezoid(shares, places))


def test_the_gini_is_that_of_lorenz_curves_and_ties_have_no_order() -> None:
    rng = np.random.default_rng(11)
    actual, expected = rng.gamma(0.5, 3.0, 200), rng.integers(0, 6, 200).astype(float)
    wanted = brute_force_gini(expected, actual) / brute_force_gini(actual, actual)
    assert normalized_gini(expected, actual) == pytest.approx(wanted, rel=1e-10)
    assert normalized_gini(actual * 2, actual) == pytest.approx(1.0)
    assert normalized_gini(-actual, actual) == pytest.approx(-1.0)
    assert normalized_gini(np.ones(200), actual) == 0.0


def test_the_top_decile_captures_its_share_and_never_more_than_the_best_could(case: Case, backtest: Backtest) -> None:
    spend, metrics = case.split.holdout["spend"].to_numpy(), backtest.metrics
    top = np.argsort(-case.samples.expected_spend)[:200]
    assert metrics["spend.top_decile_capture"] == pytest.approx(spend[top].sum() / spend.sum())
    assert metrics["spend.top_decile_most"] == pytest.approx(np.sort(spend)[-200:].sum() / spend.sum())
    assert metrics["spend.top_decile_capture"] < metrics["spend.top_decile_most"]


def test_the_deciles_error_is_their_mean_distance(backtest: Backtest) -> None:
    table, metrics = backtest.deciles, backtest.metrics
    distance = (table["expected_spend"] - table["actual_spend"]).abs().mean()
    assert metrics["spend.decile_error"] == pytest.approx(distance / table["actual_spend"].mean())


def test_the_brier_score_does_not_depend_on_the_number_of_simulations() -> None:
    rng = np.random.default_rng(12)
    chance, bought = np.full(60_000, 0.3), rng.random(60_000) < 0.3
    few = brier(rng.binomial(3, chance) / 3, bought, 3).mean()
    assert few == pytest.approx(0.3 * 0.7, abs=0.005)
    assert brier(chance, bought, 10**9).mean() == pytest.approx(0.3 * 0.7, abs=0.005)


def test_probabilities_of_a_purchase_are_reliable_when_the_forecast_is_right(case: Case, backtest: Backtest) -> None:
    table, metrics = backtest.reliability, backtest.metrics
    assert table["customers"].sum() == 2000
    known = table[table["customers"] > 20]
    assert ((known["actual"] - known["predicted"]) / known["predicted_se"]).abs().max() < 4
    bought = case.split.holdout["purchases"].to_numpy() > 0
    assert metrics["p_purchase.actual"] == pytest.approx(bought.mean())
    assert metrics["p_purchase.brier"] < np.var(bought)
    assert metrics["p_purchase.calibration_error"] < 0.05
    assert metrics["p_purchase.largest_gap"] < 0.05
    doubled = case.but(purchases=case.samples.purchases + np.int32(1)).measure().metrics
    assert doubled["p_purchase.calibration_error"] == pytest.approx(1 - bought.mean())


def simulated(chance: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Simulate buyers by the predicted probabilities."""
    return chance, rng.random(len(chance)) < chance


def test_the_largest_gap_finds_a_small_group_that_the_mean_error_loses() -> None:
    """Fifty of two thousand are given below 10%, and four in ten of them buy; all other predictions are right."""
    rng = np.random.default_rng(14)
    chance, bought = simulated(rng.uniform(0.1, 0.9, 2000), rng)
    assert largest_gap(tabulate_reliability(chance, bought))[:2] == (0.0, pytest.approx(0.03, abs=0.02))
    chance, bought = np.append(chance, np.full(50, 0.06)), np.append(bought, np.arange(50) < 20)
    table = tabulate_reliability(chance, bought)
    error = np.sqrt(0.06 * 0.94 / 50)
    assert largest_gap(table) == pytest.approx((0.40 - 0.06 - 2 * error, error, 0.06, 0.40, 50, 0.0, 0.1))
    distance = (table["predicted"] - table["actual"]).abs() * table["customers"]
    assert distance.sum() / table["customers"].sum() < 0.04


def test_fewer_than_thirty_show_no_gap_and_nobody_none_at_all() -> None:
    few = tabulate_reliability(np.full(29, 0.05), np.ones(29, bool))
    assert np.isnan(largest_gap(few)).all()
    assert largest_gap(tabulate_reliability(np.full(30, 0.05), np.ones(30, bool)))[0] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("size", few([300, 1000, 10_000], 1))
def test_chance_alone_shows_a_gap_that_matters_once_in_two_hundred_times_at_most(size: int) -> None:
    """Forecasts that are right, many with little chance and few with much, as the base of a shop has them."""
    rng = np.random.default_rng(size)
    gaps = [largest_gap(tabulate_reliability(*simulated(rng.beta(0.6, 1.4, size), rng)))[0] for _ in range(1000)]
    limit = TrainSettings().review.checks["p_purchase_gap"].review[1]
    assert np.mean(np.array(gaps) > limit) <= 0.005


def test_a_point_scores_its_absolute_error_and_its_interval_has_no_width(case: Case) -> None:
    means = case.samples.expected_purchases, case.samples.expected_spend
    backtest = measure_forecast(
        case.split, point_forecast("point", *means, 50), level=LEVEL, rng=np.random.default_rng(0)
    )
    metrics = backtest.metrics
    assert backtest.is_point
    for outcome in ("purchases", "spend"):
        assert metrics[f"{outcome}.crps"] == pytest.approx(metrics[f"{outcome}.mae"])
        assert metrics[f"{outcome}.total_low"] == metrics[f"{outcome}.total_high"]
        assert metrics[f"{outcome}.total_low"] == pytest.approx(metrics[f"{outcome}.expected_total"])
