"""Measure the CPU time of scoring on Spark against this machine: one core each, 1,000 draws, one year ahead.

Both score the same simulated customers. On Spark, the time of the Python processes of the executors is listed apart
from that of Java. Two sizes give the time of a further customer, without that of starting:

    NUMBA_NUM_THREADS=1 uv run --group spark python experiments/spark.py [--customers 20000 120000]
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import psutil
from fit_benchmark import make_summary
from score_benchmark import HORIZON, RATE, synthetic_posterior

from tenure import registry, spark
from tenure.scorer import Scorer
from tenure.settings import SparkSettings

PARAMS = {"horizon_days": HORIZON, "discount_rate": RATE, "margin": 1.0, "level": 0.9, "seed": 0}
CONFIG = {"spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false", "spark.driver.memory": "2g"}


def cpu_by_program():
    """Return the CPU seconds so far of Java and of the Python processes of the executors."""
    seconds = {"java": 0.0, "python": 0.0}
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        kind = "java" if process.name().startswith("java") else "python"
        # Of children that have ended, the parent has the time; Java is the parent of Python.
        ended = times.children_user + times.children_system
        seconds[kind] += times.user + times.system
        seconds["python"] += ended
    return seconds


def measure_local(scorer, customers):
    start = time.process_time()
    scores = scorer.score(customers, **PARAMS)
    return time.process_time() - start, scores


def measure_spark(session, work, path, folder):
    before = cpu_by_program()
    frame = session.read.parquet(str(path))
    checked = spark.check_customers(frame, work, (), (), lambda: None)
    at_check = cpu_by_program()
    settings = SparkSettings()
    parts = spark.write_scores(session, checked, {}, work, settings, folder)
    after = cpu_by_program()
    check = {kind: at_check[kind] - before[kind] for kind in before}
    score = {kind: after[kind] - at_check[kind] for kind in before}
    return check, score, parts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, nargs=2, default=[20_000, 120_000])
    sizes = parser.parse_args().customers
    warnings.simplefilter("ignore")
    scorer = Scorer(synthetic_posterior(), threads=1)
    model, digest = spark.pack_model(registry.model_files(registry.Loaded(scorer.posterior, scorer, {"run": "none"})))
    work = spark.Work(model, digest, PARAMS)
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        spark.open_session(SparkSettings(master="local[1]", config=CONFIG)) as session,
    ):
        warm = make_summary(1_000)
        measure_local(scorer, warm)
        warm.to_parquet(Path(folder) / "warm.parquet")
        _, start, _ = measure_spark(session, work, Path(folder) / "warm.parquet", Path(folder) / "warm")
        print(f"first 1,000 customers on Spark, loading included: {start}")
        for size in sizes:
            customers = make_summary(size)
            path = Path(folder) / f"{size}.parquet"
            customers.to_parquet(path)
            local, scores = measure_local(scorer, customers)
            check, score, parts = measure_spark(session, work, path, Path(folder) / str(size))
            total = sum(part.arrays["totals"] for part in parts)
            same = bool((total == scores.totals.sums).all())
            rows.append((size, local, check, score))
            print(f"{size:,}: local {local:.2f}, check {check}, score {score}, equal totals: {same}", flush=True)
    (few, local_few, check_few, score_few), (many, local_many, check_many, score_many) = rows
    more = (many - few) / 1e6
    print(f"model {len(model):,} bytes")
    print("| stage | CPU us a further customer |\n|---|---|")
    print(f"| this machine, scorer | {(local_many - local_few) / more:.1f} |")
    for kind in ("python", "java"):
        print(f"| Spark, check, {kind} | {(check_many[kind] - check_few[kind]) / more:.1f} |")
        print(f"| Spark, score, {kind} | {(score_many[kind] - score_few[kind]) / more:.1f} |")


if __name__ == "__main__":
    main()
