"""Fit diagnostics: PSIS-LOO, the prior's consequences, and the posterior's sensitivity to the prior."""

from dataclasses import dataclass

import pandas as pd

from tenure.rfm import CompressedSummary

from .loo import Loo, leave_one_out
from .prior import Consequences, consequences, sensitivity
from .run import Fit


@dataclass(frozen=True)
class FitReport:
    """A fit with its diagnostics.

    Args:
        fit: the fit.
        loos: leave-one-customer-out by model; none of a point estimate.
        sensitivities: by model, `prior.sensitivity`; none of a point estimate.
        consequences: prior and posterior in business terms.
    """

    fit: Fit
    loos: dict[str, Loo]
    sensitivities: dict[str, pd.DataFrame]
    consequences: Consequences

    @property
    def metrics(self) -> dict[str, float]:
        """List flat numbers, named `purchases.khat_max` and so on; those of the fit among them."""
        metrics = dict(self.fit.diagnostics)
        for name, loo in self.loos.items():
            metrics |= {f"{name}.{key}": value for key, value in loo.numbers().items()}
        for name, table in self.sensitivities.items():
            metrics[f"{name}.prior_dominated"] = float((table["dominated_by"] == "the prior").sum())
            metrics[f"{name}.prior_sensitivity_max"] = float(table["prior"].max())
        return metrics

    @property
    def warnings(self) -> list[str]:
        """List what a user should know before relying on the fit, a sentence each."""
        warnings = [f"{name}: {model.note}" for name, model in self.fit.models.items() if model.note]
        for name, model in self.fit.models.items():
            if model.is_point:
                warnings.append(f"{name}: a point estimate, without uncertainty")
            if model.method == "prior":
                warnings.append(f"{name}: nobody bought again, so the posterior is the prior")
        for name, table in self.sensitivities.items():
            dominated = list(table.index[table["dominated_by"] == "the prior"])
            if dominated:
                warnings.append(f"{name}: dominated by the prior, not the data: {', '.join(dominated)}")
        return warnings


def check(fit: Fit, base: CompressedSummary, *, seed: int) -> FitReport:
    """Compute the diagnostics of a fit beside the sampler's own."""
    estimated = {name: model for name, model in fit.models.items() if model.is_estimated}
    return FitReport(
        fit,
        leave_one_out(fit, base, seed=seed),
        {name: sensitivity(model) for name, model in estimated.items()},
        consequences(fit.prior(), fit.posterior),
    )
