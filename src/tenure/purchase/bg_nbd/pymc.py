"""BG/NBD and MBG/NBD in PyMC and in pymc-marketing."""

from collections.abc import Mapping
from typing import Any

from ...kernel_table import Floats


def to_theta(quantities: Mapping[str, Any], complements: Mapping[str, Any]) -> list[Any]:
    """Return r, alpha, a, b as expressions of the priors' quantities; `complements` are 1 less the shares."""
    r, concentration = quantities["heterogeneity"], quantities["dropout_concentration"]
    share, other = quantities["dropout_mean"], complements["dropout_mean"]
    return [r, r / quantities["mean_rate"], share * concentration, other * concentration]


def library_model(chances: int) -> Any:
    """Return an empty model of pymc-marketing."""
    from pymc_marketing.clv import BetaGeoModel, ModifiedBetaGeoModel

    return ModifiedBetaGeoModel() if chances else BetaGeoModel()


def library_draws(draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return draws by the names of the library's variables, its free ones among them."""
    concentration = draws["a"] + draws["b"]
    return {**draws, "phi_dropout": draws["a"] / concentration, "kappa_dropout": concentration}
