"""Left-truncated customers: found by an excess in the first weeks, left out by windows or by dates of acquisition."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import few
from logs import CDNOW, FIRST, log_of, sales_log, settings

from tenure.jobs.compose import compose_settings
from tenure.rfm import (
    EVERYONE,
    AcquisitionWindow,
    CompressedSummary,
    LeftOut,
    RfmError,
    Truncation,
    compress,
    find_truncation,
    split_log,
    stream_summary,
    summarize,
    summary_query,
)  # fmt: skip
from tenure.settings import AcquisitionWindowSettings, RfmSettings, SettingsError, TrainSettings
from tenure.summary import COLUMNS
from tenure.transactions import Transactions, TransactionsError, read

type Floats = np.typing.NDArray[np.float64]
NEW = AcquisitionWindow(include_left_truncated=False)


def weeks(*acquisitions: int) -> Truncation:
    return Truncation(FIRST, np.array(acquisitions, dtype=np.int64))


def dated_log(*rows: tuple[str, int, float, int | None]) -> Transactions:
    """Account for sales with the day on which their customer was acquired, both after the first of January 2020."""
    table = pd.DataFrame(rows, columns=["customer_id", "day", "amount", "won"])
    days = [FIRST + timedelta(day) for day in table.pop("day")]
    won = [None if pd.isna(day) else FIRST + timedelta(int(day)) for day in table.pop("won")]
    return log_of(table.assign(date=pd.to_datetime(days), won=pd.to_datetime(pd.Series(won))), acquired="won")


def known(transactions: Transactions, window: AcquisitionWindow, end: str) -> dict[str, tuple[float, ...]]:
    summary = summarize(transactions, end, window)
    return {row[0]: tuple(row[1:]) for row in summary.table[list(COLUMNS)].itertuples(index=False)}


# ---- first purchases by week


def test_the_excess_is_that_of_the_first_four_weeks_over_the_later_half() -> None:
    found = weeks(30, 20, 15, 12, 99, 99, 99, 99, *[9, 11] * 4)
    assert (found.early, found.weekly, found.excess) == (77, 10.0, 37.0)
    assert found.excess_se == pytest.approx(np.sqrt(4 * 10.0 * (1 + 4 / 8)))  # no less than Poisson's
    assert found.share == pytest.approx(37 / (77 + 4 * 99 + 80))
    assert found.p_value == pytest.approx(0.00101, abs=1e-5)  # Student's t of 4.777 beyond 7 degrees


def test_acquisitions_that_vary_more_than_by_chance_widen_the_error() -> None:
    found = weeks(*[10] * 8, 0, 40, 0, 40, 0, 40, 0, 40)
    assert found.excess_se == pytest.approx(np.sqrt(4 * np.var([0, 40] * 4, ddof=1) * 1.5))


@pytest.mark.parametrize("spread", [1.0, 6.0])
def test_steady_acquisitions_are_suspected_as_seldom_as_the_p_value_says(spread: float) -> None:
    rng = np.random.default_rng(3)
    drawn = (
        rng.negative_binomial(40 / (spread - 1), 1 / spread, (2000, 52)) if spread > 1 else rng.poisson(40, (2000, 52))
    )
    p = np.array([Truncation(FIRST, row).p_value for row in drawn.astype(np.int64)])
    for level in (0.05, 0.5, 0.95):
        assert np.mean(p < level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 2000) + 0.01)


def test_a_log_that_begins_after_its_shop_is_suspected_and_a_burn_in_looked_at_again() -> None:
    rng = np.random.default_rng(5)
    rows = []
    for customer, first_purchase in enumerate(rng.uniform(-400, 364, 1500)):
        days = np.floor(first_purchase + np.cumsum([0.0, *rng.exponential(40, 30)]))
        rows += [(f"c{customer}", int(day), 10.0) for day in np.unique(days) if 0 <= day < 364]
    transactions = sales_log(*rows)
    found, later = (
        find_truncation(transactions),
        find_truncation(transactions, window=AcquisitionWindow(date(2020, 7, 1))),
    )
    assert found is not None
    assert later is not None
    assert found.p_value < 1e-6
    assert found.excess == pytest.approx(800 * (1 - np.exp(-28 / 40)), rel=0.25)
    assert later.first == date(2020, 7, 1)
    assert later.p_value > 0.01


def test_the_sample_follows_a_cohort_and_its_weeks_are_too_few_to_tell() -> None:
    assert find_truncation(read(settings())) is None


def test_weeks_are_counted_whole_and_up_to_the_last_acquisition() -> None:
    sales = [(f"c{day}", day, 1.0) for day in range(17 * 7 + 3)]
    found = find_truncation(sales_log(*sales, ("c0", 400, 1.0)))
    assert found is not None
    assert found.acquisitions.tolist() == [7] * 17 + [3]  # followed on to day 400, so the last week is whole
    cut = find_truncation(sales_log(*sales))
    assert cut is not None
    assert cut.acquisitions.tolist() == [7] * 17
    assert cut.table()["week"].iloc[-1] == pd.Timestamp(FIRST + timedelta(16 * 7))
    assert cut.table()["is_later"].sum() == 8


def test_weeks_that_a_run_logged_are_read_back_as_they_were(tmp_path: Path) -> None:
    found = weeks(*[60] * 4, *range(10, 34))
    found.table().set_index("week").to_csv(tmp_path / "acquisitions.csv")
    again = Truncation.from_table(pd.read_csv(tmp_path / "acquisitions.csv"))
    assert again.first == found.first
    assert again.metrics() == found.metrics()
    cohort = replace(found, is_cohort=True)
    cohort.table().set_index("week").to_csv(tmp_path / "acquisitions.csv")
    assert Truncation.from_table(pd.read_csv(tmp_path / "acquisitions.csv")).metrics() == cohort.metrics()


def test_too_few_weeks_are_refused() -> None:
    with pytest.raises(RfmError, match="over 16 whole weeks at least, not 15"):
        weeks(*[1] * 15)
    with pytest.raises(RfmError, match="no first purchase in the later half"):
        weeks(*[1] * 8, *[0] * 8)


# ---- one cohort


def first_weeks(
    rng: np.random.Generator, arrivals: Floats, *, alpha: float = 31.0, r: float = 0.24
) -> Truncation | None:
    """Count the first purchases, in a log of 78 weeks, of customers who arrived on days before or in it."""
    days = []
    for arrival in arrivals:
        rate, dropout, day = rng.gamma(r, 1 / alpha), rng.beta(0.8, 2.5), arrival
        while day < 0 and rng.random() > dropout:
            day += rng.exponential(1 / rate)
        days += [int(day)] if 0 <= day < 546 else []
    sales = [(f"c{customer}", day, 10.0) for customer, day in enumerate(days)]
    return find_truncation(sales_log(*sales), FIRST + timedelta(545))


def recruited(rng: np.random.Generator, shape: str, days: int) -> Floats:
    """Draw the days on which a cohort is recruited: at one rate, at a falling one, with a few stragglers."""
    share = rng.random(1500)
    if shape == "slower and slower":
        return -np.log(1 - share * (1 - np.exp(-days / 90))) * 90
    if shape == "until the campaign ends":
        return days * (1 - np.sqrt(share))
    late = rng.uniform(days, 545, 15) if shape == "stragglers" else np.empty(0)
    return np.concatenate([days * share, late])


def test_the_first_quarter_of_cdnow_s_customers_is_one_cohort() -> None:
    """Its sample of 2,357 customers was acquired in twelve weeks; some purchases later by new ids change nothing."""
    log = pd.read_csv(CDNOW).rename(columns={"customer_id": "id"})
    late = pd.DataFrame({"id": [f"late {day}" for day in range(20)], "date": "1997-11-03", "amount": 9.0})
    late["date"] = (pd.Timestamp("1997-05-01") + pd.to_timedelta(np.arange(20) * 20, unit="D")).strftime("%Y-%m-%d")
    both = pd.concat([log, late]).rename(columns={"id": "customer_id"}).astype({"customer_id": str})
    both["date"] = pd.to_datetime(both["date"]).astype("datetime64[us]")
    assert find_truncation(log_of(both, end=date(1998, 6, 30))) is None


@pytest.mark.parametrize("seed", few([1, 2], 1))
@pytest.mark.parametrize("days", few([84, 140, 182], 2))
@pytest.mark.parametrize("shape", ["one rate", "slower and slower", "until the campaign ends", "stragglers"])
def test_a_log_of_one_cohort_is_not_suspected(shape: str, days: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = first_weeks(rng, recruited(rng, shape, days))
    assert (found is None) == (days == 84)
    if found is not None:
        assert found.is_cohort
        assert found.share < 0.05
        assert found.p_value > 0.01


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("since", "until", "alpha", "r"),
    [(-400, 0, 31.0, 0.24), (-400, 0, 300.0, 10.0), (-400, 182, 31.0, 0.24), (-400, 182, 60.0, 2.0)],
    ids=["an old base", "an old base of regular buyers", "acquisitions that stop", "and regular buyers"],
)
def test_a_log_that_begins_amid_its_customers_is_suspected_also_where_acquisitions_stop(
    since: int, until: int, alpha: float, r: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    found = first_weeks(rng, rng.uniform(since, until, 2500), alpha=alpha, r=r)
    assert found is not None
    assert found.share > 0.05
    assert found.p_value < 1e-4


def test_an_excess_over_the_trend_of_a_cohort_is_suspected() -> None:
    falling = (100 * np.exp(-np.arange(26) / 20)).astype(np.int64)
    steady = Truncation(FIRST, falling, is_cohort=True)
    assert abs(steady.excess) < 2 * steady.excess_se
    early = np.where(np.arange(26) < 4, 3 * falling, falling)
    jumps = Truncation(FIRST, early, is_cohort=True)
    assert jumps.p_value < 1e-3
    assert jumps.excess == pytest.approx(2 * falling[:4].sum(), rel=0.1)
    assert replace(steady, is_cohort=False).p_value < 1e-6  # against the mean, a falling rate is an excess


def test_the_error_of_a_trend_covers_its_early_weeks_as_often_as_the_p_value_says() -> None:
    rng = np.random.default_rng(4)
    means = 60 * np.exp(-np.arange(26) / 15)
    p = np.array([Truncation(FIRST, row, is_cohort=True).p_value for row in rng.poisson(means, (1000, 26))])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.03)


# ---- acquisition windows


def test_a_burn_in_leaves_out_the_log_s_first_days_and_counts_whom() -> None:
    transactions = sales_log(("a", 0, 1.0), ("b", 4, 1.0), ("b", 30, 1.0), ("c", 5, 1.0), ("d", 30, 1.0))
    settings = replace(TrainSettings().rfm, burn_in_days=5)
    window = AcquisitionWindow.of(settings, transactions)
    parts = split_log(transactions, "2020-01-20", window=window)
    assert window.first == date(2020, 1, 6)
    assert list(parts.calibration.table["customer_id"]) == ["c"]
    assert parts.left_out == LeftOut(outside=2)
    assert parts.acquired_in_holdout == 1
    assert split_log(transactions, "2020-01-20").left_out == LeftOut()


def test_an_acquisition_window_is_taken_from_the_settings() -> None:
    settings = RfmSettings(None, None, 0, AcquisitionWindowSettings("2020-01-02", "2020-01-05"))
    assert AcquisitionWindow.of(settings, sales_log(("a", 0, 1.0))) == AcquisitionWindow(
        date(2020, 1, 2), date(2020, 1, 5)
    )


def test_a_model_learns_from_everyone_unless_told_or_the_log_knows_who_is_old() -> None:
    shipped = TrainSettings().rfm
    assert AcquisitionWindow.of(shipped, sales_log(("a", 0, 1.0))) == EVERYONE
    assert AcquisitionWindow.of(shipped, dated_log(("a", 0, 1.0, None))) == NEW


@pytest.mark.parametrize(
    ("overrides", "message"),
    few(
        [
            (["rfm.burn_in_days=-1"], "rfm.burn_in_days must be from 0 to 3,650, got -1"),
            (
                ["rfm.burn_in_days=9", "rfm.acquisition.first='2020-01-02'"],
                "both set the start of the acquisition window",
            ),
            (["rfm.acquisition.first='2020-02-30'"], "rfm.acquisition.first must be a date"),
            (
                ["rfm.acquisition.first='2020-02-02'", "rfm.acquisition.last='2020-02-01'"],
                "no later than rfm.acquisition.last",
            ),
            (["rfm.acquisition.first='2020-02-02'", "rfm.cutoff='2020-02-01'"], "no later than rfm.cutoff"),
        ],
        2,
    ),
)
def test_windows_that_contradict_themselves_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        compose_settings("train", overrides)


def test_a_burn_in_that_leaves_nobody_is_refused_by_its_window() -> None:
    with pytest.raises(RfmError, match=r"no customer that was acquired since the log began with a first purchase from"):
        summarize(sales_log(("a", 0, 1.0)), window=AcquisitionWindow(date(2021, 1, 1), include_left_truncated=False))


# ---- a date of acquisition


def test_who_was_acquired_before_the_log_has_bought_before_and_is_seen_from_its_first_day() -> None:
    transactions = dated_log(("old", 3, 8.0, -400), ("old", 9, 2.0, -400), ("new", 0, 5.0, 0), ("new", 4, 7.0, 0))
    assert known(transactions, AcquisitionWindow(), "2020-01-31") == {
        "new": (1, 4, 30, 7.0),
        "old": (2, 10, 31, 5.0),  # days of the log, from its eve: T is 31, and both purchases are repeats
    }
    assert known(transactions, NEW, "2020-01-31") == {"new": (1, 4, 30, 7.0)}
    first = summarize(transactions).first_orders
    assert first is not None
    assert (first.mean, first.customers) == (5.0, 1)


def test_an_old_customer_s_purchase_on_the_log_s_first_day_is_a_repeat_of_one_day() -> None:
    transactions = dated_log(("old", 0, 8.0, -1), ("new", 0, 5.0, 0))
    assert known(transactions, AcquisitionWindow(), "2020-01-01") == {"new": (0, 0, 0, 0.0), "old": (1, 1, 1, 8.0)}


def test_signing_up_during_the_log_without_buying_changes_nothing() -> None:
    rows = [("a", 7, 3.0), ("a", 9, 4.0), ("b", 0, 1.0)]
    dated = dated_log(*((*row, 2 if row[0] == "a" else None) for row in rows))
    assert known(dated, NEW, "2020-01-31") == known(sales_log(*rows), AcquisitionWindow(), "2020-01-31")


def test_old_customers_are_left_out_of_a_split_and_counted_and_never_acquired_in_it() -> None:
    rows = [("old", 3, 8.0, -9), ("new", 0, 5.0, 0), ("late", 20, 5.0, 20), ("out", 1, 5.0, None)]
    parts = split_log(
        dated_log(*rows), "2020-01-11", window=AcquisitionWindow(last=FIRST, include_left_truncated=False)
    )
    assert list(parts.calibration.table["customer_id"]) == ["new"]
    assert parts.left_out == LeftOut(left_truncated=1, outside=1)
    assert parts.acquired_in_holdout == 1


def test_the_ways_to_ask_agree_on_old_customers() -> None:
    transactions = dated_log(("old", 3, 8.0, -9), ("old", 9, 2.0, -9), ("new", 0, 5.0, 0), ("no", 0, 2.0, None))
    whole = summarize(transactions)
    parts = pd.concat(stream_summary(transactions).parts(), ignore_index=True)
    pd.testing.assert_frame_equal(parts, whole.table, check_dtype=False)
    assert len(summary_query(transactions, window=NEW).to_pandas()) == 2
    grouped, expected = compress(transactions), CompressedSummary.of(whole)
    np.testing.assert_array_equal(grouped.histories.T, expected.histories.T)
    np.testing.assert_array_equal(grouped.spends.mean, expected.spends.mean)
    assert grouped.first_orders == expected.first_orders


def test_a_log_of_old_customers_alone_has_no_first_order_and_no_one_to_learn_from() -> None:
    transactions = dated_log(("old", 0, 8.0, -9), ("old", 9, 2.0, -9))
    assert summarize(transactions).first_orders is None
    assert compress(transactions).first_orders is None
    with pytest.raises(RfmError, match="no customer that was acquired since the log began:"):
        summarize(transactions, window=NEW)


def test_dates_of_acquisition_that_contradict_each_other_or_a_sale_are_refused_together() -> None:
    with pytest.raises(TransactionsError) as caught:
        dated_log(("a", 3, 1.0, -9), ("a", 5, 1.0, -8), ("b", 0, 1.0, None), ("b", 9, 1.0, 4), ("c", 3, 1.0, -9))
    said = str(caught.value)
    assert "1 customer has more than one date of acquisition (first: 'a')." in said
    assert "1 customer has a date of acquisition after their first sale (first: 'b')." in said
    assert "transactions.columns.acquired is one day per customer, of the first purchase ever." in said
