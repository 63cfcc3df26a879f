"""The prior: draws of it, what it says in business terms, and whether it, rather than the data, decides."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tenure.posterior import Posterior
from tenure.scorer import Scorer

from .fitted import FittedModel
from .likelihood import Floats
from .target import Target

YEAR_DAYS = 365
REACH = 40.0  # of a drawn coordinate, so that a very wide prior stays a number
# Kallioinen, Paananen, Buerkner & Vehtari (2024), Statistics and Computing 34: below, a scaled prior or likelihood
# moves the posterior by less than a change of the mean by a twentieth of a standard deviation or so.
SENSITIVE = 0.05
SENSITIVITY_DRAWS = 1000


def draw_prior(target: Target, count: int, rng: np.random.Generator) -> Floats:
    """Draw coordinates from the prior, shape (count, coordinates)."""
    columns = []
    for prior in target.priors.values():
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
    """What prior and posterior say about the business: per quantity, its draws under each."""

    prior: dict[str, Floats]
    posterior: dict[str, Floats]

    def table(self, level: float) -> pd.DataFrame:
        """Tabulate medians and credible intervals of a level."""
        ends_at = [0.5, (1 - level) / 2, (1 + level) / 2]
        columns: dict[str, Floats] = {}
        for name, draws in (("prior", self.prior), ("posterior", self.posterior)):
            ends = np.array([np.quantile(values, ends_at) for values in draws.values()])
            columns |= {f"{name}_{end}": ends[:, at] for at, end in enumerate(("median", "low", "high"))}
        return pd.DataFrame(columns, index=pd.Index(list(self.prior), name="quantity"))


def consequences(prior: Posterior, posterior: Posterior) -> Consequences:
    """Translate parameters into repeat purchases a year, the share that never returns, and spend per purchase."""
    return Consequences(_in_business_terms(prior), _in_business_terms(posterior))


def _in_business_terms(population: Posterior) -> dict[str, Floats]:
    draws = population.joint()
    expected = Scorer(population).expected_new_customer(np.array([YEAR_DAYS]))[:, 0]
    within_a_year = -np.expm1(-draws["r"] * np.log1p(YEAR_DAYS / draws["alpha"]))
    stays = 1.0 if not population.initial_dropout_chances else draws["b"] / (draws["a"] + draws["b"])
    return {
        "repeat purchases of a new customer in a year": expected,
        "share of customers without a repeat purchase in a year": 1.0 - stays * within_a_year,
        "mean spend per purchase": draws["v"] * draws["p"] / (draws["q"] - 1.0),
    }


def sensitivity(fitted: FittedModel) -> pd.DataFrame:
    """Scale the prior, and the likelihood, by a power near 1, and see how far each parameter's posterior moves.

    Kallioinen et al. (2024), by ArviZ. Rows are parameters; `prior` and `likelihood` are the sensitivities, and
    `decides` says in words which of them does.
    """
    import xarray as xr
    from arviz_stats import psense

    target = fitted.target
    step = max(fitted.u.shape[0] * fitted.u.shape[1] // SENSITIVITY_DRAWS, 1)
    u = fitted.u.reshape(-1, fitted.u.shape[-1])[::step]
    log_prior = target.log_prior(u)
    log_likelihood = target.densities(u) - log_prior
    # The prior's power is taken of its density in the quantity itself, not in the coordinate.
    for at, prior in enumerate(target.priors.values()):
        is_share = prior.distribution == "Beta"
        log_prior = log_prior + (np.logaddexp(0, u[:, at]) + np.logaddexp(0, -u[:, at]) if is_share else -u[:, at])
    quantities = target.quantities(u)
    groups = {
        "posterior": {name: quantities[name] for name in target.parameters},
        "log_prior": {"all": log_prior},
        "log_likelihood": {"all": log_likelihood},
    }
    tree = xr.DataTree.from_dict({group: _dataset(values) for group, values in groups.items()})
    table = pd.DataFrame({group: _by_parameter(psense(tree, group=group)) for group in ("prior", "likelihood")})
    table["decides"] = [_who_decides(row["prior"], row["likelihood"]) for _, row in table.iterrows()]
    return table.rename_axis("parameter")


def _dataset(values: dict[str, Floats]) -> "object":
    import xarray as xr

    return xr.Dataset({name: (("chain", "draw"), column[None, :]) for name, column in values.items()})


def _by_parameter(result: object) -> dict[str, float]:
    return {name: float(value) for name, value in result.data_vars.items()}  # type: ignore[attr-defined]


def _who_decides(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return "the data"
    return "data and prior" if likelihood > prior else "the prior"  # NaN too: a posterior that no reweighting reaches
