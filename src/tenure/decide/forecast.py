"""The forecast of the customer base by calendar month: present customers, and those yet to be acquired."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .bands import BANDS, Widening, quantiles
from .curves import mean_discount
from .futures import Floats
from .newcomers import Newcomers
from .timeline import Timeline, per_day

ALL_CUSTOMERS, PRESENT, NEW = "all", "present", "new"
QUANTITIES = ("purchases", "revenue", "discounted_margin")
ENDS = tuple(f"{end}_{100 * level:.0f}" for level in BANDS for end in ("low", "high"))


@dataclass(frozen=True)
class Months:
    """Joint futures by month, shape (months, draws), undiscounted and before the margin.

    Attributes:
        purchases, spend: of present customers.
        expected_purchases, expected_spend: their expectations.
        discounted: expected spend, each month's discounted.
        new: customers yet to be acquired.
    """

    purchases: Floats
    spend: Floats
    expected_purchases: Floats
    expected_spend: Floats
    discounted: Floats
    new: Newcomers


def months_of(followed: Any, timeline: Timeline, discount: Floats, new: Newcomers) -> Months:
    """Sum periods into the months of the forecast.

    Args:
        followed: the present customers.
        timeline: the periods.
        discount: mean discount of the money in each period.
        new: customers yet to be acquired.
    """
    masks = np.array([timeline.inside_month(month) for month in timeline.months], np.float64)
    expected = followed.expected("spend")
    return Months(
        masks @ followed.total("purchases"), masks @ followed.total("spend"), masks @ followed.expected("purchases"),
        masks @ expected, masks @ (discount[:, None] * expected), new,
    )  # fmt: skip


def futures_of(months: Months, widening: Widening) -> dict[str, dict[str, Floats]]:
    """Return the futures of purchases and spend by month, of present customers, of new ones, and of both.

    Drift is of purchases that present or new customers make again; first orders are as planned.
    """
    new = months.new
    moved = {
        "purchases": (months.purchases, new.purchases - new.acquired, new.acquired),
        "spend": (months.spend, new.spend - new.first_spend, new.first_spend),
    }
    futures: dict[str, dict[str, Floats]] = {PRESENT: {}, NEW: {}, ALL_CUSTOMERS: {}}
    for outcome, (present, again, first) in moved.items():
        futures[PRESENT][outcome] = widening.futures(outcome, present)
        futures[NEW][outcome] = np.maximum(widening.futures(outcome, again, first), 0.0)
        futures[ALL_CUSTOMERS][outcome] = futures[PRESENT][outcome] + futures[NEW][outcome]
    return futures


def tabulate_forecast(
    past: pd.DataFrame, months: Months, timeline: Timeline, widening: Widening, margin: float, rate: float
) -> pd.DataFrame:
    """Tabulate past months as they were, and future ones with their bands.

    Args:
        past: of `observed.observed_months`.
        months: the futures.
        timeline: their months.
        widening: for drift.
        margin: share of revenue that is kept.
        rate: annual discount rate.
    """
    rows = [_past_row(row, margin) for row in past.to_dict("records")]
    futures, new = futures_of(months, widening), months.new
    starts = np.array([(month.first - timeline.end).days - 1 for month in timeline.months])
    ends = np.array([(month.last - timeline.end).days for month in timeline.months])
    uniform = mean_discount(starts, ends, per_day(rate))
    present = months.expected_spend.mean(axis=1)
    of_present = np.divide(months.discounted.mean(axis=1), present, out=uniform.copy(), where=present > 0)
    points = {
        PRESENT: (months.expected_purchases.mean(axis=1), present, of_present),
        NEW: (new.purchases.mean(axis=1), new.spend.mean(axis=1), uniform),
    }
    both = points[PRESENT][1] + points[NEW][1]
    mixed = present * of_present + points[NEW][1] * uniform
    points[ALL_CUSTOMERS] = (points[PRESENT][0] + points[NEW][0], both,
                             np.divide(mixed, both, out=uniform.copy(), where=both > 0))  # fmt: skip
    for at, month in enumerate(timeline.months):
        for who in (ALL_CUSTOMERS, PRESENT, NEW):
            purchases, spend, kept = (column[at] for column in points[who])
            bands = {name: quantiles(futures[who][name][at]) for name in ("purchases", "spend")}
            row = {"month": month.name, "first_day": month.first, "last_day": month.last, "is_forecast": True,
                   "customers": who, "new_customers": 0.0 if who == PRESENT else new.acquired[at].mean()}  # fmt: skip
            row |= _quantity("purchases", purchases, bands["purchases"], 1.0)
            row |= _quantity("revenue", spend, bands["spend"], 1.0)
            rows.append(row | _quantity("discounted_margin", spend, bands["spend"], margin * kept))
    columns = [f"{name}{end}" for name in QUANTITIES for end in ("", *(f"_{end}" for end in ENDS))]
    names = ["month", "first_day", "last_day", "is_forecast", "customers", "new_customers", *columns]
    return pd.DataFrame(rows, columns=names)


def _past_row(row: Mapping[Any, Any], margin: float) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("month", "first_day", "last_day", "new_customers", "purchases", "revenue")},
        "is_forecast": False,
        "customers": ALL_CUSTOMERS,
        "discounted_margin": margin * row["revenue"],
    }


def _quantity(name: str, point: float, bands: Floats, unit: float) -> dict[str, float]:
    ends = {f"{name}_{end}": float(unit * value) for end, value in zip(ENDS, bands, strict=True)}
    return {name: float(unit * point), **ends}


def forecast_totals(months: Months, widening: Widening) -> dict[str, Floats]:
    """Return futures of the whole horizon of all customers, present and new, by outcome."""
    return {outcome: sum_months(values) for outcome, values in futures_of(months, widening)[ALL_CUSTOMERS].items()}


def sum_months(futures: Floats) -> Floats:
    """Return the sums over months in each future."""
    return np.asarray(futures.sum(axis=0))
