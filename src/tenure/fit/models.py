"""The PyMC models: pymc-marketing's own, with the likelihood over distinct histories and priors that know no unit.

They never leave this package: a compressed model answers per distinct history, and the library's posterior
predictive and log-likelihood come back silently empty for it.
"""

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.prior import Prior
from pymc_marketing.clv import BetaGeoModel, GammaGammaModel
from pytensor.gradient import grad_undefined
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from .likelihood import PurchaseTable, SpendTable, bg_nbd_kernel, gamma_gamma_kernel


class _Kernel(Op):  # type: ignore[misc]
    """A compiled log-likelihood inside a PyTensor graph; outputs its value and its gradient."""

    kernel: Callable[..., Any]

    def make_node(self, theta: Any, *data: Any) -> Apply:
        inputs = [pt.as_tensor_variable(item) for item in (theta, *data)]
        return Apply(self, inputs, [pt.dscalar(), pt.dvector()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        for storage, value in zip(output_storage, type(self).kernel(*inputs), strict=True):
            storage[0] = value

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        data = [grad_undefined(self, at, item) for at, item in enumerate(inputs) if at]
        return [cotangents[0] * outputs[1], *data]


class _BgNbd(_Kernel):
    kernel = staticmethod(bg_nbd_kernel)
    __props__ = ()


class _GammaGamma(_Kernel):
    kernel = staticmethod(gamma_gamma_kernel)
    __props__ = ()


@register_funcify_default_op_cache_key(_BgNbd)  # type: ignore[untyped-decorator]
def _compile_bg_nbd(op: _BgNbd, **_: Any) -> Any:
    return bg_nbd_kernel


@register_funcify_default_op_cache_key(_GammaGamma)  # type: ignore[untyped-decorator]
def _compile_gamma_gamma(op: _GammaGamma, **_: Any) -> Any:
    return gamma_gamma_kernel


class _Compressed:
    """What both compressed models share: data that can be exchanged, and a sampler compiled once.

    The graph refers to its data by name, so a program compiled for one log serves every other; a second fit with the
    same priors compiles nothing.
    """

    model: pm.Model
    model_config: dict[str, Any]
    names: tuple[str, ...]
    placeholder: pd.DataFrame

    @property
    def default_model_config(self) -> dict[str, Any]:
        """Name the priors; their values are settings."""
        return dict.fromkeys(self.names)

    def _free(self) -> list[Any]:
        return [self.model_config[name].create_variable(name) for name in self.names]

    def _fit_mcmc(self, sampler_kwargs: dict[str, Any]) -> Any:
        """Sample with nutpie, the step of the library's `fit` that is replaced."""
        priors = tuple(json.dumps(self.model_config[name].to_dict(), sort_keys=True) for name in self.names)
        program = _compile(type(self), priors)  # type: ignore[arg-type]  # classes are hashable
        data = {variable.name: variable.get_value() for variable in self.model.data_vars}
        start = time.perf_counter()
        # The library adds its own names of two settings that nutpie calls `progress_bar` and `seed`.
        asked = {key: value for key, value in sampler_kwargs.items() if key not in ("progressbar", "random_seed")}
        trace = nutpie.sample(program.with_data(**data), **asked)
        trace["posterior"].attrs["sampling_time"] = time.perf_counter() - start
        return trace


def _register_data(table: PurchaseTable | SpendTable, scale: float) -> tuple[list[Any], Any]:
    named = [pm.Data(f"data_{at}", array) for at, array in enumerate(table.arrays())]
    return named, pm.Data("scale", np.float64(scale))


@lru_cache(maxsize=8)
def _compile(kind: Any, priors: tuple[str, ...]) -> Any:
    config = {name: Prior.from_dict(json.loads(prior)) for name, prior in zip(kind.names, priors, strict=True)}
    model = kind(model_config=config)
    model.build_model(kind.placeholder)
    return nutpie.compile_pymc_model(model.model)


class CompressedBetaGeoModel(_Compressed, BetaGeoModel):  # type: ignore[misc]
    """BG/NBD over distinct histories. The data's columns: frequency, recency, T, count."""

    names = ("mean_rate", "heterogeneity", "dropout_mean", "dropout_concentration")
    placeholder = pd.DataFrame({"frequency": [1], "recency": [1], "T": [2], "count": [1]})
    _skipped_config_keys: ClassVar[set[str]] = set()

    def build_model(self, data: pd.DataFrame, time_scale: float = 1.0) -> None:
        """Build the graph in scaled time; r, alpha (days), a and b are its deterministics."""
        self.data = data
        table = PurchaseTable.of(
            data["frequency"].to_numpy(np.int32),
            data["recency"].to_numpy(float) / time_scale,
            data["T"].to_numpy(float) / time_scale,
            data["count"].to_numpy(float),
        )
        with pm.Model() as self.model:
            arrays, scale = _register_data(table, time_scale)
            rate, heterogeneity, dropout, concentration = self._free()
            alpha_scaled = heterogeneity / rate
            a = pm.Deterministic("a", dropout * concentration)
            b = pm.Deterministic("b", (1.0 - dropout) * concentration)
            pm.Deterministic("r", heterogeneity)
            pm.Deterministic("alpha", alpha_scaled * scale)
            theta = pt.stack([heterogeneity, alpha_scaled, a, b])
            pm.Potential("likelihood", _BgNbd()(theta, *arrays)[0])


class CompressedGammaGammaModel(_Compressed, GammaGammaModel):  # type: ignore[misc]
    """Gamma-Gamma over distinct (x, mean spend). The data's columns: frequency, monetary_value, count."""

    names = ("mean_spend", "variation_within", "variation_between")
    placeholder = pd.DataFrame({"frequency": [1], "monetary_value": [1.0], "count": [1]})

    def build_model(self, data: pd.DataFrame, money_scale: float = 1.0) -> None:
        """Build the graph in scaled money; p, q > 1 and v (the log's money) are its deterministics."""
        self.data = data
        table = SpendTable.of(
            data["frequency"].to_numpy(float),
            data["monetary_value"].to_numpy(float) / money_scale,
            data["count"].to_numpy(float),
        )
        with pm.Model() as self.model:
            arrays, scale = _register_data(table, money_scale)
            mean, within, between = self._free()
            p = pm.Deterministic("p", within**-2)
            q = pm.Deterministic("q", 1.0 + between**-2)
            v_scaled = mean * (q - 1.0) / p
            pm.Deterministic("v", v_scaled * scale)
            pm.Potential("likelihood", _GammaGamma()(pt.stack([p, q, v_scaled]), *arrays)[0])
