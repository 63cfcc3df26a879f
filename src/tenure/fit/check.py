"""Fit diagnostics: PSIS-LOO, the prior's consequences, and the posterior's sensitivity to the prior."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tenure import paths
from tenure.record import Content, Record
from tenure.rfm import CompressedSummary

from .fitted import FittedModel
from .loo import Loo
from .loo_segments import leave_out_customers
from .prior import Consequences, consequences, sensitivity
from .run import Fit

if TYPE_CHECKING:
    import xarray as xr


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

    def without_data(self) -> "FitReport":
        """Return the same without the data of the models' densities, which no later stage needs."""
        models = {name: model.without_data() for name, model in self.fit.models.items()}
        return replace(self, fit=replace(self.fit, models=models))

    @property
    def metrics(self) -> dict[str, float]:
        """List flat numbers, named `purchases.khat_max` and so on; those of the fit among them."""
        metrics = dict(self.fit.diagnostics)
        for name, loo in self.loos.items():
            metrics |= {f"{name}.{key}": value for key, value in loo.numbers().items()}
        for name, table in self.sensitivities.items():
            metrics[f"{name}.prior_dominated"] = float((table["dominated_by"] == "the prior").sum())
            metrics[f"{name}.prior_sensitivity_max"] = float(table["prior"].max())
            metrics[f"{name}.prior_conflict"] = self.consequences.conflict(name)
        return metrics

    def record(self, stage: str, level: float) -> Record:
        """Return the diagnostics, posterior, traces and tables of the fit `calibration` or `final`.

        Intervals in the tables are of `level`. Metrics and tags have no stage in their keys.
        """
        models, at = self.fit.models, partial(paths.diagnostics, stage)
        files: dict[str, Content] = {paths.posterior(stage): self.fit.posterior.save}
        files |= {paths.trace(stage, name): partial(_save_trace, model.tree()) for name, model in models.items()}
        files |= {paths.loo(stage, name): loo.save for name, loo in self.loos.items()}
        with_spread = {name: model for name, model in models.items() if not model.is_point}
        tables = {at(f"{name}_summary"): _summarize(model, level) for name, model in with_spread.items()}
        tables |= {at(f"{name}_sensitivity"): table for name, table in self.sensitivities.items()}
        tables[at("prior_consequences")] = self.consequences.table(level)
        return Record(metrics=self.metrics, tags=self._methods(), tables=tables, files=files)

    def _methods(self) -> dict[str, str]:
        models = self.fit.models.items()
        return {f"{name}.method": ": ".join(filter(None, (model.method, model.note))) for name, model in models}

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
                names = ", ".join(dominated)
                warnings.append(f"{name}: dominated by the prior, not the data: {names} (table {name}_sensitivity)")
        return warnings


def check_fit(fit: Fit, base: CompressedSummary, *, seed: int) -> FitReport:
    """Compute the diagnostics of a fit beside the sampler's own."""
    estimated = {name: model for name, model in fit.models.items() if model.is_estimated}
    return FitReport(
        fit,
        leave_out_customers(fit, base, seed=seed),
        {name: sensitivity(model) for name, model in estimated.items()},
        consequences(fit.prior(), fit.posterior),
    )


def _summarize(model: FittedModel, level: float) -> pd.DataFrame:
    """Summarise the draws of a model, its parameters first."""
    import arviz as az

    table = pd.DataFrame(az.summary(model.tree()["posterior"].to_dataset(), ci_prob=level))
    first = list(model.target.parameters)
    return table.loc[[*first, *table.index.difference(first)]]


def _save_trace(tree: "xr.DataTree", path: Path) -> None:
    """Write draws as netCDF, without the sampler's messages, which are Python objects."""
    kept = {
        name: node.to_dataset().drop_vars([key for key, value in node.data_vars.items() if value.dtype == object])
        for name, node in tree.children.items()
    }
    type(tree).from_dict(kept).to_netcdf(path, engine="h5netcdf")
