"""All that a backtest asks of the purchase log itself, beyond summaries and splits."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from tenure.transactions import Transactions


def bought_between(transactions: Transactions, after: date, until: date, customers: "pd.Series[Any]") -> pd.DataFrame:
    """Total `purchases` and `spend` of each customer after one day and up to another, in the customers' order."""
    purchases = transactions.purchases(until)
    later = purchases.filter(purchases["date"] > after)
    bought = later.group_by("customer_id").aggregate(purchases=later.count(), spend=later["amount"].sum()).to_pandas()
    ours: pd.DataFrame = bought.set_index("customer_id").reindex(customers, fill_value=0).astype(np.float64)
    return ours


def repeats_by_half(transactions: Transactions, middle: date, until: date, customers: "pd.Series[Any]") -> pd.DataFrame:
    """Total each customer's repeat purchases up to a day (`early_...`) and from then to another (`late_...`)."""
    bought = transactions.purchases(until)
    first = bought.group_by("customer_id").aggregate(first_purchase=bought["date"].min())
    dated = bought.join(first, "customer_id")
    repeats = dated.filter(dated["date"] > dated["first_purchase"])
    is_early = repeats["date"] <= middle
    sums = {
        f"{half}_{name}": value
        for half, where in (("early", is_early), ("late", ~is_early))
        for name, value in (
            ("purchases", repeats.count(where=where)),
            ("spend", repeats["amount"].sum(where=where)),
        )
    }
    totals = repeats.group_by("customer_id").aggregate(**sums).to_pandas().set_index("customer_id")
    ours: pd.DataFrame = totals.reindex(customers).astype(np.float64).fillna(0.0)
    return ours
