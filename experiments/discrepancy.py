"""Print the table of experiments/discrepancy.md: totals over simulated logs, raw and adjusted, fits and all.

uv run python experiments/discrepancy.py [--logs 40]

Customers are those of a BG/NBD and Gamma-Gamma; what differs is the world. In `stationary` nothing changes. In
`seasons` each 91 days have their own level of demand, 15% apart. In `decline` demand falls by a tenth every 91 days,
with 5% on top.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tenure.backtest import face_holdout, rolling_origins
from tenure.fit import fit
from tenure.jobs.app import compose_settings
from tenure.rfm import split
from tenure.scorer import Scorer
from tenure.transactions import read

FIRST, PERIOD, PERIODS = date(2022, 1, 1), 91, 9
CUSTOMERS = 2000
TRUTH = {"r": 0.6, "alpha": 40.0, "a": 0.6, "b": 3.0, "p": 6.0, "q": 4.0, "v": 15.0}
WORLDS = {"stationary": (0.0, 0.0), "seasons": (0.0, 0.15), "decline": (-0.10, 0.05)}
ASKED = [
    "backtest.baselines.names=[]", f"origins.horizons_days=[{PERIOD}]", f"origins.step_days={PERIOD}",
    "fit.joint_draws=400",
]  # fmt: skip


def simulate(world, rng):
    """Simulate a purchase log: births spread evenly over the days, purchases in a time that runs as demand does."""
    trend, spread = WORLDS[world]
    demand = np.exp(trend * np.arange(PERIODS) + rng.normal(0.0, spread, PERIODS))
    clock = np.concatenate([[0.0], np.cumsum(np.repeat(demand, PERIOD))])  # demand lived through by the end of each day
    born = rng.uniform(0.0, PERIOD * PERIODS, CUSTOMERS)
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], CUSTOMERS)
    leaves = rng.beta(TRUTH["a"], TRUTH["b"], CUSTOMERS)
    nu = rng.gamma(TRUTH["q"], 1 / TRUTH["v"], CUSTOMERS)
    rows = []
    for customer in range(CUSTOMERS):
        at = np.interp(born[customer], np.arange(len(clock)), clock)
        while at < clock[-1]:
            day = int(np.interp(at, clock, np.arange(len(clock))))
            is_first = not rows or rows[-1][0] != customer
            rows.append((customer, day, rng.gamma(TRUTH["p"]) / nu[customer]))
            if not is_first and rng.random() < leaves[customer]:
                break
            at += rng.exponential(1 / rate[customer]) if rate[customer] > 1e-9 else np.inf
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    log["date"] = [(FIRST + timedelta(days=day)).isoformat() for day in log.pop("day")]
    return log


def backtest(log, seed):
    """Fit and look ahead at every cut-off, the earliest first; give a row per origin and outcome."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        log.to_csv(path, index=False)
        settings = compose_settings("backtest", [*ASKED, f"transactions.path={path}"])
        transactions = read(settings.transactions)
    lessons, rows = {"purchases": [], "value": []}, []
    for origin in rolling_origins(settings.origins, FIRST, FIRST + timedelta(days=PERIOD * PERIODS - 1)):
        parts = split(transactions, origin.cutoff, origin.end)
        posterior = fit(parts.calibration, settings.fit, seed=seed).posterior.thin(settings.fit.joint_draws)
        _, holdout = face_holdout(
            transactions, parts, Scorer(posterior), settings.backtest, level=settings.level, seed=seed, lessons=lessons
        )
        for outcome, taught in holdout.lessons.items():
            lessons[outcome].append(taught)
            numbers = {name: holdout.metrics[f"{outcome}.{name}"] for name in COLUMNS}
            rows.append({"outcome": outcome, "cutoff": origin.cutoff, **numbers})
    return pd.DataFrame(rows)


COLUMNS = (
    "bias", "total_low", "total_high", "total_holds_actual", "adjusted_low", "adjusted_high", "adjusted_holds_actual",
    "adjusted_is_learnt",
)  # fmt: skip


def main(logs):
    print("| world | outcome | origins | mean bias | raw 90% holds | adjusted 90% holds | adjusted / raw width |")
    print("|" + "---|" * 7)
    for world in WORLDS:
        found = pd.concat([backtest(simulate(world, np.random.default_rng([seed, 1])), seed) for seed in range(logs)])
        for (is_learnt, outcome), part in found.groupby(["adjusted_is_learnt", "outcome"]):
            widths = (part["adjusted_high"] - part["adjusted_low"]) / (part["total_high"] - part["total_low"])
            held = " | ".join(f"{part[name].mean():.1%}" for name in ("total_holds_actual", "adjusted_holds_actual"))
            source = "learnt" if is_learnt else "assumed"
            print(
                f"| {world}, {source} | {outcome} | {len(part)} | {part['bias'].mean():+.1%} | {held} "
                f"| {widths.median():.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check adjusted totals over simulated logs.")
    parser.add_argument("--logs", type=int, default=40)
    main(parser.parse_args().logs)
