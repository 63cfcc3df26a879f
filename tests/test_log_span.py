"""A log's first and last days: isolated rows and rows after today are refused, a log that is cut anywhere is not."""

import logging
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import few
from logs import log_of, settings

from tenure.transactions import Transactions, TransactionsError, read
from tenure.transactions.span import find_isolated

BEGIN = date(2022, 1, 1)
STRAYS = [[30], [45], [400], [30, 31], [30, 300], [35, 90, 500], [30, 40, 50]]


def counts(days: list[int], customers: list[int] | int = 1) -> pd.DataFrame:
    dates = pd.to_datetime([BEGIN + timedelta(day) for day in days])
    return pd.DataFrame({"date": dates, "customers": customers})


def daily(rate: float | np.ndarray[Any, np.dtype[np.float64]], days: int = 730, seed: int = 1) -> pd.DataFrame:
    drawn = np.random.default_rng(seed).poisson(rate, days)
    return counts(np.flatnonzero(drawn).tolist(), drawn[drawn > 0].tolist())


def sample_days() -> pd.DataFrame:
    return read(settings()).tables.day_counts()


def alarms(days: pd.DataFrame) -> list[str]:
    ends = days["date"]
    return [str(end.date()) for end in ends if (found := find_isolated(days[ends <= end])).head or found.tail]


def test_no_cut_of_the_sample_alarms() -> None:
    assert not alarms(sample_days())


@pytest.mark.parametrize("strays", few(STRAYS, 3))
@pytest.mark.parametrize("is_late", [False, True])
def test_strays_of_the_sample_are_found(strays: list[int], is_late: bool) -> None:
    days = sample_days()
    edge, sign = (days["date"].max(), 1) if is_late else (days["date"].min(), -1)
    more = pd.DataFrame({"date": [edge + pd.Timedelta(sign * day, "D") for day in strays], "customers": 1})
    found = find_isolated(pd.concat([days, more]).sort_values("date"))
    assert (found.head, found.tail) == ((0, len(strays)) if is_late else (len(strays), 0))
    assert (found.first, found.last) == (date(1997, 1, 1), date(1998, 6, 30))


def test_strays_at_both_ends_do_not_hide_each_other() -> None:
    days = daily(5)
    found = find_isolated(pd.concat([counts([-20_000]), days, counts([730 + 90])]))
    assert (found.head, found.tail) == (1, 1)


def test_a_batch_of_wrong_dates_is_found() -> None:
    assert find_isolated(pd.concat([daily(10), counts([1250], [20])])).tail == 20


@pytest.mark.parametrize(
    "days",
    [
        daily(0.07),  # 50 rows in two years
        counts(list(range(0, 700, 7)), 30),  # weekly
        counts([(date(2022 + at // 12, at % 12 + 1, 1) - BEGIN).days for at in range(24)], 100),  # monthly
        counts([day for day in range(1095) if day % 365 < 212 or day % 365 > 242], 40),  # closed in August
        daily(np.geomspace(0.05, 20, 730)),  # growing
        counts([0, 3, 9]),
        counts([day for day in range(1096) if 100 < day % 365 < 104], 80),  # a fair once a year
        counts(list(range(0, 1096, 91)), 60),  # invoices
    ],
    ids=["small", "weekly", "monthly", "closed", "growing", "tiny", "fair", "quarterly"],
)
def test_steady_logs_of_other_rhythms_do_not_alarm(days: pd.DataFrame) -> None:
    assert not alarms(days)


def test_logs_with_long_gaps_need_longer_ones() -> None:
    days = counts([day for day in range(1095) if day % 365 < 212 or day % 365 > 240], 40)
    edge = 1094
    assert not find_isolated(pd.concat([days, counts([edge + 50])])).tail
    assert find_isolated(pd.concat([days, counts([edge + 61])])).tail == 1


@pytest.mark.parametrize("gap", [200, 500])
def test_a_stray_of_a_log_of_few_busy_days_is_not_its_body(gap: int) -> None:
    days = counts(list(range(0, 1096, 91)), 60)
    late = find_isolated(pd.concat([days, counts([1092 + gap])]))
    early = find_isolated(pd.concat([counts([-gap]), days]))
    assert (late.head, late.tail) == (0, 1)
    assert (early.head, early.tail) == (1, 0)


def stray_log(*days: int, **how: Any) -> Transactions:
    at = [*range(300), *days]
    dates = pd.to_datetime([BEGIN + timedelta(day) for day in at]).astype("datetime64[us]")
    frame = pd.DataFrame({"customer_id": [f"c{day}" for day in at], "date": dates, "amount": 1.0})
    return log_of(frame, **how)


def test_isolated_last_rows_are_named_with_both_ends() -> None:
    with pytest.raises(TransactionsError) as caught:
        stray_log(800)
    message = str(caught.value)
    assert "row 301: customer 'c800' on 2024-03-11" in message
    assert "rfm.end=2022-10-27" in message
    assert "rfm.end=2024-03-11" in message


@pytest.mark.parametrize("is_late", [True, False])
def test_every_isolated_row_is_counted(is_late: bool) -> None:
    """Three lines of one order are one customer-day and three rows."""
    end = "last" if is_late else "first"
    day = 800 if is_late else -800
    with pytest.raises(TransactionsError, match=rf"the {end} rows are isolated \(3: row 301: .*; row 302: .*; row 303"):
        stray_log(day, day, day)


@pytest.mark.parametrize("end", ["2022-10-27", "2024-03-11", date(2024, 3, 11)])
def test_either_end_is_accepted(end: date | str) -> None:
    assert stray_log(800, end=end).rows == 301


def test_isolated_first_rows_are_left_out_by_their_day_or_accepted() -> None:
    with pytest.raises(TransactionsError, match=r"transactions\.first_day=2022-01-01 .*first_day=1970-01-11"):
        stray_log((date(1970, 1, 11) - BEGIN).days)
    begin = "2022-01-01"
    log = stray_log(-400, first_day=begin)
    assert log.first_day == BEGIN
    assert log.reconcile()["before transactions.first_day"].rows == 1
    assert stray_log(-400, first_day="2020-01-01").first_day == BEGIN - timedelta(400)


def test_rows_after_today_are_refused_unless_after_the_end() -> None:
    today = BEGIN + timedelta(297)  # the log runs one day beyond tomorrow
    with pytest.raises(TransactionsError, match=r"1 row is dated after today, 2022-10-25 .*rfm\.end=2022-10-25"):
        stray_log(today=today)
    assert stray_log(today=today + timedelta(1)).rows == 300
    assert stray_log(today=today, end=today).rows == 300


@pytest.mark.parametrize("others", [[], [400], [400, 700]])
def test_rows_after_today_are_left_out_by_the_day_on_which_the_others_end(others: list[int]) -> None:
    """With today as the end of an older log, every customer would look lapsed."""
    days = [*others, 1_900, 2_500]
    with pytest.raises(TransactionsError, match=r"2 rows are dated after today, .*rfm\.end=2022-10-27\.$"):
        stray_log(*days, today=BEGIN + timedelta(1_500))
    log = stray_log(*days, today=BEGIN + timedelta(1_500), end="2022-10-27")
    assert log.reconcile(date(2022, 10, 27)).purchases == 300


def test_a_log_after_today_as_a_whole_has_no_end_to_set() -> None:
    with pytest.raises(TransactionsError, match=r"300 rows are dated after today, .*Correct the dates\.$"):
        stray_log(today=BEGIN - timedelta(100))


def test_an_end_after_today_is_refused() -> None:
    with pytest.raises(TransactionsError, match="is after today"):
        stray_log(end="2030-01-01", today=date(2024, 1, 1))


@pytest.mark.parametrize(("end", "days"), [("2023-10-27", 365), ("2022-12-31", 65), (date(2024, 6, 1), 583)])
def test_an_end_at_which_every_customer_looks_lapsed_is_refused_unless_allowed(
    end: date | str, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TransactionsError) as refused:
        stray_log(end=end)
    assert f"in the {days} days before it, since 2022-10-27" in str(refused.value)
    assert "set rfm.end=2022-10-27, or set transactions.allow_quiet_end=true" in str(refused.value)
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "tenure"):
        assert stray_log(end=end, allow_quiet_end=True).rows == 300
    assert f"in the {days} days before it, since 2022-10-27" in caplog.text


def test_an_end_a_few_days_after_the_last_row_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    assert stray_log(end="2022-11-10").rows == 300
    assert not caplog.records


def test_the_day_of_an_isolated_row_as_the_end_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tenure"):
        stray_log(800, end="2024-03-11")
    assert "since 2022-10-27" in caplog.text
