"""Simulation-based calibration of the fits: draw a truth from the prior, data from it, fit, and rank the truth.

If draws are exact, the truth's rank among them is uniform (Talts et al. 2018, arXiv:1804.06788). Ranks are taken of
every quantity that has a prior and of the posterior density itself, which sees errors that no single parameter shows
(Modrak et al. 2023, Bayesian Analysis). Scales are fixed before a truth is drawn: with a scale taken from the log, the
prior would look at the data, and ranks would not be uniform although nothing is wrong with the draws.

Fits 200 bases by laplace and 50 by nuts of each model, in about ten minutes on two cores, writes experiments/sbc.png
and prints the table of experiments/sbc.md:

    uv run python experiments/sbc.py [--laplace 200] [--nuts 50]
"""

import argparse
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from arviz_stats.ecdf_utils import ecdf_pit
from matplotlib.figure import Figure
from populations import PURCHASE_PARAMETERS, SPEND_PARAMETERS
from rich.progress import track
from tenure.fit.likelihood import PurchaseTable, SpendTable

from tenure.fit.prior import draw_prior
from tenure.fit.run import explore
from tenure.fit.target import PurchaseTarget, SpendTarget
from tenure.jobs.compose import compose_settings
from tenure.simulate import PurchaseProcess, SpendProcess, draw_histories, draw_mean_spends

PICTURE = Path(__file__).with_suffix(".png")
MODELS = ("bg_nbd", "mbg_nbd", "gamma_gamma")
CUSTOMERS = 300
RANKED = 99  # draws among which a truth is ranked: few enough of a chain's thousand to be as good as independent
TRUST = 0.99  # that all quantities of one exact table stay in their bands; of six such tables, one in 17 sees an alarm
BAND_SIMULATIONS = 20_000


def rank_truths(model, settings, fits, *, customers=CUSTOMERS, seed=0, money_from_the_log=False):
    """Give the truth's rank as a share, uniform if the draws are exact: rows are fits, columns quantities and `method`.

    `money_from_the_log` takes the scale of money from the data, to show that this breaks the calibration.
    """
    rng = np.random.default_rng(seed)
    T = rng.uniform(0.2, 1.8, customers)  # in units of their own mean, near enough
    x = rng.geometric(0.3, customers).astype(float)
    nobody = np.empty(0)
    if model == "gamma_gamma":
        empty = SpendTarget(SpendTable.of(nobody, nobody, nobody), vars(settings.priors.spend), 1.0)
    else:
        table = PurchaseTable.of(nobody.astype(int), nobody, nobody, nobody, model=model)
        empty = PurchaseTarget(table, vars(settings.priors.purchases), 1.0)
    rows = []
    for number in track(range(fits), f"{model} by {settings.method}", disable=fits < 100):
        at = draw_prior(empty, 1, rng)
        truth = {name: value[0] for name, value in empty.quantities(at).items()}
        if model == "gamma_gamma":
            mean = draw_mean_spends(SpendProcess(*(truth[name] for name in SPEND_PARAMETERS)), x, rng)
            scale = np.exp(np.log(mean).mean()) if money_from_the_log else 1.0
            at -= np.array([[np.log(scale), 0.0, 0.0]])
            table = SpendTable.of(x, mean / scale, np.ones(x.size))
        else:
            law = PurchaseProcess(model, *(truth[name] for name in PURCHASE_PARAMETERS))
            frequency, recency = draw_histories(law, T, rng)
            table = PurchaseTable.of(frequency, recency, T, np.ones(customers), model=model)
        target = replace(empty, table=table)
        fitted = explore(target, settings, seed=number)
        draws = fitted.u.reshape(-1, fitted.u.shape[-1])
        draws = draws[np.linspace(0, len(draws) - 1, RANKED).astype(int)]
        both = np.concatenate([at, draws])
        both = np.column_stack([both, target.densities(both)])
        below = (both[1:] < both[0]).sum(axis=0)
        shares = (below + rng.random(below.size)) / (RANKED + 1)
        rows.append(dict(zip((*target.names, "density"), shares, strict=True)) | {"method": fitted.method})
    return pd.DataFrame(rows)


@cache
def band(fits, trust):
    """Give points, low and high of the band that holds a whole uniform curve of so many ranks with chance `trust`.

    Saeilynoja, Buerkner & Vehtari (2022), Statistics and Computing 32, by ArviZ.
    """
    points, _, low, high = ecdf_pit(np.linspace(0, 1, fits), trust, BAND_SIMULATIONS)
    return points, low, high


def curves(shares):
    """Give points, each quantity's curve less the uniform's, and their band, all shapes (points,)."""
    numbers = shares.drop(columns="method")
    points, low, high = band(len(numbers), 1.0 - (1.0 - TRUST) / numbers.shape[1])
    found = {name: np.searchsorted(np.sort(ranks), points, "right") / len(ranks) for name, ranks in numbers.items()}
    return points, {name: curve - points for name, curve in found.items()}, low - points, high - points


def not_uniform(shares):
    """Name the quantities whose ranks leave the band, which they all stay in together with chance `TRUST`."""
    _, found, low, high = curves(shares)
    return [name for name, curve in found.items() if ((curve < low - 1e-12) | (curve > high + 1e-12)).any()]


def picture(tables):
    """Draw the difference from uniform of every quantity's ranks, one panel per model and method."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    panels = figure.subplots(2, len(MODELS), sharex=True, sharey="row")
    for row, method in zip(panels, ("laplace", "nuts"), strict=True):
        for panel, model in zip(row, MODELS, strict=True):
            shares = tables[model, method]
            points, found, low, high = curves(shares)
            for name, curve in found.items():
                panel.plot(points, curve, linewidth=1.2, label=name.replace("_", " "))
            panel.fill_between(points, low, high, color="0.9", linewidth=0)
            panel.axhline(0, color="0.6", linewidth=0.8)
            panel.set_title(f"{model.replace('_', ' ')}, {len(shares)} fits by {method}", fontsize=10)
            panel.legend(fontsize=7, frameon=False, ncols=2)
    figure.supxlabel("rank of the truth among the draws, as a share")
    figure.supylabel("share of truths ranked lower, less the uniform's")
    return figure


def main(fits):
    settings = compose_settings("train").fit
    tables = {}
    for model in MODELS:
        for method, count in fits.items():
            tables[model, method] = rank_truths(model, replace(settings, method=method), count)
    print("| model | method | fits | given to nuts | quantities outside the band |\n|---|---|---|---|---|")
    for (model, method), shares in tables.items():
        gave_way = int((shares["method"] != method).sum())
        outside = ", ".join(not_uniform(shares)) or "none"
        print(f"| {model} | {method} | {len(shares)} | {gave_way} | {outside} |")
    picture(tables).savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Rank truths drawn from the prior among the draws of their fits.")
    parser.add_argument("--laplace", type=int, default=200, help="fits of each model by laplace")
    parser.add_argument("--nuts", type=int, default=50, help="fits of each model by nuts")
    given = parser.parse_args()
    main({"laplace": given.laplace, "nuts": given.nuts})
