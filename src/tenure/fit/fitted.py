"""One model's posterior with its diagnostics."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tenure.kernel_table import Floats

from .target import Target

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class FittedModel:
    """One model's posterior with its diagnostics.

    Args:
        target: its density.
        method: source of the draws: `nuts`, `laplace`, `map` (one point, repeated) or `prior` (nothing was observed).
        u: draws in unconstrained coordinates, shape (chains, draws, coordinates).
        prior: draws of the prior in the same, shape (draws, coordinates).
        diagnostics: flat numbers.
        stats: the sampler's own, by chain and draw; None where no chain was run.
        note: why the draws are of another method than that of the settings.
    """

    target: Target
    method: str
    u: Floats
    prior: Floats
    diagnostics: Mapping[str, float]
    stats: "xr.Dataset | None" = None
    note: str = ""

    @property
    def is_point(self) -> bool:
        """Return whether the draws are one point estimate, without uncertainty."""
        return self.method == "map"

    @property
    def is_estimated(self) -> bool:
        """Return whether the draws are a posterior's: neither a point nor the prior."""
        return self.method in ("nuts", "laplace")

    @cached_property
    def draws(self) -> dict[str, Floats]:
        """Return the model's parameters, each of shape (chains, draws)."""
        values = self.target.quantities(self.u)
        return {name: np.ascontiguousarray(values[name]) for name in self.target.spec.parameters}

    def without_data(self) -> "FittedModel":
        """Return the same without the data of its density."""
        return replace(self, target=self.target.without_data())

    def tree(self) -> "xr.DataTree":
        """Return the draws for ArviZ: groups posterior, prior and, from chains, sample_stats; no customer rows."""
        import xarray as xr

        groups = {
            name: xr.Dataset(
                {
                    key: (("chain", "draw"), value)
                    for key, value in self.target.quantities(u).items()
                    if key not in self.target.plugged  # a constant has neither R-hat nor effective draws
                },
                # Without coordinates ArviZ takes the chain for another dimension of the parameter.
                {"chain": np.arange(u.shape[0]), "draw": np.arange(u.shape[1])},
            )
            for name, u in (("posterior", self.u), ("prior", self.prior[None]))
        }
        if self.stats is not None:
            groups["sample_stats"] = self.stats
        return xr.DataTree.from_dict(groups)
