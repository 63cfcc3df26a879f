"""Windows and cut-offs: summaries that equal the library's, and that know nothing of the days after."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from logs import log_of, purchases, sales_log, settings

from tenure.rfm import (
    AcquisitionWindow,
    CompressedSummary,
    Histories,
    RfmError,
    Spends,
    Split,
    compress,
    daily_counts,
    histories,
    split_log,
    stream_summary,
    summarize,
    summary_query,
)  # fmt: skip
from tenure.summary import COLUMNS, CustomerSummary
from tenure.transactions import Transactions, read

CUTOFF = date(1997, 9, 30)

type Sale = tuple[str, int, float]


@pytest.fixture(scope="module")
def rfm_summary() -> Callable[..., pd.DataFrame]:
    """Return the library's summary, our oracle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymc_marketing.clv import rfm_summary
    return rfm_summary


@pytest.fixture(scope="module")
def cdnow() -> Transactions:
    return read(settings())


def customers(summary: CustomerSummary) -> dict[str, tuple[float, ...]]:
    return {row[0]: tuple(row[1:]) for row in summary.table[list(COLUMNS)].itertuples(index=False)}


def assert_equals_the_library(
    summary: CustomerSummary, transactions: Transactions, end: date, rfm_summary: Callable[..., pd.DataFrame]
) -> None:
    theirs = rfm_summary(purchases(transactions, end), "customer_id", "date", "amount", observation_period_end=str(end))
    theirs = theirs.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(
        summary.table[list(COLUMNS)], theirs, check_dtype=False, check_column_type=False, rtol=1e-12, check_exact=False
    )


SALES: st.SearchStrategy[list[Sale]] = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.integers(0, 60), st.integers(1, 10**6).map(lambda cents: cents / 100)),
    min_size=1,
    max_size=60,
)
quick = hypothesis_settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


# ---- correct


def test_the_cdnow_calibration_is_the_published_one(cdnow: Transactions) -> None:
    parts = split_log(cdnow, CUTOFF)
    known = customers(parts.calibration)
    assert len(known) == 2357
    assert (parts.calibration.table["frequency"] > 0).sum() == 946
    assert known["1"] == (2, 213, 272, pytest.approx((29.73 + 14.96) / 2))
    assert known["1516"][:3] == (26, 216, 217)
    assert parts.horizon_days == 39 * 7
    assert parts.holdout["purchases"].sum() == 1882
    assert parts.holdout["spend"].sum() == pytest.approx(70_976.39, abs=1e-6)
    assert parts.acquired_in_holdout == 0


def test_the_first_purchase_counts_neither_in_frequency_nor_in_spend() -> None:
    known = customers(
        summarize(sales_log(("a", 0, 100.0), ("a", 10, 1.0), ("a", 14, 3.0), ("b", 4, 7.0)), "2020-01-31")
    )
    assert known == {"a": (2, 14, 30, 2.0), "b": (0, 0, 26, 0.0)}


def test_a_day_with_several_orders_is_one_repeat_purchase_of_their_sum() -> None:
    known = customers(summarize(sales_log(("a", 0, 1.0), ("a", 3, 10.0), ("a", 3, 5.0), ("a", 9, 1.0))))
    assert known == {"a": (2, 9, 9, 8.0)}


def test_the_last_day_of_calibration_belongs_to_it() -> None:
    parts = split_log(
        sales_log(("a", 0, 1.0), ("a", 10, 2.0), ("a", 11, 3.0), ("a", 20, 4.0)), "2020-01-11", "2020-01-20"
    )
    assert customers(parts.calibration) == {"a": (1, 10, 10, 2.0)}
    assert parts.holdout.to_dict("records") == [{"customer_id": "a", "purchases": 1, "spend": 3.0}]


def test_who_is_first_seen_in_the_holdout_is_counted_and_in_neither_table() -> None:
    parts = split_log(
        sales_log(("b", 0, 1.0), ("a", 5, 1.0), ("c", 6, 1.0), ("c", 9, 1.0), ("d", 12, 1.0)),
        "2020-01-06",
        "2020-01-11",
    )
    assert list(parts.calibration.table["customer_id"]) == ["a", "b"]
    assert list(parts.holdout["purchases"]) == [0, 0]
    assert parts.acquired_in_holdout == 1


def test_without_settings_the_log_is_split_half_way(cdnow: Transactions) -> None:
    parts = split_log(cdnow)
    assert (parts.cutoff, parts.end) == (CUTOFF, date(1998, 6, 30))


def test_an_end_after_the_last_sale_is_a_time_without_sales() -> None:
    sales = sales_log(("a", 0, 1.0), ("a", 10, 2.0))
    assert customers(summarize(sales, date(2020, 12, 31))) == {"a": (1, 10, 365, 2.0)}
    parts = split_log(sales, "2020-01-11", "2020-12-31")
    assert list(parts.holdout["purchases"]) == [0]
    assert parts.horizon_days == 355


# ---- consistent


def test_the_cdnow_summary_equals_the_library_s(cdnow: Transactions, rfm_summary: Callable[..., pd.DataFrame]) -> None:
    for end in (CUTOFF, cdnow.last_day):
        assert_equals_the_library(summarize(cdnow, end), cdnow, end, rfm_summary)


@quick
@given(sales=SALES, wait=st.integers(0, 70))
def test_any_summary_equals_the_library_s(
    rfm_summary: Callable[..., pd.DataFrame], sales: list[Sale], wait: int
) -> None:
    transactions = sales_log(*sales)
    end = transactions.first_day + timedelta(wait)
    assert_equals_the_library(summarize(transactions, end), transactions, end, rfm_summary)


@pytest.mark.slow
@quick
@given(sales=SALES, wait=st.integers(0, 59), length=st.integers(1, 40))
def test_any_holdout_accounts_for_every_purchase_and_cent(sales: list[Sale], wait: int, length: int) -> None:
    transactions = sales_log(*sales)
    cutoff = transactions.first_day + timedelta(wait)
    end = cutoff + timedelta(length)
    parts = split_log(transactions, cutoff, end)
    until_end = purchases(transactions, end)
    known = until_end[until_end["customer_id"].isin(parts.calibration.table["customer_id"])]
    counted = (parts.calibration.table["frequency"] + 1).sum() + parts.holdout["purchases"].sum()
    assert counted == len(known)
    assert until_end["customer_id"].nunique() == len(parts.holdout) + parts.acquired_in_holdout
    before = known[known["date"] <= pd.Timestamp(cutoff)]["amount"].sum()
    assert parts.holdout["spend"].sum() + before == pytest.approx(known["amount"].sum())


def test_sales_and_refunds_after_the_cut_off_do_not_change_the_calibration(cdnow: Transactions) -> None:
    clean = purchases(cdnow, CUTOFF)
    sold = clean.groupby("customer_id", as_index=False)["date"].max().assign(amount=1e9)
    sold["date"] = pd.Timestamp(CUTOFF + timedelta(1))
    back = sold.assign(amount=-2e9, date=pd.Timestamp(CUTOFF + timedelta(2)))
    new = pd.DataFrame({"customer_id": ["!", "~"], "date": sold["date"].head(2), "amount": 5.0})
    honest = split_log(cdnow, CUTOFF)
    parts = split_log(log_of(pd.concat([clean, sold, new])), CUTOFF, "1997-10-01")
    pd.testing.assert_frame_equal(parts.calibration.table, honest.calibration.table)
    assert parts.calibration.first_orders == honest.calibration.first_orders
    assert (parts.holdout["purchases"] == 1).all()
    assert (parts.holdout["spend"] == 1e9).all()
    assert parts.acquired_in_holdout == 2
    refunded = split_log(log_of(pd.concat([clean, sold, new, back])), CUTOFF, "1997-10-02")
    pd.testing.assert_frame_equal(refunded.calibration.table, honest.calibration.table)
    assert refunded.holdout["purchases"].sum() == 0


def test_sales_after_the_end_do_not_change_the_split(cdnow: Transactions) -> None:
    short = split_log(log_of(purchases(cdnow, date(1998, 3, 31))), CUTOFF)
    long = split_log(cdnow, CUTOFF, short.end)
    pd.testing.assert_frame_equal(long.holdout, short.holdout)
    assert long.acquired_in_holdout == short.acquired_in_holdout


@pytest.mark.slow
@quick
@given(sales=SALES)
def test_a_base_repeated_by_its_counts_is_every_customer(sales: list[Sale]) -> None:
    summary = summarize(sales_log(*sales))
    base, names = CompressedSummary.of(summary), ["frequency", "recency", "T"]
    found = base.histories
    everyone = np.repeat(np.stack([found.frequency, found.recency, found.T]), found.count, axis=1)
    np.testing.assert_array_equal(everyone.T, summary.table[names].sort_values(names))
    buyers = np.repeat(np.stack([base.spends.frequency, base.spends.mean]), base.spends.count, axis=1)
    pairs = summary.table.loc[summary.table["frequency"] > 0, ["frequency", "monetary_value"]]
    np.testing.assert_array_equal(buyers.T, pairs.sort_values(["frequency", "monetary_value"]))
    assert (base.customers, base.repeat_buyers, base.as_of) == (len(summary.table), len(pairs), summary.as_of)


def test_histories_of_cdnow_are_sorted_distinct_and_counted(cdnow: Transactions) -> None:
    summary = summarize(cdnow, CUTOFF)
    found = histories(summary)
    counted = summary.table.groupby(["frequency", "recency", "T"]).size()
    expected = counted.reset_index(name="count")
    for name in ("frequency", "recency", "T", "count"):
        np.testing.assert_array_equal(getattr(found, name), expected[name])
        assert getattr(found, name).dtype == np.int64


# ---- refuses


@pytest.mark.parametrize(
    ("cutoff", "end", "message"),
    [
        ("1997-13-01", None, "rfm.cutoff is a calendar day such as 1997-09-30, not '1997-13-01'."),
        ("30/09/1997", None, "rfm.cutoff is a calendar day such as 1997-09-30, not '30/09/1997'."),
        ("19970930", None, "rfm.cutoff is a calendar day such as 1997-09-30, not '19970930'."),
        (datetime(1997, 9, 30, 12), None, "rfm.cutoff is a calendar day such as 1997-09-30, not datetime"),
        (None, "soon", "rfm.end is a calendar day such as 1997-09-30, not 'soon'."),
        (
            "1996-12-31",
            None,
            "rfm.cutoff must lie between the log's first purchase and the day before rfm.end (1998-06-30),"
            " got 1996-12-31: the log runs from 1997-01-01 to 1998-06-30.",
        ),
        ("1998-06-30", None, "got 1998-06-30: the log runs from 1997-01-01 to 1998-06-30."),
        (
            "1997-09-30",
            "1997-09-30",
            "the day before rfm.end (1997-09-30), got 1997-09-30: the log runs from",
        ),
        (
            "1997-09-30",
            "1997-06-30",
            "the day before rfm.end (1997-06-30), got 1997-09-30: the log runs from",
        ),
        (None, "1996-06-30", "the log runs from 1997-01-01 to 1998-06-30."),
    ],
)
def test_a_window_that_does_not_fit_the_log_is_refused(
    cdnow: Transactions, cutoff: date | str | None, end: str | None, message: str
) -> None:
    with pytest.raises(RfmError) as caught:
        split_log(cdnow, cutoff, end)
    assert message in str(caught.value)


def test_an_end_before_the_log_is_refused(cdnow: Transactions) -> None:
    with pytest.raises(RfmError) as caught:
        summarize(cdnow, date(1996, 12, 31))
    assert str(caught.value) == (
        "rfm.end, 1996-12-31, is before the log's first purchase: the log runs from 1997-01-01 to 1998-06-30."
    )


def test_a_log_of_one_day_cannot_be_split() -> None:
    with pytest.raises(RfmError, match="the log runs from 2020-01-01 to 2020-01-01"):
        split_log(sales_log(("a", 0, 1.0)))


def test_repeat_purchases_that_were_all_free_are_counted_and_left_out_of_the_spends() -> None:
    sales: Sequence[Sale] = [(name, day, 0.0) for name in "abcd" for day in (0, 5)]
    log = sales_log(*sales, ("e", 0, 0.0), ("e", 5, 1.0), ("f", 0, 0.0))
    summary = summarize(log)
    free = dict.fromkeys("abcd", (1, 5, 5, 0.0))
    assert customers(summary) == {**free, "e": (1, 5, 5, 1.0), "f": (0, 0, 5, 0.0)}
    for grouped in (compress(log), CompressedSummary.of(summary)):
        assert (grouped.customers, grouped.repeat_buyers, grouped.paying_repeat_buyers) == (6, 5, 1)
        assert (grouped.spends.frequency, grouped.spends.mean, grouped.spends.count) == (1, 1.0, 1)


def test_a_free_first_purchase_and_a_free_repeat_among_others_are_kept() -> None:
    assert customers(summarize(sales_log(("a", 0, 0.0), ("a", 2, 0.0), ("a", 4, 6.0)))) == {"a": (2, 4, 4, 3.0)}


def test_a_holdout_that_is_not_aligned_is_refused(cdnow: Transactions) -> None:
    parts = split_log(cdnow, CUTOFF)
    with pytest.raises(RfmError, match="list different customers, or in another order"):
        Split(parts.calibration, parts.holdout.iloc[::-1].reset_index(drop=True), parts.cutoff, parts.end, 0)
    with pytest.raises(RfmError, match="The calibration is as of 1997-09-30, the cut-off is 1997-09-29"):
        Split(parts.calibration, parts.holdout, CUTOFF - timedelta(1), parts.end, 0)


def test_histories_and_spends_that_are_none_are_refused() -> None:
    one, none = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    with pytest.raises(RfmError, match="1 histories have a count below 1"):
        Histories(one, one, one, none)
    with pytest.raises(RfmError, match="are not int64 of one length"):
        Histories(one, one, one.astype(float), one)  # type: ignore[arg-type]
    with pytest.raises(RfmError, match="1 spends have no purchase, no finite mean above 0"):
        Spends(one, np.array([np.inf]), one)
    with pytest.raises(RfmError, match="are not of one length"):
        Spends(one, np.ones(2), one)
    with pytest.raises(RfmError, match="The histories have 1 repeat buyers, the spends 2"):
        CompressedSummary(Histories(one, one, one, one), Spends(one, np.ones(1), one + 1), None)


# ---- runs


def test_one_customer_with_one_purchase_is_a_summary_and_a_history() -> None:
    summary = summarize(sales_log(("a", 0, 9.5)))
    assert customers(summary) == {"a": (0, 0, 0, 0.0)}
    found = histories(summary)
    assert (found.frequency.tolist(), found.count.tolist()) == ([0], [1])


def test_nobody_has_no_histories() -> None:
    nobody = summarize(sales_log(("a", 0, 9.5))).table.iloc[:0]
    assert len(histories(CustomerSummary.from_frame(nobody)).T) == 0


def test_first_orders_are_summarised_apart_from_repeat_purchases():
    transactions = sales_log(("a", 0, 10.0), ("a", 4, 99.0), ("b", 1, 30.0))
    found = summarize(transactions, "2020-01-10").first_orders
    assert (found.mean, found.sd, found.customers) == (20.0, 10.0, 2)
    assert CompressedSummary.of(summarize(transactions, "2020-01-01")).first_orders.mean == 10.0


# ---- lazy, grouped, by cohort, from several origins


def same(one: CompressedSummary, other: CompressedSummary) -> None:
    for part, names in (
        ("histories", ("frequency", "recency", "T", "count")),
        ("spends", ("frequency", "mean", "count")),
    ):
        for name in names:
            np.testing.assert_array_equal(getattr(getattr(one, part), name), getattr(getattr(other, part), name))
    assert one.as_of == other.as_of
    assert one.first_orders.mean == pytest.approx(other.first_orders.mean, rel=1e-12)
    assert one.first_orders.sd == pytest.approx(other.first_orders.sd, rel=1e-9, abs=1e-9)


def test_the_grouped_base_of_cdnow_is_that_of_its_customers(cdnow: Transactions) -> None:
    same(compress(cdnow, CUTOFF), CompressedSummary.of(summarize(cdnow, CUTOFF)))


@pytest.mark.slow
@quick
@given(sales=SALES, wait=st.integers(0, 70))
def test_any_grouped_base_is_that_of_its_customers(sales: list[Sale], wait: int) -> None:
    transactions = sales_log(*sales)
    end = transactions.first_day + timedelta(wait)
    same(compress(transactions, end), CompressedSummary.of(summarize(transactions, end)))


def test_the_lazy_summaries_stream_the_same_customers(cdnow: Transactions) -> None:
    batches = summary_query(cdnow, CUTOFF).to_pyarrow_batches(chunk_size=500)
    streamed = pd.concat([batch.to_pandas() for batch in batches]).sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(streamed, summarize(cdnow, CUTOFF).table, check_dtype=False)


def test_summaries_come_part_by_part_in_order_and_more_than_once(cdnow: Transactions) -> None:
    streamed = replace(stream_summary(cdnow, CUTOFF), rows=1_000)
    whole = summarize(cdnow, CUTOFF)
    assert streamed.as_of == CUTOFF
    for _ in range(2):
        parts = list(streamed.parts())
        assert max(map(len, parts)) <= 2_048  # the engine's own vectors round it up
        table = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(table, whole.table, check_dtype=False)


def test_streamed_repeat_purchases_may_be_free() -> None:
    (part,) = stream_summary(sales_log(("a", 0, 5.0), ("a", 3, 0.0), ("b", 1, 2.0))).parts()
    assert part["monetary_value"].tolist() == [0.0, 0.0]
    assert part["frequency"].tolist() == [1, 0]


def test_segments_ride_along_by_their_rule_and_know_nothing_of_later_days() -> None:
    rows = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "a", "b", "a"],
            "date": pd.to_datetime(
                ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "2020-01-02", "2020-02-01"]
            ),
            "amount": [1.0, 2.0, 3.0, 4.0, 5.0, -1.0],
            "country": ["FR", "DE", "DE", "FR", None, "US"],
        }
    )
    first = log_of(rows, segments={"country": "first"})
    assert list(summarize(first).table.columns)[-1] == "country"
    assert list(summarize(first).table["country"]) == ["FR", "(none)"]
    mode = log_of(rows, segments={"country": "mode"})
    assert list(summarize(mode, "2020-01-03").table["country"]) == ["DE", "(none)"]
    assert list(summarize(mode).table["country"]) == ["FR", "(none)"]  # two each: the earlier one
    assert set(summary_query(mode).to_pandas()["country"]) == {"FR", "(none)"}


def test_a_cohort_is_the_customers_born_in_its_window() -> None:
    transactions = sales_log(("a", 0, 1.0), ("a", 9, 1.0), ("b", 3, 1.0), ("b", 12, 1.0), ("c", 5, 1.0), ("d", 12, 1.0))
    window = AcquisitionWindow(date(2020, 1, 2), date(2020, 1, 5))
    parts = split_log(transactions, "2020-01-10", window=window)
    assert list(parts.calibration.table["customer_id"]) == ["b"]
    assert parts.acquired_in_holdout == 1  # d; a and c bought before
    assert compress(transactions, window=window).customers == 1
    cohorts = [
        AcquisitionWindow(last=date(2020, 1, 1)),
        AcquisitionWindow(date(2020, 1, 2), date(2020, 1, 4)),
        AcquisitionWindow(date(2020, 1, 5)),
    ]
    each = [summarize(transactions, window=cohort).table for cohort in cohorts]
    everyone = summarize(transactions).table
    pd.testing.assert_frame_equal(pd.concat(each).sort_values("customer_id", ignore_index=True), everyone)


def test_a_window_without_customers_is_refused() -> None:
    with pytest.raises(RfmError, match="ends before it begins"):
        AcquisitionWindow(date(2020, 1, 2), date(2020, 1, 1))
    with pytest.raises(RfmError, match=r"There is no customer with a first purchase from 2021-01-01 to \.\.\."):
        summarize(sales_log(("a", 0, 1.0)), window=AcquisitionWindow(date(2021, 1, 1)))


def test_a_log_whose_every_sale_was_given_back_has_no_customer() -> None:
    with pytest.raises(RfmError, match="There is no customer: all sales in the window were refunded"):
        summarize(sales_log(("a", 0, 1.0), ("a", 2, -1.0)))


def test_daily_counts_equal_a_loop_over_customers(cdnow: Transactions) -> None:
    counts = daily_counts(cdnow, date(1997, 2, 15), date(1997, 6, 30))
    bought = purchases(cdnow, date(1997, 6, 30))
    acquisitions, repeats = dict.fromkeys(counts["date"], 0), dict.fromkeys(counts["date"], 0)
    for _, days in bought.groupby("customer_id")["date"]:
        if days.min() <= pd.Timestamp("1997-02-15"):
            acquisitions[days.min()] += 1
            for day in days[days > days.min()]:
                repeats[day] += 1
    assert list(counts["acquisitions"]) == list(acquisitions.values())
    assert list(counts["repeats"]) == list(repeats.values())
    assert (counts["date"].iloc[0], counts["date"].iloc[-1]) == (pd.Timestamp("1997-01-01"), pd.Timestamp("1997-06-30"))
    with pytest.raises(RfmError, match="No customer was acquired by the cut-off 1996-12-31"):
        daily_counts(cdnow, date(1996, 12, 31), date(1997, 6, 30))


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("acquisition_month", ["2023-12", "2024-01", "2024-05"]),
        ("acquisition_quarter", ["2023-Q4", "2024-Q1", "2024-Q2"]),
        ("acquisition_year", ["2023", "2024", "2024"]),
    ],
)
def test_a_cohort_is_the_period_of_the_first_purchase(rule: str, values: list[str]) -> None:
    days = pd.to_datetime(["2023-12-31", "2024-06-01", "2024-01-01", "2024-05-05"])
    rows = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "date": days, "amount": [10.0, 5.0, 10.0, 1.0]})
    log = log_of(rows, segments={"cohort": rule})
    assert list(summarize(log).table["cohort"]) == values
    assert summary_query(log).to_pandas().set_index("customer_id")["cohort"].sort_index().to_list() == values
