"""Convert a fit to pymc-marketing: stock models with our draws, for the library's own plots and methods."""

import logging
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure import purchase, spend
from tenure.model_spec import NoLibraryModelError
from tenure.posterior import Posterior
from tenure.summary import CustomerSummary

log = logging.getLogger("tenure")


class LibraryModels(NamedTuple):
    """A stock model of purchases and a stock model of spend; time in days."""

    purchases: Any
    spend: Any


def library_model(posterior: Posterior, summary: CustomerSummary) -> LibraryModels:
    """Build stock pymc-marketing models over the customers themselves, with our draws as their posterior.

    They have one row per customer, customer ids among them: do not log them. Where the library has no such spend model,
    its Gamma-Gamma has the draws for customers without columns, if the posterior has any.
    """
    if posterior.segments is not None:
        raise NoLibraryModelError(
            "pymc-marketing has no model with segments. Fit without fit.segments for a stock model."
        )
    without_columns = posterior.for_missing_columns()
    if without_columns is not None:
        log.warning(
            "pymc-marketing has no %s: its model of spend has the draws of %s, fitted to mean spends",
            posterior.spend_model, without_columns.spend_model,
        )  # fmt: skip
        posterior = without_columns
    customers = summary.table
    paid = (customers["frequency"] > 0) & (customers["monetary_value"] > 0)
    repeat = customers.loc[paid, ["customer_id", "frequency", "monetary_value"]]
    # The library labels results by sorted id but leaves the values in the data's order, so the data are sorted.
    repeat = repeat.sort_values("customer_id", ignore_index=True)
    data = (customers.drop(columns="monetary_value"), repeat)
    models = []
    for package, spec, rows in zip((purchase, spend), posterior.specs, data, strict=True):
        form = package.model_part(spec.name, "pymc")
        model = form.library_model(**spec.options)
        draws = {name: np.asarray(posterior.draws[name]) for name in spec.parameters}
        _fill(model, rows, form.library_draws(draws))
        models.append(model)
    return LibraryModels(*models)


def _fill(model: Any, data: pd.DataFrame, draws: dict[str, NDArray[np.float64]]) -> None:
    import arviz as az
    import xarray as xr

    model.build_model(data)
    idata: xr.DataTree = az.from_dict({"posterior": draws})
    idata["fit_data"] = xr.DataTree(model.create_fit_data_group())  # what the library's own load rebuilds a model from
    model.idata = model.set_idata_attrs(idata)
    model.is_fitted_ = True
