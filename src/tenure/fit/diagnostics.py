"""Convergence diagnostics of a sampler, as flat numbers."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def diagnose(trace: "xr.DataTree", names: tuple[str, ...]) -> dict[str, float]:
    """Compute the convergence of chains over the model's parameters and all free variables.

    R-hat and effective sample sizes by Vehtari et al. (2021); MCSE is that of the mean, in posterior standard
    deviations; BFMI by Betancourt (2016). A number that cannot be computed is NaN, which fails the review.
    `relative_ess` is effective draws per draw, averaged over all variables, as in ArviZ's own leave-one-out.
    """
    from arviz_stats import bfmi, ess, mcse, rhat  # ArviZ's own, without its plots, which take as long again to import

    posterior, stats = trace["posterior"].to_dataset(), trace["sample_stats"].to_dataset()
    draws = float(posterior.sizes["chain"] * posterior.sizes["draw"])
    return {
        "rhat_max": _highest(rhat(posterior)),
        "ess_bulk_min": _lowest(ess(posterior, method="bulk")),
        "ess_tail_min": _lowest(ess(posterior, method="tail")),
        "relative_ess": float(np.mean(_values(ess(posterior, method="mean")))) / draws,
        "mcse_over_sd_max": _highest(mcse(posterior[list(names)], method="mean") / posterior[list(names)].std()),
        "bfmi_min": _lowest(bfmi(trace)),
        "divergences": float(stats["diverging"].sum()),
        "divergent_share": float(stats["diverging"].mean()),
    }


def _values(result: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.concatenate([np.ravel(value.values) for value in result.data_vars.values()])


# max and min must let a NaN through: Python's own do not always.
def _highest(result: Any) -> float:
    return float(np.max(_values(result)))


def _lowest(result: Any) -> float:
    return float(np.min(_values(result)))
