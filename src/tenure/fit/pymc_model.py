"""A target as a PyMC model: the definition that the compiled density is compared with, and PyMC's way to sample it."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import grad_undefined
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from tenure import purchase, spend
from tenure.caching import digest_of
from tenure.settings import PriorSettings

from .target import Target


class _Kernel(Op):  # type: ignore[misc]
    """A compiled log-likelihood inside a PyTensor graph; outputs its value and its gradient."""

    kernel: Callable[..., Any]
    __props__ = ()

    def make_node(self, theta: Any, *data: Any) -> Apply:
        inputs = [pt.as_tensor_variable(item) for item in (theta, *data)]
        return Apply(self, inputs, [pt.dscalar(), pt.dvector()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        for storage, value in zip(output_storage, type(self).kernel(*inputs), strict=True):
            storage[0] = value

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        data = [grad_undefined(self, at, item) for at, item in enumerate(inputs) if at]
        return [cotangents[0] * outputs[1], *data]


@cache
def _operator(kernel: Callable[..., Any]) -> Any:
    """Return the operator of a kernel: a class of its own, because PyTensor compiles by class."""
    kind = type("_ModelKernel", (_Kernel,), {"kernel": staticmethod(kernel)})
    # PyTensor's Numba backend then inlines the kernel; without, it calls `perform`. The registry is not public, so a
    # later PyTensor may not have it. Its cache on disk has the name of the class for a key: the digest separates
    # kernels.
    with suppress(ImportError):
        from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

        version = int(digest_of(kernel), 16)
        register_funcify_default_op_cache_key(kind)(lambda *_, **__: (kernel, version))
    return kind()


def pymc_model(target: Target) -> pm.Model:
    """Build a target as a PyMC model: the priors' quantities are free, the model's parameters deterministic.

    Shares are sampled as their logits: a share that is 1 in doubles would be the end of PyMC's sampler.
    """
    arrays = [pt.constant(np.asarray(array)) for array in target.table.arrays()]
    models = purchase if target.kind == "purchases" else spend
    model_form = models.model_part(target.spec.name, "pymc")
    with pm.Model() as model:
        quantities, complements = {}, {}
        for name, quantity in target.spec.quantities.items():
            prior = target.priors[name]
            if quantity.is_share:
                quantities[name], complements[name] = _share(name, prior)
            else:
                # As Python's own floats, PyTensor would take some of them for 32 bits.
                parameters = {key: np.float64(value) for key, value in prior.parameters.items()}
                quantities[name] = getattr(pm, prior.distribution)(name, **parameters)
        theta = model_form.to_theta(quantities, complements)
        for name, value in zip(target.parameters, theta, strict=True):
            pm.Deterministic(name, value * (target.scale if name in target.spec.scaled else 1.0))
        pm.Potential("likelihood", _operator(target.likelihood.kernel)(pt.stack(theta), *arrays)[0])
    return model


def _share(name: str, prior: PriorSettings) -> tuple[Any, Any]:
    """Add a share with a Beta prior by its logit; return it and what is left of 1."""
    logit = pm.Flat(f"{name}_logit", initval=0.0)
    first, second = prior.parameters["alpha"], prior.parameters["beta"]
    pm.Potential(f"{name}_prior", -first * pt.softplus(-logit) - second * pt.softplus(logit))
    return pm.Deterministic(name, pt.sigmoid(logit)), pt.sigmoid(-logit)
