"""Calibration of the whole: a known truth, a base, a fit, scores, and what the same customers then did.

Every base is simulated from one truth, cut, fitted by laplace and scored; futures are then drawn from the truth, each
customer with the rate and dropout of before. Randomised PIT values say where each outcome fell among the simulated ones
(uniform if intervals hold what they say), per customer and for the total. Prints the tables of
experiments/intervals.md in about five minutes on two cores:

    uv run python experiments/intervals.py [--bases 200]
"""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
from populations import PURCHASE_MODELS
from rich.progress import track

from tenure.fit import fit
from tenure.jobs.compose import compose_settings
from tenure.scorer import Scorer
from tenure.simulate import PurchaseProcess, SpendProcess, draw_last
from tenure.summary import Rfm

# Slow buyers over years, so that what whole days round away is small beside what is looked for.
BUYING = {"r": 0.45, "alpha": 450.0, "a": 0.8, "b": 2.8}  # days
SPEND = SpendProcess(p=5.0, q=4.0, v=20.0)
DAYS = (300, 4_000)
CUSTOMERS = 600
HORIZON = 2_700
LEVELS = (0.5, 0.8, 0.9, 0.95)


def simulate(purchases, customers, rng):
    """Draw a summary as of the cut-off and, for the same customers, purchases and spend in the horizon after it."""
    law = PurchaseProcess(purchases, **BUYING)
    rate, dropout, nu = law.rates(customers, rng), law.dropouts(customers, rng), SPEND.nus(customers, rng)
    T = rng.integers(*DAYS, customers)
    most = law.repeats_until_departure(dropout, rng)
    wanted, later = rng.poisson(rate * T), rng.poisson(rate * HORIZON)
    x = np.minimum(wanted, most)
    last = np.ceil(T * draw_last(x, wanted, rng)).astype(int)
    recency = np.where(x > 0, np.maximum(last, x), 0)
    after = np.minimum(later, most - x)
    spend = np.where(x > 0, SPEND.means(nu, np.maximum(x, 1), rng), 0.0)
    value = np.where(after > 0, SPEND.sums(nu, np.maximum(after, 1), rng), 0.0)
    possible = x <= T  # at most one purchase a day; more than that is next to impossible here
    frame = {"frequency": x, "recency": recency, "T": T, "monetary_value": spend}
    summary = pd.DataFrame({"customer_id": np.arange(customers).astype(str), **frame})[possible]
    return Rfm.from_frame(summary), after[possible], value[possible]


def pit(futures, actual, rng):
    """Give the randomised PIT of outcomes among simulated ones, shape (customers, draws): exactly uniform if alike."""
    below, equal = (futures < actual[:, None]).sum(axis=1), (futures == actual[:, None]).sum(axis=1)
    return (below + rng.random(actual.size) * (equal + 1)) / (futures.shape[1] + 1)


def groups(summary, expected):
    """Name the customers whose intervals are judged."""
    once = summary.customers["frequency"].to_numpy() == 0
    top = expected >= np.quantile(expected, 0.9)
    return {"everyone": np.ones(once.size, bool), "one-time buyers": once, "repeat buyers": ~once, "top decile": top}


def measure(purchases, bases, *, customers=CUSTOMERS, seed=0, spoil=lambda values: values):
    """Give, for each base, outcome, group and level, the share of PIT values inside and in both tails.

    `spoil` changes the simulated outcomes, to show that a wrong interval is seen.
    """
    settings = replace(compose_settings("train").fit, method="laplace", purchases=purchases, draws=500)
    rows = []
    for base in track(range(bases), f"{purchases}", disable=bases < 50):
        rng = np.random.default_rng([seed, base])
        summary, counts, values = simulate(purchases, customers, rng)
        scorer = Scorer(fit(summary, settings, seed=base).posterior.thin(1000))
        asked = {"horizon_days": HORIZON, "discount_rate": 0.0, "seed": base}
        futures = scorer.simulate(summary, **asked)
        expected = scorer.score(summary, **asked).table["clv"].to_numpy()
        for outcome, drawn, actual in (("purchases", futures.counts, counts), ("value", futures.values, values)):
            drawn = spoil(drawn)
            each = pit(drawn, actual, rng)
            whole = pit(drawn.sum(axis=0, keepdims=True), np.array([actual.sum()]), rng)
            parts = {name: each[rows_of] for name, rows_of in groups(summary, expected).items()} | {"total": whole}
            for name, shares in parts.items():
                for level in LEVELS:
                    tail = 0.5 * (1.0 - level)
                    below, above = (shares < tail).mean(), (shares > 1.0 - tail).mean()
                    rows.append([base, outcome, name, level, 1.0 - below - above, below, above])
    return pd.DataFrame(rows, columns=["base", "outcome", "group", "level", "inside", "below", "above"])


def judge(measured):
    """Average over bases, with standard errors over bases: customers of one base share the errors of its fit.

    `z` is the distance from the nominal in standard errors; that of the totals is binomial.
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
    for purchases in PURCHASE_MODELS:
        table = judge(measure(purchases, bases))
        print(f"\n{purchases}, {bases} bases of {CUSTOMERS} customers, {HORIZON} days ahead\n")
        print("| outcome | of | 50% | 80% | 90% | 95% | below, above 90% | farthest z |")
        print("|---|---|---|---|---|---|---|---|")
        for (outcome, name), part in table.groupby(["outcome", "group"]):
            part = part.droplevel(["outcome", "group"])
            inside = " | ".join(f"{part.loc[level, 'inside']:.1%}" for level in LEVELS)
            tails = f"{part.loc[0.9, 'below']:.1%}, {part.loc[0.9, 'above']:.1%}"
            farthest = part[["z_inside", "z_below", "z_above"]].abs().max().max()
            print(f"| {outcome} | {name} | {inside} | {tails} | {farthest:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check the coverage of intervals against a known truth.")
    parser.add_argument("--bases", type=int, default=200)
    main(parser.parse_args().bases)
