"""Whether spend was steady within the calibration, as the spend model takes it to be."""

from datetime import timedelta

import numpy as np

from tenure.rfm import Split
from tenure.transactions import Transactions

from .history import repeats_by_half
from .scores import ratio

UNBOUNDED = 1e6  # what a change from nothing to something is given as
METRICS = ("spend_change", "spend_change_se", "spend_change_customers")


def spend_change(transactions: Transactions, split: Split) -> dict[str, float]:
    """Compare what customers spent on a repeat purchase in the later half of the calibration's days and in the earlier.

    Of `spend_change_customers`, who bought again in both and paid for it in one at least: `spend_change` is their mean
    in the later half over that in the earlier, less 1. Customers are compared with themselves, so that it matters
    little who bought when, and how much they differ. A customer of m and n purchases weighs m n / (m + n): chance moves
    the difference of two such means by the inverse. The standard error is over customers, by linearising the ratio
    (Cochran 1977, Sampling Techniques, section 6.3). NaN of fewer than two customers. Where all purchases of one half
    were free, the change is -1 or `UNBOUNDED`.
    """
    customers = split.calibration.table
    middle = split.cutoff - timedelta(days=int(customers["T"].max()) // 2)
    found = repeats_by_half(transactions, middle, split.cutoff, customers["customer_id"])
    counts = found[["early_purchases", "late_purchases"]].to_numpy(np.float64)
    spends = found[["early_spend", "late_spend"]].to_numpy(np.float64)
    is_both = (counts.min(axis=1) > 0) & (spends.sum(axis=1) > 0)
    means = spends[is_both] / counts[is_both]
    weighed = means * (counts[is_both].prod(axis=1) / counts[is_both].sum(axis=1))[:, None]
    size, totals = len(means), weighed.sum(axis=0)
    of = {"spend_change_customers": float(size)}
    if size < 2:
        return {"spend_change": np.nan, "spend_change_se": np.nan, **of}
    if totals.min() <= 0:
        return {"spend_change": -1.0 if totals[0] > 0 else UNBOUNDED, "spend_change_se": 0.0, **of}
    change = ratio(totals[1], totals[0])
    shares = weighed / totals
    error = change * np.sqrt(size / (size - 1) * np.square(shares[:, 1] - shares[:, 0]).sum())
    return {"spend_change": change - 1, "spend_change_se": float(error), **of}
