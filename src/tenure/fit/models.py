"""The models in PyMC's words: the definition that the compiled density is held against, and PyMC's way to sample it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import grad_undefined
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from .likelihood import gamma_gamma_kernel, purchase_kernel
from .target import ROUNDING, PurchaseTarget, Target


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


class _Purchases(_Kernel):
    kernel = staticmethod(purchase_kernel)


class _GammaGamma(_Kernel):
    kernel = staticmethod(gamma_gamma_kernel)


def _register_kernels() -> None:
    """Register the kernels with PyTensor's Numba backend, so that it inlines them; without, it calls `perform`.

    The registry is not public, so a later PyTensor may not have it.
    """
    try:
        from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key
    except ImportError:
        return
    for operator, kernel in ((_Purchases, purchase_kernel), (_GammaGamma, gamma_gamma_kernel)):
        register_funcify_default_op_cache_key(operator)(lambda op, *_, compiled=kernel, **__: compiled)


_register_kernels()


def pymc_model(target: Target) -> pm.Model:
    """Write a target as a PyMC model: the priors' quantities are free, the model's parameters deterministic."""
    arrays = [pt.constant(np.asarray(array)) for array in target.table.arrays()]
    with pm.Model() as model:
        free = [getattr(pm, prior.distribution)(name, **prior.parameters) for name, prior in target.priors.items()]
        build = _purchase_parameters if isinstance(target, PurchaseTarget) else _spend_parameters
        theta, operator, scaled = build(*free)
        for at, name in enumerate(target.parameters):
            pm.Deterministic(name, theta[at] * (target.scale if name == scaled else 1.0))
        pm.Potential("likelihood", operator(pt.stack(theta), *arrays)[0])
    return model


def _purchase_parameters(rate: Any, heterogeneity: Any, dropout: Any, concentration: Any) -> tuple[Any, Any, str]:
    theta = [heterogeneity, heterogeneity / rate, dropout * concentration, (1.0 - dropout) * concentration]
    return theta, _Purchases(), "alpha"


def _spend_parameters(mean: Any, within_excess: Any, between_excess: Any) -> tuple[Any, Any, str]:
    within, between = ROUNDING + within_excess, ROUNDING + between_excess
    return [within**-2, 1.0 + between**-2, mean * (within / between) ** 2], _GammaGamma(), "v"
