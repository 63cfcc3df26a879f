"""Columns of the amounts of customers' repeat purchase days; see `summary.Amounts`.

Sums are of decimals, logarithms too, so that no sum depends on the order of the rows.
"""

from typing import Any

import ibis

LOG = "decimal(38, 12)"


def sum_counted(amount: Any, least: float) -> dict[str, Any]:
    """Return sums over all purchase days of a customer that are neither free nor negligible."""
    is_counted = _is_counted(amount, least)
    return {
        "counted": is_counted.ifelse(1, 0).sum(),
        "counted_spend": is_counted.ifelse(amount, amount * 0).sum(),
        "log_sum": _log(amount, is_counted).sum(),
    }


def of_repeats(customers: Any, least: float) -> dict[str, Any]:
    """Return `counted`, `counted_mean` and `log_ratio` of the repeat purchase days: the sums less the first order."""
    first = customers["first_order"]
    is_first = _is_counted(first, least) & ~customers["is_left_truncated"]
    counted = (customers["counted"] - is_first.ifelse(1, 0)).cast("int64")
    spend = customers["counted_spend"] - is_first.ifelse(first, first * 0)
    logs = (customers["log_sum"] - _log(first, is_first)).cast("float64")
    has_any = counted > 0
    mean = has_any.ifelse(spend.cast("float64") / ibis.greatest(counted, 1), 0.0)
    ratio = ibis.least(logs - counted * has_any.ifelse(mean, 1.0).ln(), 0.0)
    # Of one purchase it is 0, but for rounding.
    return {"counted": counted, "counted_mean": mean, "log_ratio": (counted > 1).ifelse(ratio, 0.0)}


def _is_counted(amount: Any, least: float) -> Any:
    return (amount > 0) & (amount.cast("float64") >= least)


def _log(amount: Any, is_counted: Any) -> Any:
    """Return the logarithms of counted amounts, and 0 for others."""
    return is_counted.ifelse(amount.cast("float64"), 1.0).ln().cast(LOG)
