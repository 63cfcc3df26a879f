"""Gamma-Gamma in PyMC and in pymc-marketing."""

from collections.abc import Mapping
from typing import Any

from ...kernel_table import Floats
from .likelihood import ROUNDING


def to_theta(quantities: Mapping[str, Any], complements: Mapping[str, Any]) -> list[Any]:
    """Return p, q, v as expressions of the priors' quantities."""
    within = ROUNDING + quantities["variation_within"]
    between = ROUNDING + quantities["variation_between"]
    return [within**-2, 1.0 + between**-2, quantities["mean_spend"] * (within / between) ** 2]


def library_model() -> Any:
    """Return an empty model of pymc-marketing."""
    from pymc_marketing.clv import GammaGammaModel

    return GammaGammaModel()


def library_draws(draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return draws by the names of the library's variables."""
    return dict(draws)
