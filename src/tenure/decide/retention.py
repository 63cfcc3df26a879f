"""Cohorts month by month, observed and expected, and churn: windows of days without a purchase."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from .bands import Widening, quantiles
from .calendar import Month, age_in_months, months_between
from .following import Path
from .futures import Floats
from .timeline import Timeline

OBSERVED, PARTLY, EXPECTED = "observed", "partly", "expected"


def observed_rows(observed: pd.DataFrame, sizes: Mapping[str, int], timeline: Timeline) -> pd.DataFrame:
    """Return a row for each cohort and each month up to the end of observation, whether anybody bought or not."""
    last = Month.of(timeline.end).name
    every = [
        (cohort, month.name)
        for cohort in sorted(sizes)
        for month in months_between(Month.of(_first_day(cohort)).first, timeline.end)
    ]
    rows = pd.DataFrame(every, columns=["cohort", "month"]).merge(observed, "left", ["cohort", "month"])
    rows = rows.fillna({"buyers": 0, "purchases": 0, "revenue": 0.0})
    is_cut = (rows["month"] == last) & (timeline.month_begun is not None)
    return rows.assign(
        customers=rows["cohort"].map(dict(sizes)),
        age=[age_in_months(cohort, month) for cohort, month in zip(rows["cohort"], rows["month"], strict=True)],
        status=np.where(is_cut, PARTLY, OBSERVED),
    )


def _first_day(cohort: str) -> Any:
    return pd.Timestamp(f"{cohort}-01").date()


def expected_rows(
    cohort: str, path: Path, scale: float, so_far: Mapping[str, Mapping[str, float]], timeline: Timeline,
    widening: Widening, level: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a cohort's months ahead; the month that the end cuts in two is the sum of what was and what is expected.

    Args:
        cohort: the month of its first purchases.
        path: its followed customers.
        scale: how many customers each of them stands for.
        so_far: by month what was observed of the cohort: `customers`, `buyers`, `purchases`, `revenue`.
        timeline: the months ahead.
        widening: for drift, of purchases and revenue.
        level: of the intervals.
    """
    masks = np.array([timeline.inside_month(month) for month in timeline.cohort_months], np.float64)
    futures = {
        "purchases": widening.futures("purchases", masks @ path.scaled("purchases", scale)),
        "revenue": widening.futures("spend", masks @ path.scaled("spend", scale)),
    }
    points = {
        "purchases": scale * (masks @ path.expected_purchases).mean(axis=1),
        "revenue": scale * (masks @ path.expected_spend).mean(axis=1),
    }
    buyers = scale * path.buyers[: len(masks)]
    ends = {name: quantiles(values, [level]) for name, values in (*futures.items(), ("buyers", buyers))}
    last = so_far[max(so_far)]
    rows = []
    for at, month in enumerate(timeline.cohort_months):
        before = so_far.get(month.name, dict.fromkeys(("buyers", "purchases", "revenue"), 0.0))
        row: dict[str, Any] = {"cohort": cohort, "month": month.name, "customers": last["customers"],
                               "age": age_in_months(cohort, month.name),
                               "status": PARTLY if month.name in so_far else EXPECTED}  # fmt: skip
        for name, point in (("buyers", buyers[at].mean()), *((name, points[name][at]) for name in points)):
            row[name] = before[name] + float(point)
            for end, value in zip(("low", "high"), ends[name][:, at], strict=True):
                row[f"{name}_{end}"] = before[name] + float(value)
        rows.append(row)
    return rows


def tabulate_retention(observed: pd.DataFrame, expected: list[dict[str, Any]]) -> pd.DataFrame:
    """Tabulate every cohort by month: a month that the end cuts in two is that of the expectations."""
    ahead = pd.DataFrame(expected)
    followed = {row["cohort"] for row in expected}
    seen = observed[(observed["status"] == OBSERVED) | ~observed["cohort"].isin(followed)]
    table = pd.concat([seen, ahead], ignore_index=True).sort_values(["cohort", "month"], ignore_index=True)
    for end in ("", "_low", "_high"):
        counts = table.get(f"buyers{end}", np.nan)
        table[f"retention{end}"] = np.minimum(counts / table["customers"], 1.0)
    return table


def tabulate_churn(
    observed: pd.DataFrame, buyers: Floats, customers: int, timeline: Timeline, level: float
) -> pd.DataFrame:
    """Tabulate the share of customers without a purchase by window of days: so far, and of the present ones ahead.

    Args:
        observed: of `observed.observed_silence`.
        buyers: joint futures of the buyers of the windows ahead, shape (windows, draws).
        customers: the present ones.
        timeline: the windows ahead.
        level: of the intervals.
    """
    past = observed.assign(is_expected=False, churn=1.0 - observed["buyers"] / observed["customers"])
    silent = 1.0 - np.minimum(buyers / max(customers, 1), 1.0)
    low, high = quantiles(silent, [level])
    ahead = pd.DataFrame(
        {
            "date": [timeline.end + timedelta(days) for days in timeline.churn_ends],
            "customers": customers,
            "is_expected": True,
            "churn": silent.mean(axis=1),
            "churn_low": low,
            "churn_high": high,
        }
    )
    table = pd.concat([past, ahead], ignore_index=True) if len(past) else ahead
    return table.assign(window_days=timeline.churn_days)
