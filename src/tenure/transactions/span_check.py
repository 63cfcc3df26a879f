"""Refuse a log whose first or last rows are likely wrong dates: what `span` finds, in words."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING

from . import rules
from .fault import SHOWN, TransactionsError
from .source import FILE, ROW, Source
from .span import find_isolated, latest_day, today_in

if TYPE_CHECKING:
    import pandas as pd

    from .span import Isolated
    from .tables import Tables

log = logging.getLogger("tenure")


def check_span(source: Source, tables: Tables, *, end: date | str | None, today: date | None) -> None:
    """Refuse rows after today, isolated rows at either end, and a hole of years; rows after `end` are not looked at."""
    last = date.fromisoformat(end) if isinstance(end, str) else end
    days = tables.day_counts()
    if last is not None:
        days = days[days["date"] <= str(last)]
    if days.empty:
        return
    now = today or today_in(source.settings.timezone)
    _refuse_future(source, days, last, now)
    found = find_isolated(days, last)
    if last is None and found.tail:
        raise TransactionsError(source.name, _late(source, days, found))
    if found.head and not source.settings.first_day:
        raise TransactionsError(source.name, _early(source, days, found))
    _refuse_hole(source, days)
    if found.tail:
        quiet = (found.end - found.last).days
        log.warning(
            "%s: rfm.end is %s; in the %s days before it, since %s, the log has nearly no rows, which chance does not"
            " explain. Every customer looks lapsed. Is the log complete, and rfm.end right?",
            source.name, found.end, f"{quiet:,}", found.last,
        )  # fmt: skip


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


def _late(source: Source, days: pd.DataFrame, found: Isolated) -> str:
    rows = int(days.loc[days["date"] > str(found.last), "rows"].sum())
    gap = f"no other row is dated in the days since {found.last}, a gap that the log's own pace does not explain"
    return (
        f"the last rows are isolated ({rows:,}: {_first(source, found.last, None)}): {gap}. One wrong date at the"
        f" end makes every customer look lapsed. Set rfm.end={found.last} to leave them out, or rfm.end={found.end} if"
        " the log does end then."
    )


def _early(source: Source, days: pd.DataFrame, found: Isolated) -> str:
    rows = int(days.loc[days["date"] < str(found.first), "rows"].sum())
    gap = f"no other row is dated before {found.first}, a gap that the log's own pace does not explain"
    return (
        f"the first rows are isolated ({rows:,}: {_first(source, None, found.first)}): {gap}. Set"
        f" transactions.first_day={found.first} to leave them out, or transactions.first_day={found.start} if the log"
        " does begin then."
    )


def _refuse_hole(source: Source, days: pd.DataFrame) -> None:
    """Refuse a hole of years with many rows on both sides of it."""
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
    """Name the first few used rows outside a span of days: place, customer, day."""
    found = rules.judge(source.numbered, source.settings)
    table = found.table.filter(found.table["tenure_fate"] == len(found.fates) - 1)
    day = table["tenure_date"]
    rows = table.filter(day > after if after is not None else day < before).order_by([FILE, ROW])
    shown = rows.limit(SHOWN).select(file=FILE, row=ROW, customer="tenure_customer_id", day="tenure_date")
    return "; ".join(
        f"{source.place(row['file'], row['row'])}: customer {row['customer']!r} on {row['day']}"
        for row in shown.to_pyarrow().to_pylist()
    )
