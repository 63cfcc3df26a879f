"""Measure the time from a purchase log to customer summaries, against a bare DuckDB query and pymc-marketing.

Synthetic logs near CDNOW, in Parquet. Tenure reads with the default rules, writes the summaries to Parquet and accounts
for every row and every cent. The floor is a DuckDB query from file to file without checks: customers' days, then
customers, in floating point, with the same memory and no order to keep. The peer is `rfm_summary` on a frame in memory;
reading the frame, and not sorting it, are measured separately. Each measurement has a process of its own. CPU seconds
are of all threads and depend less on other work on the machine than wall time. Rounds of the three alternate. Printed
are medians, with the range of each round's ratio to the floor. The summaries are compared afterwards. Imports are not
counted. Three rounds of ten million take three minutes on two cores:

    uv run python experiments/log_benchmark.py [--purchases 10000000 100000000] [--rounds 3] [--peer 20000000]
        [--memory 3GB] [--folder FOLDER]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

from fit_benchmark import peak

PER_CUSTOMER = 2.8169  # rows, of this truth and these days
END = "1998-06-30"
FLOOR = """
COPY (
    WITH days AS (SELECT customer_id, date, sum(amount) AS amount FROM read_parquet('{log}/*.parquet') GROUP BY ALL),
    customers AS (
        SELECT customer_id, min(date) AS first_day, max(date) AS last_day, count(*) - 1 AS frequency,
            sum(amount) AS spend, arg_min(amount, date) AS first_order
        FROM days GROUP BY ALL
    )
    SELECT customer_id, frequency, last_day - first_day AS recency, DATE '{end}' - first_day AS "T",
        CASE WHEN frequency > 0 THEN (spend - first_order) / frequency ELSE 0 END AS monetary_value
    FROM customers
) TO '{output}' (FORMAT parquet)
"""
DIFFERENCE = """
SELECT count(*) AS customers, count(*) FILTER (
    tenure.frequency IS DISTINCT FROM floor.frequency OR tenure.recency IS DISTINCT FROM floor.recency
    OR tenure."T" IS DISTINCT FROM floor."T") AS differ,
    max(abs(tenure.monetary_value - floor.monetary_value) / greatest(tenure.monetary_value, 1)) AS spend
FROM '{tenure}' AS tenure FULL JOIN '{floor}' AS floor USING (customer_id)
"""


def clock(stages, name, job):
    """Run a stage, and record its wall seconds and the CPU seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = job()
    stages[name] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return result


def run_tenure(log, output, memory, stages):
    import ibis.backends.duckdb  # noqa: F401  (Ibis loads it at first use; imports are not counted)

    from tenure import rfm, transactions
    from tenure.jobs.compose import compose_settings

    changes = [f"transactions.path={log}", *([f"transactions.engine.memory_limit={memory}"] if memory else [])]
    settings = compose_settings("score", changes).transactions
    read = clock(stages, "read", lambda: transactions.read(settings))
    clock(stages, "summaries", lambda: rfm.summary_query(read, END).to_parquet(output))
    clock(stages, "reconciliation", read.reconcile)


def run_floor(log, output, memory, stages):
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{memory or '4GB'}'")
        connection.execute(f"SET temp_directory = '{folder}'")
        connection.execute("SET preserve_insertion_order = false")
        clock(stages, "query", lambda: connection.execute(FLOOR.format(log=log, end=END, output=output)))


def run_peer(log, output, memory, stages):
    import pandas as pd
    from pymc_marketing.clv import rfm_summary

    columns = ["customer_id", "date", "amount"]
    frame = clock(stages, "frame", lambda: pd.read_parquet(log, columns=columns).astype({"date": "datetime64[us]"}))
    params = {"observation_period_end": END, "time_unit": "D"}
    summary = clock(stages, "rfm_summary", lambda: rfm_summary(frame, *columns, **params))
    # Each customer's purchases are in the order of time in this log, which the peer cannot rely on.
    clock(stages, "rfm_summary, not sorting", lambda: rfm_summary(frame, *columns, **params, sort_transactions=False))
    summary.to_parquet(output)


RUNS = {"tenure": run_tenure, "floor": run_floor, "pymc-marketing": run_peer}
COUNTED = {"tenure": ("read", "summaries", "reconciliation"), "floor": ("query",), "pymc-marketing": ("rfm_summary",)}


def measure(name, log, output, memory):
    """Run once in this process; print the seconds of every stage, and the peak memory."""
    warnings.simplefilter("ignore")
    stages = {}
    RUNS[name](log, output, memory, stages)
    print(json.dumps({"stages": stages, "peak": peak()}))


def in_its_own_process(name, log, output, memory):
    command = [sys.executable, __file__, "--measure", name, str(log), str(output), memory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def make_log(purchases, folder):
    """Simulate a log of about so many purchases; return its path and its rows."""
    from tenure import simulate
    from tenure.jobs.compose import compose_settings

    settings = compose_settings("simulate", [f"simulate.customers={round(purchases / PER_CUSTOMER)}"])
    log = Path(folder) / f"log-{purchases}"
    return log, simulate.write_log(settings.simulate, str(log), truth=None, seed=0, progress=False).counts["rows"]


def main(sizes, rounds, most_for_peer, memory, folder):
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| | rows | stage | wall s | CPU s | peak MB | times the floor: wall | CPU |")
    print("|---|---|---|---|---|---|---|---|")
    comparisons = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            log, rows = make_log(size, own)
            names = ("floor", "tenure", *(["pymc-marketing"] if size <= most_for_peer else []))
            results = {name: [] for name in names}
            for _ in range(rounds):
                for name in names:
                    results[name].append(in_its_own_process(name, log, Path(own) / f"{name}.parquet", memory))
            for name in names:
                print_stages(name, rows, results[name], results["floor"])
            comparisons += [difference(own, rows, name) for name in names if name != "floor"]
    print(f"\nMedians of {rounds} rounds. Load {os.getloadavg()[0]:.1f} at the end.", *comparisons, sep="\n")


def print_stages(name, rows, results, floor):
    """Print each stage, and the sum of those that count with its ratio to the floor of the same round."""
    for stage in results[0]["stages"]:
        wall, cpu = (median(one["stages"][stage][kind] for one in results) for kind in ("wall", "cpu"))
        print(f"| {name} | {rows:,} | {stage} | {wall:.1f} | {cpu:.1f} | | | |")
    wall, cpu = ([counted(name, one, kind) for one in results] for kind in ("wall", "cpu"))
    floors = ([counted("floor", one, kind) for one in floor] for kind in ("wall", "cpu"))
    times = [ratio(own, other) for own, other in zip((wall, cpu), floors, strict=True)]
    print(
        f"| **{name}** | {rows:,} | {' + '.join(COUNTED[name])} | {median(wall):.1f} | {median(cpu):.1f} |"
        f" {max(one['peak'] for one in results):,.0f} | {times[0]} | {times[1]} |",
        flush=True,
    )


def counted(name, result, kind):
    """Sum the seconds of the stages that count."""
    return sum(result["stages"][stage][kind] for stage in COUNTED[name])


def ratio(own, other):
    """Format the median of the rounds' ratios, and their range."""
    each = [one / two for one, two in zip(own, other, strict=True)]
    return f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})" if len(each) > 1 else f"{each[0]:.2f}"


def difference(folder, rows, other):
    """Format how many customers differ between these summaries and the floor's, and the largest difference of spend."""
    import duckdb

    query = DIFFERENCE.format(tenure=f"{folder}/{other}.parquet", floor=f"{folder}/floor.parquet")
    customers, differ, spend = duckdb.sql(query).fetchone()
    against = f"{rows:,} rows, {other} against the floor"
    return f"{against}: {differ:,} of {customers:,} customers differ, their mean spend by {spend:.0e} at most."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the time from a purchase log to customer summaries.")
    parser.add_argument("--purchases", nargs="+", type=int, default=[10_000_000])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each")
    parser.add_argument(
        "--peer", type=int, default=20_000_000, help="largest number of purchases for the peer, which needs memory"
    )
    parser.add_argument("--memory", default="", help="memory limit of DuckDB; default: that of the settings")
    parser.add_argument("--folder", help="folder of the logs; default: the system's temporary folder")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
    else:
        main(arguments.purchases, arguments.rounds, arguments.peer, arguments.memory, arguments.folder)
