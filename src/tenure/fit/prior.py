"""The prior: draws, consequences in business terms, and the posterior's sensitivity to it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tenure.kernel_table import Floats
from tenure.posterior import Posterior
from tenure.scorer import Scorer

from .fitted import FittedModel
from .target import Target

YEAR_DAYS = 365
REACH = 40.0  # of a coordinate, so that draws of a very wide prior stay finite
# Kallioinen, Paananen, Buerkner & Vehtari (2024), Statistics and Computing 34: below, a scaled prior or likelihood
# moves the posterior by less than a change of the mean by a twentieth of a standard deviation or so.
SENSITIVE = 0.05
SENSITIVITY_DRAWS = 1000
# The means that priors are on, by model.
MEANS = {"purchases": "repeat purchases of an active customer in a year", "spend": "mean spend per purchase"}


def draw_prior(target: Target, count: int, rng: np.random.Generator) -> Floats:
    """Draw coordinates from the prior, shape (count, coordinates)."""
    columns = []
    for name in target.names:
        prior = target.priors[name]
        numbers = prior.parameters
        match prior.distribution:
            case "LogNormal":
                column = rng.normal(numbers["mu"], numbers["sigma"], count)
            case "Gamma":
                column = _log(rng.gamma(numbers["alpha"], 1.0 / numbers["beta"], count))
            case "InverseGamma":
                column = -_log(rng.gamma(numbers["alpha"], 1.0 / numbers["beta"], count))
            case "HalfNormal":
                column = _log(np.abs(rng.normal(0.0, numbers["sigma"], count)))
            case "Exponential":
                column = _log(rng.exponential(1.0 / numbers["lam"], count))
            case _:  # Beta, as a ratio of gamma variates, whose logarithms do not round to 0 or 1
                column = _log(rng.gamma(numbers["alpha"], 1.0, count)) - _log(rng.gamma(numbers["beta"], 1.0, count))
        columns.append(np.clip(column, -REACH, REACH))
    return np.stack(columns, axis=1)


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, np.finfo(np.float64).tiny)))


@dataclass(frozen=True)
class Consequences:
    """Consequences of prior and posterior in business terms: draws under each, by quantity."""

    prior: dict[str, Floats]
    posterior: dict[str, Floats]

    def table(self, level: float) -> pd.DataFrame:
        """Return a table of medians and credible intervals of a level."""
        ends_at = [0.5, (1 - level) / 2, (1 + level) / 2]
        columns: dict[str, Floats] = {}
        both = (("prior", self.prior), ("posterior", self.posterior))
        for name, draws in (each for each in both if each[1]):
            ends = np.array([np.quantile(values, ends_at) for values in draws.values()])
            columns |= {f"{name}_{end}": ends[:, at] for at, end in enumerate(("median", "low", "high"))}
        return pd.DataFrame(columns, index=pd.Index(list(self.prior), name="quantity"))

    def conflict(self, kind: str) -> float:
        """Return how far in a tail of the prior the posterior of a model's mean lies: 1 in the middle, 0 outside.

        Twice the share of prior draws beyond the posterior's median, in the nearer tail; a simple form of the check
        for prior-data conflict of Evans & Moshonov (2006), Bayesian Analysis 1.
        """
        name = MEANS[kind]
        below = float(np.mean(self.prior[name] < np.median(self.posterior[name])))
        return 2.0 * min(below, 1.0 - below)


def consequences(prior: Posterior, posterior: Posterior) -> Consequences:
    """Compute what `in_business_terms` does, of both."""
    return Consequences(in_business_terms(prior), in_business_terms(posterior))


def in_business_terms(population: Posterior) -> dict[str, Floats]:
    """Compute repeat purchases a year, the share of customers without one, and spend per purchase, shape (draws,)."""
    scorer, (purchases, spend) = Scorer(population), population.specs
    return {
        MEANS["purchases"]: YEAR_DAYS * purchases.mean.value(population.joint()),
        "repeat purchases of a new customer in a year": scorer.expected_new_customer(np.array([YEAR_DAYS]))[:, 0],
        "share of customers without a repeat purchase in a year": 1.0 - scorer.new_customer_buys(YEAR_DAYS),
        MEANS["spend"]: spend.mean.value(population.joint()),
    }


def summarize_prior(prior: Posterior, level: float) -> pd.DataFrame:
    """Return medians and intervals of a level of `in_business_terms`: columns `median`, `low`, `high`."""
    table = Consequences(in_business_terms(prior), {}).table(level)
    return table.rename(columns=lambda name: name.removeprefix("prior_"))


def sensitivity(fitted: FittedModel) -> pd.DataFrame:
    """Compute the sensitivity of each parameter's posterior to powers of the prior and of the likelihood.

    Kallioinen et al. (2024), by ArviZ. Rows are parameters; `prior` and `likelihood` are the sensitivities, and
    `dominated_by` is `the data`, `data and prior` or `the prior`.
    """
    import xarray as xr
    from arviz_stats import psense

    target = fitted.target
    step = max(fitted.u.shape[0] * fitted.u.shape[1] // SENSITIVITY_DRAWS, 1)
    u = fitted.u.reshape(-1, fitted.u.shape[-1])[::step]
    log_prior = target.log_prior(u)
    log_likelihood = target.densities(u) - log_prior
    # The prior's power is taken of its density in the quantity itself, not in the coordinate.
    for at, quantity in enumerate(target.spec.quantities.values()):
        jacobian = np.logaddexp(0, u[:, at]) + np.logaddexp(0, -u[:, at]) if quantity.is_share else -u[:, at]
        log_prior = log_prior + jacobian
    quantities = target.quantities(u)
    groups = {
        "posterior": {name: quantities[name] for name in target.parameters},
        "log_prior": {"all": log_prior},
        "log_likelihood": {"all": log_likelihood},
    }
    tree = xr.DataTree.from_dict({group: _dataset(values) for group, values in groups.items()})
    table = pd.DataFrame({group: _by_parameter(psense(tree, group=group)) for group in ("prior", "likelihood")})
    table["dominated_by"] = [_dominated_by(row["prior"], row["likelihood"]) for _, row in table.iterrows()]
    return table.rename_axis("parameter")


def _dataset(values: dict[str, Floats]) -> "object":
    import xarray as xr

    return xr.Dataset({name: (("chain", "draw"), column[None, :]) for name, column in values.items()})


def _by_parameter(result: object) -> dict[str, float]:
    return {name: float(value) for name, value in result.data_vars.items()}  # type: ignore[attr-defined]


def _dominated_by(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return "the data"
    return "data and prior" if likelihood > prior else "the prior"  # NaN too: a posterior that no reweighting reaches
