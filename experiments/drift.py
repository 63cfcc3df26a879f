"""Print the tables of experiments/drift.md: totals over simulated logs, raw and adjusted, under several priors.

uv run python experiments/drift.py ratios [--logs 300]
uv run python experiments/drift.py fits [--logs 12]

Customers are those of a BG/NBD and Gamma-Gamma; what differs is the world, whose demand has a level for each 91 days.
`ratios` takes the model for a mean of the levels so far, with an error of its own, and fits nothing; `fits` simulates
purchase logs and fits them.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tenure.backtest import Outcome, PastError, estimate_drift, evaluate_holdout, rolling_origins
from tenure.backtest.drift import adjusted_metrics
from tenure.fit import fit
from tenure.jobs.compose import compose_settings
from tenure.rfm import split
from tenure.scorer import Scorer
from tenure.transactions import read

FIRST, PERIOD, PERIODS, BEFORE = date(2022, 1, 1), 91, 9, 2  # two periods before the first cut-off
CUSTOMERS, DRAWS = 2000, 400
OWN = 0.05  # in `ratios`, the error of a log total that the model admits
TRUTH = {"r": 0.6, "alpha": 40.0, "a": 0.6, "b": 3.0, "p": 6.0, "q": 4.0, "v": 15.0}
ASKED = [
    "backtest.baselines.names=[]", f"origins.horizons_days=[{PERIOD}]", f"origins.step_days={PERIOD}",
    f"origins.least_calibration_days={BEFORE * PERIOD - 1}", f"fit.joint_draws={DRAWS}",
]  # fmt: skip
SHIPPED = compose_settings("backtest", ASKED).backtest.drift
PRIORS = {
    "half-normal 0.10": replace(SHIPPED, spread_sd=0.10, spread_df=1000),
    "half-normal 0.15": replace(SHIPPED, spread_sd=0.15, spread_df=1000),
    "half-t 0.10": replace(SHIPPED, spread_sd=0.10, spread_df=3),
    "half-t 0.15": replace(SHIPPED, spread_sd=0.15, spread_df=3),
    "half-Cauchy 0.10": replace(SHIPPED, spread_sd=0.10, spread_df=1),
}
WORLDS = {
    "stationary": lambda noise, rng: 0.0 * noise,
    "seasons 5%": lambda noise, rng: 0.05 * noise,
    "seasons 15%": lambda noise, rng: 0.15 * noise,
    "seasons 30%": lambda noise, rng: 0.30 * noise,
    "yearly 20%": lambda noise, rng: 0.28 * np.sin(np.pi / 2 * np.arange(PERIODS) + rng.uniform(0, 2 * np.pi)),
    "decline": lambda noise, rng: -0.10 * np.arange(PERIODS) + 0.05 * noise,
    "jump": lambda noise, rng: np.log(0.7) * (np.arange(PERIODS) >= rng.integers(BEFORE, PERIODS)) + 0.05 * noise,
}


def log_demand(world, rng):
    return WORLDS[world](rng.standard_normal(PERIODS), rng)


def day(period):
    return FIRST + timedelta(days=PERIOD * period)


def ratios(world, seed) -> Iterator[tuple[PastError, Outcome]]:
    """Give each origin's lesson and totals, of a model that forecasts the mean level of the periods so far."""
    rng = np.random.default_rng([seed, 2])
    level = np.exp(log_demand(world, rng))
    for at in range(BEFORE, PERIODS):
        actual = level[at] * np.exp(rng.normal(0.0, OWN))
        expected, none = np.array([level[:at].mean()]), np.zeros(1)
        totals = expected * np.exp(rng.normal(0.0, OWN, DRAWS))
        yield (
            PastError(day(at), day(at + 1), float(np.log(actual / expected[0])), OWN),
            Outcome(np.array([actual]), expected, none, none, totals),
        )


def fits(world, seed) -> Iterator[tuple[PastError, Outcome]]:
    """Simulate a log, fit and look ahead at every cut-off; give each origin's lesson and totals of purchases."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        simulate(world, np.random.default_rng([seed, 1])).to_csv(path, index=False)
        settings = compose_settings("backtest", [*ASKED, f"transactions.path={path}"])
        transactions = read(settings.transactions)
    for origin in rolling_origins(settings.origins, FIRST, day(PERIODS) - timedelta(days=1)):
        parts = split(transactions, origin.cutoff, origin.end)
        posterior = fit(parts.calibration, settings.fit, seed=seed).posterior.thin(DRAWS)
        backtest, holdout = evaluate_holdout(
            transactions, parts, Scorer(posterior), settings.backtest, level=settings.level, seed=seed
        )
        yield holdout.past_errors["purchases"], backtest.purchases


def simulate(world, rng):
    """Simulate a purchase log: births spread evenly over the days, purchases in a time that runs as demand does."""
    demand = np.exp(log_demand(world, rng))
    clock = np.concatenate([[0.0], np.cumsum(np.repeat(demand, PERIOD))])  # demand lived through by the end of each day
    acquired = rng.uniform(0.0, PERIOD * PERIODS, CUSTOMERS)
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], CUSTOMERS)
    leaves = rng.beta(TRUTH["a"], TRUTH["b"], CUSTOMERS)
    nu = rng.gamma(TRUTH["q"], 1 / TRUTH["v"], CUSTOMERS)
    rows = []
    for customer in range(CUSTOMERS):
        at = np.interp(acquired[customer], np.arange(len(clock)), clock)
        while at < clock[-1]:
            today = int(np.interp(at, clock, np.arange(len(clock))))
            is_first = not rows or rows[-1][0] != customer
            rows.append((customer, today, rng.gamma(TRUTH["p"]) / nu[customer]))
            if not is_first and rng.random() < leaves[customer]:
                break
            at += rng.exponential(1 / rate[customer]) if rate[customer] > 1e-9 else np.inf
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    log["date"] = [(FIRST + timedelta(days=today)).isoformat() for today in log.pop("day")]
    return log


def hold(origins, seed):
    """Adjust each origin's total by what the earlier ones teach under every prior; give a row per origin and prior."""
    rows, past_errors = [], []
    for past_error, outcome in origins:
        low, high = np.quantile(outcome.totals, [0.05, 0.95])
        for prior, settings in PRIORS.items():
            rng = np.random.default_rng([seed, len(past_errors)])
            drift = estimate_drift(past_errors, past_error.cutoff, settings, draws=2000, rng=rng)
            found = adjusted_metrics(outcome, drift, level=0.90, rng=rng)
            rows.append(
                {
                    "is_estimated": found["adjusted_is_estimated"],
                    "prior": prior,
                    "raw": low <= outcome.actual.sum() <= high,
                    "covers": found["adjusted_covers_actual"],
                    "width": (found["adjusted_high"] - found["adjusted_low"]) / (high - low),
                }
            )
        past_errors.append(past_error)
    return rows


def main(made, logs):
    print(
        "| world | origins | raw 90% holds | " + " | ".join(f"{prior}: holds, width / raw" for prior in PRIORS) + " |"
    )
    print("|" + "---|" * (3 + len(PRIORS)))
    for world in WORLDS:
        found = pd.DataFrame([row for seed in range(logs) for row in hold(made(world, seed), seed)])
        for is_estimated, part in found.groupby("is_estimated"):
            by_prior = part.groupby("prior")
            cells = [
                f"{by_prior['holds'].mean()[prior]:.0%}, {by_prior['width'].median()[prior]:.1f}" for prior in PRIORS
            ]
            source, origins = "learnt" if is_estimated else "assumed", len(part) // len(PRIORS)
            print(f"| {world}, {source} | {origins:,} | {part['raw'].mean():.0%} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check adjusted totals over simulated worlds.")
    parser.add_argument("made", choices=["ratios", "fits"])
    parser.add_argument("--logs", type=int)
    asked = parser.parse_args()
    default = {"ratios": (ratios, 300), "fits": (fits, 12)}[asked.made]
    main(default[0], asked.logs or default[1])
