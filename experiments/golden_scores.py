"""Write tests/golden_scores.csv: scores of synthetic customers, to detect changes.

Prints the differences from the present file by column, and rewrites the file. Commit it only if the differences are
intended, and say why:

    uv run python experiments/golden_scores.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tenure.posterior import Posterior, Segments
from tenure.scorer import Scorer

PATH = Path(__file__).resolve().parents[1] / "tests" / "golden_scores.csv"
DRAWS = 200
PURCHASES = {
    "bg_nbd": {"r": 0.25, "alpha": 30.0, "a": 0.9, "b": 2.5},
    "mbg_nbd": {"r": 0.25, "alpha": 30.0, "a": 0.9, "b": 2.5},
    "pareto_nbd": {"r": 0.55, "alpha": 75.0, "s": 0.6, "beta": 80.0},
    "zi_bg_nbd": {"r": 0.25, "alpha": 30.0, "a": 0.9, "b": 2.5, "pi0": 0.3},
}
SPEND = {"p": 6.0, "q": 3.8, "v": 15.0}
ORDERS = {**SPEND, "f": 1.1, "delta": 0.8}  # delta is one number
# x, t_x, T, mean spend: new, one-time, two purchases, regular, very frequent, silent, and the limits of valid input.
CUSTOMERS = [
    (0, 0, 0, 0.0),
    (0, 0, 40, 0.0),
    (0, 0, 18_250, 0.0),
    (1, 1, 1, 12.5),
    (1, 30, 300, 99.99),
    (2, 200, 270, 35.0),
    (3, 100, 5_000, 0.01),
    (12, 350, 360, 32.5),
    (40, 300, 301, 8.0),
    (350, 364, 365, 20.0),
    (9, 120, 900, 48.0),
    (10_000, 10_000, 10_001, 1e9),
]
PARAMS = [
    {},
    {"horizon_days": 1, "discount_rate": 0.0, "level": 0.5, "seed": 1},
    {"horizon_days": 10_950, "discount_rate": 5.0, "margin": 0.3, "level": 0.8, "seed": 2**62},
]


def posterior(purchases, spend="gamma_gamma"):
    """Build draws around the centres from a fixed sequence, independent of any random generator."""
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    of_spend = SPEND if spend == "gamma_gamma" else ORDERS
    draws = {
        name: centre * (0.7 + 0.6 * ((np.arange(1, DRAWS + 1) * golden * (at + 1)) % 1.0))[None, :]
        for at, (name, centre) in enumerate({**PURCHASES[purchases], **of_spend}.items())
    }
    if spend != "gamma_gamma":
        draws["delta"] = np.full((1, DRAWS), ORDERS["delta"])
    if spend == "gamma_gamma_fading":
        draws["f"] = np.ones((1, DRAWS))
    return Posterior(draws, purchases, spend)


def by_segment():
    """Return a posterior with segments whose effects spread evenly, too."""
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    effects = {
        name: np.stack([
            0.5 * at + 0.4 * ((np.arange(1, DRAWS + 1) * golden * (at + 2)) % 1.0)[None, :] - 0.6 for at in range(3)
        ])
        for name in ("mean_rate", "dropout_mean", "mean_spend")
    }  # fmt: skip
    segments = Segments(("channel",), (("ads",), ("mail",)), (60, 40), effects)
    return replace(posterior("bg_nbd"), segments=segments)


def scores():
    """Score each customer with each purchase model and each set of params, and with segments."""
    columns = ["frequency", "recency", "T", "monetary_value"]
    customers = pd.DataFrame(CUSTOMERS, columns=columns)
    customers.insert(0, "customer_id", [f"customer {at}" for at in range(len(customers))])
    channel = np.resize(["ads", "mail", "radio"], len(customers))
    posteriors = {name: posterior(name) for name in PURCHASES} | {"bg_nbd by segment": by_segment()}
    parts = [
        Scorer(one).score(customers.assign(channel=channel), **params).table.assign(purchases=name, question=at)
        for name, one in posteriors.items()
        for at, params in enumerate(PARAMS)
    ]
    once = customers.assign(first_order_value=[0.0, 25.0, 1e9, *[30.0] * 9])
    summary = with_columns(once, ORDERS["delta"])
    parts += [
        Scorer(posterior("bg_nbd", spend))
        .score(summary, **params)
        .table.assign(purchases=f"bg_nbd, {spend}", question=at)
        for spend in ("gamma_gamma_orders", "gamma_gamma_fading")
        for at, params in enumerate(PARAMS)
    ]
    parts += [
        with_both().score(customers, **params).table.assign(purchases="bg_nbd, without columns", question=at)
        for at, params in enumerate(PARAMS)
    ]
    return pd.concat(parts).set_index(["purchases", "question", "customer_id"])


def with_both():
    """Return a scorer of fading evidence with draws for customers without the columns, a tenth lower in the mean."""
    one, means = posterior("bg_nbd", "gamma_gamma_fading"), posterior("bg_nbd").draws
    without = {"p": means["p"], "q": means["q"], "v": 0.9 * means["v"]}
    return Scorer(replace(one, without_columns=without))


def with_columns(customers, delta):
    """Add the columns of fading evidence: as if the latest purchases were a tenth larger."""
    number = -np.expm1(customers["frequency"] * np.log(delta)) / (1.0 - delta)
    return customers.assign(faded_frequency=number, faded_spend=1.1 * number * customers["monetary_value"])


def read():
    return pd.read_csv(PATH, index_col=["purchases", "question", "customer_id"])


def main():
    new = scores()
    if PATH.exists():
        old = read().reindex(new.index)
        print(f"columns that are new or gone: {', '.join(sorted(set(new) ^ set(old))) or 'none'}")
        for name in new.columns.intersection(old.columns):
            moved = (new[name] - old[name]).abs() / old[name].abs().clip(lower=1e-300)
            moved = moved[~(new[name] == old[name])].fillna(np.inf).sort_values(ascending=False)
            if len(moved):
                print(f"{name}: {len(moved)} of {len(new)} moved, by up to {moved.iloc[0]:.2g}, {moved.index[0]}")
    new.to_csv(PATH)
    print(f"{len(new)} rows in {PATH}")


if __name__ == "__main__":
    main()
