"""Time the way from a purchase log to customer summaries, beside the engine's own floor and pymc-marketing.

Logs near CDNOW, made up by `tenure.simulate`, in Parquet. Ours reads with the default rules, writes the summaries to
Parquet and accounts for every row and every cent. The floor is a bare DuckDB query from file to file that checks
nothing: customers' days, then customers, in floating point, within the same memory and with no order to keep. The peer
is `rfm_summary` on a frame in memory, as it comes; reading the frame, and not sorting it, are told apart. Each
measurement is a process of its own. CPU seconds are of all threads: on a machine that others use they say more than the
clock. Rounds of all three follow one another, and medians are told, with the range of each round's ratio to the floor.
The summaries are compared afterwards. Imports are nobody's time. Three rounds of ten million take three minutes on two
cores:

    uv run python experiments/log_benchmark.py [--purchases 10000000 100000000] [--rounds 3] [--peer 20000000]
        [--memory 3GB] [--folder /where/there/is/room]
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
    import ibis.backends.duckdb  # noqa: F401  (Ibis loads it at first use; nobody's imports are counted)

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
    from tenure.jobs.compose import compose_settings

    settings = compose_settings("simulate", [f"simulate.customers={round(purchases / PER_CUSTOMER)}"])
    log = Path(folder) / f"log-{purchases}"
    return log, simulate.write_log(settings.simulate, str(log), truth=None, seed=0, progress=False).holds["rows"]


def main(sizes, rounds, most_for_peer, memory, folder):
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| | rows | stage | wall s | CPU s | peak MB | times the floor: wall | CPU |")
    print("|---|---|---|---|---|---|---|---|")
    said = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            log, rows = make_log(size, own)
            names = ("floor", "ours", *(["pymc-marketing"] if size <= most_for_peer else []))
            found = {name: [] for name in names}
            for _ in range(rounds):
                for name in names:
                    found[name].append(in_its_own_process(name, log, Path(own) / f"{name}.parquet", memory))
            for name in names:
                print_stages(name, rows, found[name], found["floor"])
            said += [difference(own, rows, name) for name in names if name != "floor"]
    print(f"\nMedians of {rounds} rounds. Load {os.getloadavg()[0]:.1f} at the end.", *said, sep="\n")


def print_stages(name, rows, found, floor):
    """Print every stage, and what counts of them beside the floor of the same round."""
    for stage in found[0]["stages"]:
        wall, cpu = (median(one["stages"][stage][kind] for one in found) for kind in ("wall", "cpu"))
        print(f"| {name} | {rows:,} | {stage} | {wall:.1f} | {cpu:.1f} | | | |")
    wall, cpu = ([counted(name, one, kind) for one in found] for kind in ("wall", "cpu"))
    floors = ([counted("floor", one, kind) for one in floor] for kind in ("wall", "cpu"))
    times = [ratio(ours, theirs) for ours, theirs in zip((wall, cpu), floors, strict=True)]
    print(
        f"| **{name}** | {rows:,} | {' + '.join(COUNTED[name])} | {median(wall):.1f} | {median(cpu):.1f} |"
        f" {max(one['peak'] for one in found):,.0f} | {times[0]} | {times[1]} |",
        flush=True,
    )


def counted(name, found, kind):
    """Add up the seconds of the stages that count."""
    return sum(found["stages"][stage][kind] for stage in COUNTED[name])


def ratio(ours, theirs):
    """Tell the median of the rounds' ratios, and their range."""
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    return f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})" if len(each) > 1 else f"{each[0]:.2f}"


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
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run")
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
        main(given.purchases, given.rounds, given.peer, given.memory, given.folder)
