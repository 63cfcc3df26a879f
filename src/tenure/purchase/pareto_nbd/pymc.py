"""Pareto/NBD in PyMC and in pymc-marketing."""

from collections.abc import Mapping
from typing import Any

from ...kernel_table import Floats


def to_theta(quantities: Mapping[str, Any], complements: Mapping[str, Any]) -> list[Any]:
    """Return r, alpha, s, beta as expressions of the priors' quantities."""
    r, s = quantities["heterogeneity"], quantities["dropout_heterogeneity"]
    return [r, r / quantities["mean_rate"], s, s * quantities["lifetime"]]


def library_model() -> Any:
    """Return an empty model of pymc-marketing."""
    from pymc_marketing.clv import ParetoNBDModel

    return ParetoNBDModel()


def library_draws(draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return draws by the names of the library's variables."""
    return dict(draws)
