"""Whether spend was steady within the calibration, as the spend model takes it to be."""

from datetime import timedelta

import numpy as np

from tenure.rfm import Split
from tenure.transactions import Transactions

from .history import repeats_by_half
from .scores import ratio

METRICS = ("spend_change", "spend_change_se", "spend_change_purchases")


def spend_change(transactions: Transactions, split: Split) -> dict[str, float]:
    """Compare spend per repeat purchase between the halves of the calibration's days.

    `spend_change` is the later half's mean over the earlier one's, less 1; `spend_change_purchases` the number of
    repeat purchases in the half that has fewer. The standard error is over customers, whose purchases resemble each
    other, by linearising the ratio (Cochran 1977, Sampling Techniques, section 6.3). First purchases are left out, as
    the spend model leaves them out. NaN where a half has none, or spent nothing.
    """
    customers = split.calibration.customers
    middle = split.cutoff - timedelta(days=int(customers["T"].max()) // 2)
    found = repeats_by_half(transactions, middle, split.cutoff, customers["customer_id"])
    count = found[["early_purchases", "late_purchases"]].to_numpy(np.float64)
    spend = found[["early_spend", "late_spend"]].to_numpy(np.float64)
    purchases, total = count.sum(axis=0), spend.sum(axis=0)
    least = {"spend_change_purchases": float(purchases.min())}
    if not (purchases.min() > 0 and total.min() > 0):
        return {"spend_change": np.nan, "spend_change_se": np.nan, **least}
    mean = total / purchases
    pull = (spend - mean * count) / total  # of each customer on the logarithm of each half's mean
    size = len(pull)
    error = np.sqrt(ratio(size, size - 1) * np.square(pull[:, 1] - pull[:, 0]).sum())
    change = float(mean[1] / mean[0])
    return {"spend_change": change - 1, "spend_change_se": change * float(error), **least}
