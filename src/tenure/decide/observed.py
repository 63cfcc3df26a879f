"""What happened so far, by calendar month, by cohort, and in windows of silence: queries on the log."""

from datetime import date

import ibis
import pandas as pd

from ..transactions import Transactions
from .calendar import months_between


def observed_cohorts(transactions: Transactions, end: date) -> pd.DataFrame:
    """Return `buyers`, `purchases` and `revenue` by `cohort` and `month`, where anybody bought."""
    bought = transactions.purchases(end)
    first = bought.group_by("customer_id").aggregate(first=bought["date"].min())
    dated = bought.join(first, "customer_id")
    keys = dated.mutate(cohort=dated["first"].strftime("%Y-%m"), month=dated["date"].strftime("%Y-%m"))
    sums = keys.group_by(["cohort", "month"]).aggregate(
        buyers=keys["customer_id"].nunique(),
        purchases=keys.count(),
        revenue=keys["amount"].cast("float64").sum(),
    )
    table: pd.DataFrame = sums.order_by(["cohort", "month"]).to_pandas()
    return table


def observed_months(cohorts: pd.DataFrame, sizes: dict[str, int], first: date, end: date) -> pd.DataFrame:
    """Return `purchases`, `revenue` and `new_customers` by month, with the days of the month in the log."""
    sums = cohorts.groupby("month")[["purchases", "revenue"]].sum()
    rows = [
        {
            "month": month.name,
            "first_day": month.first,
            "last_day": month.last,
            "new_customers": sizes.get(month.name, 0),
        }
        for month in months_between(first, end)
    ]
    return pd.DataFrame(rows).join(sums, on="month").fillna({"purchases": 0, "revenue": 0.0})


def observed_silence(transactions: Transactions, end: date, days: int) -> pd.DataFrame:
    """Return `customers`, `buyers` and `date` by window of some days, the last of which ends with the observation.

    Customers are those acquired before the window; buyers are those of them with a purchase in it.
    """
    bought = transactions.purchases(end)
    first = bought.group_by("customer_id").aggregate(first=bought["date"].min())
    dated = bought.join(first, "customer_id")
    window = (ibis.literal(end).delta(dated["date"], unit="day") // days).cast("int64")
    acquired = (ibis.literal(end).delta(dated["first"], unit="day") // days).cast("int64")
    keys = dated.mutate(window=window, acquired=acquired)
    buyers = keys.filter(keys["acquired"] > keys["window"]).group_by("window")
    bought_in = buyers.aggregate(buyers=lambda table: table["customer_id"].nunique()).to_pandas().set_index("window")
    start = keys.group_by("acquired").aggregate(customers=keys["customer_id"].nunique()).to_pandas()
    longest = int(start["acquired"].max())
    rows = [
        {
            "date": (pd.Timestamp(end) - pd.Timedelta(days * at, "D")).date(),
            "customers": int(start["customers"][start["acquired"] > at].sum()),
            "buyers": int(bought_in["buyers"].get(at, 0)),
        }
        for at in range(longest)
    ]
    return pd.DataFrame(rows, columns=["date", "customers", "buyers"]).iloc[::-1].reset_index(drop=True)
