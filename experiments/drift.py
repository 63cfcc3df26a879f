"""Print the tables of experiments/drift.md: totals over simulated logs, raw and adjusted, under several priors.

uv run python experiments/drift.py ratios [--logs 300]
uv run python experiments/drift.py fits [--logs 12]

Customers follow a BG/NBD and Gamma-Gamma model; demand has a level for each 91 days, which differs by scenario.
`ratios` uses the mean of the levels so far, with an error of its own, as the model and fits nothing; `fits` simulates
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

from tenure.backtest import evaluate_holdout, rolling_origins
from tenure.fit import fit_models
from tenure.jobs.compose import compose_settings
from tenure.rfm import split_log
from tenure.scorer import Scorer
from tenure.totals import PastError, estimate_drift
from tenure.totals.adjusted import adjusted_metrics
from tenure.transactions import read

FIRST, PERIOD, PERIODS, BEFORE = date(2022, 1, 1), 91, 9, 2  # two periods before the first cut-off
CUSTOMERS, DRAWS = 2000, 400
OWN = 0.05  # in `ratios`, the model's own standard deviation of a log total
TRUTH = {"r": 0.6, "alpha": 40.0, "a": 0.6, "b": 3.0, "p": 6.0, "q": 4.0, "v": 15.0}
OVERRIDES = [
    "backtest.baselines.names=[]", f"origins.horizons_days=[{PERIOD}]", f"origins.step_days={PERIOD}",
    f"origins.least_calibration_days={BEFORE * PERIOD - 1}", f"fit.joint_draws={DRAWS}",
]  # fmt: skip
SHIPPED = compose_settings("backtest", OVERRIDES).backtest.drift
PRIORS = {
    "half-normal 0.10": replace(SHIPPED, spread_sd=0.10, spread_df=1000),
    "half-normal 0.15": replace(SHIPPED, spread_sd=0.15, spread_df=1000),
    "half-t 0.10": replace(SHIPPED, spread_sd=0.10, spread_df=3),
    "half-t 0.15": replace(SHIPPED, spread_sd=0.15, spread_df=3),
    "half-Cauchy 0.10": replace(SHIPPED, spread_sd=0.10, spread_df=1),
}
SCENARIOS = {
    "stationary": lambda noise, rng: 0.0 * noise,
    "seasons 5%": lambda noise, rng: 0.05 * noise,
    "seasons 15%": lambda noise, rng: 0.15 * noise,
    "seasons 30%": lambda noise, rng: 0.30 * noise,
    "yearly 20%": lambda noise, rng: 0.28 * np.sin(np.pi / 2 * np.arange(noise.size) + rng.uniform(0, 2 * np.pi)),
    "decline": lambda noise, rng: -0.10 * np.arange(noise.size) + 0.05 * noise,
    "jump": lambda noise, rng: np.log(0.7) * (np.arange(noise.size) >= rng.integers(BEFORE, noise.size)) + 0.05 * noise,
}


def log_demand(scenario, rng, periods=PERIODS):
    return SCENARIOS[scenario](rng.standard_normal(periods), rng)


def day(period):
    return FIRST + timedelta(days=PERIOD * period)


def ratios(scenario, seed, periods=PERIODS) -> Iterator[tuple[PastError, float, np.ndarray]]:
    """Yield each origin's past error, actual total and draws; the model forecasts the mean level so far."""
    rng = np.random.default_rng([seed, 2])
    level = np.exp(log_demand(scenario, rng, periods))
    for at in range(BEFORE, periods):
        actual = level[at] * np.exp(rng.normal(0.0, OWN))
        expected = level[:at].mean()
        totals = expected * np.exp(rng.normal(0.0, OWN, DRAWS))
        yield PastError(day(at), day(at + 1), float(np.log(actual / expected)), OWN), actual, totals


def fits(scenario, seed) -> Iterator[tuple[PastError, float, np.ndarray]]:
    """Simulate a log, fit and forecast at every cut-off; yield each origin's past error, actual total and draws."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        simulate(scenario, np.random.default_rng([seed, 1])).to_csv(path, index=False)
        settings = compose_settings("backtest", [*OVERRIDES, f"transactions.path={path}"])
        transactions = read(settings.transactions)
    origins = rolling_origins(settings.origins, FIRST, day(PERIODS) - timedelta(days=1))
    for past_errors, backtest in forecast_origins(transactions, settings, origins, seed):
        purchases = backtest.purchases
        yield past_errors["purchases"], purchases.actual.sum(), purchases.totals


def forecast_origins(transactions, settings, origins, seed):
    """Fit and forecast at every origin; yield its past errors by outcome, and its backtest."""
    for origin in origins:
        window = split_log(transactions, origin.cutoff, origin.end)
        posterior = fit_models(window.calibration, settings.fit, seed=seed).posterior.thin(DRAWS)
        backtest, holdout = evaluate_holdout(
            transactions, window, Scorer(posterior), settings.backtest, level=settings.level, seed=seed
        )
        yield holdout.past_errors, backtest


def simulate(scenario, rng):
    """Simulate a purchase log: acquisitions spread evenly over the days, purchases at a rate that follows demand."""
    demand = np.exp(log_demand(scenario, rng))
    clock = np.concatenate([[0.0], np.cumsum(np.repeat(demand, PERIOD))])  # cumulative demand by the end of each day
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


def cover(origins, seed):
    """Adjust each origin's total by the drift estimated from earlier ones; return a row per origin and prior."""
    rows, past_errors = [], []
    for past_error, actual, totals in origins:
        low, high = np.quantile(totals, [0.05, 0.95])
        for prior, settings in PRIORS.items():
            rng = np.random.default_rng([seed, len(past_errors)])
            drift = estimate_drift(past_errors, past_error.cutoff, settings, draws=2000, rng=rng)
            metrics = adjusted_metrics(actual, totals, drift, level=0.90, rng=rng)
            rows.append(
                {
                    "is_estimated": metrics["adjusted_is_estimated"],
                    "prior": prior,
                    "raw": low <= actual <= high,
                    "covers": metrics["adjusted_covers_actual"],
                    "width": (metrics["adjusted_high"] - metrics["adjusted_low"]) / (high - low),
                }
            )
        past_errors.append(past_error)
    return rows


def main(simulated, logs):
    print(
        "| scenario | origins | raw 90% covers | "
        + " | ".join(f"{prior}: covers, width / raw" for prior in PRIORS)
        + " |"
    )
    print("|" + "---|" * (3 + len(PRIORS)))
    for scenario in SCENARIOS:
        table = pd.DataFrame([row for seed in range(logs) for row in cover(simulated(scenario, seed), seed)])
        for is_estimated, part in table.groupby("is_estimated"):
            by_prior = part.groupby("prior")
            cells = [
                f"{by_prior['covers'].mean()[prior]:.0%}, {by_prior['width'].median()[prior]:.1f}" for prior in PRIORS
            ]
            source, origins = "estimated" if is_estimated else "assumed", len(part) // len(PRIORS)
            print(
                f"| {scenario}, {source} | {origins:,} | {part['raw'].mean():.0%} | {' | '.join(cells)} |", flush=True
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check adjusted totals over simulated scenarios.")
    parser.add_argument("kind", choices=["ratios", "fits"])
    parser.add_argument("--logs", type=int)
    arguments = parser.parse_args()
    default = {"ratios": (ratios, 300), "fits": (fits, 12)}[arguments.kind]
    main(default[0], arguments.logs or default[1])
