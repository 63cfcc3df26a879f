"""The No-U-Turn sampler on whitened coordinates, or PyMC's own on the plain ones."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.errors import InputError, Reason
from tenure.kernel_table import Floats
from tenure.settings import FitSettings
from tenure.streams import derive_seed, stream

from .mode import Mode
from .ridge import Straightened
from .target import Target

if TYPE_CHECKING:
    import xarray as xr

    type Chains = tuple[Floats, xr.Dataset]


type Progress = Callable[[int, int], None]  # called with the draws so far, and of how many


class SamplerError(InputError):
    """Sampling that failed."""

    reason = Reason.FIT_FAILED


def sample(
    target: Target | Straightened, mode: Mode, settings: FitSettings, *, seed: int, progress: Progress | None = None
) -> "Chains":
    """Sample the target's own coordinates, shape (chains, draws, coordinates), and the sampler's statistics.

    Nutpie explores z, where u = mode + factor z: around the mode the posterior of z is near a standard normal, so that
    chains start in its middle and warm-up is short. It compiles nothing: the kernels are compiled already.
    """
    if settings.sampler == "pymc":
        return _sample_with_pymc(target.target if isinstance(target, Straightened) else target, settings, seed)
    import nutpie

    size = mode.point.size

    def density(z: Floats) -> tuple[float, Floats]:
        value, gradient = target.density(mode.point + mode.factor @ z)
        return value - mode.log_density, mode.factor.T @ gradient

    model = nutpie.compiled_pyfunc.from_pyfunc(
        ndim=size,
        make_logp_fn=lambda: density,
        make_expand_fn=lambda *_: lambda z: {"u": target.restore(mode.point + mode.factor @ z)},
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(size,)],
        expanded_names=["u"],
        # R-hat compares chains by overdispersed starts.
        make_initial_point_fn=lambda point_seed: stream(point_seed, "fit.nuts.start").standard_normal(size),
    )
    sampler = nutpie.sample(
        model,
        blocking=False,  # blocking, it returns the draws so far when it is interrupted
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=_cores(settings),
        seed=derive_seed(seed, "fit.nuts.nutpie"),
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
        progress_callback=None if progress is None else lambda chains: progress(*_draws(chains)),
    )
    try:
        trace = sampler.wait()
    except BaseException:
        sampler.cancel()
        raise
    return trace["posterior"]["u"].values, trace["sample_stats"].to_dataset()


def _draws(chains: Sequence[Any]) -> tuple[int, int]:
    """Return the draws of all chains so far, and of how many."""
    return sum(chain.finished_draws for chain in chains), sum(chain.total_draws for chain in chains)


def _sample_with_pymc(target: Target, settings: FitSettings, seed: int) -> "Chains":
    import pymc as pm

    from .pymc_model import pymc_model

    with pymc_model(target), _in_range():
        trace = pm.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=_cores(settings),
            random_seed=derive_seed(seed, "fit.nuts.pymc"),
            target_accept=settings.target_accept,
            nuts_sampler="pymc",
            progressbar=False,
            compute_convergence_checks=False,
        )
    if trace["posterior"].sizes["draw"] < settings.draws:  # it returns the draws so far when it is interrupted
        raise KeyboardInterrupt
    posterior = trace["posterior"]
    columns = [
        posterior[f"{name}_logit"].values if quantity.is_share else np.log(posterior[name].values)
        for name, quantity in target.spec.quantities.items()
    ]
    return np.stack(columns, axis=-1), trace["sample_stats"].to_dataset()


@contextmanager
def _in_range() -> Iterator[None]:
    """Raise SamplerError where the warm-up goes so far out that PyMC divides by zero."""
    from pymc.sampling.parallel import ParallelSamplingError

    try:
        yield
    except (ParallelSamplingError, ZeroDivisionError) as error:
        if "division by zero" not in str(error):
            raise
        raise SamplerError(
            "PyMC's own sampler left the range of numbers in its warm-up. Take another seed, or fit.sampler=nutpie."
        ) from error


def _cores(settings: FitSettings) -> int:
    return min(settings.chains, os.cpu_count() or 1)
