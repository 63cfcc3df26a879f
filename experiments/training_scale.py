"""Train on logs of one and of ten million customers: CPU seconds of each stage, seconds and peak memory.

A log near CDNOW, acquisitions over two years, calibration half-way. Each training is `tenure-train` in a process of its
own, from the log to the registered model, with figures and report; its log is simulated before. CPU seconds are of all
threads. The peak is the whole process's up to the end of the stage, libraries included.

    uv run python experiments/training_scale.py [--customers 1000000 10000000] [--folder FOLDER]
        [--settings fit.method=laplace transactions.engine.memory_limit=1GB]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from fit_benchmark import peak

from tenure.jobs import training
from tenure.jobs.compose import compose_settings
from tenure.simulate import write_log

DAYS = ["simulate.start='1997-01-01'", "simulate.end='1998-12-31'", "simulate.acquisition.until=null"]
SETTINGS = ["fit.method=laplace", "transactions.engine.memory_limit=1GB"]


def simulated(folder, customers):
    """Simulate a log in a process of its own, unless it is there; return its path."""
    path = folder / f"{customers}.parquet"
    if not path.exists():
        subprocess.run([sys.executable, __file__, "--simulate", str(path), str(customers)], check=True)
    return path


def simulate(path, customers):
    write_log(compose_settings("simulate", [*DAYS, f"simulate.customers={customers}"]).simulate, path, seed=0)


class Stages:
    """The stages of a training, each with its seconds, CPU seconds and the peak at its end."""

    def __init__(self):
        self.rows, self.start, self.cpu = [], time.perf_counter(), time.process_time()

    @contextmanager
    def stage(self, name):
        """Record a stage, and before it what was done since the last one."""
        self.add("between")
        with STAGE(name) as progress:
            yield progress
        self.add(name)

    def add(self, name):
        """Record the time since the last record."""
        now, cpu = time.perf_counter(), time.process_time()
        row = {"stage": name, "seconds": now - self.start, "cpu": cpu - self.cpu, "peak": peak()}
        self.start, self.cpu = now, cpu
        if name != "between" or row["seconds"] > 1:
            print(json.dumps(row), file=sys.stderr, flush=True)
            self.rows.append(row)


STAGE = training.stage


def measure(path, folder, overrides):
    """Train in this process; print what it cost."""
    os.chdir(tempfile.mkdtemp(dir=folder))  # a store of its own, without a champion to compare with
    own = [f"transactions.path={path}", f"registry.tracking_uri=sqlite:///{os.getcwd()}/mlflow.db"]
    settings, stages = compose_settings("train", [*own, *overrides]), Stages()
    training.stage = stages.stage
    with redirect_stdout(sys.stderr):
        result = training.run(settings, "", is_sweep=False)
    stages.add("the rest")
    metrics = {name: result.metrics[name] for name in ("customers", "judged_customers")}
    print(json.dumps({"stages": stages.rows, "verdict": result.verdict, "model": result.model, **metrics}))


def main(counts, folder, overrides):
    for customers in counts:
        path = simulated(folder, customers)
        line = [sys.executable, __file__, "--measure", str(path), str(folder), *overrides]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
        about = json.loads(done.stdout.splitlines()[-1])
        rows = about.pop("stages")
        print(f"\n{customers:,} customers, {path.stat().st_size / 1e6:,.0f} MB: {about}\n", flush=True)
        print("| stage | seconds | CPU s | peak MB |\n|---|---|---|---|")
        for row in rows:
            print(f"| {row['stage']} | {row['seconds']:,.1f} | {row['cpu']:,.1f} | {row['peak']:,.0f} |")
        total = {name: sum(row[name] for row in rows) for name in ("seconds", "cpu")}
        most = max(row["peak"] for row in rows)
        print(f"| **all** | {total['seconds']:,.0f} | {total['cpu']:,.0f} | {most:,.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train on logs of many customers.")
    parser.add_argument("--customers", nargs="+", type=int, default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    parser.add_argument("--simulate", nargs=2)
    parser.add_argument("--measure", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if given.simulate:
        simulate(given.simulate[0], int(given.simulate[1]))
    elif given.measure:
        measure(given.measure[0], given.measure[1], given.measure[2:])
    elif given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        main(given.customers, given.folder.resolve(), given.settings)
    else:
        with tempfile.TemporaryDirectory() as name:
            main(given.customers, Path(name), given.settings)
