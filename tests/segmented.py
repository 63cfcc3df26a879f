"""A customer base with segments that differ in truth, for several test files."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tenure.purchase import model_part
from tenure.settings import FitSettings
from tenure.spend import model_part as spend_part
from tenure.summary import CustomerSummary

QUICK = FitSettings(method="laplace", draws=250, chains=4, joint_draws=400, segments=["channel"])
# By segment: customers, purchases a day, mean dropout, mean spend.
CHANNELS = {"ads": (300, 0.004, 0.4, 20.0), "mail": (300, 0.012, 0.2, 40.0), "shop": (40, 0.007, 0.3, 30.0)}
TINY = {"fair": (7, 0.007, 0.3, 30.0)}


def customers(
    channels: Mapping[str, tuple[int, float, float, float]] = CHANNELS, *, seed: int = 4, model: str = "bg_nbd"
) -> pd.DataFrame:
    """Simulate the customer summaries of some channels."""
    rng, parts = np.random.default_rng(seed), []
    for name, (size, rate, dropout, spend) in channels.items():
        further = {"pi0": 0.2} if model == "zi_bg_nbd" else {"chances": int(model == "mbg_nbd")}
        population = {"r": 0.8, "alpha": 0.8 / rate, "a": 2 * dropout, "b": 2 * (1 - dropout), **further}
        process = model_part(model, "process").Process(**population)
        T = rng.integers(200, 600, size)
        x, t_x = process.draw_histories(T.astype(float), rng)
        recency = np.minimum(np.maximum(np.ceil(t_x).astype(int), x), T)
        x = np.minimum(x, recency)
        money = spend_part("gamma_gamma", "process").Process(p=4.0, q=4.0, v=spend * 3 / 4)
        means = np.where(x > 0, money.draw_means(np.maximum(x, 1), rng), 0.0)
        ids = [f"{name}{at}" for at in range(size)]
        columns = {"customer_id": ids, "frequency": x, "recency": np.where(x > 0, recency, 0), "T": T}
        parts.append(pd.DataFrame({**columns, "monetary_value": means, "channel": name}))
    return pd.concat(parts, ignore_index=True)


def summary(frame: pd.DataFrame, *segments: str) -> CustomerSummary:
    """Return a customer summary with its segments."""
    return CustomerSummary.from_frame(frame, segments=segments or ("channel",))
