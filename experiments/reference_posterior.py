"""Write tests/reference_posterior.csv: CDNOW's posterior by an independent method, with long chains.

Uses the library's likelihoods, customer by customer, with the project's priors and PyMC's own NUTS, but neither the
compressed kernels nor nutpie. Takes about five minutes on two cores:

    uv run python experiments/reference_posterior.py
"""

from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.prior import Prior
from pymc_marketing.clv.distributions import BetaGeoNBD

from tenure.jobs.compose import compose_settings
from tenure.rfm import split_log
from tenure.transactions import read

ROOT = Path(__file__).resolve().parents[1]
DRAWS, TUNE = 10_000, 2_000


def priors(group):
    made = {name: Prior(prior.distribution, **prior.parameters) for name, prior in vars(group).items()}
    return {name: prior.create_variable(name) for name, prior in made.items()}


def purchases(customers, group):
    scale = customers["T"].mean()
    with pm.Model() as model:
        free = priors(group)
        r = pm.Deterministic("r", free["heterogeneity"])
        alpha = r / free["mean_rate"]
        pm.Deterministic("alpha", alpha * scale)
        a = pm.Deterministic("a", free["dropout_mean"] * free["dropout_concentration"])
        b = pm.Deterministic("b", (1 - free["dropout_mean"]) * free["dropout_concentration"])
        observed = np.stack([customers["recency"] / scale, customers["frequency"]], axis=1)
        BetaGeoNBD("history", a=a, b=b, r=r, alpha=alpha, T=customers["T"].to_numpy() / scale, observed=observed)
    return model


def spend(customers, group):
    repeat = customers[customers["frequency"] > 0]
    scale = float(np.exp(np.log(repeat["monetary_value"]).mean()))
    x, mean = repeat["frequency"].to_numpy(float), repeat["monetary_value"].to_numpy() / scale
    with pm.Model() as model:
        free = priors(group)
        p = pm.Deterministic("p", free["variation_within"] ** -2)
        q = pm.Deterministic("q", 1 + free["variation_between"] ** -2)
        v = free["mean_spend"] * (q - 1) / p
        pm.Deterministic("v", v * scale)
        # Fader & Hardie (2013), note 025, eq. 1a.
        gammas = pt.gammaln(p * x + q) - pt.gammaln(p * x) - pt.gammaln(q)
        logs = q * pt.log(v) + (p * x - 1) * np.log(mean) + p * x * np.log(x) - (p * x + q) * pt.log(x * mean + v)
        pm.Potential("spends", gammas + logs)
    return model


def main():
    settings = compose_settings("train")
    customers = split_log(read(settings.transactions)).calibration.table
    rows = []
    for model, names in (
        (purchases(customers, settings.fit.priors.bg_nbd), ["r", "alpha", "a", "b"]),
        (spend(customers, settings.fit.priors.gamma_gamma), ["p", "q", "v"]),
    ):
        with model:
            trace = pm.sample(
                DRAWS, tune=TUNE, chains=4, cores=2, random_seed=1, nuts_sampler="pymc", target_accept=0.9
            )
        for name in names:
            draws = trace["posterior"][name].values
            rows.append([name, draws.mean(), draws.std(), float(az.mcse(draws)), float(az.rhat(draws))])
    table = pd.DataFrame(rows, columns=["parameter", "mean", "sd", "mcse", "rhat"])
    path = ROOT / "tests" / "reference_posterior.csv"
    path.write_text(f"# experiments/reference_posterior.py, 4 chains of {DRAWS}\n" + table.to_csv(index=False))
    print(path.read_text())


if __name__ == "__main__":
    main()
