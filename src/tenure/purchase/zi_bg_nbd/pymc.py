"""Zero-inflated BG/NBD in PyMC; pymc-marketing has no such model."""

from collections.abc import Mapping
from typing import Any

from ...kernel_table import Floats
from ...model_spec import NoLibraryModelError
from ..bg_nbd import pymc as bg_nbd


def to_theta(quantities: Mapping[str, Any], complements: Mapping[str, Any]) -> list[Any]:
    """Return r, alpha, a, b, pi0 as expressions of the priors' quantities; `complements` are 1 less the shares."""
    return [*bg_nbd.to_theta(quantities, complements), quantities["one_and_done"]]


def library_model() -> Any:
    """Raise NoLibraryModelError."""
    raise NoLibraryModelError(
        "pymc-marketing has no zero-inflated BG/NBD. Fit with fit.purchase_model=bg_nbd or mbg_nbd for a stock model."
    )


def library_draws(draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return draws by the names of the library's variables, those of the BG/NBD."""
    return bg_nbd.library_draws(draws)
