"""Segments by the period of acquisition."""

from typing import Any

import ibis

from ..transactions import Transactions


def cohorts_of(transactions: Transactions, customers: Any) -> dict[str, Any]:
    """Return the segments that are periods of acquisition, from the column `first_purchase` of customers.

    A left-truncated customer's is the first purchase in the log.
    """
    return {name: _period(customers["first_purchase"], rule) for name, rule in transactions.cohorts.items()}


def _period(day: Any, rule: str) -> Any:
    year = day.year().cast("string").lpad(4, "0")
    if rule == "acquisition_year":
        return year
    if rule == "acquisition_quarter":
        return year + ibis.literal("-Q") + day.quarter().cast("string")
    return year + ibis.literal("-") + day.month().cast("string").lpad(2, "0")
