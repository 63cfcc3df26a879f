"""Measure the coverage of predictive intervals with known parameters: simulate, fit, score, and simulate the holdout.

Each customer base is simulated from the same parameters, fitted by laplace and scored. The holdout is then simulated
with each customer's own rate and dropout. Randomised PIT values are computed per customer and for the total; they are
uniform if the intervals have their nominal coverage. Prints the tables of experiments/intervals.md in about five
minutes on two cores:

    uv run python experiments/intervals.py [--bases 200]
"""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
from rich.progress import track

from tenure.fit import fit
from tenure.jobs.compose import compose_settings
from tenure.purchase.bg_nbd.process import Process
from tenure.purchase.poisson_times import draw_last
from tenure.scorer import Scorer
from tenure.simulate import spend_process
from tenure.summary import CustomerSummary

# Slow buyers over years, so that rounding to whole days has a small effect.
BUYING = {"r": 0.45, "alpha": 450.0, "a": 0.8, "b": 2.8}  # days
SPEND = spend_process("gamma_gamma", {"p": 5.0, "q": 4.0, "v": 20.0})
DAYS = (300, 4_000)
CUSTOMERS = 600
HORIZON = 2_700
CHANCES = {"bg_nbd": 0, "mbg_nbd": 1}  # to leave right after the first purchase
LEVELS = (0.5, 0.8, 0.9, 0.95)


def simulate(purchase_model, customers, rng):
    """Draw a summary as of the cut-off and, for the same customers, purchases and spend in the horizon after it."""
    process = Process(**BUYING, chances=CHANCES[purchase_model])
    state, nu = process.draw_state(customers, rng), SPEND.draw_state(customers, rng)
    rate = state["rate"]
    T = rng.integers(*DAYS, customers)
    most = process.draw_departures(state, rng)
    wanted, later = rng.poisson(rate * T), rng.poisson(rate * HORIZON)
    x = np.minimum(wanted, most)
    last = np.ceil(T * draw_last(x, wanted, rng)).astype(int)
    recency = np.where(x > 0, np.maximum(last, x), 0)
    after = np.minimum(later, most - x)
    spend = np.where(x > 0, SPEND.draw_sums(nu, np.maximum(x, 1), rng) / np.maximum(x, 1), 0.0)
    value = np.where(after > 0, SPEND.draw_sums(nu, np.maximum(after, 1), rng), 0.0)
    possible = x <= T  # at most one purchase a day; the others are extremely rare here
    frame = {"frequency": x, "recency": recency, "T": T, "monetary_value": spend}
    summary = pd.DataFrame({"customer_id": np.arange(customers).astype(str), **frame})[possible]
    return CustomerSummary.from_frame(summary), after[possible], value[possible]


def pit(futures, actual, rng):
    """Return the randomised PIT of outcomes among simulated ones, shape (customers, draws)."""
    below, equal = (futures < actual[:, None]).sum(axis=1), (futures == actual[:, None]).sum(axis=1)
    return (below + rng.random(actual.size) * (equal + 1)) / (futures.shape[1] + 1)


def groups(summary, expected):
    """Return the groups of customers whose coverage is measured."""
    once = summary.table["frequency"].to_numpy() == 0
    top = expected >= np.quantile(expected, 0.9)
    return {"everyone": np.ones(once.size, bool), "one-time buyers": once, "repeat buyers": ~once, "top decile": top}


def measure(purchase_model, bases, *, customers=CUSTOMERS, seed=0, spoil=lambda values: values):
    """Return, for each base, outcome, group and level, the share of PIT values inside and in both tails.

    `spoil` changes the simulated outcomes, to show that a wrong interval is detected.
    """
    settings = replace(compose_settings("train").fit, method="laplace", purchase_model=purchase_model, draws=500)
    rows = []
    for base in track(range(bases), purchase_model, disable=bases < 50):
        rng = np.random.default_rng([seed, base])
        summary, counts, values = simulate(purchase_model, customers, rng)
        scorer = Scorer(fit(summary, settings, seed=base).posterior.thin(1000))
        params = {"horizon_days": HORIZON, "discount_rate": 0.0, "seed": base}
        futures = scorer.simulate(summary, **params)
        expected = scorer.score(summary, **params).table["clv"].to_numpy()
        for outcome, simulated, actual in (("purchases", futures.purchases, counts), ("spend", futures.clv, values)):
            simulated = spoil(simulated)
            each = pit(simulated, actual, rng)
            total = pit(simulated.sum(axis=0, keepdims=True), np.array([actual.sum()]), rng)
            by_group = {name: each[rows_of] for name, rows_of in groups(summary, expected).items()} | {"total": total}
            for name, shares in by_group.items():
                for level in LEVELS:
                    tail = 0.5 * (1.0 - level)
                    below, above = (shares < tail).mean(), (shares > 1.0 - tail).mean()
                    rows.append([base, outcome, name, level, 1.0 - below - above, below, above])
    return pd.DataFrame(rows, columns=["base", "outcome", "group", "level", "inside", "below", "above"])


def judge(measured):
    """Average over bases, with standard errors over bases: customers of one base share the error of its fit.

    `z` is the distance from the nominal share in standard errors; those of the totals are binomial.
    """
    grouped = measured.groupby(["outcome", "group", "level"])
    table = grouped[["inside", "below", "above"]].mean()
    level = table.index.get_level_values("level").to_numpy()
    bases = measured["base"].nunique()
    is_total = table.index.get_level_values("group") == "total"
    for name, nominal in (("inside", level), ("below", 0.5 * (1 - level)), ("above", 0.5 * (1 - level))):
        clustered = grouped[name].std().to_numpy() / np.sqrt(bases)
        error = np.where(is_total, np.sqrt(nominal * (1 - nominal) / bases), clustered)
        table[f"z_{name}"] = (table[name] - nominal) / np.maximum(error, 1e-9)
    return table


def main(bases):
    for purchase_model in CHANCES:
        table = judge(measure(purchase_model, bases))
        print(f"\n{purchase_model}, {bases} bases of {CUSTOMERS} customers, {HORIZON} days ahead\n")
        print("| outcome | of | 50% | 80% | 90% | 95% | below, above 90% | largest z |")
        print("|---|---|---|---|---|---|---|---|")
        for (outcome, name), part in table.groupby(["outcome", "group"]):
            part = part.droplevel(["outcome", "group"])
            inside = " | ".join(f"{part.loc[level, 'inside']:.1%}" for level in LEVELS)
            tails = f"{part.loc[0.9, 'below']:.1%}, {part.loc[0.9, 'above']:.1%}"
            largest = part[["z_inside", "z_below", "z_above"]].abs().max().max()
            print(f"| {outcome} | {name} | {inside} | {tails} | {largest:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the coverage of intervals with known parameters.")
    parser.add_argument("--bases", type=int, default=200)
    main(parser.parse_args().bases)
