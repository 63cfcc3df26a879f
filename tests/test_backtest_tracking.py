"""The week-by-week track of repeat purchases."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from logs import log_of

from tenure.backtest import BacktestError, track_purchases
from tenure.rfm import RfmError, daily_counts

LEVEL = 0.90


def track_of(table: pd.DataFrame, curves: np.ndarray, *, cutoff: date, end: date, level: float) -> pd.DataFrame:
    return track_purchases(daily_counts(log_of(table), cutoff, end), curves, cutoff=cutoff, level=level)


def make_purchases(seed: int = 9, customers: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = {(f"c{rng.integers(customers)}", int(rng.integers(120) ** 2 / 120)) for _ in range(600)}
    table = pd.DataFrame(sorted(rows), columns=["customer_id", "day"])
    table["date"] = pd.Timestamp("2024-01-03") + pd.to_timedelta(table.pop("day"), unit="D")
    return table.assign(amount=1.0)


def make_curves(draws: int = 30, days: int = 130) -> np.ndarray:
    rng = np.random.default_rng(10)
    return np.cumsum(rng.gamma(1.0, 0.02, (draws, days)), axis=1) - 0.0


def brute_force_track(purchases: pd.DataFrame, curves: np.ndarray, cutoff: date, day: pd.Timestamp) -> Any:
    acquisitions = purchases.groupby("customer_id")["date"].min()
    acquisitions = acquisitions[acquisitions <= pd.Timestamp(cutoff)]
    ours = purchases[purchases["customer_id"].isin(acquisitions.index) & (purchases["date"] <= day)]
    actual = len(ours) - (acquisitions <= day).sum()
    drawn = sum(curves[:, (day - first_purchase).days] for first_purchase in acquisitions if first_purchase <= day)
    return actual, np.mean(drawn), *np.quantile(drawn, [0.05, 0.95], method="inverted_cdf")


def test_tracking_equals_a_loop_over_customers() -> None:
    purchases, curves, cutoff, end = make_purchases(), make_curves(), date(2024, 3, 12), date(2024, 4, 27)
    table = track_of(purchases, curves, cutoff=cutoff, end=end, level=LEVEL)
    for row in table.itertuples():
        wanted = brute_force_track(purchases, curves, cutoff, row.day)
        assert (row.actual, row.expected, row.low, row.high) == pytest.approx(wanted, rel=1e-12)


def test_tracking_weeks_meet_the_cutoff_and_stay_within_the_window() -> None:
    table = track_of(make_purchases(), make_curves(), cutoff=date(2024, 3, 12), end=date(2024, 4, 27), level=LEVEL)
    assert pd.Timestamp("2024-03-12") in set(table["day"])
    assert set(table["day"].diff().dropna()) == {pd.Timedelta(days=7)}
    assert table["day"].iloc[-1] == pd.Timestamp("2024-04-23")
    assert table["day"].iloc[0] < pd.Timestamp("2024-01-10")


def test_weekly_increments_add_up_to_the_cumulative_track() -> None:
    table = track_of(make_purchases(), make_curves(), cutoff=date(2024, 3, 12), end=date(2024, 4, 27), level=LEVEL)
    assert table["weekly_actual"].cumsum().tolist() == table["actual"].tolist()
    np.testing.assert_allclose(table["weekly_expected"].cumsum(), table["expected"])


@pytest.mark.parametrize("end", [date(2024, 4, 23), date(2024, 4, 27)])
def test_the_track_after_the_cutoff_comes_to_the_customers_own_forecasts(end: date) -> None:
    window: dict[str, Any] = {"cutoff": date(2024, 3, 12), "end": end, "level": LEVEL}
    counts, curves = daily_counts(log_of(make_purchases()), window["cutoff"], end), make_curves()
    plain = track_purchases(counts, curves, cutoff=window["cutoff"], level=LEVEL)
    scaled = track_purchases(counts, curves, cutoff=window["cutoff"], level=LEVEL, forecast=31.0)
    is_before = (plain["day"] <= "2024-03-12").to_numpy()
    pd.testing.assert_frame_equal(scaled[is_before], plain[is_before])
    at_cutoff = plain.loc[is_before, "expected"].iloc[-1]
    rise = scaled["expected"].iloc[-1] - at_cutoff
    if end == date(2024, 4, 23):  # whole weeks: the last point is the holdout's last day
        assert rise == pytest.approx(31.0)
    else:
        assert 20 < rise < 31.0
    ratio = (scaled["expected"] - at_cutoff)[~is_before] / (plain["expected"] - at_cutoff)[~is_before]
    assert ratio.max() == pytest.approx(ratio.min())


def test_customers_born_in_the_holdout_and_sales_after_the_end_change_no_track() -> None:
    purchases, curves = make_purchases(), make_curves()
    dates = pd.to_datetime(["2024-03-13", "2024-04-01", "2024-04-28"])
    added = pd.DataFrame({"customer_id": ["new", "new", "c1"], "date": dates, "amount": 1.0})
    window: dict[str, Any] = {"cutoff": date(2024, 3, 12), "end": date(2024, 4, 27), "level": LEVEL}
    before = track_of(purchases, curves, **window)
    pd.testing.assert_frame_equal(track_of(pd.concat([purchases, added]), curves, **window), before)


def test_tracking_refuses_curves_that_end_too_early_and_a_base_without_births() -> None:
    purchases, window = make_purchases(), {"end": date(2024, 4, 27), "level": LEVEL}
    with pytest.raises(BacktestError, match="ends 99 days after the first purchase; the log runs for 115 days"):
        track_of(purchases, make_curves(days=100), cutoff=date(2024, 3, 12), **window)
    with pytest.raises(RfmError, match="No customer was acquired by the cut-off 2023-12-31"):
        track_of(purchases, make_curves(), cutoff=date(2023, 12, 31), **window)
    with pytest.raises(BacktestError, match="The cut-off 2024-05-01 is after the end 2024-04-27"):
        track_of(purchases, make_curves(), cutoff=date(2024, 5, 1), **window)
