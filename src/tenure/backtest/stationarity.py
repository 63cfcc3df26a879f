"""Stationarity: change of spend within the calibration window, and of the population between two fits."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.posterior import Posterior
from tenure.rfm import Split
from tenure.scorer import Scorer
from tenure.transactions import Transactions

from .scores import ratio

type Floats = NDArray[np.float64]

UNBOUNDED = 1e6  # stands for a change from nothing to something
SPEND_METRICS = ("spend_change", "spend_change_se", "spend_change_customers")
REFIT_METRICS = (
    "purchases.refit_drift", "purchases.refit_drift_se",
    "spend.refit_drift", "spend.refit_drift_se",
)  # fmt: skip


def measure_spend_change(transactions: Transactions, split: Split) -> dict[str, float]:
    """Compare spend per repeat purchase in the later half of the calibration window with that in the earlier half.

    It is measured on `spend_change_customers`, those with repeat purchases in both halves and paid ones in at least
    one. `spend_change` is their mean in the later half over that in the earlier, less 1. Customers are compared with
    themselves, so that it matters little who bought when, and how much they differ. A customer of m and n purchases is
    weighted by m n / (m + n), the inverse variance of the difference of two such means. The standard error is over
    customers, by linearising the ratio (Cochran 1977, Sampling Techniques, section 6.3). NaN of fewer than two
    customers. Where all purchases of one half were free, the change is -1 or `UNBOUNDED`.
    """
    customers = split.calibration.table
    middle = split.cutoff - timedelta(days=int(customers["T"].max()) // 2)
    table = _repeats_by_half(transactions, middle, split.cutoff, customers["customer_id"])
    counts = table[["early_purchases", "late_purchases"]].to_numpy(np.float64)
    spends = table[["early_spend", "late_spend"]].to_numpy(np.float64)
    is_both = (counts.min(axis=1) > 0) & (spends.sum(axis=1) > 0)
    means = spends[is_both] / counts[is_both]
    weighted = means * (counts[is_both].prod(axis=1) / counts[is_both].sum(axis=1))[:, None]
    numbers = (*_change(weighted), float(len(means)))
    return dict(zip(SPEND_METRICS, numbers, strict=True))


def _change(weighted: Floats) -> tuple[float, float]:
    """Return the change and its standard error; `weighted` are the customers' means in both halves, (customers, 2)."""
    size, totals = len(weighted), weighted.sum(axis=0)
    if size < 2:
        return np.nan, np.nan
    if totals.min() <= 0:
        return (-1.0 if totals[0] > 0 else UNBOUNDED), 0.0
    change = ratio(totals[1], totals[0])
    shares = weighted / totals
    error = change * np.sqrt(size / (size - 1) * np.square(shares[:, 1] - shares[:, 0]).sum())
    return change - 1, float(error)


def _repeats_by_half(
    transactions: Transactions, middle: date, until: date, customers: "pd.Series[Any]"
) -> pd.DataFrame:
    """Sum each customer's repeat purchases up to a day (`early_...`) and from then to another (`late_...`)."""
    purchases = transactions.purchases(until)
    first = purchases.group_by("customer_id").aggregate(first_purchase=purchases["date"].min())
    dated = purchases.join(first, "customer_id")
    repeats = dated.filter(dated["date"] > dated["first_purchase"])
    is_early = repeats["date"] <= middle
    sums = {
        f"{half}_{name}": total
        for half, where in (("early", is_early), ("late", ~is_early))
        for name, total in (
            ("purchases", repeats.count(where=where)),
            ("spend", repeats["amount"].sum(where=where)),
        )
    }
    totals = repeats.group_by("customer_id").aggregate(**sums).to_pandas().set_index("customer_id")
    in_order: pd.DataFrame = totals.reindex(customers).astype(np.float64).fillna(0.0)
    return in_order


def measure_refit_drift(calibration: Posterior, refit: Posterior, horizon_days: int) -> dict[str, float]:
    """Compare what two posteriors expect of a new customer: the refit's median over the calibration fit's, less 1.

    Of purchases within the horizon and within the horizon that follows it, which depends on dropout: the one that
    differs more. Of spend, the mean of one purchase. These are compared and not the parameters, because parameters that
    the data hardly identify may differ much and change nothing. `_se` is the spread of the calibration posterior. If
    one population made all the days, a refit on those days and more differs by no more than that (Hausman 1978,
    Econometrica 46).
    """
    before, after = (_expected_purchases(posterior, horizon_days) for posterior in (calibration, refit))
    purchases = max(map(_relative_change, before, after), key=lambda change: abs(change[0]))
    spend = _relative_change(_mean_spend(calibration), _mean_spend(refit))
    return dict(zip(REFIT_METRICS, (*purchases, *spend), strict=True))


def _expected_purchases(posterior: Posterior, horizon_days: int) -> Floats:
    """Compute a new customer's expected repeat purchases within the horizon and the one after, shape (2, draws)."""
    ends = Scorer(posterior).expected_new_customer(np.array([horizon_days, 2 * horizon_days]))
    return np.diff(ends, axis=1, prepend=0.0).T


def _mean_spend(posterior: Posterior) -> Floats:
    """Return the mean spend of the customers of the fit, of whatever segment, by draw."""
    shares, mean = posterior.shares(), posterior.specs[1].mean.value
    each = [posterior if posterior.segments is None else posterior.of_segment(at) for at in range(shares.size)]
    means = [share * mean(one.joint()) for one, share in zip(each, shares, strict=True)]
    return np.asarray(np.sum(means, axis=0))


def _relative_change(before: Floats, after: Floats) -> tuple[float, float]:
    """Return the relative change of the median, and half the width of the middle 68% of `before`, robust to tails."""
    low, middle, high = np.quantile(before, (0.16, 0.5, 0.84))
    return float(np.median(after) / middle - 1), float((high - low) / (2 * middle))
