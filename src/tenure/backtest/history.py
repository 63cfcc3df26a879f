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
