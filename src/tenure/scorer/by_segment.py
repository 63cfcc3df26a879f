"""New customers by segment, as a table."""

from typing import Any

import numpy as np
import pandas as pd

from ..summary import JOINED
from .results import NewCustomer
from .score import Scorer

OF_SEGMENT = (
    "segment", "customers", "clv", "clv_mean_low", "clv_mean_high", "clv_low", "clv_high", "first_order",
    "share_without_repeat",
)  # fmt: skip


def tabulate_new_customers(scorer: Scorer, **params: Any) -> pd.DataFrame:
    """Tabulate `Scorer.new_customers`, the most valuable segment first, a new segment last.

    Columns: those by which there are segments; `segment`, their values in one text; `customers` of the fit; `clv` of a
    new customer, with its credible interval `clv_mean_low`, `clv_mean_high` and the predictive one of a customer,
    `clv_low`, `clv_high`; `first_order`, its share of the clv; and `share_without_repeat`, the probability of no repeat
    purchase within the horizon.
    """
    segments = scorer.posterior.segments
    each = scorer.new_customers(**params)
    if segments is None:
        return pd.DataFrame([_row("all", scorer.posterior.origin.get("customers"), each[()])], columns=list(OF_SEGMENT))
    rows = []
    for values, customers in zip(segments.values, segments.customers, strict=True):
        of_columns = dict(zip(segments.names, values, strict=True))
        rows.append({**of_columns, **_row(JOINED.join(values), customers, each[values])})
    table = pd.DataFrame(rows).sort_values("clv", ascending=False, kind="stable", ignore_index=True)
    new = scorer.new_customer(segment=[NEW_SEGMENT] * len(segments.names), **params)
    unnamed = max(int(scorer.posterior.origin.get("customers", 0)) - sum(segments.customers), 0)
    last = pd.DataFrame([{**dict.fromkeys(segments.names, NEW_SEGMENT), **_row(NEW_SEGMENT, unnamed, new)}])
    return pd.concat([table, last], ignore_index=True)[[*segments.names, *OF_SEGMENT]]


NEW_SEGMENT = "(another segment)"


def _row(segment: str, customers: int | None, new: NewCustomer) -> dict[str, Any]:
    numbers = new.table().iloc[0].to_dict()
    return {
        "segment": segment,
        "customers": customers,
        **{str(name): float(value) for name, value in numbers.items()},
        "share_without_repeat": float(np.mean(new.purchases == 0)),
    }
