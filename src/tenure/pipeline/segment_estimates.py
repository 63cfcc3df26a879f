"""New customers by segment; on request with what one population, and a fit of each segment alone, would give them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tenure.fit import FitError, fit_models
from tenure.rfm import CompressedSummary
from tenure.scorer import Scorer, tabulate_new_customers
from tenure.settings import FitSettings
from tenure.summary import JOINED

POOLED, APART = "clv_pooled", "clv_apart"


def tabulate_segments(
    scorer: Scorer, base: CompressedSummary, settings: FitSettings, params: Mapping[str, Any]
) -> pd.DataFrame:  # fmt: skip
    """Tabulate `scorer.tabulate_new_customers`, with `clv_pooled` and `clv_apart` if `settings.compare_segments`.

    Both are of fits at the posterior mode. `clv_apart` is missing where a segment alone cannot be fitted, and for a
    segment that the fit did not have.
    """
    table = tabulate_new_customers(scorer, **params)
    if not (settings.compare_segments and base.parts):
        return table
    posterior = scorer.posterior
    plain = replace(settings, purchase_model=posterior.purchase_model, spend_model=posterior.spend_model)
    plain = replace(plain, segments=[], compare_segments=False, method="map", chains=2, draws=100, joint_draws=100)
    apart = {JOINED.join(part.values): _clv(part.base, plain, params) for part in base.parts if part.is_named}
    table[POOLED] = _clv(replace(base, parts=(), segment_names=()), plain, params)
    table[APART] = table["segment"].map(apart)
    return table


def _clv(base: CompressedSummary, settings: FitSettings, params: Mapping[str, Any]) -> float:
    """Return the expected clv of a new customer of some customers; NaN where they cannot be fitted."""
    try:
        posterior = fit_models(base, settings, seed=0).posterior
    except FitError:
        return np.nan
    return float(Scorer(posterior).new_customer(**params).table()["clv"].iloc[0])
