"""Vouch for a fit: leave-one-out, the prior's consequences, and whether the prior decides."""

from dataclasses import dataclass

import pandas as pd

from tenure.rfm import CompressedSummary

from .loo import Loo, leave_one_out
from .prior import Consequences, consequences, sensitivity
from .run import Fit


@dataclass(frozen=True)
class FitReport:
    """A fit with everything that a reviewer asks of it.

    Args:
        fit: the fit.
        loos: leave-one-customer-out by model; none of a point estimate.
        sensitivities: by model, `prior.sensitivity`; none of a point estimate.
        consequences: what prior and posterior say in business terms.
    """

    fit: Fit
    loos: dict[str, Loo]
    sensitivities: dict[str, pd.DataFrame]
    consequences: Consequences

    @property
    def metrics(self) -> dict[str, float]:
        """List flat numbers, named `purchases.khat_max` and so on; those of the fit among them."""
        found = dict(self.fit.diagnostics)
        for name, loo in self.loos.items():
            found |= {f"{name}.{key}": value for key, value in loo.numbers().items()}
        for name, table in self.sensitivities.items():
            found[f"{name}.prior_decides"] = float((table["decides"] == "the prior").sum())
            found[f"{name}.prior_sensitivity_max"] = float(table["prior"].max())
        return found

    @property
    def warnings(self) -> list[str]:
        """Say in a sentence each what a person should know before trusting the fit."""
        said = [f"{name}: {model.note}" for name, model in self.fit.models.items() if model.note]
        for name, model in self.fit.models.items():
            if model.is_point:
                said.append(f"{name}: a point estimate, which says nothing of uncertainty")
            if model.method == "prior":
                said.append(f"{name}: nobody bought again, so the prior alone speaks")
        for name, table in self.sensitivities.items():
            ruled = list(table.index[table["decides"] == "the prior"])
            if ruled:
                said.append(f"{name}: the prior, not the data, decides {', '.join(ruled)}")
        return said


def check(fit: Fit, base: CompressedSummary, *, seed: int) -> FitReport:
    """Compute what is judged beside the sampler's own numbers."""
    estimated = {name: model for name, model in fit.models.items() if model.is_estimated}
    return FitReport(
        fit,
        leave_one_out(fit, base, seed=seed),
        {name: sensitivity(model) for name, model in estimated.items()},
        consequences(fit.prior(), fit.posterior),
    )
