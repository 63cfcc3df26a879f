"""Measure the time from a customer summary in memory to a posterior of both models, against pymc-marketing's `fit`.

Each measurement has a process of its own, with its own imports, compilation and peak memory. A first round, which is
not measured, fills the libraries' caches on disk. Both fit BG/NBD and Gamma-Gamma with 4 chains of 1,000 + 1,000 at
target_accept 0.8 (the peer's defaults, except that it would run one chain per core); `laplace` gives 4,000 draws. Takes
about 20 minutes on two cores, most of them for the peer:

    uv run python experiments/fit_benchmark.py [--customers cdnow 10000 100000 1000000]

Where the peer would take over ten minutes (`--short`), it runs few iterations, twice. The difference gives seconds per
evaluation of its density, and its longest full run how many evaluations 1,000 + 1,000 iterations take.
"""

import argparse
import json
import logging
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

CHAINS, ITERATIONS, TARGET_ACCEPT = 4, 1000, 0.8
SHORT = (10, 40)  # warm-up iterations, and as many draws, of the peer's two short runs
BUYING = {"r": 0.25, "alpha": 60.0, "a": 0.8, "b": 2.5}  # near CDNOW, slower; days
SPENDING = {"p": 6.0, "q": 3.8, "v": 15.0}
DAYS = 730
LABELS = {
    "laplace": "laplace",
    "nuts": "nuts",
    "peer": "pymc-marketing",
    "peer_pymc": "pymc-marketing, nuts_sampler=pymc",
}


def make_summary(customers):
    """Simulate a summary of daily dates over two years, or read CDNOW's first 39 weeks."""
    import numpy as np
    import pandas as pd

    from tenure.jobs.compose import compose_settings
    from tenure.rfm import split_log
    from tenure.simulate import purchase_process, spend_process
    from tenure.summary import CustomerSummary
    from tenure.transactions import read

    if customers == "cdnow":
        return split_log(read(compose_settings("train", ["experiment=cdnow"]).transactions), "1997-09-30").calibration
    rng = np.random.default_rng(0)
    T = rng.integers(1, DAYS + 1, int(customers))
    x, t_x = purchase_process("bg_nbd", BUYING).draw_histories(T, rng)
    recency = np.ceil(t_x).astype(np.int64)
    x = np.minimum(x, recency)  # one purchase a day
    mean = np.zeros(T.size)
    means = spend_process("gamma_gamma", SPENDING).draw_means(x[x > 0].astype(float), rng)
    mean[x > 0] = np.maximum(np.round(means, 2), 0.01)
    frame = {"customer_id": np.arange(T.size).astype(str), "frequency": x, "recency": recency, "T": T}
    return CustomerSummary.from_frame(pd.DataFrame(frame | {"monetary_value": mean}))


def measure(contender, path, iterations):
    """Fit once in this process; print time, memory and effective draws as one JSON line."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import pandas as pd

    start = time.perf_counter()
    fit = (load_peer if contender.startswith("peer") else load_tenure)(contender, iterations)
    imported = time.perf_counter() - start
    frame = pd.read_parquet(path)
    cpu, start = os.times(), time.perf_counter()
    result = fit(frame)
    wall, after = time.perf_counter() - start, os.times()
    print(json.dumps({"import": imported, "wall": wall, "cpu": sum(after[:4]) - sum(cpu[:4]), "peak": peak()} | result))


def peak():
    """Return this process's peak memory in MB. That of getrusage would include the parent process."""
    status = Path("/proc/self/status")
    if status.exists():
        return float(next(line.split()[1] for line in status.open() if line.startswith("VmHWM"))) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def load_tenure(method, iterations):
    """Import Tenure; return a function from a summary to the effective draws of its posterior."""
    from tenure.fit import fit_models
    from tenure.jobs.compose import compose_settings
    from tenure.summary import CustomerSummary

    settings = replace(
        compose_settings("train").fit,
        method=method,
        chains=CHAINS,
        tune=iterations,
        draws=iterations,
        joint_draws=100,
        target_accept=TARGET_ACCEPT,
    )

    def run(frame):
        fitted = fit_models(CustomerSummary.from_frame(frame), settings, seed=1)
        if set(fitted.methods.values()) != {method}:
            sys.exit(f"expected {method}, got {fitted.methods}")
        key = "effective_draws" if method == "laplace" else "ess_bulk_min"
        return {"ess": min(fitted.diagnostics[f"{model}.{key}"] for model in fitted.methods)}

    return run


def load_peer(contender, iterations):
    """Import the peer; return the same function for its two models, with the seconds and evaluations of each."""
    import arviz as az
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel

    arguments = {"chains": CHAINS, "tune": iterations, "draws": iterations, "progressbar": False, "random_seed": 1}
    arguments["cores"] = os.cpu_count()  # by default PyMC counts physical cores and may use one of two
    arguments["discard_tuned_samples"] = False  # to count the evaluations of warm-up
    if contender == "peer_pymc":
        arguments["nuts_sampler"] = "pymc"

    def run(frame):
        costs, ess = [], []
        for kind, columns, names in (
            (BetaGeoModel, ["frequency", "recency", "T"], ["r", "alpha", "a", "b"]),
            (GammaGammaModel, ["frequency", "monetary_value"], ["p", "q", "v"]),
        ):
            model, rows = kind(), frame if kind is BetaGeoModel else frame[frame["frequency"] > 0]
            start = time.perf_counter()
            model.fit(rows[["customer_id", *columns]], **arguments)
            wall = time.perf_counter() - start
            groups = (model.idata[group] for group in ("sample_stats", "warmup_sample_stats"))
            steps = sum(int(group["n_steps" if "n_steps" in group else "tree_size"].sum()) for group in groups)
            costs.append([wall, steps])
            ess.append(float(az.ess(model.idata["posterior"].to_dataset()[names]).to_array().min()))
        return {"ess": min(ess), "wall": sum(wall for wall, _ in costs), "costs": costs}

    return run


def in_its_own_process(contender, path, iterations=ITERATIONS):
    command = [sys.executable, __file__, "--measure", contender, str(path), str(iterations)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    result = json.loads(done.stdout.splitlines()[-1])
    print(f"{contender}, {path.stem}, {iterations}: {result}", file=sys.stderr, flush=True)
    return result


def scaled(path, full):
    """Run the peer for few iterations twice, and scale, model by model, to the evaluations of a `full` run.

    The effective draws are those of the full run: more data change the width of the posterior, but hardly its shape.
    """
    few, more = (in_its_own_process("peer", path, iterations) for iterations in SHORT)
    wall = 0.0
    for (few_wall, few_steps), (more_wall, more_steps), (_, steps) in zip(
        few["costs"], more["costs"], full["costs"], strict=True
    ):
        wall += more_wall + (more_wall - few_wall) / (more_steps - few_steps) * (steps - more_steps)
    return more | {"wall": wall, "cpu": wall * more["cpu"] / more["wall"], "ess": full["ess"]}


def main(sizes, short):
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for size in sizes:
            paths[size] = Path(folder) / f"{size}.parquet"
            make_summary(size).table.to_parquet(paths[size])
        contenders = ("laplace", "nuts", "peer")
        for contender in contenders:  # the unmeasured round
            in_its_own_process(contender, paths[sizes[0]], 100)
        print("| customers | | import s | wall s | CPU s | peak MB | ESS | ESS/s | ratio to the peer |")
        print("|---|---|---|---|---|---|---|---|---|")
        full, full_size = None, None
        for size in sizes:
            results = {name: in_its_own_process(name, paths[size]) for name in contenders[:2]}
            if size in short:
                results["peer"] = scaled(paths[size], full)
            else:
                results["peer"] = full = in_its_own_process("peer", paths[size])
                results["peer_pymc"] = in_its_own_process("peer_pymc", paths[size])
                full_size = size
            speed = {name: numbers["ess"] / numbers["wall"] for name, numbers in results.items()}
            for name, numbers in results.items():
                label = LABELS[name] + (" (scaled)" if name == "peer" and size in short else "")
                print(
                    f"| {size if size == 'cdnow' else format(int(size), ',')} | {label} | {numbers['import']:.1f} | "
                    f"{numbers['wall']:,.2f} | {numbers['cpu']:,.1f} | {numbers['peak']:,.0f} | "
                    f"{numbers['ess']:,.0f} | {speed[name]:,.1f} | {speed[name] / speed['peer']:,.1f} |",
                    flush=True,
                )
        if short:
            check = scaled(paths[full_size], full)
            print(
                f"\nCheck of the scaling where the peer also ran in full ({full_size} customers): "
                f"{check['wall']:,.0f} s scaled, {full['wall']:,.0f} s in full."
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the time of fits against pymc-marketing.")
    parser.add_argument("--customers", nargs="+", default=["cdnow", "10000", "100000", "1000000"])
    parser.add_argument(
        "--short", nargs="*", default=["100000", "1000000"], help="sizes at which the peer runs few iterations"
    )
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure[0], arguments.measure[1], int(arguments.measure[2]))
    else:
        main(arguments.customers, arguments.short)
