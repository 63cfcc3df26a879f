"""Time the way from a purchase log to customer summaries, beside the engine's own floor and pymc-marketing.

Logs near CDNOW, made up by `tenure.simulate`, in Parquet. Ours reads with the default rules, writes the summaries to
Parquet and accounts for every row and every cent. The floor is a bare DuckDB query from file to file that checks
nothing: customers' days, then customers, in floating point, within the same memory and with no order to keep. The peer
is `rfm_summary` on a frame in memory, as it comes; reading the frame, and not sorting it, are told apart. Each
measurement is a process of its own. CPU seconds are of all threads: on a machine that others use they say more than the
clock. The summaries are compared afterwards. Ten million take five minutes on two cores that others use as well:

    uv run python experiments/log_benchmark.py [--purchases 10000000 100000000] [--peer 20000000] [--memory 3GB]
        [--folder /where/there/is/room]
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
    ours.frequency IS DISTINCT FROM theirs.frequency OR ours.recency IS DISTINCT FROM theirs.recency
    OR ours."T" IS DISTINCT FROM theirs."T") AS differ,
    max(abs(ours.monetary_value - theirs.monetary_value) / greatest(ours.monetary_value, 1)) AS spend
FROM '{ours}' AS ours FULL JOIN '{theirs}' AS theirs USING (customer_id)
"""


def clock(stages, name, job):
    """Do a stage, and note its seconds by the clock and of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = job()
    stages[name] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return found


def run_ours(log, output, memory, stages):
    from tenure import rfm, transactions
    from tenure.jobs.app import compose_settings

    changes = [f"transactions.path={log}", *([f"transactions.engine.memory_limit={memory}"] if memory else [])]
    settings = compose_settings("score", changes).transactions
    read = clock(stages, "read", lambda: transactions.read(settings))
    clock(stages, "summaries", lambda: rfm.summaries(read, END).to_parquet(output))
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
    asked = {"observation_period_end": END, "time_unit": "D"}
    found = clock(stages, "rfm_summary", lambda: rfm_summary(frame, *columns, **asked))
    # Each customer's purchases are in the order of time in this log, which the peer cannot know.
    clock(stages, "rfm_summary, not sorting", lambda: rfm_summary(frame, *columns, **asked, sort_transactions=False))
    found.to_parquet(output)


RUNS = {"ours": run_ours, "floor": run_floor, "pymc-marketing": run_peer}
COUNTED = {"ours": ("read", "summaries", "reconciliation"), "floor": ("query",), "pymc-marketing": ("rfm_summary",)}


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
    """Make a log of about so many purchases; return its path and its rows."""
    from tenure import simulate
    from tenure.jobs.app import compose_settings

    settings = compose_settings("simulate", [f"simulate.customers={round(purchases / PER_CUSTOMER)}"])
    log = Path(folder) / f"log-{purchases}"
    return log, simulate.write_log(settings.simulate, str(log), truth=None, seed=0, progress=False).holds["rows"]


def main(sizes, most_for_peer, memory, folder):
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| | rows | stage | wall s | CPU s | peak MB | times the floor: wall | CPU |")
    print("|---|---|---|---|---|---|---|---|")
    said = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            log, rows = make_log(size, own)
            floor = {}
            for name in ("floor", "ours", *(["pymc-marketing"] if size <= most_for_peer else [])):
                found = in_its_own_process(name, log, Path(own) / f"{name}.parquet", memory)
                floor = print_stages(name, rows, found, floor)
                if name != "floor":
                    said.append(difference(own, rows, name))
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end.", *said, sep="\n")


def print_stages(name, rows, found, floor):
    """Print every stage and what counts of them beside the floor; return the seconds of the floor."""
    stages, counted = found["stages"], COUNTED[name]
    for stage, seconds in stages.items():
        print(f"| {name} | {rows:,} | {stage} | {seconds['wall']:.1f} | {seconds['cpu']:.1f} | | | |")
    whole = {kind: sum(stages[stage][kind] for stage in counted) for kind in ("wall", "cpu")}
    floor = floor or whole
    times = {kind: whole[kind] / floor[kind] for kind in whole}
    print(
        f"| **{name}** | {rows:,} | {' + '.join(counted)} | {whole['wall']:.1f} | {whole['cpu']:.1f} |"
        f" {found['peak']:,.0f} | {times['wall']:.2f} | {times['cpu']:.2f} |",
        flush=True,
    )
    return floor


def difference(folder, rows, other):
    """Say in how many customers these summaries and the floor's differ, and by how much of the mean spend at most."""
    import duckdb

    found = DIFFERENCE.format(ours=f"{folder}/floor.parquet", theirs=f"{folder}/{other}.parquet")
    customers, differ, spend = duckdb.sql(found).fetchone()
    against = f"{rows:,} rows, {other} against the floor"
    return f"{against}: {differ:,} of {customers:,} customers differ, their mean spend by {spend:.0e} at most."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the way from a purchase log to customer summaries.")
    parser.add_argument("--purchases", nargs="+", type=int, default=[10_000_000])
    parser.add_argument("--peer", type=int, default=20_000_000, help="the most purchases for the peer: it needs memory")
    parser.add_argument(
        "--memory", default="", help="of the engine, ours and the floor's; the shipped one if not given"
    )
    parser.add_argument("--folder", help="where the logs are written; the system's temporary folder if not given")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure)
    else:
        main(given.purchases, given.peer, given.memory, given.folder)
