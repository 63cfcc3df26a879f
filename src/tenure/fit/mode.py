"""Maximum likelihood by the same kernels that the posterior uses, for comparison with published estimates."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from tenure.rfm import histories
from tenure.summary import Rfm

from .likelihood import Floats, PurchaseTable, SpendTable, bg_nbd_kernel, gamma_gamma_kernel


def maximum_likelihood(rfm: Rfm) -> dict[str, float]:
    """Find r, alpha, a, b and p, q, v with flat priors, and both maxima.

    Returns the parameters (alpha in days, v in the log's money) with `purchases_log_likelihood` and
    `spend_log_likelihood`. Times are scaled while searching, so that one tolerance fits every unit.
    """
    distinct = histories(rfm)
    scale = max(float(rfm.customers["T"].mean()), 1.0)
    purchases = PurchaseTable.of(
        distinct.frequency, distinct.recency / scale, distinct.T / scale, distinct.count.astype(float)
    )
    repeat = rfm.customers[rfm.customers["frequency"] > 0]
    mean = repeat["monetary_value"].to_numpy(float)
    money = float(np.exp(np.log(mean).mean()))
    spend = SpendTable.of(repeat["frequency"].to_numpy(float), mean / money, np.ones(len(repeat)))
    (r, alpha, a, b), top_purchases = _climb(bg_nbd_kernel, purchases, np.array([0.5, 0.5, 0.5, 1.5]))
    (p, q, v), top_spend = _climb(gamma_gamma_kernel, spend, np.array([4.0, 3.0, 1.0]))
    return {
        "r": r,
        "alpha": alpha * scale,
        "a": a,
        "b": b,
        "p": p,
        "q": q,
        "v": v * money,
        "purchases_log_likelihood": top_purchases - float(rfm.customers["frequency"].sum()) * np.log(scale),
        "spend_log_likelihood": top_spend - len(repeat) * np.log(money),
    }


def _climb(kernel: Callable[..., Any], table: PurchaseTable | SpendTable, start: Floats) -> tuple[Floats, float]:
    def downhill(log_theta: Floats) -> tuple[float, Floats]:
        theta = np.exp(log_theta)
        value, gradient = kernel(theta, *table.arrays())
        return -float(value), -gradient * theta

    bounds = [(-20.0, 20.0)] * start.size
    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-7}
    found = minimize(downhill, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.exp(found.x), -float(found.fun)
