"""Gamma-Gamma on single orders in PyMC; pymc-marketing has no such model."""

from collections.abc import Mapping
from typing import Any

from ...kernel_table import Floats
from ...model_spec import NoLibraryModelError
from ..gamma_gamma import pymc as gamma_gamma

MISSING = (
    "pymc-marketing has no Gamma-Gamma in which the first order is evidence on spend, or in which evidence fades. Fit "
    "fit.spend_model=gamma_gamma or fit.spend_model=gamma_gamma_transactions for the library's plots and methods."
)


def to_theta(quantities: Mapping[str, Any], complements: Mapping[str, Any]) -> list[Any]:
    """Return p, q, v, and f if it has a prior, as expressions of the priors' quantities."""
    first = [quantities["first_order"]] if "first_order" in quantities else []
    return [*gamma_gamma.to_theta(quantities, complements), *first]


def library_model() -> Any:
    """Raise NoLibraryModelError."""
    raise NoLibraryModelError(MISSING)


def library_draws(draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Raise NoLibraryModelError."""
    raise NoLibraryModelError(MISSING)
