"""Hand a fit back to pymc-marketing: stock models that hold our draws, for the library's own plots and methods."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.posterior import PARAMETERS, PURCHASE_PARAMETERS, SPEND_PARAMETERS, Posterior
from tenure.summary import CustomerSummary

if TYPE_CHECKING:
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel


class LibraryModels(NamedTuple):
    """A stock BetaGeoModel (or ModifiedBetaGeoModel) and a stock GammaGammaModel; time in days."""

    purchases: "BetaGeoModel"
    spend: "GammaGammaModel"


def library_model(posterior: Posterior, summary: CustomerSummary) -> LibraryModels:
    """Build stock pymc-marketing models over the customers themselves, with our draws as their posterior.

    They hold one row per customer, customer ids among them: they are for looking at, not for logging.
    """
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel, ModifiedBetaGeoModel

    customers = summary.table
    kind = ModifiedBetaGeoModel if posterior.initial_dropout_chances else BetaGeoModel
    purchases, spend = kind(), GammaGammaModel()
    draws = {name: np.asarray(posterior.draws[name]) for name in PARAMETERS}
    # The library's own free variables, of which a and b are functions there.
    whole = draws["a"] + draws["b"]
    dropout = {"phi_dropout": draws["a"] / whole, "kappa_dropout": whole}
    own = {name: draws[name] for name in PURCHASE_PARAMETERS} | dropout
    _fill(purchases, customers.drop(columns="monetary_value"), own)
    paid = (customers["frequency"] > 0) & (customers["monetary_value"] > 0)
    repeat = customers.loc[paid, ["customer_id", "frequency", "monetary_value"]]
    # The library labels results by sorted id but leaves the values in the data's order, so the data are sorted.
    repeat = repeat.sort_values("customer_id", ignore_index=True)
    _fill(spend, repeat, {name: draws[name] for name in SPEND_PARAMETERS})
    return LibraryModels(purchases, spend)


def _fill(model: Any, data: pd.DataFrame, draws: dict[str, NDArray[np.float64]]) -> None:
    import arviz as az
    import xarray as xr

    model.build_model(data)
    idata: xr.DataTree = az.from_dict({"posterior": draws})
    idata["fit_data"] = xr.DataTree(model.create_fit_data_group())  # what the library's own load rebuilds a model from
    model.idata = model.set_idata_attrs(idata)
    model.is_fitted_ = True
