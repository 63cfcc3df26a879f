"""The PyMC models: pymc-marketing's own, with the likelihood over distinct histories and priors that know no unit.

They never leave this package: a compressed model answers per distinct history, and the library's posterior
predictive and log-likelihood come back silently empty for it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from pymc_marketing.clv import BetaGeoModel, GammaGammaModel
from pytensor.gradient import grad_undefined
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from .likelihood import PurchaseTable, SpendTable, bg_nbd_kernel, gamma_gamma_kernel


class _Kernel(Op):
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


@register_funcify_default_op_cache_key(_BgNbd)
def _compile_bg_nbd(op: _BgNbd, **_: Any) -> Any:
    return bg_nbd_kernel


@register_funcify_default_op_cache_key(_GammaGamma)
def _compile_gamma_gamma(op: _GammaGamma, **_: Any) -> Any:
    return gamma_gamma_kernel


def _register_data(table: PurchaseTable | SpendTable) -> list[Any]:
    # Shared data, not constants: the compiled function then serves every log.
    return [pm.Data(f"data_{at}", array) for at, array in enumerate(table.arrays())]


class CompressedBetaGeoModel(BetaGeoModel):  # type: ignore[misc]
    """BG/NBD over distinct histories. The data's columns: frequency, recency, T, count."""

    _skipped_config_keys = set()

    @property
    def default_model_config(self) -> dict[str, Any]:
        """Name the priors; their values are settings."""
        return dict.fromkeys(("mean_rate", "heterogeneity", "dropout_mean", "dropout_concentration"))

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
            rate, heterogeneity, dropout, concentration = (
                self.model_config[name].create_variable(name)
                for name in self.default_model_config
            )
            alpha_scaled = heterogeneity / rate
            a = pm.Deterministic("a", dropout * concentration)
            b = pm.Deterministic("b", (1.0 - dropout) * concentration)
            pm.Deterministic("r", heterogeneity)
            pm.Deterministic("alpha", alpha_scaled * time_scale)
            theta = pt.stack([heterogeneity, alpha_scaled, a, b])
            pm.Potential("likelihood", _BgNbd()(theta, *_register_data(table))[0])


class CompressedGammaGammaModel(GammaGammaModel):  # type: ignore[misc]
    """Gamma-Gamma over distinct (x, mean spend). The data's columns: frequency, monetary_value, count."""

    @property
    def default_model_config(self) -> dict[str, Any]:
        """Name the priors; their values are settings."""
        return dict.fromkeys(("mean_spend", "variation_within", "variation_between"))

    def build_model(self, data: pd.DataFrame, money_scale: float = 1.0) -> None:
        """Build the graph in scaled money; p, q > 1 and v (the log's money) are its deterministics."""
        self.data = data
        table = SpendTable.of(
            data["frequency"].to_numpy(float),
            data["monetary_value"].to_numpy(float) / money_scale,
            data["count"].to_numpy(float),
        )
        with pm.Model() as self.model:
            mean, within, between = (
                self.model_config[name].create_variable(name)
                for name in self.default_model_config
            )
            p = pm.Deterministic("p", within**-2)
            q = pm.Deterministic("q", 1.0 + between**-2)
            v_scaled = mean * (q - 1.0) / p
            pm.Deterministic("v", v_scaled * money_scale)
            pm.Potential("likelihood", _GammaGamma()(pt.stack([p, q, v_scaled]), *_register_data(table))[0])
