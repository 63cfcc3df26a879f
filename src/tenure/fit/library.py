"""Hand a fit back to pymc-marketing: stock models that hold our draws, for the library's own plots and methods."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tenure.posterior import PURCHASE_PARAMETERS, SPEND_PARAMETERS, Posterior
from tenure.summary import Rfm

if TYPE_CHECKING:
    import xarray as xr
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel


class LibraryModels(NamedTuple):
    """A stock BetaGeoModel (or ModifiedBetaGeoModel) and a stock GammaGammaModel; time in days."""

    purchases: "BetaGeoModel"
    spend: "GammaGammaModel"


def library_model(posterior: Posterior, rfm: Rfm) -> LibraryModels:
    """Build stock pymc-marketing models over the customers themselves, with our draws as their posterior.

    They hold one row per customer, customer ids among them: they are for looking at, not for logging.
    """
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel, ModifiedBetaGeoModel

    customers = rfm.customers
    kind = ModifiedBetaGeoModel if posterior.chances_at_birth else BetaGeoModel
    purchases, spend = kind(), GammaGammaModel()
    _fill(purchases, customers.drop(columns="monetary_value"), posterior, PURCHASE_PARAMETERS)
    repeat = customers.loc[customers["frequency"] > 0, ["customer_id", "frequency", "monetary_value"]]
    # The library labels results by sorted id but leaves the values in the data's order, so the data are sorted.
    repeat = repeat.sort_values("customer_id", ignore_index=True)
    _fill(spend, repeat, posterior, SPEND_PARAMETERS)
    return LibraryModels(purchases, spend)


def _fill(model: Any, data: Any, posterior: Posterior, names: tuple[str, ...]) -> None:
    import arviz as az

    model.build_model(data)
    draws = {name: np.asarray(posterior.draws[name]) for name in names}
    idata: xr.DataTree = az.from_dict({"posterior": draws})
    model.idata = model.set_idata_attrs(idata)
    model._add_fit_data_group(data)
