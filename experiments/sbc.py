"""Run simulation-based calibration: draw parameters from the prior, simulate data, fit, and rank the parameters.

If draws are exact, the rank of the true parameters among them is uniform (Talts et al. 2018, arXiv:1804.06788). Ranks
are taken of every quantity that has a prior and of the posterior density itself, which detects errors that no single
parameter shows (Modrak et al. 2023, Bayesian Analysis). Scales are fixed before parameters are drawn. With a scale
taken from the log the prior would depend on the data, and ranks would not be uniform even for exact draws.

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
from rich.progress import track

from tenure import purchase, spend
from tenure.fit.prior import draw_prior
from tenure.fit.run import explore
from tenure.fit.target import Target
from tenure.jobs.compose import compose_settings
from tenure.simulate import purchase_process, spend_process
from tenure.summary import Orders

PICTURE = Path(__file__).with_suffix(".png")
MODELS = (*purchase.MODELS, *spend.MODELS)
METHODS = ("laplace", "nuts")
CUSTOMERS = 300
DELTA = 0.8
RANKED = 99  # thinned draws, nearly independent
TRUST = 0.99  # joint coverage of the bands of a table; of six exact tables, one in 17 has a false alarm
BAND_SIMULATIONS = 20_000


def rank_truths(model, settings, fits, *, customers=CUSTOMERS, seed=0, money_from_the_log=False):
    """Return the rank of the true parameters as a share: rows are fits, columns quantities and `method`.

    `money_from_the_log` takes the scale of money from the data, to show that this breaks the calibration.
    """
    rng = np.random.default_rng(seed)
    T = rng.uniform(0.2, 1.8, customers)  # in units of their own mean, near enough
    x = rng.geometric(0.3, customers).astype(float)
    is_spend = model in spend.MODELS
    package = spend if is_spend else purchase
    spec, likelihood = package.MODELS[model], package.model_part(model, "likelihood")
    kind = "spend" if is_spend else "purchases"
    # A plugged number is fixed: ranks are of the others, given it.
    plugged = {**spec.plugged, **({"delta": DELTA} if spec.is_fading else {})}
    empty = Target(kind, spec, likelihood, make_empty(spec, likelihood), settings.priors_of(model), 1.0, plugged)
    rows = []
    for number in track(range(fits), f"{model} by {settings.method}", disable=fits < 100):
        at = draw_prior(empty, 1, rng)
        truth = {name: value[0] for name, value in empty.quantities(at).items()}
        parameters = {name: truth[name] for name in spec.parameters}
        if is_spend:
            process = spend_process(model, parameters)
            table, scale = make_spends(spec, likelihood, process, x, rng, is_scaled=money_from_the_log)
            at[:, 0] -= np.log(scale)
        else:
            frequency, recency = purchase_process(model, parameters).draw_histories(T, rng)
            table = likelihood.Table.of(frequency, recency, T, np.ones(customers), **spec.options)
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


def make_empty(spec, likelihood):
    """Return the table of no customers."""
    none = np.empty(0)
    if spec.on_orders:
        return likelihood.Table.of(Orders(none, np.zeros(1, int), none, none.astype(int)), delta=1.0)
    is_spend = spec.name in spend.MODELS
    data = (none,) * (3 + bool(spec.without_amounts)) if is_spend else (none.astype(int), none, none, none)
    return likelihood.Table.of(*data, **spec.options)


def make_spends(spec, likelihood, process, x, rng, *, is_scaled):
    """Draw spends of customers with x repeat purchases; return their table, and its unit of money."""
    if spec.on_orders:
        counts = x.astype(int) + spec.with_first_order
        amounts = process.draw_orders(process.draw_state(x.size, rng), counts, rng)
        amounts, first, starts = np.maximum(amounts, np.finfo(float).tiny), np.zeros(x.size), counts.cumsum() - counts
        if spec.with_first_order:
            first, amounts = amounts[starts], np.delete(amounts, starts)
        orders = Orders(first, np.append(0, x.cumsum()).astype(int), amounts, np.ones(x.size, int))
        return likelihood.Table.of(orders, delta=process.delta), 1.0
    mean, *single = draw_spends(process, x, rng, bool(spec.without_amounts))
    scale = np.exp(np.log(mean).mean()) if is_scaled else 1.0
    return likelihood.Table.of(x, mean / scale, np.ones(x.size), *single), scale


def draw_spends(process, x, rng, is_single):
    """Return customers' mean spends over x purchases; for a model of single amounts the sums of their logs too."""
    if not is_single:
        return [process.draw_means(x, rng)]
    counts = x.astype(int)
    amounts, starts = process.draw_amounts(counts, rng), np.append(0, counts.cumsum()[:-1])
    mean = np.add.reduceat(amounts, starts) / x
    # The least double in place of 0, which a shape near 0 rounds to.
    ratios = np.log(np.maximum(amounts, np.finfo(float).tiny) / np.repeat(mean, counts))
    return [mean, np.minimum(np.add.reduceat(ratios, starts), 0.0)]


@cache
def band(fits, trust):
    """Return points, low and high of the band that covers a uniform curve of so many ranks with probability `trust`.

    Saeilynoja, Buerkner & Vehtari (2022), Statistics and Computing 32, by ArviZ.
    """
    points, _, low, high = ecdf_pit(np.linspace(0, 1, fits), trust, BAND_SIMULATIONS)
    return points, low, high


def curves(shares):
    """Return points, each quantity's curve minus the uniform's, and their band, each of shape (points,)."""
    numbers = shares.drop(columns="method")
    points, low, high = band(len(numbers), 1.0 - (1.0 - TRUST) / numbers.shape[1])
    ecdfs = {name: np.searchsorted(np.sort(ranks), points, "right") / len(ranks) for name, ranks in numbers.items()}
    return points, {name: curve - points for name, curve in ecdfs.items()}, low - points, high - points


def not_uniform(shares):
    """List the quantities whose ranks leave the band. Exact draws leave none with probability `TRUST`."""
    _, differences, low, high = curves(shares)
    return [name for name, curve in differences.items() if ((curve < low - 1e-12) | (curve > high + 1e-12)).any()]


def picture(tables):
    """Plot the difference from uniform of each quantity's ranks, one panel per model and method."""
    columns = min(len(tables), 4)
    rows = -(-len(tables) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.8 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for panel, ((model, method), shares) in zip(panels, tables.items(), strict=False):
        points, differences, low, high = curves(shares)
        for name, curve in differences.items():
            panel.plot(points, curve, linewidth=1.2, label=name.replace("_", " "))
        panel.fill_between(points, low, high, color="0.9", linewidth=0)
        panel.axhline(0, color="0.6", linewidth=0.8)
        panel.set_title(f"{model}\n{len(shares)} fits by {method}", fontsize=10)
        panel.legend(fontsize=7, frameon=False, ncols=2)
    figure.supxlabel("rank of the true parameters among the draws, as a share")
    figure.supylabel("share of fits with a lower rank, minus the uniform's")
    return figure


def main(models, fits, customers, path):
    settings = compose_settings("train").fit
    tables = {}
    print(
        "| model | customers | method | fits | fell back to NUTS | quantities outside the band |\n" + "|---" * 6 + "|"
    )
    for model in models:
        for method in METHODS:
            if not fits[method]:
                continue
            shares = rank_truths(model, replace(settings, method=method), fits[method], customers=customers)
            tables[model, method] = shares
            fell_back = int((shares["method"] != method).sum())
            outside = ", ".join(not_uniform(shares)) or "none"
            print(f"| {model} | {customers:,} | {method} | {len(shares)} | {fell_back} | {outside} |", flush=True)
    picture(tables).savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run simulation-based calibration of the fits.")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--laplace", type=int, default=200, help="fits of each model by laplace")
    parser.add_argument("--nuts", type=int, default=50, help="fits of each model by nuts")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="of each simulated base")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="the file of the picture")
    arguments = parser.parse_args()
    main(arguments.models, vars(arguments), arguments.customers, arguments.picture)
