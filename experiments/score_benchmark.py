"""Measure the time of the scorer, against pymc-marketing's `expected_customer_lifetime_value` and a lower bound.

1,000 draws, one year ahead, discounted at 10% a year, over simulated two-year bases. The floor is the computation that
every scorer needs: per customer and draw P(alive), P(purchase) and a mean, two exponentials and a few multiplications,
compiled and on all cores. The peer computes the expected value alone; a line lists the scorer's columns. Further
measurements: many customers from file to file as in `tenure-score`, the largest cost of one customer, and the time of a
request for one. Takes a quarter of an hour on two cores, two thirds of it for the ten million:

    uv run python experiments/score_benchmark.py [--customers 100000 1000000] [--peer 5000] [--file 10000000]
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
from fit_benchmark import BUYING, SPENDING, make_summary, peak
from numba import njit

from tenure import batch, registry
from tenure.fit import library_model
from tenure.jobs.compose import compose_settings
from tenure.jobs.part_scores import score_parts
from tenure.posterior import Posterior
from tenure.scorer import COLUMNS, EXPECTED, Params, Scorer
from tenure.summary import CustomerSummary
from tenure.summary_file import SummaryCheck, SummaryFile

DRAWS, RATE, HORIZON = 1000, 0.10, 365
TRUTH = BUYING | SPENDING
SPREAD = {"r": 0.03, "alpha": 0.05, "a": 0.15, "b": 0.2, "p": 0.1, "q": 0.05, "v": 0.1}
BATCH = 1_000_000


def synthetic_posterior():
    """Draw parameters with about the spread of a fit to some thousand customers."""
    rng = np.random.default_rng(0)
    draws = {
        name: centre * np.exp(SPREAD[name] * rng.standard_normal((4, DRAWS // 4))) for name, centre in TRUTH.items()
    }
    return Posterior(draws, "bg_nbd", "gamma_gamma")


@njit(nogil=True)
def floor(x, t_x, T, mean, r, alpha, a, b, p, q, v, horizon, out, start, stop):
    """Compute P(alive), P(purchase) and the mean of a customer's spend, averaged over draws."""
    for i in range(start, stop):
        alive, buys, spend = 0.0, 0.0, 0.0
        for s in range(r.size):
            shape, G = r[s] + x[i], alpha[s] + T[i]
            odds = a[s] / (b[s] + max(x[i], 1.0) - 1.0) * math.exp(shape * math.log(G / (alpha[s] + t_x[i])))
            one = 1.0 / (1.0 + odds)
            alive += one
            buys += one * (1.0 - math.exp(-shape * math.log(1.0 + horizon / G)))
            spend += one * shape / G * horizon * p[s] * (v[s] + x[i] * mean[i]) / (p[s] * x[i] + q[s] - 1.0)
        out[i, 0], out[i, 1], out[i, 2] = alive / r.size, buys / r.size, spend / r.size


def run_floor(customers):
    columns = [customers[name].to_numpy(float) for name in ("frequency", "recency", "T", "monetary_value")]
    draws, out = synthetic_posterior().joint().values(), np.empty((len(customers), 3))
    edges = np.linspace(0, len(customers), 8 * os.cpu_count() + 1).astype(int)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(floor, *columns, *draws, float(HORIZON), out, lo, hi) for lo, hi in pairwise(edges)]  # type: ignore[call-arg]
        for job in jobs:
            job.result()


def run_scorer(customers, method):
    scorer = Scorer(synthetic_posterior())
    for start in range(0, len(customers), BATCH):
        getattr(scorer, method)(customers.iloc[start : start + BATCH], horizon_days=HORIZON, discount_rate=RATE)


def run_peer(customers):
    models = library_model(synthetic_posterior(), CustomerSummary.from_frame(customers))
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
HARD = {
    "new": (0, 0, 0, 0.0),
    "350 purchases in a year": (350, 364, 365, 20.0),
    "10,000 purchases, one a day": (10_000, 10_000, 10_000, 5.0),
    "10,000 purchases, then 23 years of silence": (10_000, 10_000, 18_250, 5.0),
}
CLONES = 500


def measure(name, path):
    """Run once in this process, with compiled code warmed up on a few customers; print seconds and peak memory."""
    warnings.simplefilter("ignore")
    if name == "file":
        result = measure_file(path)
    elif name == "request":
        result = measure_request(path)
    else:
        customers = pd.read_parquet(path)
        RUNS[name](customers.iloc[:50])
        start = time.perf_counter()
        RUNS[name](customers)
        result = {"seconds": time.perf_counter() - start}
    print(json.dumps(result | {"peak": peak()}))


def measure_file(path):
    """Score from file to file as `tenure-score` does, with its check of the table."""
    scorer, summaries = Scorer(synthetic_posterior()), SummaryFile(path)
    scorer.score(next(summaries.parts()).head(50))
    output = Path(f"{path}.scores.parquet")
    settings = compose_settings("score", [f"output={output}"])
    start = time.perf_counter()
    folder = batch.ScoreFolder(str(output))
    with folder.locked():
        parts = batch.divide(summaries, folder.customers, settings.score.part_rows, SummaryCheck())
        files = batch.PartFiles(folder.path, folder.claim({}, restart=False), Params())
        sums = score_parts(scorer, parts, files, settings, {"model": "", "as_of": None})
        batch.join((files.rows_of(number) for number in parts.numbers), output, {})
        folder.discard()
    return {"seconds": time.perf_counter() - start, "rows": sums.scores.totals.customers}


def measure_request(uri):
    """Load the registered model, compiled before; measure the first prediction, then one customer at a time."""
    import mlflow

    registry.use(os.environ["MLFLOW_TRACKING_URI"])
    start = time.perf_counter()
    model = mlflow.pyfunc.load_model(uri)
    loaded = time.perf_counter()
    model.predict(registry.EXAMPLE)
    first = time.perf_counter()
    seconds = []
    for x in range(30):
        row = pd.DataFrame([["c", x, 10 * x, 400, 25.0]], columns=registry.EXAMPLE.columns)
        begin = time.perf_counter()
        model.predict(row)
        seconds.append(time.perf_counter() - begin)
    return {"load": loaded - start, "first": first - loaded, "median": np.median(seconds), "most": max(seconds)}


def costs(customers):
    """Return milliseconds per customer, of the median one and of hard ones: alone, and among `CLONES` equal ones."""
    scorer, rng = Scorer(synthetic_posterior(), threads=1), np.random.default_rng(0)

    def timed(row, count):
        frame = pd.DataFrame([row] * count, columns=["frequency", "recency", "T", "monetary_value"])
        frame["customer_id"] = [f"c{at}" for at in range(count)]
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            scorer.score(frame, horizon_days=HORIZON, discount_rate=RATE)
            seconds.append(time.perf_counter() - start)
        return 1000.0 * min(seconds) / count

    names = ["frequency", "recency", "T", "monetary_value"]
    usual = customers[names].iloc[rng.choice(len(customers), 60, replace=False)].to_numpy().tolist()
    of_base = [np.median([timed(row, count) for row in usual]) for count in (1, CLONES)]
    return {"the median one": of_base} | {name: [timed(row, 1), timed(row, CLONES)] for name, row in HARD.items()}


def in_its_own_process(name, path, **environment):
    done = subprocess.run(
        [sys.executable, __file__, "--measure", name, path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(sizes, peers, in_file):
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| | customers | seconds | customers/s | peak MB | times the peer | times the floor's time |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        rows = [("pymc-marketing", peers)]
        rows += [(name, size) for size in sizes for name in ("floor", "expect", "score")]
        speeds = {}
        for name, size in rows:
            path = write_summaries(folder, size)
            result = in_its_own_process(name, path)
            speed = speeds[name, size] = size / result["seconds"]
            beside = f"{speeds['floor', size] / speed:.1f}" if ("floor", size) in speeds else ""
            print(
                f"| {name} | {size:,} | {result['seconds']:.1f} | {speed:,.0f} | {result['peak']:,.0f} | "
                f"{speed / speeds['pymc-marketing', peers]:,.0f} | {beside} |",
                flush=True,
            )
        print(f"\n`expect` returns {', '.join(EXPECTED)}; `score` returns {', '.join(COLUMNS)}.\n")
        print_costs(pd.read_parquet(write_summaries(folder, sizes[0])))
        print_request(folder)
        if in_file:
            result = in_its_own_process("file", many_in_a_file(folder, max(sizes), in_file))
            print(
                f"\nFrom file to file: {result['rows']:,} customers in {result['seconds']:,.0f} s, "
                f"{result['rows'] / result['seconds']:,.0f} a second, peak {result['peak']:,.0f} MB."
            )


def write_summaries(folder, size):
    path = Path(folder) / f"{size}.parquet"
    if not path.exists():
        make_summary(size).table.to_parquet(path)
    return str(path)


def many_in_a_file(folder, size, wanted):
    """Write copies of a base with new ids, `wanted` customers in total."""
    base, path = pd.read_parquet(write_summaries(folder, size)), Path(folder) / "many.parquet"
    output = batch.ScoreFile(path)
    for copy in range(math.ceil(wanted / size)):
        output.write(base.assign(customer_id=base["customer_id"] + f"-{copy}").head(wanted - copy * size))
    output.close({})
    return str(path)


def print_costs(customers):
    milliseconds = costs(customers)
    usual = milliseconds["the median one"]
    print(f"| one thread, ms a customer | alone | among {CLONES} equal ones | times the median one |")
    print("|---|---|---|---|")
    for name, (alone, among) in milliseconds.items():
        print(f"| {name} | {alone:.2f} | {among:.3f} | {alone / usual[0]:.1f}, {among / usual[1]:.1f} |")


def print_request(folder):
    """Register the model in a store of its own; load it and predict in two processes, the second one warm."""
    import mlflow

    store = f"sqlite:///{folder}/mlflow.db"
    registry.use(store)
    mlflow.create_experiment("requests", artifact_location=Path(folder, "artifacts").as_uri())
    mlflow.set_experiment("requests")
    with mlflow.start_run() as run:
        uri = registry.register(
            synthetic_posterior(), "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags={}
        ).uri
    for _ in range(2):
        result = in_its_own_process("request", uri, MLFLOW_TRACKING_URI=store)
    print(
        f"\nRegistered model, compiled code cached: loaded in {result['load']:.1f} s, first prediction after "
        f"{result['first']:.2f} s, "
        f"then one customer a request in {1000 * result['median']:.0f} ms (at most {1000 * result['most']:.0f})."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the time of the scorer against pymc-marketing.")
    parser.add_argument("--customers", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--peer", type=int, default=5_000, help="customers for the peer")
    parser.add_argument("--file", type=int, default=10_000_000, help="customers from file to file; 0 for none")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
    else:
        main(arguments.customers, arguments.peer, arguments.file)
