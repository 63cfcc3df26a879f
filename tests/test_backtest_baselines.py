"""The baselines: each is what it says, and none sees a day of the holdout."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from logs import log_of, purchases
from scipy.stats import nbinom

from tenure.backtest import (
    Backtest,
    BacktestError,
    BaselineInputs,
    Forecast,
    Samples,
    compare_forecasts,
    comparison_metrics,
    evaluate_holdout,
    list_wins,
    measure_forecast,
    point_forecast,
)  # fmt: skip
from tenure.backtest.baselines import BASELINES as FORECASTERS
from tenure.backtest.baselines import draw_shapes, nbd
from tenure.backtest.boosting import Regression, forecast_by_boosting
from tenure.posterior import Posterior
from tenure.rfm import Histories, Split, histories, split_log
from tenure.scorer import Scorer
from tenure.settings import BASELINES, BacktestSettings, TrainSettings
from tenure.streams import stream
from tenure.summary import CustomerSummary
from tenure.transactions import Transactions, read

CUTOFF, END, DRAWS = date(1997, 9, 30), date(1997, 12, 30), 100


@pytest.fixture(scope="module")
def log() -> Transactions:
    return read(TrainSettings().transactions)


@pytest.fixture(scope="module")
def parts(log: Transactions) -> Split:
    return split_log(log, CUTOFF, END)


@pytest.fixture(scope="module")
def settings() -> BacktestSettings:
    shipped = TrainSettings().backtest
    quick = replace(shipped.baselines.boosting, trees=10, quantiles=[0.05, 0.5, 0.95])
    return replace(shipped, baselines=replace(shipped.baselines, boosting=quick))


def known_of(log: Transactions, parts: Split, posterior: Posterior, settings: BacktestSettings) -> BaselineInputs:
    return BaselineInputs(log, parts.calibration, parts.horizon_days, posterior, DRAWS, 0, settings.baselines)


@pytest.fixture(scope="module")
def known(log: Transactions, parts: Split, posterior: Posterior, settings: BacktestSettings) -> BaselineInputs:
    return known_of(log, parts, posterior, settings)


@pytest.fixture(scope="module")
def forecasts(known: BaselineInputs) -> dict[str, Forecast]:
    return {name: FORECASTERS[name](known) for name in known.settings.names}


def everyone(forecast: Forecast) -> Samples:
    return forecast.sample(slice(0, forecast.customers))


def test_every_baseline_is_there_and_hands_over_whole_samples(forecasts: dict[str, Forecast], parts: Split) -> None:
    assert tuple(forecasts) == BASELINES
    for forecast in forecasts.values():
        assert sum(len(samples.expected_spend) for _, samples in forecast.blocks()) == len(parts.holdout)


def test_no_holdout_value_is_an_input_of_any_baseline(
    log: Transactions, posterior: Posterior, settings: BacktestSettings, forecasts: dict[str, Forecast]
) -> None:
    """The days after the cut-off are doubled in value, moved and partly removed: every sample stays, to the bit."""
    known = purchases(log)
    after = known["date"] > pd.Timestamp(CUTOFF)
    later = known[after].iloc[::2].assign(amount=lambda table: table["amount"] * 2 + 7)
    moved = later.assign(
        date=later["date"].where(later["date"] > pd.Timestamp(END), later["date"] + pd.Timedelta(days=1))
    )
    changed = log_of(pd.concat([known[~after], moved]))
    parts = split_log(changed, CUTOFF, END)
    known_now = known_of(changed, parts, posterior, settings)
    for name in known_now.settings.names:
        before, now = everyone(forecasts[name]), everyone(FORECASTERS[name](known_now))
        for part in ("purchases", "spend", "expected_purchases", "expected_spend"):
            np.testing.assert_array_equal(getattr(now, part), getattr(before, part), err_msg=name)


def test_the_last_period_is_what_the_days_before_the_cutoff_brought(
    log: Transactions, forecasts: dict[str, Forecast], parts: Split
) -> None:
    table = purchases(log)
    days = table["date"]
    table = table[(days > pd.Timestamp(CUTOFF - timedelta(days=91))) & (days <= pd.Timestamp(CUTOFF))]
    samples = everyone(forecasts["last_period"])
    assert samples.expected_purchases.sum() == len(table) > 0
    assert samples.expected_spend.sum() == pytest.approx(table["amount"].sum())
    ids = parts.calibration.table["customer_id"].to_numpy()
    for at in (0, 100, 2000):
        wanted = table.loc[table["customer_id"] == ids[at], "amount"].sum()
        assert samples.expected_spend[at] == pytest.approx(wanted)


def test_own_rates_are_repeat_purchases_per_day_times_days_ahead(forecasts: dict[str, Forecast], parts: Split) -> None:
    customers = parts.calibration.table
    samples = everyone(forecasts["own_rate"])
    wanted = customers["frequency"] / customers["T"] * 91
    np.testing.assert_allclose(samples.expected_purchases, wanted)
    np.testing.assert_allclose(samples.spend[:, 7], wanted * customers["monetary_value"])


def test_the_textbook_gives_everyone_order_value_times_frequency_times_lifespan(
    forecasts: dict[str, Forecast], parts: Split
) -> None:
    customers, samples = parts.calibration.table, everyone(forecasts["textbook"])
    repeat = customers[customers["frequency"] > 0]
    order_value = np.average(repeat["monetary_value"], weights=repeat["frequency"])
    lifespan = min(repeat["recency"].mean(), 91)
    wanted = order_value * customers["frequency"].sum() / customers["T"].sum() * lifespan
    np.testing.assert_allclose(samples.expected_spend, wanted)


def test_the_nbd_is_the_published_one_on_cdnow(calibration: CustomerSummary) -> None:
    """Fader, Hardie & Lee (2005), Marketing Science 24(2), Table 2: r = 0.385, alpha = 12.072 weeks."""
    r, alpha = draw_shapes(histories(calibration), 4000, np.random.default_rng(1))
    assert np.median(r) == pytest.approx(0.385, rel=0.02)
    assert np.median(alpha) / 7 == pytest.approx(12.072, rel=0.02)
    assert 0.01 < r.std() / r.mean() < 0.06


def test_the_nbd_forecasts_negative_binomial_counts(
    log: Transactions, settings: BacktestSettings, calibration: CustomerSummary, posterior: Posterior
) -> None:
    forecast = nbd(BaselineInputs(log, calibration, 91, posterior, 200, 2, settings.baselines))
    r, alpha = draw_shapes(histories(calibration), 200, stream(2, "backtest.nbd.parameters"))
    at = int(np.argmax(calibration.table["frequency"] == 3))
    x, days = (float(calibration.table[name].iloc[at]) for name in ("frequency", "T"))
    samples = forecast.sample(slice(at, at + 1))
    chance = nbinom.pmf(np.arange(4)[:, None], r + x, (alpha + days) / (alpha + days + 91)).mean(axis=1)
    for count, p in enumerate(chance):
        assert (samples.purchases == count).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 200))
    mean = np.mean((r + x) / (alpha + days) * 91)
    assert samples.expected_purchases[0] == pytest.approx(mean)
    assert samples.purchases.mean() == pytest.approx(mean, rel=0.15)
    whole = everyone(forecast)
    assert whole.spend.sum() / whole.purchases.sum() == pytest.approx(
        whole.expected_spend.sum() / whole.expected_purchases.sum(), rel=0.02
    )


def test_the_nbd_survives_a_base_in_which_everyone_is_alike() -> None:
    """Poisson purchases: r and alpha have no finite maximum, and only their ratio is known."""
    counts = np.random.default_rng(3).poisson(2.0, 3000)
    x, count = np.unique(counts, return_counts=True)
    days = np.full_like(x, 100)
    r, alpha = draw_shapes(Histories(x, np.where(x > 0, 99, 0), days, count), 50, np.random.default_rng(4))
    assert np.isfinite(r).all()
    np.testing.assert_allclose(r / alpha * 100, 2.0, rtol=0.1)


def test_boosting_learns_quantiles_and_means_from_an_earlier_cutoff(
    log: Transactions, settings: BacktestSettings, parts: Split
) -> None:
    boosted = forecast_by_boosting(log, parts.calibration, 91, 300, 5, settings.baselines.boosting)
    samples = everyone(boosted)
    assert np.array_equal(samples.purchases, np.rint(samples.purchases))
    frequent = parts.calibration.table["frequency"].to_numpy() >= 5
    assert samples.expected_purchases[frequent].mean() > 5 * samples.expected_purchases[~frequent].mean()
    before = split_log(log, CUTOFF - timedelta(days=91), CUTOFF).holdout
    # Its mean is that of the outcomes it was fitted on, over customers of much the same kind.
    assert samples.expected_purchases.mean() == pytest.approx(before["purchases"].mean(), rel=0.25)


def test_boosting_scales_up_the_outcomes_of_a_shorter_period(log: Transactions, settings: BacktestSettings) -> None:
    calibration = split_log(log, CUTOFF, END).calibration
    most = (CUTOFF - log.first_day).days // 2
    short, long = (
        everyone(forecast_by_boosting(log, calibration, days, 50, 6, settings.baselines.boosting))
        for days in (most, 4 * most)
    )
    np.testing.assert_allclose(long.expected_spend, 4 * short.expected_spend)


def test_crossing_quantiles_are_sorted_and_never_negative() -> None:
    class Fixed:
        def __init__(self, value: float) -> None:
            self.value = value

        def predict(self, features: np.ndarray) -> np.ndarray:
            return np.full(len(features), self.value)

    regression = Regression(Fixed(-1.0), [Fixed(2.0), Fixed(-1.0), Fixed(1.0)])  # type: ignore[arg-type]
    assert regression.quantile(np.zeros((1, 6))).tolist() == [[0.0, 1.0, 2.0]]
    assert regression.expect(np.zeros((1, 6))).tolist() == [0.0]


def test_boosting_without_an_earlier_day_is_refused(log: Transactions, settings: BacktestSettings) -> None:
    early = split_log(log, log.first_day, END).calibration
    with pytest.raises(BacktestError, match="The calibration to 1997-01-01 has no earlier cut-off"):
        forecast_by_boosting(log, early, 91, 50, 7, settings.baselines.boosting)


# Comparing.


def measured(parts: Split, purchases: np.ndarray, value: np.ndarray, name: str) -> Backtest:
    forecast = point_forecast(name, purchases, value, 10)
    return measure_forecast(parts, forecast, level=0.9, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def perfect(parts: Split) -> Backtest:
    return measured(parts, *(parts.holdout[name].to_numpy(float) for name in ("purchases", "spend")), "perfect")  # type: ignore[call-arg]


def test_differences_are_paired_over_customers(perfect: Backtest, parts: Split) -> None:
    spend = parts.holdout["spend"].to_numpy()
    nothing = np.zeros(len(spend))
    table = compare_forecasts(perfect, [measured(parts, nothing, nothing, "zero")]).set_index("outcome")
    assert table.loc["spend", "difference"] == pytest.approx(-spend.mean())
    assert table.loc["spend", "difference_se"] == pytest.approx(spend.std(ddof=1) / np.sqrt(len(spend)))
    assert table.loc["spend", "winner"] == "perfect"


def test_a_baseline_that_wins_is_named_with_its_figures(perfect: Backtest, parts: Split) -> None:
    nothing = np.zeros(len(parts.holdout))
    table = compare_forecasts(measured(parts, nothing, nothing, "model"), [perfect])
    assert [line.split(":")[0] for line in list_wins(table)] == [
        "perfect forecasts purchases better than the model",
        "perfect forecasts spend better than the model",
    ]
    metrics = comparison_metrics(table)
    assert metrics["baselines.compared"] == metrics["baselines.won"] == metrics["baselines.purchases.won"] == 1
    assert metrics["baselines.beaten"] == 0
    assert metrics["baselines.won_share"] == metrics["baselines.purchases.won_share"] == 1


def test_of_no_baseline_no_share_is_won(perfect: Backtest) -> None:
    metrics = comparison_metrics(compare_forecasts(perfect, []))
    assert metrics["baselines.compared"] == metrics["baselines.won"] == 0
    assert np.isnan(metrics["baselines.won_share"])


def test_a_difference_within_two_standard_errors_is_nobodys_win(parts: Split) -> None:
    """Two forecasts equally far off, one at random above and the other below."""
    spend, rng = parts.holdout["spend"].to_numpy(), np.random.default_rng(8)
    size = len(spend)
    pair = [measured(parts, np.zeros(size), spend + rng.gamma(1.0, 5.0, size), name) for name in ("model", "other")]
    row = compare_forecasts(pair[0], pair[1:]).set_index("outcome").loc["spend"]
    assert abs(row["z"]) < 2
    assert row["winner"] == "neither"


def test_forecasts_of_different_customers_are_not_compared(perfect: Backtest, parts: Split, log: Transactions) -> None:
    other = split_log(log, CUTOFF, END + timedelta(days=30))
    nothing = np.zeros(len(other.holdout))
    with pytest.raises(BacktestError, match="perfect and zero were measured on different customers"):
        compare_forecasts(perfect, [measured(other, nothing, nothing, "zero")])


def test_one_holdout_is_faced_by_the_model_and_all_baselines(
    log: Transactions, parts: Split, posterior: Posterior, settings: BacktestSettings
) -> None:
    backtest, holdout = evaluate_holdout(log, parts, Scorer(posterior), settings, level=0.8, seed=3)
    metrics = holdout.metrics
    assert tuple(holdout.baselines) == BASELINES
    assert metrics["baselines.compared"] == len(BASELINES)
    assert metrics["baselines.beaten"] >= 4
    assert metrics["baselines.zero.spend.difference"] < 0
    assert holdout.baselines["zero"]["spend.crps"] == pytest.approx(parts.holdout["spend"].mean())
    assert backtest.metrics["spend.crps"] == holdout.model["spend.crps"]
    assert metrics["purchases.adjusted_is_estimated"] == 0
    assert metrics["purchases.adjusted_low"] < metrics["purchases.total_low"]
    assert metrics["purchases.adjusted_high"] > metrics["purchases.total_high"]
    assert set(holdout.past_errors) == {"purchases", "spend"}


def test_without_baselines_the_model_is_measured_all_the_same(
    log: Transactions, parts: Split, posterior: Posterior, settings: BacktestSettings
) -> None:
    alone = replace(settings, baselines=replace(settings.baselines, names=[]))
    _, holdout = evaluate_holdout(log, parts, Scorer(posterior), alone, level=0.8, seed=3)
    assert holdout.metrics["baselines.compared"] == 0
