"""Time the scorer against pymc-marketing's `expected_customer_lifetime_value`, and against the machine's own floor.

1,000 draws, a year ahead, discounted at 10% a year, over simulated two-year bases. The floor is what no scorer can do
without: per customer and draw P(alive), P(purchase) and a mean, two exponentials and a few multiplications, compiled
and on all cores. The peer gives the expected value alone; the last line says which columns are ours. Takes five minutes
on two cores:

    uv run python experiments/score_benchmark.py [--customers 100000 1000000] [--peer 5000]
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from fit_benchmark import TRUTH, make_summary, peak
from numba import njit

from tenure.fit import library_model
from tenure.posterior import Posterior
from tenure.scorer import COLUMNS, EXPECTED, Scorer
from tenure.summary import Rfm

DRAWS, RATE, HORIZON = 1000, 0.10, 365
SPREAD = {"r": 0.03, "alpha": 0.05, "a": 0.15, "b": 0.2, "p": 0.1, "q": 0.05, "v": 0.1}
BATCH = 1_000_000


def made_up_posterior():
    """Draw around the truth by as much as a fit of some thousand customers would leave open."""
    rng = np.random.default_rng(0)
    draws = {
        name: centre * np.exp(SPREAD[name] * rng.standard_normal((4, DRAWS // 4))) for name, centre in TRUTH.items()
    }
    return Posterior(draws, "bg_nbd")


@njit(nogil=True)
def floor(x, t_x, T, mean, r, alpha, a, b, p, q, v, horizon, out, start, stop):
    """Fill P(alive), P(purchase) and the mean of a customer's purchases, averaged over draws."""
    for i in range(start, stop):
        alive, buys, worth = 0.0, 0.0, 0.0
        for s in range(r.size):
            shape, G = r[s] + x[i], alpha[s] + T[i]
            odds = a[s] / (b[s] + max(x[i], 1.0) - 1.0) * math.exp(shape * math.log(G / (alpha[s] + t_x[i])))
            one = 1.0 / (1.0 + odds)
            alive += one
            buys += one * (1.0 - math.exp(-shape * math.log(1.0 + horizon / G)))
            worth += one * shape / G * horizon * p[s] * (v[s] + x[i] * mean[i]) / (p[s] * x[i] + q[s] - 1.0)
        out[i, 0], out[i, 1], out[i, 2] = alive / r.size, buys / r.size, worth / r.size


def run_floor(customers):
    columns = [customers[name].to_numpy(float) for name in ("frequency", "recency", "T", "monetary_value")]
    draws, out = made_up_posterior().joint().values(), np.empty((len(customers), 3))
    edges = np.linspace(0, len(customers), 8 * os.cpu_count() + 1).astype(int)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(floor, *columns, *draws, float(HORIZON), out, *span) for span in pairwise(edges)]
        for job in jobs:
            job.result()


def run_scorer(customers, method):
    scorer = Scorer(made_up_posterior())
    for start in range(0, len(customers), BATCH):
        getattr(scorer, method)(customers.iloc[start : start + BATCH], horizon_days=HORIZON, discount_rate=RATE)


def run_peer(customers):
    models = library_model(made_up_posterior(), Rfm.from_frame(customers))
    models.spend.expected_customer_lifetime_value(
        transaction_model=models.purchases,
        data=customers,
        future_t=12,
        discount_rate=(1.0 + RATE) ** (1.0 / 12.0) - 1.0,
        time_unit="D",
    )


RUNS = {
    "floor": run_floor,
    "expect": lambda customers: run_scorer(customers, "expect"),
    "score": lambda customers: run_scorer(customers, "score"),
    "pymc-marketing": run_peer,
}


def measure(name, path):
    """Run once in this process, compiled code warmed up on a few; print seconds and peak memory."""
    warnings.simplefilter("ignore")
    customers = pd.read_parquet(path)
    RUNS[name](customers.iloc[:50])
    start = time.perf_counter()
    RUNS[name](customers)
    print(json.dumps({"seconds": time.perf_counter() - start, "peak": peak()}))


def in_its_own_process(name, path):
    done = subprocess.run(
        [sys.executable, __file__, "--measure", name, path], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(sizes, peers):
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| | customers | seconds | customers/s | peak MB | times the peer | times the floor's time |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        rows = [("pymc-marketing", peers)]
        rows += [(name, size) for size in sizes for name in ("floor", "expect", "score")]
        speeds = {}
        for name, size in rows:
            path = Path(folder) / f"{size}.parquet"
            if not path.exists():
                make_summary(size).customers.to_parquet(path)
            found = in_its_own_process(name, str(path))
            speed = speeds[name, size] = size / found["seconds"]
            beside = f"{speeds['floor', size] / speed:.1f}" if ("floor", size) in speeds else ""
            print(
                f"| {name} | {size:,} | {found['seconds']:.1f} | {speed:,.0f} | {found['peak']:,.0f} | "
                f"{speed / speeds['pymc-marketing', peers]:,.0f} | {beside} |",
                flush=True,
            )
    print(f"\n`expect` gives {', '.join(EXPECTED)}; `score` gives {', '.join(COLUMNS)}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the scorer against pymc-marketing's.")
    parser.add_argument("--customers", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--peer", type=int, default=5_000, help="customers for the peer")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure)
    else:
        main(given.customers, given.peer)
