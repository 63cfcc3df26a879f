"""A fitted population with what scoring it needs."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure import units
from tenure.errors import InputError
from tenure.fit import Fit, check_fit
from tenure.posterior import Posterior
from tenure.rfm import CompressedSummary
from tenure.scorer import Scorer
from tenure.totals import Drifts

from .customers import Customers

if TYPE_CHECKING:
    import xarray as xr


class NotFittedError(InputError):
    """A model that was not fitted, or a result that a loaded model does not have."""


class UnitWarning(UserWarning):
    """Money that may be in another unit than that of the model."""


@dataclass(frozen=True)
class FitResult:
    """A fit of this session: what its diagnostics need."""

    fit: Fit
    compressed: CompressedSummary
    seed: int

    @cached_property
    def diagnostics(self) -> dict[str, float]:
        """Compute the numbers that the review judges: of the sampler, leave-one-out, sensitivity to the prior."""
        return check_fit(self.fit, self.compressed, seed=self.seed).metrics


@dataclass(frozen=True)
class Fitted:
    """A fitted population.

    Attributes:
        posterior: all draws.
        scorer: the scorer; its draws are the joint draws.
        drifts: the drift of totals; None where a loaded model has none.
        read_customers: returns those of the fit; None for a loaded model, which has no customer data.
        result: the fit; None for a loaded model.
        about: facts of a loaded model.
        stored: reads the diagnostics of a loaded model.
    """

    posterior: Posterior
    scorer: Scorer
    drifts: Drifts | None
    read_customers: Callable[[], Customers] | None = None
    result: FitResult | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    stored: Callable[[], Mapping[str, float]] | None = None

    @cached_property
    def customers(self) -> Customers | None:
        """Return the customers of the fit, one table; None for a loaded model."""
        return None if self.read_customers is None else self.read_customers()

    def diagnostics(self) -> dict[str, float]:
        """Return the diagnostics; raise NotFittedError where a loaded model has none."""
        if self.result is not None:
            return dict(self.result.diagnostics)
        if self.stored is None:
            raise NotFittedError("This model has no diagnostics: load its training run, runs:/ and the id.")
        return dict(self.stored())

    def tree(self) -> "xr.DataTree":
        """Return the draws for ArviZ: groups `posterior` and, of a fit of this session, `prior`."""
        import xarray as xr  # noqa: PLC0415 (only here)

        groups = {"posterior": self.posterior} | ({} if self.result is None else {"prior": self.result.fit.prior()})
        return xr.DataTree.from_dict({name: _dataset(one) for name, one in groups.items()})


def require_units(customers: Customers, state: Fitted, *, allow_unit_change: bool) -> None:
    """Raise UnitError for customers whose money or time is in another unit than that of the fit."""
    seen = units.Seen()
    seen.add(customers.summary.table)
    try:
        warning = units.compare_money(seen, state.posterior.origin)
        if not customers.is_log:
            as_of = customers.summary.as_of
            units.compare_time(seen, state.scorer, None if as_of is None else str(as_of))
    except units.UnitError as error:
        if not allow_unit_change:
            raise
        warning = str(error)
    if warning is not None:
        warnings.warn(warning, UnitWarning, stacklevel=4)


def _dataset(posterior: Posterior) -> "xr.Dataset":
    import xarray as xr  # noqa: PLC0415 (only here)

    draws: dict[Any, Any] = {name: (("chain", "draw"), posterior.draws[name]) for name in posterior.parameters}
    chains, length = next(iter(posterior.draws.values())).shape
    attributes = {key: str(value) for key, value in posterior.origin.items()}
    return xr.Dataset(draws, {"chain": np.arange(chains), "draw": np.arange(length)}, attributes)
