"""Raise errors for logs whose first or last rows are probably wrong dates."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING

from . import rules
from .fault import SHOWN, TransactionsError, placed
from .source import FILE, ROW, Source
from .span import find_isolated, latest_day, today_in

if TYPE_CHECKING:
    import pandas as pd

    from .span import Isolated
    from .tables import Tables

log = logging.getLogger("tenure")


def check_span(source: Source, tables: Tables, *, end: date | str | None, today: date | None) -> None:
    """Raise TransactionsError for rows after today, isolated rows and a gap of years; ignore rows after `end`."""
    last = date.fromisoformat(end) if isinstance(end, str) else end
    days = tables.day_counts()
    if last is not None:
        days = days[days["date"] <= str(last)]
    if days.empty:
        return
    now = today or today_in(source.settings.timezone)
    _refuse_future(source, days, last, now)
    isolated = find_isolated(days, last)
    if last is None and isolated.tail:
        raise TransactionsError(source.name, _late(source, days, isolated))
    if isolated.head and not source.settings.first_day:
        raise TransactionsError(source.name, _early(source, days, isolated))
    _refuse_hole(source, days)
    if isolated.tail:
        _refuse_quiet_end(source, days, isolated)


def _refuse_quiet_end(source: Source, days: pd.DataFrame, isolated: Isolated) -> None:
    """Raise TransactionsError for an end long after the last row, as of a feed that stopped, unless it is allowed.

    An end that is the day of the last, isolated row was named by a person who saw both ends: a warning is enough.
    """
    quiet, is_after = (isolated.end - isolated.last).days, isolated.end > days["date"].iloc[-1].date()
    what = (
        f"rfm.end is {isolated.end}; in the {quiet:,} days before it, since {isolated.last}, the log has nearly no"
        " rows, which chance does not explain. Every customer looks lapsed."
    )
    if is_after and not source.settings.allow_quiet_end:
        raise TransactionsError(
            source.name,
            f"{what} Complete the log, set rfm.end={isolated.last}, or set transactions.allow_quiet_end=true if nearly"
            " nobody bought in those days.",
        )
    log.warning("%s: %s Is the log complete, and rfm.end right?", source.name, what)


def _refuse_future(source: Source, days: pd.DataFrame, end: date | None, today: date) -> None:
    latest = latest_day(today)
    if end is not None and end > latest:
        what = f"rfm.end, {end}, is after today ({today}): those days are not observed yet. Set rfm.end={today}."
        raise TransactionsError(source.name, what)
    rows = int(days.loc[days["date"] > str(latest), "rows"].sum())
    if rows:
        verb = "row is" if rows == 1 else "rows are"
        what = f"{rows:,} {verb} dated after today, {today} (first: {_first(source, latest, None)})"
        raise TransactionsError(source.name, f"{what}. Correct the dates{_way_out(days, latest, today)}.")


def _way_out(days: pd.DataFrame, latest: date, today: date) -> str:
    """Return the setting that leaves out rows after today: the end of the others, as a later one would be quiet."""
    others = days[days["date"] <= str(latest)]
    return "" if others.empty else f", or leave such rows out: rfm.end={min(find_isolated(others).last, today)}"


def _late(source: Source, days: pd.DataFrame, isolated: Isolated) -> str:
    rows = int(days.loc[days["date"] > str(isolated.last), "rows"].sum())
    gap = f"no other row is dated in the days since {isolated.last}, a gap that the log's own pace does not explain"
    return (
        f"the last rows are isolated ({rows:,}: {_first(source, isolated.last, None)}): {gap}. One wrong date at the"
        f" end makes every customer look lapsed. Set rfm.end={isolated.last} to leave them out, or"
        f" rfm.end={isolated.end} if the log does end then."
    )


def _early(source: Source, days: pd.DataFrame, isolated: Isolated) -> str:
    rows = int(days.loc[days["date"] < str(isolated.first), "rows"].sum())
    gap = f"no other row is dated before {isolated.first}, a gap that the log's own pace does not explain"
    return (
        f"the first rows are isolated ({rows:,}: {_first(source, None, isolated.first)}): {gap}. Set"
        f" transactions.first_day={isolated.first} to leave them out, or transactions.first_day={isolated.start} if the"
        " log does begin then."
    )


def _refuse_hole(source: Source, days: pd.DataFrame) -> None:
    """Raise TransactionsError for a gap of years with many rows on both sides."""
    gaps = days["date"].diff().dt.days.reset_index(drop=True)
    if not (gaps > source.settings.longest_gap_days).any():
        return
    at = int(gaps.idxmax())
    before, after = days["date"].iloc[at - 1].date(), days["date"].iloc[at].date()
    rows = int(min(days["rows"].iloc[:at].sum(), days["rows"].iloc[at:].sum()))
    verb = "lies" if rows == 1 else "lie"
    raise TransactionsError(
        source.name,
        f"no row is dated between {before} and {after}, and {rows:,} {verb} on the lesser side of that gap. Correct the"
        f" dates, leave rows out (rfm.end={before} or transactions.first_day={after}), or raise"
        " transactions.longest_gap_days.",
    )


def _first(source: Source, after: date | None, before: date | None) -> str:
    """Return the first few used rows outside a span of days: place, customer, day."""
    log_rows = rules.judge(source.numbered, source.settings)
    table = log_rows.table.filter(log_rows.table["tenure_fate"] == len(log_rows.fates) - 1)
    day = table["tenure_date"]
    rows = table.filter(day > after if after is not None else day < before).order_by([FILE, ROW])
    shown = rows.limit(SHOWN).select(file=FILE, row=ROW, customer="tenure_customer_id", day="tenure_date")
    return "; ".join(
        placed(source.place(row["file"], row["row"]), f"customer {row['customer']!r} on {row['day']}")
        for row in shown.to_pyarrow().to_pylist()
    )
