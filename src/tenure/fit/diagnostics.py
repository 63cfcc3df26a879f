"""What the sampler says about itself, as flat numbers."""

from typing import Any

import arviz as az
import numpy as np
import xarray as xr


def diagnose(trace: xr.DataTree, names: tuple[str, ...]) -> dict[str, float]:
    """Summarise convergence over the population's parameters and all free variables.

    R-hat and effective sample sizes by Vehtari et al. (2021); MCSE is that of the mean, in posterior standard
    deviations; BFMI by Betancourt (2016). A number that cannot be had is NaN, which the review refuses.
    """
    posterior, stats = trace["posterior"].to_dataset(), trace["sample_stats"].to_dataset()
    bulk = _lowest(az.ess(posterior, method="bulk"))
    seconds = float(trace["posterior"].attrs.get("sampling_time", np.nan))
    return {
        "rhat_max": _highest(az.rhat(posterior)),
        "ess_bulk_min": bulk,
        "ess_tail_min": _lowest(az.ess(posterior, method="tail")),
        "mcse_over_sd_max": _highest(az.mcse(posterior[list(names)], method="mean") / posterior[list(names)].std()),
        "bfmi_min": _lowest(az.bfmi(trace)),
        "divergences": float(stats["diverging"].sum()),
        "divergent_share": float(stats["diverging"].mean()),
        "draws": float(posterior.sizes["chain"] * posterior.sizes["draw"]),
        "sampling_seconds": seconds,
        "ess_per_second": bulk / seconds,
    }


def relative_ess(trace: xr.DataTree) -> float:
    """Give effective draws per draw, averaged over all variables, as ArviZ's own LOO does."""
    posterior = trace["posterior"].to_dataset()
    ess = az.ess(posterior, method="mean")
    draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    return float(np.mean([float(value) for value in ess.data_vars.values()]) / draws)


def _values(result: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.concatenate([np.ravel(value.values) for value in result.data_vars.values()])


# max and min must let a NaN through: Python's own do not always.
def _highest(result: Any) -> float:
    return float(np.max(_values(result)))


def _lowest(result: Any) -> float:
    return float(np.min(_values(result)))
