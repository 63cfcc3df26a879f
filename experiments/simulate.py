"""Measure the time and peak memory of `tenure-simulate`, one process per log: experiments/simulate.md.

Takes about four minutes on two cores and 1 GB of temporary disk space, and prints the record's table:

    uv run python experiments/simulate.py [--folder FOLDER]
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

LOGS = [
    ("cdnow", 350_000, []),
    ("cdnow", 3_500_000, []),
    ("cdnow", 35_000_000, []),
    ("heavy", 500_000, []),
    (
        "cdnow",
        3_500_000,
        [
            "simulate.dates=time",
            "simulate.season.amplitude=0.4",
            "simulate.refunds.share=0.05",
            "simulate.dirt.null_ids=0.01",
            "simulate.dirt.duplicates=0.01",
            "+simulate.segments={country: {DE: 0.6, FR: 0.4}}",
        ],
    ),
]


def measure(name, customers, overrides, folder):
    """Return rows, files, bytes, seconds and peak MB of one log, and remove the log."""
    output = Path(folder) / f"{name}-{customers}"
    script = Path(sys.executable).with_name("tenure-simulate")
    command = [script, f"simulate={name}", f"simulate.customers={customers}", f"output={output}", *overrides]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"tenure-simulate ended with {os.waitstatus_to_exitcode(status)}: {command}")
    files = list(output.iterdir())
    rows, size = sum(pq.read_metadata(part).num_rows for part in files), sum(part.stat().st_size for part in files)
    for part in files:
        part.unlink()
    return rows, len(files), size, seconds, usage.ru_maxrss / 1024  # kilobytes on Linux


def main(folder):
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| parameters | customers | options | rows | files | MB on disk | wall s | rows/s | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, customers, overrides in LOGS:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            rows, files, size, seconds, peak = measure(name, customers, overrides, own)
        extra = "season, refunds, dirt, segment, times" if overrides else "days"
        print(
            f"| {name} | {customers:,} | {extra} | {rows:,} | {files} | {size / 1e6:,.0f} | {seconds:.1f} | "
            f"{rows / seconds:,.0f} | {peak:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the time and peak memory of tenure-simulate.")
    parser.add_argument("--folder", help="folder of the logs; default: the system's temporary folder")
    main(parser.parse_args().folder)
